//! Groups of what is done with pictures: `[streammux]`, `[tiled-display]`, `[osd]`, `[segvisual]`.

use std::path::PathBuf;

use slipstream_infer::config::{ConfigError, Field};
use slipstream_meta::Color;

use super::{Keys, color};

/// `[streammux]`; `None` leaves what the element has by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streammux {
    /// `batch-size`.
    pub batch_size: Option<u32>,
    /// `width`.
    pub width: Option<u32>,
    /// `height`.
    pub height: Option<u32>,
    /// `batched-push-timeout` in microseconds; −1 waits for ever.
    pub batched_push_timeout: Option<i32>,
    /// `config-file-path`, of the new multiplexer alone.
    pub config_file_path: Option<PathBuf>,
    /// Other keys that are properties of the element under the same name.
    pub others: Vec<(String, String)>,
}

impl Keys for Streammux {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "batch-size" => self.batch_size = Some(field.int(1..=1024)?),
            "width" => self.width = Some(field.count()?),
            "height" => self.height = Some(field.count()?),
            "batched-push-timeout" => self.batched_push_timeout = Some(field.int(-1..=i32::MAX)?),
            "config-file-path" => self.config_file_path = field.path(),
            "live-source"
            | "enable-padding"
            | "sync-inputs"
            | "frame-num-reset-on-stream-reset"
            | "frame-num-reset-on-eos"
            | "async-process"
            | "drop-pipeline-eos"
            | "sort-batch"
            | "cache-buffer"
            | "align-first-buffer" => {
                self.others.push((field.key().to_owned(), field.flag()?.to_string()));
            }
            "attach-sys-ts-as-ntp" => self.others.push(("attach-sys-ts".into(), field.flag()?.to_string())),
            "frame-duration" => {
                // −1 is how files write the largest number there is: off.
                let duration = field.int(-1..=i64::MAX)?;
                if let Ok(duration) = u64::try_from(duration) {
                    self.others.push((field.key().to_owned(), duration.to_string()));
                }
            }
            "max-latency" => self.others.push((field.key().to_owned(), field.int(0..=u64::MAX)?.to_string())),
            "buffer-pool-size" | "num-surfaces-per-frame" => {
                self.others.push((field.key().to_owned(), field.count()?.to_string()));
            }
            "gpu-id"
            | "nvbuf-memory-type"
            | "compute-hw"
            | "cache-buffer-timeout"
            | "sync-inputs-ntp"
            | "failsafe-flush-count"
            | "drop-backward-sei"
            | "extract-sei-type5-data"
            | "extract-sei-sim-time"
            | "nvbuf-mem-type" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What becomes of the sources' pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tiling {
    /// Each source goes its own way.
    #[default]
    Off,
    /// One picture with a tile for each source.
    On,
    /// The same, and beside it one source in full for the sinks with `link-to-demux`.
    WithDemux,
}

/// `[tiled-display]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TiledDisplay {
    /// `enable`.
    pub tiling: Tiling,
    /// `rows`.
    pub rows: u32,
    /// `columns`.
    pub columns: u32,
    /// `width`.
    pub width: Option<u32>,
    /// `height`.
    pub height: Option<u32>,
    /// `square-seq-grid`.
    pub square_seq_grid: bool,
}

/// Tiles in one direction at most.
const MAX_TILES: u32 = 128;
/// Least side of the tiled picture.
const MIN_SIDE: u32 = 16;
/// Largest side of the tiled picture.
const MAX_SIDE: u32 = 16384;

impl Keys for TiledDisplay {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "enable" => {
                self.tiling = field.choice(&[
                    (0, "off: each source goes its own way", Tiling::Off),
                    (1, "on", Tiling::On),
                    (2, "on, and beside it one source in full", Tiling::WithDemux),
                ])?;
            }
            "rows" => self.rows = field.int(0..=MAX_TILES)?,
            "columns" => self.columns = field.int(0..=MAX_TILES)?,
            "width" => self.width = Some(field.int(MIN_SIDE..=MAX_SIDE)?),
            "height" => self.height = Some(field.int(MIN_SIDE..=MAX_SIDE)?),
            "square-seq-grid" => self.square_seq_grid = field.flag()?,
            "gpu-id" | "nvbuf-memory-type" | "compute-hw" | "buffer-pool-size" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `[osd]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Osd {
    /// `process-mode`: 0 CPU, 1 GPU, 2 other hardware; all draw alike here.
    pub process_mode: Option<u32>,
    /// `border-width` in pixels; `None` leaves the width that the detector chose.
    pub border_width: Option<u32>,
    /// `text-size` in points.
    pub text_size: Option<u32>,
    /// `text-color`.
    pub text_color: Option<Color>,
    /// `text-bg-color`.
    pub text_bg_color: Option<Color>,
    /// `font`.
    pub font: Option<String>,
    /// `show-clock` and what goes with it.
    pub clock: Clock,
    /// `display-text`.
    pub display_text: bool,
    /// `display-bbox`.
    pub display_bbox: bool,
    /// `display-mask`.
    pub display_mask: bool,
}

/// The clock that is drawn onto pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// `show-clock`.
    pub show: bool,
    /// `clock-x-offset`.
    pub x: u32,
    /// `clock-y-offset`.
    pub y: u32,
    /// `clock-text-size` in points.
    pub size: Option<u32>,
    /// `clock-color`.
    pub color: Option<Color>,
}

impl Default for Osd {
    fn default() -> Self {
        Self {
            process_mode: None,
            border_width: None,
            text_size: None,
            text_color: None,
            text_bg_color: None,
            font: None,
            clock: Clock::default(),
            display_text: true,
            display_bbox: true,
            display_mask: false,
        }
    }
}

/// Largest font in points that nvdsosd takes.
const MAX_FONT: u32 = 60;

impl Keys for Osd {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "process-mode" => self.process_mode = Some(field.int(0..=2)?),
            "border-width" => self.border_width = Some(field.count()?),
            "text-size" => self.text_size = Some(field.count()?.min(MAX_FONT)).filter(|&size| size > 0),
            "text-color" => self.text_color = Some(color(field)?),
            "text-bg-color" => self.text_bg_color = Some(color(field)?),
            "font" => self.font = Some(field.text().to_owned()).filter(|font| !font.is_empty()),
            "show-clock" => self.clock.show = field.flag()?,
            "clock-x-offset" => self.clock.x = field.count()?,
            "clock-y-offset" => self.clock.y = field.count()?,
            "clock-text-size" => self.clock.size = Some(field.count()?.min(MAX_FONT)),
            "clock-color" => self.clock.color = Some(color(field)?),
            "display-text" => self.display_text = field.flag()?,
            "display-bbox" => self.display_bbox = field.flag()?,
            "display-mask" => self.display_mask = field.flag()?,
            "hw-blend-color-attr" | "gpu-id" | "nvbuf-memory-type" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Default)]
pub(super) struct Segvisual {
    pub(super) size: (u32, u32),
}

impl Keys for Segvisual {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "width" => self.size.0 = field.count()?,
            "height" => self.size.1 = field.count()?,
            "batch-size" | "gpu-id" | "nvbuf-memory-type" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}
