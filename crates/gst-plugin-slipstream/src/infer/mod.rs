//! `slipinfer`: looks at frames, or at the objects on them, with a neural network.
//!
//! The network, its input and how its output is to be read come from a file in DeepStream's nvinfer format
//! ([`slipstream_infer::InferConfig`] lists the keys). What it tells is added to the description of each frame or object that
//! was looked at; frames themselves are neither changed nor copied.
//!
//! | `network-type` | on frames (`process-mode=1`) | on objects (`process-mode=2`) |
//! |---|---|---|
//! | 0 detector | objects | objects with a `parent`, clipped to it |
//! | 1 classifier | an object as large as the frame, with classifications | classifications |
//! | 2 segmentation | a class map of the frame | a class map of the object |
//! | 3 instance segmentation | objects with masks | objects with masks and a `parent` |
//! | 100 other | raw tensors of the frame | raw tensors of the object |
//!
//! Which frames are looked at is up to `interval` (every source's every n+1-th frame, the sources taking turns inside the
//! batches) or, with `budget` above 0, to the machine: as many as fit into that share of the time between batches. Frames
//! without a turn carry no objects, or with `hold-objects` those that were found last.
//!
//! Objects with a tracking id are looked at when they are new, when they grew by a fifth, and after
//! `secondary-reinfer-interval` frames; in between they carry what a classifier said last, and with `hold-objects` whatever
//! else was found. Objects of all frames of a batch go through the network together. With `budget` as many are looked at as
//! fit, new ones first; with `classifier-async-mode` in the file the network runs in the background and no frame ever waits.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 uridecodebin uri=file:///video.mp4 ! videoconvert ! slipinfer config-file-path=detector.ini ! \
//!   sliposd ! videoconvert ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod background;
mod imp;
mod primary;
mod secondary;
mod settings;

/// What the element looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstSlipInferProcessMode")]
pub enum ProcessMode {
    /// What the config file says.
    #[default]
    #[enum_value(name = "As in the file", nick = "file")]
    File = 0,
    /// Whole frames.
    #[enum_value(name = "Whole frames", nick = "primary")]
    Primary = 1,
    /// Objects that another element found.
    #[enum_value(name = "Objects that another element found", nick = "secondary")]
    Secondary = 2,
}

glib::wrapper! {
    /// The element `slipinfer`.
    pub struct SlipInfer(ObjectSubclass<imp::SlipInfer>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "slipinfer", gst::Rank::NONE, SlipInfer::static_type())
}
