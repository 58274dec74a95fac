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

use std::sync::Arc;

use gst::{glib, prelude::*};
use gst_base::subclass::prelude::*;
use slipstream_infer::config::Notice;
use slipstream_infer::{InferConfig, Policy};
use slipstream_meta::ObjectMeta;

mod background;
mod imp;
mod primary;
mod process_mode;
mod secondary;
mod settings;

pub use process_mode::ProcessMode;

/// How a subclass writes down what its network told. The element itself adds nothing.
pub trait Dialect: Send + Sync {
    /// Completes an object that was found, before it goes onto its frame. Its box is in the pixels of the frame.
    fn object(&self, _object: &mut ObjectMeta) {}

    /// Completes an object that a classifier named: its classifications from number `first` on are new.
    fn attributes(&self, _object: &mut ObjectMeta, _first: usize) {}
}

/// Objects as the network gives them.
struct Native;

impl Dialect for Native {}

/// What a subclass asks for; see [`SlipInfer::open`].
pub struct Network {
    /// The network, with all that properties change about it.
    pub config: InferConfig,
    /// Which frames a primary network looks at; `None` as `interval` of the config says. The property `budget` comes first.
    pub policy: Option<Policy>,
    /// How what it tells is written down.
    pub dialect: Arc<dyn Dialect>,
}

/// What subclasses of [`SlipInfer`] implement: nothing. They bring properties of their own, load a network with
/// [`SlipInfer::open`] in [`start`](BaseTransformImpl::start) in place of calling their parent's, and leave the rest to their
/// parent.
pub trait SlipInferImpl: BaseTransformImpl + ObjectSubclass<Type: IsA<SlipInfer>> {}

// SAFETY: the class has no virtual functions of its own, and its instances are set up by the parents'.
unsafe impl<T: SlipInferImpl> IsSubclassable<T> for SlipInfer {}

impl SlipInfer {
    /// Loads a network and looks at buffers with it from the next one on, in place of any that is there: the stream goes on
    /// meanwhile. Returns what the config's author should know.
    ///
    /// # Errors
    /// If the network cannot be loaded; then all stays as it was.
    pub fn open(&self, network: Network) -> Result<Vec<Notice>, gst::ErrorMessage> {
        self.imp().open(network)
    }

    /// Another choice of frames from the next buffer on.
    pub fn set_policy(&self, policy: Policy) {
        self.imp().set_policy(policy);
    }
}

glib::wrapper! {
    /// The element `slipinfer`.
    pub struct SlipInfer(ObjectSubclass<imp::SlipInfer>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "slipinfer", gst::Rank::NONE, SlipInfer::static_type())
}
