//! `[sourceN]`, `[source-list]`, and lists of sources in CSV files: where pictures come from.

use std::path::{Path, PathBuf};

use slipstream_infer::config::{ConfigError, Document, Entry, Field, Group, Location};

use super::record::{SmartRecord, Trigger};
use super::{Keys, Reader, numbered};

/// `[sourceN]`: one input, or several of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name of the group.
    pub group: String,
    /// Where it begins.
    pub location: Option<Location>,
    /// `type`.
    pub kind: SourceKind,
    /// `uri`, as it is given.
    pub uri: Option<String>,
    /// Folder of the config file.
    pub folder: PathBuf,
    /// `num-sources`, for several of one kind.
    pub num_sources: u32,
    /// `camera-v4l2-dev-node`.
    pub device: u32,
    /// `camera-width`, `camera-height`.
    pub camera_size: Option<(u32, u32)>,
    /// `camera-fps-n`, `camera-fps-d`.
    pub camera_rate: Option<(u32, u32)>,
    /// `video-format`.
    pub video_format: Option<String>,
    /// `latency` of the jitter buffer in milliseconds.
    pub latency: u32,
    /// `udp-buffer-size` in bytes; 0 leaves the element's.
    pub udp_buffer_size: u32,
    /// What is done when an RTSP camera does not deliver.
    pub reconnect: Reconnect,
    /// `select-rtp-protocol`: 4 TCP, 7 UDP and, where that does not come through, TCP; others leave the element's.
    pub rtp_protocol: u32,
    /// Properties of the decoder.
    pub decoder: Vec<(&'static str, String)>,
    /// `smart-record` and `smart-rec-…`.
    pub smart_record: SmartRecord,
}

/// `type` of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A camera at this machine.
    V4l2,
    /// Anything that a URI names.
    Uri,
    /// Several URIs that differ by a number.
    MultiUri,
    /// An RTSP camera.
    Rtsp,
}

/// What is done when an RTSP camera does not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// `rtsp-reconnect-interval-sec`: without pictures for so long it is connected to anew; 0 never.
    pub interval: u32,
    /// `init-rtsp-reconnect-interval-sec`: the same before the first picture.
    pub first_interval: u32,
    /// `rtsp-reconnect-attempts`; `None` for ever.
    pub attempts: Option<u32>,
}

/// One single input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Number of the multiplexer's pad.
    pub pad: usize,
    /// Where pictures come from.
    pub place: Place,
    /// The group that asks for it.
    pub source: Source,
}

/// Where pictures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A URI.
    Uri(String),
    /// A device.
    Device(PathBuf),
}

impl Input {
    /// Whether it is an RTSP camera, which is connected to anew when it fails.
    pub fn is_rtsp(&self) -> bool {
        self.source.kind == SourceKind::Rtsp
            || matches!(&self.place, Place::Uri(uri) if uri.starts_with("rtsp"))
    }

    /// The local file that is played, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Uri(uri) => {
                url::Url::parse(uri).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
            }
            Place::Device(_) => None,
        }
    }
}

/// Milliseconds of the jitter buffer where the file sets none.
const LATENCY: u32 = 100;
/// Sources of one file at most, as in DeepStream.
const MAX_SOURCES: u32 = 1024;

impl Default for Source {
    fn default() -> Self {
        Self {
            group: String::new(),
            location: None,
            kind: SourceKind::Uri,
            uri: None,
            folder: PathBuf::new(),
            num_sources: 1,
            device: 0,
            camera_size: None,
            camera_rate: None,
            video_format: None,
            latency: LATENCY,
            udp_buffer_size: 0,
            reconnect: Reconnect { interval: 0, first_interval: 0, attempts: None },
            rtp_protocol: 0,
            decoder: Vec::new(),
            smart_record: SmartRecord::default(),
        }
    }
}

impl Source {
    /// The single inputs, whose pads are yet to be numbered.
    pub fn inputs(&self) -> impl Iterator<Item = Input> + '_ {
        let count = if self.kind == SourceKind::MultiUri { self.num_sources } else { 1 };
        (0..count).map(|number| Input { pad: 0, place: self.place(number), source: self.clone() })
    }

    fn place(&self, number: u32) -> Place {
        let uri = self.uri.as_deref().unwrap_or_default();
        match self.kind {
            SourceKind::V4l2 => Place::Device(format!("/dev/video{}", self.device).into()),
            SourceKind::MultiUri => Place::Uri(absolute(&with_number(uri, number), &self.folder)),
            SourceKind::Uri | SourceKind::Rtsp => Place::Uri(absolute(uri, &self.folder)),
        }
    }

    fn decoder(&mut self, property: &'static str, value: u32) {
        self.decoder.retain(|(known, _)| *known != property);
        self.decoder.push((property, value.to_string()));
    }
}

