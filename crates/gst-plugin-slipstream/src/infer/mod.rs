//! `slipinfer`: finds objects with a neural network.
//!
//! The network, its input and how its output is to be read come from a file in DeepStream's nvinfer format
//! ([`slipstream_infer::InferConfig`] lists the keys). Objects are added to the description of each frame that was looked
//! at; frames themselves are neither changed nor copied.
//!
//! Which frames are looked at is up to `interval` (every source's every n+1-th frame, the sources taking turns inside the
//! batches) or, with `budget` above 0, to the machine: as many as fit into that share of the time between batches. Frames
//! without a turn carry no objects, or with `hold-objects` those that were found last.
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
    /// The element `slipinfer`.
    pub struct SlipInfer(ObjectSubclass<imp::SlipInfer>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "slipinfer", gst::Rank::NONE, SlipInfer::static_type())
}
