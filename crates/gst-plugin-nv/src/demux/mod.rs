//! `nvstreamdemux`: takes batches apart into the streams of their sources.
//!
//! The frames of the source at `nvstreammux`'s pad `sink_N` leave on the request pad `src_N`, each as a batch of one in the
//! caps of the multiplexer: nothing is copied. Frames of sources without a linked pad are left out.

use gst::{glib, prelude::*};

mod imp;

glib::wrapper! {
    /// The element `nvstreamdemux`.
    pub struct NvStreamDemux(ObjectSubclass<imp::NvStreamDemux>) @extends gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvstreamdemux", gst::Rank::PRIMARY, NvStreamDemux::static_type())
}
