//! What a tracker does: by name, or by a file in the format of DeepStream's `nvtracker`.

mod deepstream;
mod document;
mod presets;
mod reid;

use std::path::Path;

pub use self::document::{ConfigError, Location, Notice};
pub use self::reid::{Reid, ReidModel, ReidPrecision};
pub use crate::associate::{Association, Byte, Matcher, OcSort, Similarity, Slip, Sort, Weighted};
pub use crate::follow::Follow;
pub use crate::kalman::{FixedNoise, MotionModel};

/// What a tracker does. A "look" is a frame at which the detector looked.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerConfig {
    /// Detections of less confidence are passed over.
    pub min_confidence: f32,
    /// Least confidence of a detection that starts a track.
    pub new_confidence: f32,
    /// Whether `new_confidence`, and our own association's `high`, are parts of the confidence that the detector usually
    /// has in objects of the class on this camera, rather than of 1.
    pub relative_confidence: bool,
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
    /// Least factor of the measured variance where sure detections are trusted more than others: it is scaled by
    /// 1 − confidence (Du et al., "GIAOTracker", 2021). 1 trusts all the same.
    pub least_noise: f32,
    /// Whether a filter takes the straight way after an object was out of sight (OC-SORT's re-update).
    pub replay: bool,
    /// Whether the camera's own motion is taken from what the objects' motion has in common.
    pub camera_motion: bool,
    /// Whether boxes at the border of a picture of known size are those of objects that it cuts: what lies beyond is kept in
    /// mind while they come and go.
    pub cut_by_border: bool,
    /// How detections and tracks are matched.
    pub association: Association,
    /// Whether only a detection of a track's own class continues it.
    pub check_class: bool,
    /// Whether and how objects are followed by sight where there are pictures.
    pub follow: Option<Follow>,
    /// The network whose vectors the detections are to come with, if any.
    pub reid: Option<Reid>,
    /// Which box is reported of an object that was detected.
    pub report: Report,
    /// Positions kept of each track.
    pub trail_length: usize,
}

/// When a track is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// After so many looks in a row that found the object, after the first one; also after it was out of sight. In the
    /// first so many frames all is believed (SORT's `min_hits`).
    EachStreak(u32),
    /// After so many looks in a row that found the object, after the first one. What the first frame holds is believed.
    Streak(u32),
    /// So many looks after the first, if the track was not ended early (DeepStream's `probationAge`).
    Age(u32),
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

    /// Whether `choice` can only be meant as the path of a config file: it has a dot or a slash.
    pub fn is_file(choice: &str) -> bool {
        choice.contains(['.', '/'])
    }

    /// The tracker that `choice` stands for: a name, or the path of a config file. Also returns what the file's author
    /// should know.
    ///
    /// # Errors
    /// If there is neither a tracker nor a file of this name, or the file cannot be used.
    pub fn choose(choice: &str) -> Result<(Self, Vec<Notice>), ConfigError> {
        if Self::is_file(choice) { Self::load(choice) } else { Ok((Self::named(choice)?, Vec::new())) }
    }

    /// Reads a config file in the format of DeepStream's tracker. Also returns what the file's author should know.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is not understood, or a value is not allowed.
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, Vec<Notice>), ConfigError> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + bytes.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n').count();
            ConfigError::Syntax {
                location: Location { file: path.into(), line },
                message: "the text is not UTF-8".to_owned(),
            }
        })?;
        Self::parse(text, path)
    }

    /// Reads the text of a config file; `path` is what errors and notices call it.
    ///
    /// # Errors
    /// If a line is not understood or a value is not allowed.
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<(Self, Vec<Notice>), ConfigError> {
        deepstream::read(document::Document::parse(text, path.as_ref())?)
    }

    /// Factor of the variance of what the detector measures with `confidence`.
    pub(crate) fn noise(&self, confidence: f32) -> f32 {
        (1.0 - confidence).max(self.least_noise.min(1.0))
    }
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self::slip()
    }
}