/// `uri` with `%d`, or `%03d`, replaced by `number`.
fn with_number(uri: &str, number: u32) -> String {
    let Some((before, after)) = uri.split_once('%') else { return uri.to_owned() };
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let (width, rest) = after.split_at(digits);
    match rest.strip_prefix(['d', 'u', 'i']) {
        Some(rest) => {
            // Nobody numbers files with more digits.
            let wanted = width.parse().unwrap_or(0usize).min(20);
            let number = if width.starts_with('0') {
                format!("{number:0wanted$}")
            } else {
                format!("{number:wanted$}")
            };
            format!("{before}{number}{rest}")
        }
        None => format!("{before}%{}", with_number(after, number)),
    }
}

/// A URI that does not depend on where the program runs.
fn absolute(uri: &str, folder: &Path) -> String {
    let path = match uri.split_once("://") {
        Some(("file", path)) => path,
        Some(_) => return uri.to_owned(),
        None => uri.strip_prefix("file:").unwrap_or(uri),
    };
    if path.is_empty() {
        return String::new();
    }
    let folder = Path::new(".").join(folder);
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    // DeepStream takes what stands behind file:// as it is; somebody else may have written %20.
    let plain = folder.join(path);
    let written = url::Url::parse(uri).ok().and_then(|url| url.to_file_path().ok());
    let plain = written
        .filter(|written| path.starts_with('/') && !plain.exists() && written.exists())
        .unwrap_or(plain);
    // URIs have no links: what `..` leads out of is looked up here.
    let plain = plain.canonicalize().unwrap_or(plain);
    url::Url::from_file_path(&plain).map_or_else(|()| uri.to_owned(), String::from)
}

impl Keys for Source {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "type" => self.kind = kind(field)?,
            "uri" => {
                self.uri = Some(field.text().to_owned()).filter(|uri| !uri.is_empty());
                self.folder = field.file.parent().unwrap_or(Path::new("")).to_owned();
            }
            "num-sources" => self.num_sources = field.int(0..=MAX_SOURCES)?.max(1),
            "camera-v4l2-dev-node" => self.device = field.count()?,
            "camera-width" => {
                let height = self.camera_size.map_or(0, |(_, height)| height);
                self.camera_size = Some((field.count()?, height));
            }
            "camera-height" => {
                let width = self.camera_size.map_or(0, |(width, _)| width);
                self.camera_size = Some((width, field.count()?));
            }
            "camera-fps-n" => {
                let below = self.camera_rate.map_or(1, |(_, below)| below);
                self.camera_rate = Some((field.count()?, below));
            }
            "camera-fps-d" => {
                let above = self.camera_rate.map_or(0, |(above, _)| above);
                self.camera_rate = Some((above, field.int(1..=u32::MAX)?));
            }
            "video-format" => {
                self.video_format = Some(field.text().to_owned()).filter(|text| !text.is_empty());
            }
            "latency" => self.latency = field.count()?,
            "udp-buffer-size" => self.udp_buffer_size = field.count()?,
            "rtsp-reconnect-interval-sec" => self.reconnect.interval = field.count()?,
            "init-rtsp-reconnect-interval-sec" => self.reconnect.first_interval = field.count()?,
            "rtsp-reconnect-attempts" => {
                self.reconnect.attempts = u32::try_from(field.int(-1..=i32::MAX)?).ok();
            }
            "select-rtp-protocol" | "set-rtp-protocol" => self.rtp_protocol = field.count()?,
            "drop-frame-interval" => self.decoder("drop-frame-interval", field.int(0..=30)?),
            "cudadec-memtype" => self.decoder("cudadec-memtype", field.int(0..=2)?),
            "num-extra-surfaces" => self.decoder("num-extra-surfaces", field.count()?),
            // 2: key frames only.
            "intra-decode-enable" if field.flag()? => self.decoder("skip-frames", 2),
            "low-latency-decode" | "low-latency-mode" if field.flag()? => self.decoder("low-latency-mode", 1),
            "intra-decode-enable" | "low-latency-decode" | "low-latency-mode" => {}
            "camera-csi-sensor-id"
            | "alsa-device"
            | "drop-on-latency"
            | "nvbuf-memory-type"
            | "gpu-id"
            | "num-decode-surfaces"
            | "camera-id"
            | "source-id"
            | "simulate-fps-interval-ms"
            | "leaky"
            | "max-size-buffers"
            | "buffer-mode"
            | "sensorID-padID-mapping"
            | "extract-sei-type5-data"
            | "copy-hw"
            | "enable-frame-type-reporting" => {}
            _ => return self.smart_record.set(field),
        }
        Ok(true)
    }
}

