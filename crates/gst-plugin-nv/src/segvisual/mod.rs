//! `nvsegvisual`: shows what segmentation networks say, each class in its colour.
//!
//! Frames become RGBA pictures of `width` × `height` with the colours of the classes, alone or over what the camera saw.

use gst::{glib, prelude::*};

mod imp;

glib::wrapper! {
    /// The element `nvsegvisual`.
    pub struct NvSegVisual(ObjectSubclass<imp::NvSegVisual>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvsegvisual", gst::Rank::PRIMARY, NvSegVisual::static_type())
}
