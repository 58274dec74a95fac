//! `nvvideoconvert`, and `nvvidconv` as Jetson's older element is called: converts, scales, crops and turns pictures, and takes
//! them from system memory to DeepStream's caps and back.
//!
//! Where only the caps change, the same buffer goes on under the new ones. The pictures of a batch stay as they were decoded
//! until somebody asks for another format or size.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 videotestsrc ! nvvideoconvert ! "video/x-raw(memory:NVMM),format=RGBA" ! \
//!   nvvideoconvert flip-method=rotate-180 ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod caps;
mod imp;
mod properties;
mod stage;
mod turn;
mod vidconv;

pub(crate) use caps::NVMM_FORMATS;
pub(crate) use caps::{EGL_FEATURE, egl_caps};

glib::wrapper! {
    /// The element `nvvideoconvert`.
    pub struct NvVideoConvert(ObjectSubclass<imp::NvVideoConvert>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

glib::wrapper! {
    /// The element `nvvidconv`.
    pub struct NvVidConv(ObjectSubclass<vidconv::NvVidConv>)
        @extends NvVideoConvert, gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvvideoconvert", gst::Rank::NONE, NvVideoConvert::static_type())?;
    gst::Element::register(Some(plugin), "nvvidconv", gst::Rank::NONE, NvVidConv::static_type())
}