fn kind(field: &Field<'_>) -> Result<SourceKind, ConfigError> {
    let known = "1 V4L2 camera, 2 URI, 3 several URIs, 4 RTSP";
    match field.text() {
        "5" => Err(field.wrong(format!(
            "CSI cameras need the hardware of NVIDIA's Jetson; a camera of this machine is type=1, others are {known}"
        ))),
        "6" | "7" | "8" => Err(field.wrong(format!("sound is not taken; expected {known}"))),
        "9" => Err(field.wrong(format!("IPC sources are not supported; expected {known}"))),
        _ => field.choice(&[
            (1, "V4L2 camera", SourceKind::V4l2),
            (2, "URI", SourceKind::Uri),
            (3, "several URIs", SourceKind::MultiUri),
            (4, "RTSP", SourceKind::Rtsp),
        ]),
    }
}

/// Takes `[sourceN]`. After `[source-list]`, it changes the Nth source of that list.
pub(super) fn read_group(
    reader: &mut Reader,
    group: &Group,
    sources: &mut Vec<Source>,
) -> Result<(), ConfigError> {
    let number = numbered(reader, group, "source")?;
    let listed = sources.iter().any(|source| source.group == LIST);
    if listed {
        let index = usize::try_from(number).ok().filter(|&index| index < sources.len());
        let Some(index) = index else {
            return Err(ConfigError::Syntax {
                location: reader.location(group.line),
                message: format!(
                    "group [{}]: [{LIST}] has {} sources, numbered from 0",
                    group.name,
                    sources.len()
                ),
            });
        };
        if let Some(source) = sources.get_mut(index) {
            *source = reader.read_onto(source.clone(), group)?;
        }
        return Ok(());
    }
    if !reader.is_enabled(group)? {
        return Ok(());
    }
    let source: Source = reader.read(group)?;
    sources.push(checked(source, reader, group)?);
    Ok(())
}

fn checked(mut source: Source, reader: &mut Reader, group: &Group) -> Result<Source, ConfigError> {
    source.group.clone_from(&group.name);
    source.location = Some(reader.location(group.line));
    if !group.entries.iter().any(|entry| entry.key == "type") {
        return Err(reader.lacks(group, "type", "1 V4L2 camera, 2 URI, 3 several URIs, 4 RTSP"));
    }
    if source.kind != SourceKind::V4l2 && source.uri.is_none() {
        return Err(reader.lacks(group, "uri", "file://…, rtsp://… or http://…"));
    }
    notice_recording(&source, reader, group);
    Ok(source)
}

/// Says what will not be recorded.
fn notice_recording(source: &Source, reader: &mut Reader, group: &Group) {
    let is_rtsp =
        source.kind == SourceKind::Rtsp || source.uri.as_ref().is_some_and(|uri| uri.starts_with("rtsp"));
    let why = match source.smart_record.trigger {
        Trigger::Off => return,
        _ if !is_rtsp => "is for RTSP cameras: nothing is recorded",
        Trigger::Messages => {
            "=1 waits for messages from a broker, which are not received: nothing is recorded"
        }
        Trigger::MessagesAndIntervals => return,
    };
    let entry = group.entries.iter().find(|entry| entry.key == "smart-record");
    let line = entry.map_or(group.line, |entry| entry.line);
    reader.notice(
        line,
        format!("[{}] smart-record {why}", group.name).replace("smart-record =", "smart-record="),
    );
}

const LIST: &str = "source-list";
const LIST_DEFAULTS: &str = "source-attr-all";

