//! `smart-record` and `smart-rec-…` of a source: what an RTSP camera sends is kept, and recorded from time to time.

use slipstream_infer::config::{ConfigError, Field};

/// How a camera is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SmartRecord {
    /// `smart-record`.
    pub trigger: Trigger,
    /// Properties of `nvurisrcbin`.
    pub properties: Vec<(&'static str, String)>,
    /// `smart-rec-start-time`: seconds before the event that are recorded.
    pub start_time: u32,
    /// `smart-rec-duration`: seconds after it; 0 is the default duration.
    pub duration: u32,
    /// `smart-rec-interval`: seconds between events.
    pub interval: Option<u32>,
}

/// What begins a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trigger {
    /// Nothing is recorded.
    #[default]
    Off,
    /// Messages from a broker.
    Messages,
    /// Messages, and the program itself in intervals.
    MessagesAndIntervals,
}

impl SmartRecord {
    /// Whether anything is to be recorded.
    pub fn is_on(&self) -> bool {
        self.trigger != Trigger::Off
    }

    /// Takes one pair; `false` if there is no such key.
    pub(super) fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "smart-record" => {
                self.trigger = field.choice(&[
                    (0, "off", Trigger::Off),
                    (1, "by messages", Trigger::Messages),
                    (2, "by messages and in intervals", Trigger::MessagesAndIntervals),
                ])?;
            }
            "smart-rec-dir-path" => {
                let path = field.path().unwrap_or_default();
                self.property("smart-rec-dir-path", path.display().to_string());
            }
            "smart-rec-file-prefix" => self.property("smart-rec-file-prefix", field.text().to_owned()),
            "smart-rec-cache" | "smart-rec-video-cache" => {
                self.property("smart-rec-cache", field.count()?.to_string());
            }
            "smart-rec-container" => {
                let container = field.choice(&[(0, "MP4", 0), (1, "MKV", 1)])?;
                self.property("smart-rec-container", container.to_string());
            }
            "smart-rec-default-duration" => {
                self.property("smart-rec-default-duration", field.count()?.to_string());
            }
            "smart-rec-start-time" => self.start_time = field.count()?,
            "smart-rec-duration" => self.duration = field.count()?,
            "smart-rec-interval" => self.interval = Some(field.count()?).filter(|&seconds| seconds > 0),
            key => return Ok(key.starts_with("smart-rec-")),
        }
        Ok(true)
    }

    fn property(&mut self, name: &'static str, value: String) {
        self.properties.retain(|(known, _)| *known != name);
        self.properties.push((name, value));
    }
}
