//! `slipmux`: puts the frames of many sources into batches.
//!
//! Each source has a request pad `sink_%u`. Frames are handed on as the decoder delivered them, whatever their size: a
//! batch is a buffer with caps `video/x-raw(meta:SlipstreamBatch)` that refers to them.
//!
//! * **Live sources** (those that say so in the latency query) are never waited for. A batch leaves at every tick of the
//!   pipeline's clock, with the next frame of each source that has one; a source that delivers faster than the ticks loses
//!   its oldest frames, which its pad counts (`dropped`). Batches are stamped with the running time of the tick.
//! * **Recorded sources** lose no frame. Alone, they are put together by their own times, as fast as downstream takes them,
//!   and the batch carries the time of its earliest frame. Beside live sources, or with `live=true`, they play at their own
//!   pace by the clock. End-of-stream goes out when all have ended.
//!
//! Pads can be requested and released at any time. Every batch lists all sources with their name and status, so that a tile
//! can say why it has no picture.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 slipmux name=mux ! sliptiler ! sliposd ! videoconvert ! autovideosink \
//!   videotestsrc is-live=true ! video/x-raw,format=I420 ! mux.sink_0 \
//!   videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420 ! mux.sink_1
//! ```

use gst::{glib, prelude::*};

mod collect;
mod imp;
mod input;
mod pad;
mod upstream;

glib::wrapper! {
    /// The element `slipmux`.
    pub struct SlipMux(ObjectSubclass<imp::SlipMux>) @extends gst::Element, gst::Object, @implements gst::ChildProxy;
}

glib::wrapper! {
    /// A source of `slipmux`, with properties `source-name`, `status`, `frames` and `dropped`.
    pub struct SlipMuxPad(ObjectSubclass<pad::SlipMuxPad>) @extends gst::Pad, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "slipmux", gst::Rank::NONE, SlipMux::static_type())
}
