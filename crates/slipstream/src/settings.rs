//! What the user can set: by flag, or by the environment variable of the same meaning. Flags win.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::ArgPredicate;
use slipstream_meta::Size;
use slipstream_track::TrackerConfig;

use crate::uri::{Credentials, Input, InputList};

/// A value that was given and cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no {what}: {allowed}")]
pub struct ValueError {
    what: &'static str,
    given: String,
    allowed: String,
}

fn refuse<T>(what: &'static str, given: &str, allowed: impl Into<String>) -> Result<T, ValueError> {
    Err(ValueError { what, given: given.to_owned(), allowed: allowed.into() })
}

/// Video codec of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// H.264 / AVC.
    #[default]
    H264,
    /// H.265 / HEVC.
    H265,
}

impl Codec {
    /// GStreamer's media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::H264 => "video/x-h264",
            Self::H265 => "video/x-h265",
        }
    }

    /// Name of GStreamer's parser.
    pub fn parser(self) -> &'static str {
        match self {
            Self::H264 => "h264parse",
            Self::H265 => "h265parse",
        }
    }

    /// Name of GStreamer's RTP payloader.
    pub fn payloader(self) -> &'static str {
        match self {
            Self::H264 => "rtph264pay",
            Self::H265 => "rtph265pay",
        }
    }
}

impl FromStr for Codec {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim().to_ascii_uppercase().as_str() {
            "H264" => Ok(Self::H264),
            "H265" => Ok(Self::H265),
            _ => refuse("codec", text, "allowed are H264 and H265"),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
        })
    }
}

/// Bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bitrate(u32);

impl Bitrate {
    /// Below this a tiled picture is mush, and whoever asks for it most likely meant kbit/s.
    pub const MIN: u32 = 64_000;
    /// The most that `x265enc` takes, in round numbers.
    pub const MAX: u32 = 100_000_000;

    /// Bits per second.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Thousands of bits per second, at least one.
    pub fn kilobits(self) -> u32 {
        (self.0 / 1000).max(1)
    }
}

impl FromStr for Bitrate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let trimmed = text.trim();
        let (digits, factor) = match trimmed.chars().last() {
            Some('k' | 'K') => (&trimmed[..trimmed.len() - 1], 1_000),
            Some('m' | 'M') => (&trimmed[..trimmed.len() - 1], 1_000_000),
            _ => (trimmed, 1),
        };
        let bits = digits.parse::<u32>().ok().and_then(|n| n.checked_mul(factor));
        match bits {
            Some(bits) if (Self::MIN..=Self::MAX).contains(&bits) => Ok(Self(bits)),
            Some(bits) if (1..Self::MIN).contains(&bits) => refuse(
                "bit rate",
                text,
                format!("bits per second are meant, at least {}; for {bits} kbit/s write {bits}k", Self::MIN),
            ),
            _ => refuse(
                "bit rate",
                text,
                format!(
                    "allowed are {} to {} bits per second, as 4000000, 4000k or 4M",
                    Self::MIN,
                    Self::MAX
                ),
            ),
        }
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where the output is found on the RTSP server: `/ds`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPath(String);

impl MountPath {
    /// Longer paths are refused.
    pub const MAX_LENGTH: usize = 200;

    /// The path with its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MountPath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refuse = |allowed: String| refuse("path for the output", text, allowed);
        let Some(rest) = text.strip_prefix('/') else {
            return refuse(format!("it begins with a slash, as in \"/{text}\""));
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '~');
        if !rest.chars().all(legal) {
            return refuse("allowed are letters, digits and / . _ - ~".into());
        }
        if rest.is_empty() || rest.ends_with('/') || text.contains("//") {
            return refuse("every slash is followed by a name, as in \"/ds\" or \"/house/door\"".into());
        }
        if text.len() > Self::MAX_LENGTH {
            return refuse(format!("it has {} characters, allowed are {}", text.len(), Self::MAX_LENGTH));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Smallest side of the output in pixels: less than one tile anybody could look at.
const MIN_SIDE: u32 = 64;
/// Largest side of the output in pixels: 8K, the most that H.264 and H.265 decoders take.
const MAX_SIDE: u32 = 8192;

/// One side of the output picture. Even, as both codecs halve it for colour.
fn parse_side(text: &str) -> Result<u32, ValueError> {
    match text.trim().parse::<u32>() {
        Ok(side) if (MIN_SIDE..=MAX_SIDE).contains(&side) && side % 2 == 0 => Ok(side),
        Ok(side) if side % 2 == 1 && (MIN_SIDE..MAX_SIDE).contains(&side) => {
            refuse("size in pixels", text, format!("it has to be even, as {} or {}", side - 1, side + 1))
        }
        _ => {
            refuse("size in pixels", text, format!("allowed are even numbers from {MIN_SIDE} to {MAX_SIDE}"))
        }
    }
}

/// How often each camera is looked at by the detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interval {
    /// As often as the machine can.
    #[default]
    Auto,
    /// `n` frames are left out between two that are looked at.
    Skip(u32),
}

impl FromStr for Interval {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            number => match number.parse() {
                Ok(skip) => Ok(Self::Skip(skip)),
                Err(_) => refuse(
                    "interval",
                    text,
                    "allowed are \"auto\" and the number of frames to leave out, from 0",
                ),
            },
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Skip(skip) => skip.fmt(f),
        }
    }
}

