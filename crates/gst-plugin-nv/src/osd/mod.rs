//! `nvdsosd`: draws what the metadata asks for.
//!
//! A batch of one frame becomes a plain picture in the size and format of the caps, which is drawn on; frames of larger
//! batches are drawn on each for itself.

use gst::{glib, prelude::*};

mod draw;
mod imp;

glib::wrapper! {
    /// The element `nvdsosd`.
    pub struct NvDsOsd(ObjectSubclass<imp::NvDsOsd>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvdsosd", gst::Rank::PRIMARY, NvDsOsd::static_type())
}
