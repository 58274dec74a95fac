//! `sliptrack`: follows objects from frame to frame and gives them numbers that stay.
//!
//! Takes the objects that `slipinfer` found and puts tracks in their place: boxes with a number, also on frames that the
//! detector did not look at. What tracker it is comes from `ll-config-file`: the name of one
//! ([`slipstream_track::TrackerConfig::NAMES`]) or a file in the format of DeepStream's nvtracker. Each camera of a batch
//! has a tracker of its own, which ends with it; where a camera jumps (a gap, another size, a stream that begins anew), what
//! was followed is given up and numbers go on. Belongs in front of `sliptiler`.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 uridecodebin uri=file:///video.mp4 ! videoconvert ! \
//!   slipinfer config-file-path=detector.ini interval=2 ! sliptrack trail-length=50 ! \
//!   sliposd ! videoconvert ! autovideosink
//! ```

use gst::{glib, prelude::*};
use slipstream_track::{ConfigError, Notice, TrackerConfig};

mod camera;
mod imp;

glib::wrapper! {
    /// The element `sliptrack`.
    pub struct SlipTrack(ObjectSubclass<imp::SlipTrack>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "sliptrack", gst::Rank::NONE, SlipTrack::static_type())
}

/// What the confidence of a detection must be, as part of the detector's usual one, for our own tracker to start a track.
/// The detector's thresholds have decided already what is an object, and classes differ in how sure it is of them: a higher
/// bar, as suits detections that nobody has chosen from, would leave out half of the people between cars.
const NEW_CONFIDENCE: f32 = 0.4;

/// Our own tracker, set for detections as they come from `slipinfer`.
pub(crate) fn default_tracker() -> TrackerConfig {
    TrackerConfig { new_confidence: NEW_CONFIDENCE, ..TrackerConfig::default() }
}

/// The tracker that `choice` stands for: a name, or the path of a config file. Also returns what the file's author should
/// know.
///
/// # Errors
/// If there is neither a tracker nor a file of this name, or the file cannot be used.
pub fn tracker_config(choice: &str) -> Result<(TrackerConfig, Vec<Notice>), ConfigError> {
    let (config, notices) = TrackerConfig::choose(choice)?;
    let is_own = !TrackerConfig::is_file(choice) && config == TrackerConfig::default();
    Ok((if is_own { default_tracker() } else { config }, notices))
}
