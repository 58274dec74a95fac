//! Recordings of a camera that begin and end by themselves, and the log of all recordings: as DeepStream's app does it.

use std::io::Write;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::config::{SmartRecord, Trigger};

/// Seconds between events where the file sets none, as in DeepStream.
const INTERVAL: u32 = 10;
/// Where recordings are logged, in the folder in which the program runs.
const LOG: &str = "smart_record.log";
/// Name of the message that a recording is done.
const DONE: &str = "sr-done";

/// Begins a recording at every event, and ends one that is still under way.
pub(super) struct Events {
    source: gst::Element,
    start_time: u32,
    duration: u32,
    interval: Duration,
    next: Instant,
}

impl Events {
    /// Events of the `nvurisrcbin` `source`, if the config asks for them.
    pub(super) fn new(source: &gst::Element, settings: &SmartRecord, now: Instant) -> Option<Self> {
        let is_asked_for = settings.trigger == Trigger::MessagesAndIntervals;
        let interval = Duration::from_secs(settings.interval.unwrap_or(INTERVAL).into());
        is_asked_for.then(|| Self {
            source: source.clone(),
            start_time: settings.start_time,
            duration: settings.duration,
            interval,
            next: now + interval,
        })
    }

    /// Does what is due, unless the camera is not there.
    pub(super) fn tend(&mut self, now: Instant, is_there: bool) {
        if now < self.next {
            return;
        }
        self.next = now + self.interval;
        if !is_there {
            return;
        }
        if self.source.property::<bool>("smart-rec-status") {
            self.source.emit_by_name::<()>("stop-sr", &[&0u32]);
        } else {
            let nothing = std::ptr::null_mut::<std::ffi::c_void>();
            self.source
                .emit_by_name::<()>("start-sr", &[&nothing, &self.start_time, &self.duration, &nothing]);
        }
    }
}

/// Notes the recording that `message` tells of, if it does: `NUMBER:WIDTH:HEIGHT:MILLISECONDSms:FOLDER:FILE`.
pub(super) fn log(message: &gst::message::Element) {
    let Some(done) = message.structure().filter(|structure| structure.name() == DONE) else { return };
    let number = |name| done.get::<u32>(name).unwrap_or_default();
    let text = |name| done.get::<String>(name).unwrap_or_default();
    let milliseconds = done.get::<u64>("duration").unwrap_or_default();
    let line = format!(
        "{}:{}:{}:{milliseconds}ms:{}:{}\n",
        number("session-id"),
        number("width"),
        number("height"),
        text("dirpath"),
        text("filename")
    );
    let written = std::fs::OpenOptions::new().append(true).create(true).open(LOG);
    if let Err(error) = written.and_then(|mut file| file.write_all(line.as_bytes())) {
        super::warn("smart_record_callback", &format!("cannot write {LOG}: {error}"));
    }
}
