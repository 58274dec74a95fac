//! The config file of `deepstream-app`: INI or YAML, read into types. Nothing here knows GStreamer.
//!
//! Paths in a file are relative to the file's own folder, except `output-file` of a sink, which DeepStream opens as it
//! is. Groups without `enable=1` are passed over unread, as there.

mod gie;
mod record;
mod sink;
mod source;
mod view;

use std::path::{Path, PathBuf};

use slipstream_infer::config::{ConfigError, Document, Field, Group, Location, Notice};
use slipstream_meta::Color;

pub use gie::{Gie, Tracker};
pub use record::{SmartRecord, Trigger};
pub use sink::{Codec, Container, EncoderKind, Encoding, Sink, SinkKind};
pub use source::{Input, Place, Reconnect, Source, SourceKind};
pub use view::{Clock, Osd, Streammux, TiledDisplay, Tiling};

/// What a config file asks for.
#[derive(Debug, Default)]
pub struct AppConfig {
    /// The file.
    pub path: PathBuf,
    /// `[application]`.
    pub application: Application,
    /// `[tests]`.
    pub tests: Tests,
    /// `[sourceN]` and `[source-list]`, in the order of the file.
    pub sources: Vec<Source>,
    /// `[streammux]`.
    pub streammux: Option<Streammux>,
    /// `[pre-process]`: the config file of nvdspreprocess.
    pub preprocess: Option<PathBuf>,
    /// `[primary-gie]`.
    pub primary_gie: Option<Gie>,
    /// `[secondary-gieN]`, in the order of the file.
    pub secondary_gies: Vec<Gie>,
    /// `[tracker]`.
    pub tracker: Option<Tracker>,
    /// `[nvds-analytics]`: the config file of nvdsanalytics.
    pub analytics: Option<PathBuf>,
    /// `[segvisual]`: width and height of the picture of classes.
    pub segvisual: Option<(u32, u32)>,
    /// `[osd]`.
    pub osd: Option<Osd>,
    /// `[tiled-display]`.
    pub tiled_display: TiledDisplay,
    /// `[sinkN]`, in the order of the file.
    pub sinks: Vec<Sink>,
}

/// `[application]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Application {
    /// `perf-measurement-interval-sec`, where `enable-perf-measurement` is set.
    pub perf_interval: Option<u32>,
    /// `gie-kitti-output-dir`.
    pub gie_kitti_output_dir: Option<PathBuf>,
    /// `kitti-track-output-dir`.
    pub kitti_track_output_dir: Option<PathBuf>,
}

/// `[tests]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tests {
    /// `file-loop`: files are played over and over.
    pub file_loop: bool,
    /// `pipeline-recreate-sec`: the pipeline is taken down and built anew that often; 0 never.
    pub pipeline_recreate_sec: u32,
}

/// Groups of DeepStream that have no effect here; each that is enabled is said once.
const LEFT_OUT: [&str; 10] = [
    "dewarper",
    "secondary-pre-process",
    "message-converter",
    "message-consumer",
    "img-save",
    "ds-example",
    "visionencoder",
    "text-embedder",
    "replay",
    "audio-transform",
];
/// Seconds between two lines of frame rates where the file sets none.
const PERF_INTERVAL: u32 = 5;

impl AppConfig {
    /// Reads a file. Also returns what its author should know.
    ///
    /// # Errors
    /// If it cannot be read, or a line is not understood, or a value is not allowed.
    pub fn load(path: &Path) -> Result<(Self, Vec<Notice>), ConfigError> {
        Self::from_document(Document::read(path)?, path)
    }

    /// Reads the text of a file; `path` decides about the format and is where relative paths start.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<(Self, Vec<Notice>), ConfigError> {
        Self::from_document(Document::parse(text, path)?, path)
    }

    fn from_document(document: Document, path: &Path) -> Result<(Self, Vec<Notice>), ConfigError> {
        let mut reader = Reader { document, notices: Vec::new() };
        let groups = std::mem::take(&mut reader.document.groups);
        let mut config = Self { path: path.to_owned(), ..Self::default() };
        source::read_list(&mut reader, &groups, &mut config.sources)?;
        for group in &groups {
            config.read_group(&mut reader, group)?;
        }
        let Reader { mut document, notices } = reader;
        document.notices.extend(notices);
        Ok((config, document.notices))
    }

    fn read_group(&mut self, reader: &mut Reader, group: &Group) -> Result<(), ConfigError> {
        match group.name.as_str() {
            "application" => {
                let read: ApplicationKeys = reader.read(group)?;
                self.application = read.application;
                let interval = read.interval.filter(|&interval| interval > 0).unwrap_or(PERF_INTERVAL);
                self.application.perf_interval = read.enabled.then_some(interval);
            }
            "tests" => self.tests = reader.read(group)?,
            "streammux" => self.streammux = Some(reader.read(group)?),
            "pre-process" => self.preprocess = reader.config_file(group)?,
            "nvds-analytics" => self.analytics = reader.config_file(group)?,
            "segvisual" => self.segvisual = reader.read_enabled::<view::Segvisual>(group)?.map(|s| s.size),
            "osd" => self.osd = reader.read_enabled(group)?,
            "tiled-display" => self.tiled_display = reader.read(group)?,
            "primary-gie" => {
                self.primary_gie =
                    reader.read_enabled(group)?.map(|gie| Gie::checked(gie, reader, group)).transpose()?;
            }
            "tracker" => self.tracker = reader.read_enabled(group)?,
            "source" => source::read_csv(reader, group, &mut self.sources)?,
            "source-list" | "source-attr-all" => {}
            name if name.starts_with("source") => source::read_group(reader, group, &mut self.sources)?,
            name if name.starts_with("sink") => {
                numbered(reader, group, "sink")?;
                if let Some(sink) = reader.read_enabled(group)? {
                    self.sinks.push(Sink::checked(sink, reader, group)?);
                }
            }
            name if name.starts_with("secondary-gie") => {
                // DeepStream does not look at the number, and its own files have groups without one.
                if let Some(gie) = reader.read_enabled(group)? {
                    self.secondary_gies.push(Gie::checked(gie, reader, group)?);
                }
            }
            name if LEFT_OUT.iter().any(|known| name.starts_with(known)) && reader.is_enabled(group)? => {
                reader.notice(group.line, format!("[{name}] is not supported and is left out"));
            }
            // DeepStream passes over groups that it does not know, too.
            _ => {}
        }
        Ok(())
    }

    /// Every single input, in the order of the multiplexer's pads.
    pub fn inputs(&self) -> Vec<Input> {
        let inputs = self.sources.iter().flat_map(Source::inputs);
        inputs.enumerate().map(|(pad, input)| Input { pad, ..input }).collect()
    }
}

