//! `nvv4l2decoder`: decodes video, by the software decoder that GStreamer has for it.
//!
//! Its rank is DeepStream's, so `decodebin` picks it. Pictures come as they are decoded, without a copy, under DeepStream's
//! caps.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 filesrc location=/video.mp4 ! qtdemux ! h264parse ! nvv4l2decoder ! nvvideoconvert ! \
//!   video/x-raw,format=I420 ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod codec;
mod imp;
mod properties;

glib::wrapper! {
    /// The element `nvv4l2decoder`.
    pub struct NvV4l2Decoder(ObjectSubclass<imp::NvV4l2Decoder>) @extends gst::Bin, gst::Element, gst::Object;
}

/// DeepStream's: before all software decoders.
const RANK: i32 = 267;

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvv4l2decoder", gst::Rank::from(RANK), NvV4l2Decoder::static_type())
}
