//! What a tracker does: by name, or by a file in the format of DeepStream's `nvtracker`.

mod presets;

use std::path::{Path, PathBuf};

pub use crate::associate::{Association, Byte, Matcher, OcSort, Similarity, Slip, Sort, Weighted};
pub use crate::kalman::{FixedNoise, MotionModel};

/// Why a tracker's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no tracker of this name.
    #[error("there is no tracker {name:?}; there are {}", TrackerConfig::NAMES.join(", "))]
    NoSuchTracker {
        /// The name given.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Something in a config file that was understood or passed over, but that its author should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub message: String,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// What a tracker does. A "look" is a frame at which the detector looked.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerConfig {
    /// Detections of less confidence are passed over.
    pub min_confidence: f32,
    /// Least confidence of a detection that starts a track.
    pub new_confidence: f32,
    /// A detection that overlaps a track more than this (IoU) starts no track.
    pub max_overlap_of_new: f32,
    /// Most tracks at a time, those in shadow included; of more detections than this the most confident count.
    pub max_targets: usize,
    /// When a track is believed.
    pub confirmation: Confirmation,
    /// Misses in a row that end a track that is not confirmed yet.
    pub early_termination: u32,
    /// Frames after which a track whose object is out of sight is given up.
    pub max_shadow: u32,
    /// How boxes move.
    pub motion: MotionModel,
    /// How detections and tracks are matched.
    pub association: Association,
    /// Whether only a detection of a track's own class continues it.
    pub check_class: bool,
    /// Whether sure detections are trusted more than others: the variance of what is measured is scaled by 1 − confidence
    /// (Du et al., "GIAOTracker", 2021).
    pub trust_confidence: bool,
    /// Whether a filter takes the straight way after an object was out of sight (OC-SORT's re-update).
    pub replay: bool,
    /// Which box is reported of an object that was detected.
    pub report: Report,
    /// Frames for which an object is still reported, where it is expected, when it is not found any more.
    pub coast: u32,
    /// Whether the camera's own motion is taken from the common motion of the objects.
    pub camera_motion: bool,
    /// adapt
    pub adapt: f32,
    /// adapt
    pub adapt_to: f32,
    /// least noise
    pub least_noise: f32,
    /// Positions kept of each track.
    pub trail_length: usize,
}

/// When a track is believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Confirmation {
    /// After this many looks in a row after the first, also when the object was out of sight. In the first so many frames all
    /// is believed.
    Streak(u32),
    /// After this many looks since the first, if the track was not ended early; tracks of the first frame are believed.
    Hits(u32),
    /// After this many looks since the first, if the track was not ended early.
    Age(u32),
    /// Once the confidences of its detections sum up to this; a track that was confirmed once is believed at once.
    Evidence(f32),
}

/// Which box is reported of an object that was detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The detector's.
    Detection,
    /// The filter's estimate.
    Estimate,
}

impl TrackerConfig {
    /// Names of the trackers there are, our own first.
    pub const NAMES: &'static [&'static str] = &["slip", "iou", "sort", "bytetrack", "ocsort"];

    /// The tracker `name`, with its usual settings.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        match name {
            "slip" => Ok(Self::slip()),
            "iou" => Ok(Self::iou()),
            "sort" => Ok(Self::sort()),
            "bytetrack" => Ok(Self::bytetrack()),
            "ocsort" => Ok(Self::ocsort()),
            _ => Err(ConfigError::NoSuchTracker { name: name.to_owned() }),
        }
    }

    /// Factor of the variance of what the detector measures.
    pub(crate) fn noise_scale(&self, confidence: f32) -> f32 {
        if self.trust_confidence { (1.0 - confidence).max(self.least_noise) } else { 1.0 }
    }

    /// Reads a config file. Also returns what the file's author should know.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is not understood, or a value is not allowed.
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, Vec<Notice>), ConfigError> {
        let path = path.as_ref();
        std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Ok((Self::default(), Vec::new()))
    }
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self::slip()
    }
}
