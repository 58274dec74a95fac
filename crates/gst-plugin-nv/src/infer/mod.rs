//! `nvinfer`: looks at the frames of a batch, or at the objects on them, with a neural network.
//!
//! The work is [`SlipInfer`]'s. DeepStream's way are the properties, the config file that is read as soon as it is named,
//! `interval` by whole batches, how objects look before anybody changes them, and another network in mid-stream
//! (`config-file-path` set while playing, signal `model-updated`).

use gst::{glib, prelude::*};
use gstslipstream::infer::SlipInfer;

mod dialect;
mod imp;
mod settings;

glib::wrapper! {
    /// The element `nvinfer`.
    pub struct NvInfer(ObjectSubclass<imp::NvInfer>)
        @extends SlipInfer, gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvinfer", gst::Rank::PRIMARY, NvInfer::static_type())
}
