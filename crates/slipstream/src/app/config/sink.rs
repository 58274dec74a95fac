//! `[sinkN]`: where pictures go.

use std::path::PathBuf;

use slipstream_infer::config::{ConfigError, Field, Group, Location};

use super::{Keys, Reader, numbered};

/// `[sinkN]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// N.
    pub number: u32,
    /// Where the group begins.
    pub location: Option<Location>,
    /// `type`.
    pub kind: SinkKind,
    /// `sync`: whether pictures are shown at their time, or as soon as they are there.
    pub sync: bool,
    /// `qos`.
    pub qos: bool,
    /// `source-id`: the source, where there is no tiled picture.
    pub source_id: u32,
    /// `link-to-demux`.
    pub link_to_demux: bool,
    /// `width` of the window.
    pub width: Option<u32>,
    /// `height` of the window.
    pub height: Option<u32>,
    /// How pictures are encoded.
    pub encoding: Encoding,
    /// `output-file`, as it is given.
    pub output_file: Option<PathBuf>,
    /// `rtsp-port`.
    pub rtsp_port: u16,
}

/// `type` of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkKind {
    /// Nowhere.
    Fake,
    /// Onto the screen.
    Display,
    /// Into a file.
    File,
    /// To RTSP viewers.
    Rtsp,
    /// As messages to a broker.
    Broker,
}

/// How pictures are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// `container`.
    pub container: Container,
    /// `codec`.
    pub codec: Codec,
    /// `enc-type`.
    pub kind: EncoderKind,
    /// `bitrate` in bits per second; 0 leaves the encoder's.
    pub bitrate: u32,
    /// `profile`.
    pub profile: Option<u32>,
    /// `iframeinterval`; 0 leaves the encoder's.
    pub iframe_interval: u32,
    /// `sw-preset`: x264enc's `speed-preset`; 0 leaves ours.
    pub sw_preset: u32,
}

/// `container`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// MP4.
    Mp4,
    /// Matroska.
    Mkv,
}

/// `codec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// MPEG-4 part 2, by software.
    Mpeg4,
}

/// `enc-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncoderKind {
    /// DeepStream's element for the hardware's encoder.
    Hardware,
    /// x264enc or x265enc.
    Software,
}

/// Port of the RTSP server where the file sets none.
const RTSP_PORT: u16 = 8554;

impl Default for Sink {
    fn default() -> Self {
        Self {
            number: 0,
            location: None,
            kind: SinkKind::Fake,
            sync: false,
            qos: false,
            source_id: 0,
            link_to_demux: false,
            width: None,
            height: None,
            encoding: Encoding {
                container: Container::Mp4,
                codec: Codec::H264,
                kind: EncoderKind::Hardware,
                bitrate: 0,
                profile: None,
                iframe_interval: 0,
                sw_preset: 0,
            },
            output_file: None,
            rtsp_port: RTSP_PORT,
        }
    }
}

/// `type`, its meaning, and what becomes of it here; Jetson's ways to the screen are the screen.
const KINDS: [(u32, &str, SinkKind); 7] = [
    (1, "nowhere", SinkKind::Fake),
    (2, "window", SinkKind::Display),
    (3, "file", SinkKind::File),
    (4, "RTSP", SinkKind::Rtsp),
    (5, "screen", SinkKind::Display),
    (6, "message broker", SinkKind::Broker),
    (7, "window (Jetson)", SinkKind::Display),
];

impl Sink {
    pub(super) fn checked(mut sink: Self, reader: &Reader, group: &Group) -> Result<Self, ConfigError> {
        sink.number = numbered(reader, group, "sink")?;
        sink.location = Some(reader.location(group.line));
        let field = |key: &str| {
            let entry = group.entries.iter().find(|entry| entry.key == key)?;
            Some(Field { file: &reader.document.file, group: &group.name, entry })
        };
        if field("type").is_none() {
            return Err(reader.lacks(group, "type", "1 nowhere, 2 window, 3 file, 4 RTSP, 6 message broker"));
        }
        if sink.kind == SinkKind::File && sink.output_file.is_none() {
            return Err(reader.lacks(group, "output-file", "the path of the file to write"));
        }
        if sink.kind == SinkKind::Rtsp
            && sink.encoding.codec == Codec::Mpeg4
            && let Some(codec) = field("codec")
        {
            return Err(codec.wrong("an RTSP sink takes 1 H.264, 2 H.265"));
        }
        Ok(sink)
    }
}

impl Keys for Sink {
    fn set(&mut self, field: &Field<'_>) -> Result<bool, ConfigError> {
        let encoding = &mut self.encoding;
        match field.key() {
            "type" => self.kind = field.choice(&KINDS)?,
            "sync" => self.sync = field.flag()?,
            "qos" => self.qos = field.flag()?,
            "source-id" => self.source_id = field.count()?,
            "link-to-demux" => self.link_to_demux = field.flag()?,
            "width" => self.width = Some(field.count()?).filter(|&side| side > 0),
            "height" => self.height = Some(field.count()?).filter(|&side| side > 0),
            "container" => {
                encoding.container =
                    field.choice(&[(1, "MP4", Container::Mp4), (2, "MKV", Container::Mkv)])?;
            }
            "codec" => {
                encoding.codec = field.choice(&[
                    (1, "H.264", Codec::H264),
                    (2, "H.265", Codec::H265),
                    (3, "MPEG-4", Codec::Mpeg4),
                ])?;
            }
            "enc-type" => {
                encoding.kind = field.choice(&[
                    (0, "hardware", EncoderKind::Hardware),
                    (1, "software", EncoderKind::Software),
                ])?;
            }
            "bitrate" => encoding.bitrate = field.count()?,
            "profile" => encoding.profile = Some(field.count()?),
            "iframeinterval" => encoding.iframe_interval = field.count()?,
            "sw-preset" => encoding.sw_preset = field.int(0..=10)?,
            "output-file" => {
                self.output_file =
                    Some(PathBuf::from(field.text())).filter(|path| !path.as_os_str().is_empty());
            }
            "rtsp-port" => self.rtsp_port = field.int(1..=u16::MAX)?,
            "udp-port" => drop(field.int(1..=u16::MAX)?),
            "udp-buffer-size" => drop(field.int(0..=u64::MAX)?),
            "gpu-id" | "nvbuf-memory-type" | "compute-hw" | "output-io-mode" | "copy-meta" | "offset-x"
            | "offset-y" | "overlay-id" | "display-id" | "conn-id" | "plane-id" | "set-mode"
            | "color-range" | "nvdslogger" | "show-fps" | "show-latency" | "sleep-time" | "topic"
            | "multiple-payloads" | "debug-payload-dir" | "disable-msgconv" | "new-api" => {}
            key => return Ok(key.starts_with("msg-conv-") || key.starts_with("msg-broker-")),
        }
        Ok(true)
    }
}
