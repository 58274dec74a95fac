//! Groups of what looks at pictures: `[primary-gie]`, `[secondary-gieN]`, `[tracker]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use slipstream_infer::config::{ConfigError, Field, Group, Location};
use slipstream_meta::Color;

use super::{Keys, Reader, color};

/// `[primary-gie]` or `[secondary-gieN]`; `None` leaves what the element's own config file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gie {
    /// Name of the group.
    pub group: String,
    /// Where the group begins, and where it names its `config-file`.
    pub location: Option<Location>,
    /// `config-file`.
    pub config_file: PathBuf,
    /// `plugin-type`: 0 nvinfer, 1 nvinferserver.
    pub plugin_type: u32,
    /// `batch-size`.
    pub batch_size: Option<u32>,
    /// `interval`.
    pub interval: Option<u32>,
    /// `gie-unique-id`.
    pub unique_id: Option<u32>,
    /// `model-engine-file`.
    pub model_engine_file: Option<PathBuf>,
    /// `operate-on-gie-id`.
    pub operate_on_gie_id: Option<u32>,
    /// `operate-on-class-ids`; empty for all.
    pub operate_on_class_ids: Vec<u32>,
    /// `bbox-border-color`.
    pub border_color: Option<Color>,
    /// `bbox-border-colorN`, by class.
    pub border_colors: BTreeMap<i32, Color>,
    /// `bbox-bg-color`.
    pub bg_color: Option<Color>,
    /// `bbox-bg-colorN`, by class.
    pub bg_colors: BTreeMap<i32, Color>,
    /// `input-tensor-meta`.
    pub input_tensor_meta: bool,
}

impl Gie {
    pub(super) fn checked(mut gie: Self, reader: &Reader, group: &Group) -> Result<Self, ConfigError> {
        if gie.config_file.as_os_str().is_empty() {
            return Err(reader.lacks(group, "config-file", "the path of an nvinfer config file"));
        }
        let line =
            group.entries.iter().find(|entry| entry.key == "config-file").map_or(group.line, |e| e.line);
        gie.location = Some(reader.location(line));
        gie.group.clone_from(&group.name);
        Ok(gie)
    }

    /// Border colour of boxes of class `class_id`: DeepStream's app chooses it, not the detector.
    pub fn border(&self, class_id: i32) -> Color {
        let red = Color::rgb(255, 0, 0);
        self.border_colors.get(&class_id).copied().or(self.border_color).unwrap_or(red)
    }

    /// Filling of boxes of class `class_id`.
    pub fn fill(&self, class_id: i32) -> Option<Color> {
        self.bg_colors.get(&class_id).copied().or(self.bg_color)
    }
}

impl Keys for Gie {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "config-file" => self.config_file = field.path().unwrap_or_default(),
            "plugin-type" => {
                self.plugin_type = field.choice(&[(0, "nvinfer", 0), (1, "nvinferserver", 1)])?;
            }
            "batch-size" => self.batch_size = Some(field.int(1..=1024)?),
            "interval" => self.interval = Some(field.count()?),
            "gie-unique-id" => self.unique_id = Some(field.int(1..=u32::MAX)?),
            "model-engine-file" => self.model_engine_file = field.path(),
            "operate-on-gie-id" => {
                self.operate_on_gie_id = u32::try_from(field.int(-1..=i64::from(u32::MAX))?).ok();
            }
            "operate-on-class-ids" => self.operate_on_class_ids = field.counts()?,
            "bbox-border-color" => self.border_color = Some(color(field)?),
            "bbox-bg-color" => self.bg_color = Some(color(field)?),
            "input-tensor-meta" => self.input_tensor_meta = field.flag()?,
            "labelfile-path"
            | "gpu-id"
            | "nvbuf-memory-type"
            | "infer-raw-output-dir"
            | "input-tensor-from-meta"
            | "is-classifier"
            | "verbose" => {}
            "model-variant" | "device" | "backend" | "triton-url" | "triton-model" | "min-crop-size" => {}
            key => {
                let class = |stem| key.strip_prefix(stem).and_then(|class| class.parse().ok());
                if let Some(class) = class("bbox-border-color") {
                    self.border_colors.insert(class, color(field)?);
                } else if let Some(class) = class("bbox-bg-color") {
                    self.bg_colors.insert(class, color(field)?);
                } else {
                    return Ok(key.starts_with("audio-"));
                }
            }
        }
        Ok(true)
    }
}

/// `[tracker]`; `None` leaves what the element has by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    /// `tracker-width`.
    pub width: Option<u32>,
    /// `tracker-height`.
    pub height: Option<u32>,
    /// `ll-lib-file`.
    pub ll_lib_file: Option<PathBuf>,
    /// `ll-config-file`; several where sources are tracked in groups.
    pub ll_config_files: Vec<PathBuf>,
    /// `display-tracking-id`.
    pub display_tracking_id: bool,
    /// Other keys that are properties of the element under the same name.
    pub others: Vec<(String, String)>,
}

impl Default for Tracker {
    fn default() -> Self {
        Self {
            width: None,
            height: None,
            ll_lib_file: None,
            ll_config_files: Vec::new(),
            display_tracking_id: true,
            others: Vec::new(),
        }
    }
}

impl Keys for Tracker {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        let mut other = |value: String| self.others.push((field.key().to_owned(), value));
        match field.key() {
            "tracker-width" => self.width = Some(field.count()?),
            "tracker-height" => self.height = Some(field.count()?),
            "ll-lib-file" => self.ll_lib_file = field.path(),
            "ll-config-file" => {
                let folder =
                    field.path().and_then(|_| field.file.parent().map(PathBuf::from)).unwrap_or_default();
                self.ll_config_files =
                    field.parts().filter(|part| !part.is_empty()).map(|part| folder.join(part)).collect();
            }
            "display-tracking-id" => self.display_tracking_id = field.flag()?,
            "tracking-id-reset-mode" => other(field.int(0..=3)?.to_string()),
            "user-meta-pool-size" | "tensor-meta-gie-id" => other(field.count()?.to_string()),
            "input-tensor-meta" => other(field.flag()?.to_string()),
            "sub-batches" => other(field.text().to_owned()),
            "sub-batch-err-recovery-trial-cnt" => other(field.int(-1..=i32::MAX)?.to_string()),
            "operate-on-class-ids" => other(field.text().trim_end_matches(';').to_owned()),
            "gpu-id"
            | "enable-batch-process"
            | "enable-past-frame"
            | "tracking-surface-type"
            | "tracker-surface-type"
            | "compute-hw" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}
