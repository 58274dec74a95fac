//! `nvtracker`: follows objects from frame to frame.
//!
//! The work is [`SlipTrack`]'s. DeepStream's way are the choice of a tracker by `ll-config-file` and `ll-lib-file`, the text
//! that says label and number, and that detections that belong to no track are removed unless `operate-on-class-ids` is set.

use gst::{glib, prelude::*};
use gstslipstream::track::SlipTrack;

mod choice;
mod imp;

glib::wrapper! {
    /// The element `nvtracker`.
    pub struct NvTracker(ObjectSubclass<imp::NvTracker>)
        @extends SlipTrack, gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvtracker", gst::Rank::PRIMARY, NvTracker::static_type())
}
