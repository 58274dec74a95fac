//! The config file of the new multiplexer.

use std::path::Path;

use slipstream_infer::config::{ConfigError, Document, Field, Notice};

/// What the file says, as far as it is followed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewConfig {
    /// Frames in a batch; `None` where the property says it.
    pub(super) batch_size: Option<u32>,
    /// Whether the size of batches follows the number of open sources.
    pub(super) adaptive: bool,
    /// Frames of one source in a batch at most.
    pub(super) per_source: u32,
    /// Longest time between two batches in nanoseconds; `None` where the property says it.
    pub(super) longest_wait: Option<u64>,
}

impl Default for NewConfig {
    fn default() -> Self {
        Self { batch_size: None, adaptive: true, per_source: 1, longest_wait: None }
    }
}

/// Keys that are known and change nothing here.
const WITHOUT_EFFECT: [&str; 9] = [
    "algorithm-type",
    "overall-max-fps-n",
    "overall-max-fps-d",
    "max-fps-control",
    "enable-source-rate-control",
    "max-fps-n",
    "max-fps-d",
    "min-fps-n",
    "min-fps-d",
];
const SECOND: u64 = 1_000_000_000;
/// DeepStream's least rate of batches where the file gives only a part of it.
const DEFAULT_MIN_FPS: (u32, u32) = (5, 1);
/// Largest number in the file that makes sense: as `batch-size`.
const LARGEST: u32 = 1024;

impl NewConfig {
    /// Reads the file at `path`: INI, or YAML by its name.
    ///
    /// # Errors
    /// If the file cannot be read, or a value cannot be what its key says.
    pub(super) fn load(path: &Path) -> Result<(Self, Vec<Notice>), ConfigError> {
        Self::from_document(Document::read(path)?)
    }

    fn from_document(mut document: Document) -> Result<(Self, Vec<Notice>), ConfigError> {
        let mut config = Self::default();
        let mut notices = std::mem::take(&mut document.notices);
        let (mut n, mut d) = (None, None);
        for group in &document.groups {
            for entry in &group.entries {
                let field = Field { file: &document.file, group: &group.name, entry };
                match (group.name.as_str(), field.key()) {
                    ("property", "batch-size") => config.batch_size = Some(field.int(1..=LARGEST)?),
                    ("property", "adaptive-batching") => config.adaptive = field.flag()?,
                    ("property", "max-same-source-frames") => config.per_source = field.int(1..=LARGEST)?,
                    ("property", "overall-min-fps-n") => n = Some(field.int(1..=u32::MAX)?),
                    ("property", "overall-min-fps-d") => d = Some(field.int(1..=u32::MAX)?),
                    (_, key) if WITHOUT_EFFECT.contains(&key) => {}
                    (name, "priority" | "max-num-frames-per-batch") if name.starts_with("source-config") => {}
                    (name, key) => notices.push(Notice {
                        location: field.location(),
                        message: format!("[{name}] {key} is not known and has no effect"),
                    }),
                }
            }
        }
        if n.is_some() || d.is_some() {
            let (n, d) = (n.unwrap_or(DEFAULT_MIN_FPS.0), d.unwrap_or(DEFAULT_MIN_FPS.1));
            config.longest_wait = Some(SECOND * u64::from(d) / u64::from(n));
        }
        Ok((config, notices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(NewConfig, Vec<Notice>), ConfigError> {
        NewConfig::from_document(Document::parse(text, Path::new("mux.txt"))?)
    }

    #[test]
    fn a_file_is_read() {
        let text = "[property]\nalgorithm-type=1\nbatch-size=4\nadaptive-batching=0\noverall-min-fps-n=10\n\
            overall-min-fps-d=1\nmax-same-source-frames=2\n[source-config-0]\nmax-fps-n=60\npriority=1\n";
        let (config, notices) = parse(text).unwrap();
        let expected = NewConfig {
            batch_size: Some(4),
            adaptive: false,
            per_source: 2,
            longest_wait: Some(SECOND / 10),
        };
        assert_eq!((config, notices.len()), (expected, 0));
    }

    #[test]
    fn what_is_not_known_is_said_and_what_is_wrong_is_refused() {
        let (_, notices) = parse("[property]\nbatch-siez=4\n").unwrap();
        assert!(notices[0].to_string().starts_with("mux.txt:2: [property] batch-siez"), "{}", notices[0]);
        let error = parse("[property]\nbatch-size=many\n").unwrap_err().to_string();
        assert!(error.starts_with("mux.txt:2: [property] batch-size=many"), "{error}");
    }
}
