//! `nvdslogger`: says how many frames of each source pass in a second.

use gst::{glib, prelude::*};

mod count;
mod imp;

glib::wrapper! {
    /// The element `nvdslogger`.
    pub struct NvDsLogger(ObjectSubclass<imp::NvDsLogger>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvdslogger", gst::Rank::PRIMARY, NvDsLogger::static_type())
}