/// Which tracker follows the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackerChoice {
    /// None: boxes stay where they were found last.
    None,
    /// The one of this name, or of this config file.
    Given(String),
}

impl TrackerChoice {
    /// What `sliptrack` is to be told; `None` if there is to be none.
    pub fn given(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Given(choice) => Some(choice),
        }
    }
}

impl FromStr for TrackerChoice {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            "none" => Ok(Self::None),
            name if TrackerConfig::NAMES.contains(&name) => Ok(Self::Given(name.to_owned())),
            path if TrackerConfig::is_file(path) => Ok(Self::Given(path.to_owned())),
            _ => refuse(
                "tracker",
                text,
                format!(
                    "allowed are {}, none, and the path of a config file with its ending",
                    TrackerConfig::NAMES.join(", ")
                ),
            ),
        }
    }
}

impl fmt::Display for TrackerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.given().unwrap_or("none"))
    }
}

/// How RTP travels from a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Transport {
    /// TCP first; UDP for cameras that refuse it.
    #[default]
    Auto,
    /// Inside the RTSP connection: passes every router, loses nothing.
    Tcp,
    /// Datagrams: the least delay.
    Udp,
}

/// Which encoder makes the output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EncoderChoice {
    /// A hardware encoder if one works, else the best in software.
    #[default]
    Auto,
    /// The GStreamer element of this name.
    Named(String),
}

impl FromStr for EncoderChoice {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            name if !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') =>
            {
                Ok(Self::Named(name.to_owned()))
            }
            _ => refuse(
                "encoder",
                text,
                "allowed are \"auto\" and the name of a GStreamer element, as x264enc",
            ),
        }
    }
}

impl fmt::Display for EncoderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// A time in seconds from 0.1 to 86400.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, ValueError> {
    match text.trim().parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => refuse("time", text, "allowed are 0.1 to 86400 seconds"),
    }
}

/// Anything but `no` shows the frames, as in the article.
fn parse_show_frames(text: &str) -> Result<bool, std::convert::Infallible> {
    Ok(!text.trim().eq_ignore_ascii_case("no"))
}

/// Where pictures come from.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Cameras")]
pub struct InputArgs {
    /// Cameras and files: rtsp://, rtsps://, http(s)://, file://, a path, or /dev/videoN
    #[arg(value_name = "URI", hide_env_values = true)]
    uris: Vec<Input>,

    /// The same as one comma-separated list; ignored where URIs are given
    #[arg(long = "inputs", value_name = "URI,…", env = "RTSPINPUT", hide_env_values = true)]
    list: Option<InputList>,
}

impl InputArgs {
    /// These inputs and no others.
    pub fn new(inputs: Vec<Input>) -> Self {
        Self { uris: inputs, list: None }
    }

    /// The inputs in their order.
    pub fn inputs(&self) -> &[Input] {
        match &self.list {
            Some(InputList(list)) if self.uris.is_empty() => list,
            _ => &self.uris,
        }
    }
}

/// How cameras are read.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Cameras")]
pub struct SourceArgs {
    /// What to call the cameras, in their order
    #[arg(long, value_name = "NAME,…", env = "SLIPSTREAM_NAMES", value_delimiter = ',')]
    pub names: Vec<String>,

    /// Play files over and over
    #[arg(long = "loop")]
    pub repeat: bool,

    /// A camera that shows no frame for so long is connected anew
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub frame_timeout: Duration,

    /// How long packets wait for those that come late or in the wrong order
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub latency: u32,

    /// How video travels from the cameras; auto is TCP, and UDP where a camera refuses TCP
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub transport: Transport,
}

/// What the detector does.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Detection")]
pub struct DetectorArgs {
    /// Detector: its configuration in DeepStream's nvinfer format, INI or YAML, or a name of `slipstream model list`
    #[arg(long, value_name = "CONFIG", env = "SLIPSTREAM_MODEL")]
    pub model: Option<PathBuf>,

    /// Frames of each camera to leave out between two that are looked at, or auto: as few as the machine can
    #[arg(long, value_name = "N", default_value = "auto")]
    pub interval: Interval,

    /// Second stage, a network that looks at the objects that were found: its configuration; may be given several times
    #[arg(long, value_name = "CONFIG")]
    pub secondary: Vec<PathBuf>,
}

/// How objects are followed.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Tracking")]
pub struct TrackerArgs {
    /// Tracker: slip, iou, sort, bytetrack, ocsort, its configuration in DeepStream's nvtracker format, or none
    #[arg(long, value_name = "NAME|FILE", env = "SLIPSTREAM_TRACKER", default_value = "slip")]
    pub tracker: TrackerChoice,

