//! `slipdemux`: takes batches apart again.
//!
//! The frames of the source at `slipmux`'s pad `sink_N` leave on the request pad `src_N` as plain video, as the decoder
//! delivered them, with their description attached. Frames without a pad are dropped.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 slipmux name=mux ! slipinfer config-file-path=detector.ini ! slipdemux name=demux \
//!   videotestsrc num-buffers=50 ! mux.sink_0 demux.src_0 ! sliposd ! videoconvert ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod imp;

glib::wrapper! {
    /// The element `slipdemux`.
    pub struct SlipDemux(ObjectSubclass<imp::SlipDemux>) @extends gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "slipdemux", gst::Rank::NONE, SlipDemux::static_type())
}
