//! `sliposd`: draws boxes, labels, statistics and whatever else the description of a picture asks for.
//!
//! Works on the tiled picture, on plain pictures that `slipinfer` looked at, and on batches (there it takes a copy of frames
//! that the decoder still needs). Draws in place, on the planes of I420 or NV12.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 uridecodebin uri=file:///video.mp4 ! videoconvert ! slipinfer config-file-path=detector.ini ! \
//!   sliposd ! videoconvert ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod imp;

glib::wrapper! {
    /// The element `sliposd`.
    pub struct SlipOsd(ObjectSubclass<imp::SlipOsd>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "sliposd", gst::Rank::NONE, SlipOsd::static_type())
}
