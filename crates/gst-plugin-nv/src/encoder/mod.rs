//! `nvv4l2h264enc` and `nvv4l2h265enc`: encode video with x264 and x265, set up for live streams.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 videotestsrc num-buffers=60 ! nvvideoconvert ! "video/x-raw(memory:NVMM),format=I420" ! \
//!   nvv4l2h264enc bitrate=2000000 ! h264parse ! mp4mux ! filesink location=annotated.mp4
//! ```

use gst::{glib, prelude::*};

mod element;
mod imp;
mod properties;
mod times;

glib::wrapper! {
    /// The element `nvv4l2h264enc`.
    pub struct NvV4l2H264Enc(ObjectSubclass<element::h264::NvV4l2H264Enc>) @extends gst::Bin, gst::Element, gst::Object;
}

glib::wrapper! {
    /// The element `nvv4l2h265enc`.
    pub struct NvV4l2H265Enc(ObjectSubclass<element::h265::NvV4l2H265Enc>) @extends gst::Bin, gst::Element, gst::Object;
}

/// DeepStream's.
const RANK: i32 = 257;

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    let rank = gst::Rank::from(RANK);
    gst::Element::register(Some(plugin), "nvv4l2h264enc", rank, NvV4l2H264Enc::static_type())?;
    gst::Element::register(Some(plugin), "nvv4l2h265enc", rank, NvV4l2H265Enc::static_type())
}
