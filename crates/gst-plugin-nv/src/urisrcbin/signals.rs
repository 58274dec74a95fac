//! Recording by `nvurisrcbin`: its signals, and what is asked for by properties.

use std::ffi::c_void;
use std::sync::Arc;

use gst::glib::{self, prelude::*, subclass::Signal};
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::NvUriSrcBin;
use super::imp::{self, CAT, SetupError};
use super::properties::record_settings;
use super::record::{RecordError, Recorder, Recording, SESSION};

const DONE: &str = "sr-done";

impl imp::NvUriSrcBin {
    /// Who records, if that is asked for.
    pub(super) fn recorder(&self) -> Result<Option<Arc<Recorder>>, SetupError> {
        if self.settings.number::<i32>("smart-record") == 0 {
            return Ok(None);
        }
        if !self.is_rtsp() {
            gst::warning!(
                CAT,
                imp = self,
                "smart-record is for cameras that speak RTSP: nothing is recorded"
            );
            return Ok(None);
        }
        let settings = record_settings(&self.settings).map_err(SetupError::Folder)?;
        let weak = self.obj().downgrade();
        Ok(Some(Arc::new(Recorder::new(settings, move |recording| {
            if let Some(bin) = weak.upgrade() {
                say_done(&bin, recording);
            }
        }))))
    }

    fn start_recording(&self, before: u32, duration: u32, user_data: usize) -> Result<(), RecordError> {
        let recorder = self.recorder.lock().clone().ok_or(RecordError::Off)?;
        recorder.start(before, duration, user_data)
    }

    fn stop_recording(&self) -> Result<(), RecordError> {
        let recorder = self.recorder.lock().clone().ok_or(RecordError::Off)?;
        recorder.stop()
    }
}

/// `start-sr` (where the number of the recording goes, seconds before now, seconds from now on, data for `sr-done`),
/// `stop-sr` (number) and `sr-done` (`NvDsSRRecordingInfo`, data).
pub(super) fn signals() -> Vec<Signal> {
    use glib::Type;
    let action = glib::SignalFlags::ACTION | glib::SignalFlags::RUN_LAST;
    vec![
        Signal::builder("start-sr")
            .flags(action)
            .param_types([Type::POINTER, Type::U32, Type::U32, Type::POINTER])
            .class_handler(|args| {
                let pointer = |n: usize| args.get(n).and_then(|value| value.get::<glib::Pointer>().ok());
                let number =
                    |n: usize| args.get(n).and_then(|value| value.get::<u32>().ok()).unwrap_or_default();
                let user_data = pointer(4).map_or(0, |data| data as usize);
                let started =
                    act(args, "start-sr", |bin| bin.imp().start_recording(number(2), number(3), user_data));
                if let Some(session) = pointer(1).filter(|session| started && !session.is_null()) {
                    // SAFETY: the caller gives a place for the number, as the signal asks for, or null.
                    unsafe { session.cast::<u32>().write(SESSION) };
                }
                None
            })
            .build(),
        Signal::builder("stop-sr")
            .flags(action)
            .param_types([Type::U32])
            .class_handler(|args| {
                act(args, "stop-sr", |bin| bin.imp().stop_recording());
                None
            })
            .build(),
        Signal::builder(DONE)
            .flags(glib::SignalFlags::RUN_LAST)
            .param_types([Type::POINTER, Type::POINTER])
            .build(),
    ]
}

/// Does what a signal asks for; whether it could be done.
fn act(
    args: &[glib::Value],
    signal: &str,
    act: impl FnOnce(&NvUriSrcBin) -> Result<(), RecordError>,
) -> bool {
    let Some(Ok(bin)) = args.first().map(glib::Value::get::<NvUriSrcBin>) else { return false };
    match act(&bin) {
        Ok(()) => true,
        Err(why) => {
            gst::element_warning!(bin, gst::ResourceError::OpenWrite, ("{signal}: {why}"));
            false
        }
    }
}

/// Says that a recording is done: by the signal, and on the bus for those who cannot read what the signal points to.
pub(super) fn say_done(bin: &NvUriSrcBin, recording: &Recording) {
    let name = recording.path.file_name().unwrap_or_default().to_string_lossy();
    let structure = gst::Structure::builder(DONE)
        .field("session-id", SESSION)
        .field("filename", &*name)
        .field("dirpath", recording.folder().display().to_string())
        .field("duration", recording.length.mseconds())
        .field("width", recording.size.0)
        .field("height", recording.size.1)
        .build();
    let _ = bin.post_message(gst::message::Element::builder(structure).src(bin).build());
    recording.describe(|info| {
        let info = std::ptr::from_ref(info).cast_mut().cast::<c_void>();
        bin.emit_by_name::<()>(DONE, &[&info, &(recording.user_data as *mut c_void)]);
    });
}
