//! `nveglglessink`, `nv3dsink`, `nvdrmvideosink`: show pictures on whatever screen there is; `nvegltransform`, which stands
//! before them in old programs.
//!
//! Without a screen they say so once, and drop pictures at the time at which they would have been shown.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 videotestsrc ! nvvideoconvert ! "video/x-raw(memory:NVMM)" ! nvegltransform ! nveglglessink
//! ```

use gst::{glib, prelude::*};

mod element;
mod imp;
mod overlay;
mod properties;
mod transform;

glib::wrapper! {
    /// The element `nveglglessink`.
    pub struct NvEglGlesSink(ObjectSubclass<element::egl::NvEglGlesSink>)
        @extends gst::Bin, gst::Element, gst::Object, @implements gst_video::VideoOverlay;
}

glib::wrapper! {
    /// The element `nv3dsink`.
    pub struct Nv3dSink(ObjectSubclass<element::three_d::Nv3dSink>)
        @extends gst::Bin, gst::Element, gst::Object, @implements gst_video::VideoOverlay;
}

glib::wrapper! {
    /// The element `nvdrmvideosink`.
    pub struct NvDrmVideoSink(ObjectSubclass<element::drm::NvDrmVideoSink>)
        @extends gst::Bin, gst::Element, gst::Object, @implements gst_video::VideoOverlay;
}

glib::wrapper! {
    /// The element `nvegltransform`.
    pub struct NvEglTransform(ObjectSubclass<transform::NvEglTransform>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

/// DeepStream's rank of `nveglglessink`: below GStreamer's own sinks, which `autovideosink` is to choose.
const RANK: gst::Rank = gst::Rank::NONE;

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nveglglessink", RANK, NvEglGlesSink::static_type())?;
    gst::Element::register(Some(plugin), "nv3dsink", RANK, Nv3dSink::static_type())?;
    gst::Element::register(Some(plugin), "nvdrmvideosink", RANK, NvDrmVideoSink::static_type())?;
    gst::Element::register(Some(plugin), "nvegltransform", gst::Rank::NONE, NvEglTransform::static_type())
}