/// Keys of a group that are read one by one.
trait Keys: Default {
    /// Takes one pair; `false` if there is no such key.
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError>;
}

/// The file that is being read.
struct Reader {
    document: Document,
    notices: Vec<Notice>,
}

impl Reader {
    fn notice(&mut self, line: usize, message: String) {
        self.notices.push(Notice { location: self.location(line), message });
    }

    fn location(&self, line: usize) -> Location {
        self.document.location(line)
    }

    /// All keys of a group.
    fn read<T: Keys>(&mut self, group: &Group) -> Result<T, ConfigError> {
        self.read_onto(T::default(), group)
    }

    /// All keys of a group, on top of what holds without it.
    fn read_onto<T: Keys>(&mut self, mut read: T, group: &Group) -> Result<T, ConfigError> {
        for entry in &group.entries {
            let file = self.document.file.clone();
            let field = Field { file: &file, group: &group.name, entry };
            if !read.set(&field)? && entry.key != "enable" {
                let message = format!("Unknown key '{}' for group [{}]", entry.key, group.name);
                self.notice(entry.line, message);
            }
        }
        Ok(read)
    }

    /// The same if the group has `enable=1`.
    fn read_enabled<T: Keys>(&mut self, group: &Group) -> Result<Option<T>, ConfigError> {
        if self.is_enabled(group)? { self.read(group).map(Some) } else { Ok(None) }
    }

    fn is_enabled(&self, group: &Group) -> Result<bool, ConfigError> {
        let Some(entry) = group.entries.iter().find(|entry| entry.key == "enable") else { return Ok(false) };
        Field { file: &self.document.file, group: &group.name, entry }.flag()
    }

    /// The file that a group names whose only key of interest is `config-file`.
    fn config_file(&mut self, group: &Group) -> Result<Option<PathBuf>, ConfigError> {
        let Some(ConfigFile(path)) = self.read_enabled(group)? else { return Ok(None) };
        path.map(Some).ok_or_else(|| self.lacks(group, "config-file", "the path of a config file"))
    }

    /// The error that a group lacks a key.
    fn lacks(&self, group: &Group, key: &str, allowed: &str) -> ConfigError {
        ConfigError::Value {
            location: self.location(group.line),
            group: group.name.clone(),
            key: key.to_owned(),
            value: String::new(),
            allowed: format!("the key is missing; expected {allowed}"),
        }
    }
}

/// The number behind `stem` in the name of a group.
fn numbered(reader: &Reader, group: &Group, stem: &str) -> Result<u32, ConfigError> {
    let number = group.name.strip_prefix(stem).and_then(|rest| rest.parse().ok());
    number.ok_or_else(|| ConfigError::Syntax {
        location: reader.location(group.line),
        message: format!("group [{}] is not in the form [{stem}N]", group.name),
    })
}

/// A colour as `r;g;b;a`, each part in 0…1.
fn color(field: &Field<'_>) -> Result<Color, ConfigError> {
    match field.floats()?.as_slice() {
        &[red, green, blue, alpha] => {
            Ok(Color::from_unit(red.into(), green.into(), blue.into(), alpha.into()))
        }
        _ => Err(field.wrong("expected a colour as red;green;blue;alpha, each from 0 to 1")),
    }
}

#[derive(Default)]
struct ApplicationKeys {
    application: Application,
    enabled: bool,
    interval: Option<u32>,
}

impl Keys for ApplicationKeys {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "enable-perf-measurement" => self.enabled = field.flag()?,
            "perf-measurement-interval-sec" => self.interval = Some(field.count()?),
            "gie-kitti-output-dir" => self.application.gie_kitti_output_dir = field.path(),
            "kitti-track-output-dir" => self.application.kitti_track_output_dir = field.path(),
            "reid-track-output-dir" | "terminated-track-output-dir" | "shadow-track-output-dir" => {}
            "global-gpu-id" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Keys for Tests {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "file-loop" => self.file_loop = field.flag()?,
            "pipeline-recreate-sec" => self.pipeline_recreate_sec = field.count()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Default)]
struct ConfigFile(Option<PathBuf>);

impl Keys for ConfigFile {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "config-file" => self.0 = field.path(),
            "operate-on-gie-id" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