/// Takes `[source-list]` with `[source-attr-all]`.
pub(super) fn read_list(
    reader: &mut Reader,
    groups: &[Group],
    sources: &mut Vec<Source>,
) -> Result<(), ConfigError> {
    let Some(group) = groups.iter().find(|group| group.name == LIST) else { return Ok(()) };
    let Some(defaults) = groups.iter().find(|group| group.name == LIST_DEFAULTS) else {
        return Err(ConfigError::Syntax {
            location: reader.location(group.line),
            message: format!("[{LIST}] needs a group [{LIST_DEFAULTS}], which is not there"),
        });
    };
    let defaults: Source = reader.read(defaults)?;
    let list: List = reader.read(group)?;
    let folder = reader.document.file.parent().unwrap_or(Path::new("")).to_owned();
    let wanted = list.count.unwrap_or(list.uris.len());
    if wanted > list.uris.len() {
        return Err(reader.lacks(group, "list", &format!("{wanted} URIs, as num-source-bins says")));
    }
    for uri in list.uris.iter().take(wanted) {
        let mut source = Source {
            group: LIST.to_owned(),
            location: Some(reader.location(group.line)),
            folder: folder.clone(),
            uri: Some(uri.clone()),
            kind: if uri.starts_with("rtsp") { SourceKind::Rtsp } else { SourceKind::Uri },
            ..defaults.clone()
        };
        if let Some(node) = uri.strip_prefix("usb:").and_then(|node| node.parse().ok()) {
            (source.kind, source.device, source.uri) = (SourceKind::V4l2, node, None);
        } else if uri.starts_with("csi:") {
            let line = group.entries.iter().find(|entry| entry.key == "list").map_or(group.line, |e| e.line);
            return Err(ConfigError::Value {
                location: reader.location(line),
                group: LIST.to_owned(),
                key: "list".to_owned(),
                value: uri.clone(),
                allowed: "CSI cameras need the hardware of NVIDIA's Jetson; expected file://, rtsp://, http:// or usb:N"
                    .to_owned(),
            });
        }
        sources.push(source);
    }
    if list.rest {
        let message = format!(
            "[{LIST}] use-nvmultiurisrcbin: sources are not changed over HTTP; the list is what there is"
        );
        reader.notice(group.line, message);
    }
    Ok(())
}

#[derive(Default)]
struct List {
    count: Option<usize>,
    uris: Vec<String>,
    rest: bool,
}

impl Keys for List {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "num-source-bins" => {
                self.count = Some(field.int(0..=MAX_SOURCES)? as usize).filter(|&count| count > 0);
            }
            "list" => self.uris = field.parts().filter(|uri| !uri.is_empty()).map(str::to_owned).collect(),
            "use-nvmultiurisrcbin" => self.rest = field.flag()?,
            "sensor-id-list"
            | "sensor-name-list"
            | "stream-name-display"
            | "http-ip"
            | "http-port"
            | "max-batch-size"
            | "sgie-batch-size"
            | "low-latency-mode"
            | "extract-sei-type5-data"
            | "sei-uuid"
            | "dummy-payload"
            | "custom-ts-to-rfc"
            | "batched-sensor-name"
            | "enable-error-propagation"
            | "proto-lib"
            | "conn-str"
            | "topic" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Takes `source:` of YAML files, whose `csv-file-path` names a file with keys in the first line and a source in each
/// other one.
pub(super) fn read_csv(
    reader: &mut Reader,
    group: &Group,
    sources: &mut Vec<Source>,
) -> Result<(), ConfigError> {
    let Some(path) = reader.read::<CsvFile>(group)?.0 else {
        return Err(reader.lacks(group, "csv-file-path", "the path of a CSV file"));
    };
    let text =
        std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
    let document = Document::parse("", &path.with_extension("txt"))?;
    let document = Document { file: path.as_path().into(), ..document };
    let mut csv = Reader { document, notices: Vec::new() };
    let mut lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let keys: Vec<_> =
        lines.next().map(|(_, line)| line.split(',').map(str::trim).collect()).unwrap_or_default();
    for (row, (index, line)) in lines.enumerate() {
        let values = line.split(',').map(str::trim);
        let entries = keys
            .iter()
            .zip(values)
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| Entry { key: (*key).to_owned(), value: value.to_owned(), line: index + 1 });
        let group = Group { name: format!("source{row}"), line: index + 1, entries: entries.collect() };
        read_group(&mut csv, &group, sources)?;
    }
    reader.notices.append(&mut csv.notices);
    Ok(())
}

#[derive(Default)]
struct CsvFile(Option<PathBuf>);

impl Keys for CsvFile {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        match field.key() {
            "csv-file-path" => self.0 = field.path(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
