//! `nvstreammux`: puts the frames of many sources into batches, by DeepStream's rules.
//!
//! Frames are handed on as the decoder delivered them; `width` and `height` are the size that they have in the metadata and
//! for everything behind (see the crate's documentation on caps). With `USE_NEW_NVSTREAMMUX=yes` in the environment when the
//! plugin is loaded, the element of this name is DeepStream's newer one, whose frames keep their sizes and whose batches
//! follow the number of sources.

use gst::{glib, prelude::*};

mod collect;
mod imp;
mod input;
mod new_config;
mod output;
mod settings;

glib::wrapper! {
    /// The element `nvstreammux`.
    pub struct NvStreamMux(ObjectSubclass<imp::NvStreamMux>) @extends gst::Element, gst::Object;
}

/// Formats that go in and out.
pub(crate) const FORMATS: [gst_video::VideoFormat; 3] =
    [gst_video::VideoFormat::Nv12, gst_video::VideoFormat::Rgba, gst_video::VideoFormat::I420];

/// What can be set on the multiplexer that programs get.
pub(crate) fn properties() -> &'static [crate::basics::properties::Property] {
    settings::Generation::get().properties()
}

/// What can be set on the old multiplexer.
pub(crate) fn old_properties() -> &'static [crate::basics::properties::Property] {
    settings::Generation::Old.properties()
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvstreammux", gst::Rank::PRIMARY, NvStreamMux::static_type())
}
