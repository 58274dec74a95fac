//! `nvjpegdec` and `nvjpegenc`: JPEG pictures, by GStreamer's codecs.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 videotestsrc num-buffers=1 ! nvvideoconvert ! "video/x-raw(memory:NVMM),format=I420" ! nvjpegenc ! \
//!   nvjpegdec ! nvvideoconvert ! "video/x-raw,format=RGBA" ! fakesink
//! ```

use gst::{glib, prelude::*};

mod decoder;
mod encoder;

use crate::basics::properties::Choice;

static IDCT: Choice = Choice::new(
    c"GstNvJpegIDCTMethod",
    &[
        (0, "Slow but accurate integer algorithm", "islow"),
        (1, "Faster, less accurate integer method", "ifast"),
        (2, "Floating-point: accurate, fast on fast HW", "float"),
    ],
);
/// The fast one, DeepStream's default.
const FAST: i32 = 1;
/// Names of the methods, by number.
const METHODS: [&str; 3] = ["islow", "ifast", "float"];

glib::wrapper! {
    /// The element `nvjpegdec`.
    pub struct NvJpegDec(ObjectSubclass<decoder::NvJpegDec>) @extends gst::Bin, gst::Element, gst::Object;
}

glib::wrapper! {
    /// The element `nvjpegenc`.
    pub struct NvJpegEnc(ObjectSubclass<encoder::NvJpegEnc>) @extends gst::Bin, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvjpegdec", gst::Rank::PRIMARY, NvJpegDec::static_type())?;
    gst::Element::register(Some(plugin), "nvjpegenc", gst::Rank::PRIMARY, NvJpegEnc::static_type())
}
