//! Tracking: which box of this frame is which object of the frames before.
//!
//! A [`Tracker`] follows the objects of one camera. It takes the detections of each frame and gives back tracks: boxes
//! with numbers that stay with their objects. What it does is chosen by a [`TrackerConfig`]: by name, or by a file in
//! the format of DeepStream's `nvtracker`.
//!
//! ```
//! use std::sync::Arc;
//! use slipstream_meta::{Rect, Size};
//! use slipstream_track::{Detection, Frame, IdAllocator, Tracker, TrackerConfig};
//!
//! let mut tracker = Tracker::new(Arc::new(TrackerConfig::named("iou")?), IdAllocator::new());
//! for number in 0..10 {
//!     let rect = Rect::new(10.0 + 2.0 * number as f32, 20.0, 40.0, 80.0);
//!     let detections = [Detection::new(rect, 0.9, 0)];
//!     let frame = Frame::new(Size::new(640, 360), number, &detections);
//!     let tracks = tracker.update(&frame);
//!     assert!(tracks.live.iter().all(|track| track.id == 1 && track.detection == Some(0)));
//! }
//! # Ok::<(), slipstream_track::ConfigError>(())
//! ```

pub mod assign;
mod associate;
mod border;
mod camera;
pub mod config;
mod follow;
mod frame;
mod id;
mod kalman;
mod target;
mod tracker;
mod tracks;
mod usual;

pub use config::{ConfigError, Notice, TrackerConfig};
pub use frame::{Detection, Frame};
pub use id::IdAllocator;
pub use tracker::Tracker;
pub use tracks::{PastTrack, TerminatedTrack, Track, TrackPoint, TrackState, Tracks};
