//! One recording: coded frames into a file, in a pipeline of its own that nobody waits for.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gst::prelude::*;
use parking_lot::Mutex;

use super::{CAT, Container, Frame};
use crate::basics::bin::{Missing, make};

/// Bytes that may wait for a slow disk: half a minute of a camera of 16 Mbit/s. What does not fit is left out up to the
/// next key frame.
const WAITING: u64 = 64 * 1024 * 1024;
/// How long a file may take to be finished.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(20);
/// Name of the message that says that the recording is to end.
const STOP: &str = "stop-recording";

/// Why a recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub(in crate::urisrcbin) enum FilmError {
    #[error("streams of {0} cannot be recorded")]
    Codec(String),
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Link(#[from] gst::glib::BoolError),
    #[error("the pipeline that writes {} does not start", .0.display())]
    Start(PathBuf),
}

/// A file that is being written.
pub(super) struct Film {
    path: PathBuf,
    pipeline: gst::Pipeline,
    src: gst_app::AppSrc,
    bus: gst::Bus,
    times: Mutex<Times>,
    left_out: AtomicBool,
}

/// Where the film stands.
#[derive(Default)]
struct Times {
    /// Running time of its first frame.
    start: Option<gst::ClockTime>,
    /// Decoding time of its last frame, in the film.
    last: Option<gst::ClockTime>,
    /// End of what it shows.
    end: gst::ClockTime,
}

impl Times {
    /// Gives a frame its times in the film, which begins at 0. Decoding times only grow, whatever the camera says.
    fn place(&mut self, frame: &Frame) -> gst::Buffer {
        let first = frame.dts.or(frame.pts).unwrap_or_default();
        let start = *self.start.get_or_insert(first);
        let mut buffer = frame.buffer.copy();
        let step = gst::ClockTime::from_useconds(1);
        let next = self.last.map(|last| last + step);
        let in_film = |time: gst::ClockTime| time.saturating_sub(start);
        let dts = in_film(first).max(next.unwrap_or_default());
        let pts = frame.pts.map_or(dts, in_film).max(dts);
        self.last = Some(dts);
        self.end = self.end.max(pts + frame.buffer.duration().unwrap_or_default());
        let data = buffer.make_mut();
        data.set_dts(dts);
        data.set_pts(pts);
        buffer
    }
}

impl Film {
    /// Opens the file for a stream of `caps`.
    pub(super) fn start(path: &Path, caps: &gst::Caps, container: Container) -> Result<Self, FilmError> {
        let parser = match caps.structure(0).map(|s| s.name().as_str()) {
            Some("video/x-h264") => "h264parse",
            Some("video/x-h265") => "h265parse",
            Some("video/mpeg") => "mpeg4videoparse",
            Some("image/jpeg") => "jpegparse",
            other => return Err(FilmError::Codec(other.unwrap_or("an unknown kind").to_owned())),
        };
        let (src, parser, mux, file) =
            (make("appsrc")?, make(parser)?, make(container.muxer())?, make("filesink")?);
        file.set_property("location", path);
        for name in ["sync", "async"] {
            file.set_property(name, false);
        }
        let pipeline = gst::Pipeline::new();
        crate::basics::bin::chain(&pipeline, &[&src, &parser, &mux, &file])?;
        let bus = pipeline.bus().ok_or_else(|| gst::glib::bool_error!("a pipeline has no bus"))?;
        let src = src.downcast::<gst_app::AppSrc>().map_err(|_| gst::glib::bool_error!("appsrc is none"))?;
        src.set_caps(Some(caps));
        src.set_format(gst::Format::Time);
        src.set_max_bytes(WAITING);
        let film = Self {
            path: path.to_owned(),
            pipeline,
            src,
            bus,
            times: Mutex::default(),
            left_out: AtomicBool::new(false),
        };
        film.pipeline.set_state(gst::State::Playing).map_err(|_| FilmError::Start(path.to_owned()))?;
        Ok(film)
    }

    /// Takes a frame. Never waits.
    pub(super) fn write(&self, frame: &Frame) {
        let is_full = self.src.current_level_bytes() >= WAITING;
        let waits_for_key = self.left_out.load(Ordering::Relaxed);
        if is_full || (waits_for_key && !frame.is_key()) {
            if !self.left_out.swap(true, Ordering::Relaxed) {
                gst::warning!(CAT, "{} is written too slowly: frames are left out", self.path.display());
            }
            return;
        }
        self.left_out.store(false, Ordering::Relaxed);
        let buffer = self.times.lock().place(frame);
        // Once it has ended, it takes no more.
        let _ = self.src.push_buffer(buffer);
    }

    /// Has it end. Never waits.
    pub(super) fn stop(&self) {
        let stop = gst::message::Application::new(gst::Structure::new_empty(STOP));
        let _ = self.bus.post(stop);
    }

    /// Waits until it is to end: told so, at `end`, or because it fails. Whether it did not fail.
    pub(super) fn wait(&self, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        let kinds = [gst::MessageType::Error, gst::MessageType::Application];
        let message = self.bus.timed_pop_filtered(gst::ClockTime::try_from(left).ok(), &kinds);
        !message.is_some_and(|message| self.is_error(&message))
    }

    /// Finishes the file; how long it is, or `None` if there is nothing in it or it could not be written.
    pub(super) fn finish(&self, is_well: bool) -> Option<gst::ClockTime> {
        let ended = is_well && self.src.end_of_stream().is_ok() && {
            let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
            let message = self.bus.timed_pop_filtered(PATIENCE, &kinds);
            message.is_some_and(|message| !self.is_error(&message))
        };
        let _ = self.pipeline.set_state(gst::State::Null);
        let times = self.times.lock();
        if times.start.is_none() {
            gst::warning!(CAT, "nothing came from the camera: {} is not written", self.path.display());
            let _ = std::fs::remove_file(&self.path);
            return None;
        }
        ended.then_some(times.end)
    }

    fn is_error(&self, message: &gst::Message) -> bool {
        let gst::MessageView::Error(error) = message.view() else { return false };
        gst::error!(CAT, "{} cannot be written: {}", self.path.display(), error.error());
        true
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
