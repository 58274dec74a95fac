//! `sliptrack`: follows objects from frame to frame and gives them numbers that stay.
//!
//! Takes the objects that `slipinfer` found and puts tracks in their place: boxes with a number, also on frames that the
//! detector did not look at. What tracker it is comes from `ll-config-file`: the name of one
//! ([`slipstream_track::TrackerConfig::NAMES`]) or a file in the format of DeepStream's nvtracker. Each camera of a batch
//! has a tracker of its own, which ends with it; where a camera jumps (a gap, another size, a stream that begins anew), what
//! was followed is given up and numbers go on. Where the file names a network for re-identification (group `ReID`), every
//! object that the detector found goes through it, and objects are told apart by their looks too. Belongs in front of
//! `sliptiler`.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 uridecodebin uri=file:///video.mp4 ! videoconvert ! \
//!   slipinfer config-file-path=detector.ini interval=2 ! sliptrack trail-length=50 ! \
//!   sliposd ! videoconvert ! autovideosink
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use gst::{glib, prelude::*};
use gst_base::subclass::prelude::*;
use slipstream_meta::ObjectMeta;
use slipstream_track::TrackerConfig;

mod camera;
mod imp;
mod looks;

/// How a subclass writes down what it tracks. The element itself adds nothing.
pub trait Dialect: Send + Sync {
    /// Completes an object that belongs to a track. Its box is in the pixels of the frame.
    fn object(&self, _object: &mut ObjectMeta) {}
}

/// Objects as the tracker gives them.
struct Native;

impl Dialect for Native {}

/// What a subclass asks for; see [`SlipTrack::open`].
pub struct Trackers {
    /// Trackers to choose from.
    pub configs: Vec<TrackerConfig>,
    /// Which of them each source has, by the number of its pad; others have the first.
    pub choice: HashMap<u32, usize>,
    /// How tracks are written down.
    pub dialect: Arc<dyn Dialect>,
}

/// What subclasses of [`SlipTrack`] implement: nothing. They choose trackers with [`SlipTrack::open`] in
/// [`start`](BaseTransformImpl::start) in place of calling their parent's, and leave the rest to their parent.
pub trait SlipTrackImpl: BaseTransformImpl + ObjectSubclass<Type: IsA<SlipTrack>> {}

// SAFETY: the class has no virtual functions of its own, and its instances are set up by the parents'.
unsafe impl<T: SlipTrackImpl> IsSubclassable<T> for SlipTrack {}

impl SlipTrack {
    /// Begins with these trackers; whatever was followed is forgotten. Returns what the user should know.
    ///
    /// # Errors
    /// If `operate-on-class-ids`, or a network for re-identification, cannot be used.
    pub fn open(&self, trackers: Trackers) -> Result<Vec<String>, gst::ErrorMessage> {
        self.imp().open(trackers)
    }
}

glib::wrapper! {
    /// The element `sliptrack`.
    pub struct SlipTrack(ObjectSubclass<imp::SlipTrack>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "sliptrack", gst::Rank::NONE, SlipTrack::static_type())
}
