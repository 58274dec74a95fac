//! The sink pads of `slipmux`: one source each.

#![allow(missing_docs, reason = "the accessors of properties are written by the macro")]

use std::sync::Arc;

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::Mutex;
use slipstream_meta::SourceMeta;

/// Frames whose distance tells the rate of a source that does not declare one.
const RATE_FRAMES: u64 = 12;

/// How the source's buffers are to be read.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) info: Option<gst_video::VideoInfo>,
    /// Whether the source is live; asked once per stream.
    pub(super) live: Option<bool>,
    pub(super) segment: gst::FormattedSegment<gst::ClockTime>,
    /// First time and number of frames since, until the rate is known.
    measured: Option<(gst::ClockTime, u64)>,
    rate: Option<f64>,
}

impl Stream {
    pub(super) fn set_info(&mut self, info: gst_video::VideoInfo) {
        let fps = info.fps();
        self.rate = (fps.numer() > 0).then(|| f64::from(fps.numer()) / f64::from(fps.denom()));
        self.measured = None;
        self.info = Some(info);
    }

    /// Frames per second as declared or, failing that, as measured.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Takes note of a frame's time.
    pub(super) fn observe(&mut self, time: gst::ClockTime) {
        if self.rate.is_some() {
            return;
        }
        let Some((first, frames)) = &mut self.measured else {
            self.measured = Some((time, 0));
            return;
        };
        *frames += 1;
        if *frames < RATE_FRAMES {
            return;
        }
        let seconds =
            time.saturating_sub(*first).nseconds() as f64 / gst::ClockTime::SECOND.nseconds() as f64;
        if seconds > 0.0 {
            self.rate = Some(*frames as f64 / seconds);
        }
        self.measured = None;
    }
}

#[derive(Debug, Default)]
pub(super) struct Source {
    index: u32,
    name: Option<Arc<str>>,
    status: Option<Arc<str>>,
    frames: u64,
    dropped: u64,
}

/// Instance data of [`super::SlipMuxPad`].
#[derive(Debug, Default, glib::Properties)]
#[properties(wrapper_type = super::SlipMuxPad)]
pub struct SlipMuxPad {
    #[property(name = "source-name", nick = "Source name", blurb = "The name people know the camera by",
        get = |p: &Self| Some(p.name().to_string()),
        set = |p: &Self, name: Option<String>| p.source.lock().name = name.map(Into::into),
        type = Option<String>)]
    #[property(name = "status", nick = "Status", blurb = "Why there is no picture; NULL while the source delivers",
        get = |p: &Self| p.source.lock().status.as_deref().map(str::to_owned),
        set = |p: &Self, status: Option<String>| p.source.lock().status = status.map(Into::into),
        type = Option<String>)]
    #[property(name = "frames", nick = "Frames", blurb = "Frames that came in",
        get = |p: &Self| p.source.lock().frames, type = u64)]
    #[property(name = "dropped", nick = "Dropped", blurb = "Frames given up because newer ones came before they had their turn",
        get = |p: &Self| p.source.lock().dropped, type = u64)]
    pub(super) source: Mutex<Source>,
    pub(super) stream: Mutex<Stream>,
}

impl SlipMuxPad {
    pub(super) fn set_index(&self, index: u32) {
        self.source.lock().index = index;
    }

    pub(super) fn index(&self) -> u32 {
        self.source.lock().index
    }

    pub(super) fn name(&self) -> Arc<str> {
        let mut source = self.source.lock();
        let index = source.index;
        source.name.get_or_insert_with(|| format!("source {index}").into()).clone()
    }

    /// Counts a frame and returns its number.
    pub(super) fn count_frame(&self) -> u64 {
        let mut source = self.source.lock();
        let number = source.frames;
        source.frames += 1;
        number
    }

    /// Counts from 0 again.
    pub(super) fn reset_counts(&self) {
        let mut source = self.source.lock();
        (source.frames, source.dropped) = (0, 0);
    }

    pub(super) fn count_dropped(&self) {
        self.source.lock().dropped += 1;
    }

    pub(super) fn describe(&self) -> SourceMeta {
        let name = self.name();
        let source = self.source.lock();
        let status = match (&source.status, source.frames) {
            (None, 0) => Some("no picture yet".into()),
            (status, _) => status.clone(),
        };
        SourceMeta { pad_index: source.index, name, status, viewport: None }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for SlipMuxPad {
    const NAME: &'static str = "GstSlipMuxPad";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipMuxPad;
    type ParentType = gst::Pad;
}

#[glib::derived_properties]
impl ObjectImpl for SlipMuxPad {}
impl GstObjectImpl for SlipMuxPad {}
impl PadImpl for SlipMuxPad {}