    /// Draw the way that each object came, over so many frames
    #[arg(long, value_name = "FRAMES", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1800))]
    pub trails: u32,
}

/// The tiled picture.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Picture")]
pub struct PictureArgs {
    /// Width of the picture in pixels
    #[arg(long = "output-width", value_name = "PIXELS", env = "OUTPUT_WIDTH", default_value = "1200", value_parser = parse_side)]
    pub width: u32,

    /// Height of the picture in pixels
    #[arg(long = "output-height", value_name = "PIXELS", env = "OUTPUT_HEIGHT", default_value = "600", value_parser = parse_side)]
    pub height: u32,

    /// Rows of tiles [default: the root of the number of cameras, rounded down]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub rows: Option<u32>,

    /// Columns of tiles [default: as many as the cameras need]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub columns: Option<u32>,

    /// Pictures per second [default: those of the fastest camera]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: Option<u32>,

    /// Fit cameras into their tiles with black bands instead of stretching them
    #[arg(long)]
    pub keep_aspect_ratio: bool,
}

impl PictureArgs {
    /// Width and height.
    pub fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

/// How the picture is encoded.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct EncoderArgs {
    /// H264 or H265
    #[arg(long, env = "CODEC", default_value = "H264", ignore_case = true)]
    pub codec: Codec,

    /// Bits per second: 4000000, 4000k or 4M
    #[arg(long, env = "BITRATE", default_value = "4000000")]
    pub bitrate: Bitrate,

    /// GStreamer element to encode with; auto takes hardware if it works
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub encoder: EncoderChoice,
}

/// Where the output is, for those who serve it and those who look at it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct AddressArgs {
    /// TCP port of the RTSP server; 0 takes any free one
    #[arg(long, env = "RTSPOUTPUTPORTNUM", default_value = "8554")]
    pub port: u16,

    /// Path of the output on the RTSP server
    #[arg(long, env = "RTSPOUTPUTPATH", default_value = "/ds")]
    pub path: MountPath,

    /// Name that viewers have to give
    #[arg(
        long,
        value_name = "NAME",
        env = "SLIPSTREAM_OUTPUT_USER",
        hide_env_values = true,
        requires_if(ArgPredicate::IsPresent, "output_password")
    )]
    output_user: Option<String>,

    /// Password that viewers have to give; better set by the variable, as flags are seen by all users
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "SLIPSTREAM_OUTPUT_PASSWORD",
        hide_env_values = true,
        requires_if(ArgPredicate::IsPresent, "output_user")
    )]
    output_password: Option<Secret>,
}

impl AddressArgs {
    /// Name and password, if both are set.
    pub fn credentials(&self) -> Option<Credentials> {
        let Secret(password) = self.output_password.clone()?;
        Some(Credentials { user: self.output_user.clone()?, password })
    }
}

/// A text that `Debug` does not show.
#[derive(Clone)]
struct Secret(String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Everything that `slipstream run` can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct RunSettings {
    /// Cameras and files.
    #[command(flatten)]
    pub input: InputArgs,
    /// Everything but the inputs.
    #[command(flatten)]
    pub job: JobSettings,
}

/// Everything that the ordinary job can be told, whichever inputs it has.
#[derive(Debug, Clone, clap::Args)]
pub struct JobSettings {
    /// How cameras are read.
    #[command(flatten)]
    pub source: SourceArgs,
    /// What the detector does.
    #[command(flatten)]
    pub detector: DetectorArgs,
    /// How objects are followed.
    #[command(flatten)]
    pub tracking: TrackerArgs,
    /// The tiled picture.
    #[command(flatten)]
    pub picture: PictureArgs,
    /// How it is encoded.
    #[command(flatten)]
    pub encoder: EncoderArgs,
    /// Where it is served.
    #[command(flatten)]
    pub address: AddressArgs,

    /// Address of this machine to listen at: 0.0.0.0 is all of IPv4, :: all there is, 127.0.0.1 this machine only
    #[arg(long, value_name = "ADDRESS", env = "SLIPSTREAM_BIND", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED), help_heading = "Output")]
    pub bind: IpAddr,

    /// Address to print for viewers [default: this machine's in the local network]
    #[arg(long = "ip-address", value_name = "ADDRESS", env = "IPADDR", help_heading = "Output")]
    pub ip_address: Option<String>,

    /// Print one line per frame: anything but "no" does; with "no" a table, or a summary every ten seconds
    #[arg(long, value_name = "yes|no", env = "SHOW_FRAMES", default_value = "yes", value_parser = parse_show_frames, action = clap::ArgAction::Set, help_heading = "Messages")]
    pub show_frames: bool,

    /// Processor architecture; taken for compatibility and only noted, as one program serves all
    #[arg(long, env = "ARCH", help_heading = "Messages")]
    pub arch: Option<String>,
}
