//! What can be wrong with a camera or a file, in words that say what to do about it.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::{CoreError, ResourceError, StreamError};

use crate::uri::{NetworkUri, redact};

/// RTSP and HTTP status codes (RFC 7826 §17, RFC 9110 §15).
mod status {
    pub(super) const UNAUTHORIZED: u32 = 401;
    pub(super) const FORBIDDEN: u32 = 403;
    pub(super) const NOT_FOUND: u32 = 404;
    pub(super) const UNSUPPORTED_TRANSPORT: u32 = 461;
}

/// What is wrong with an input. `Display` says it in a few words, without credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The host name is not known.
    #[error("name not found: {0}")]
    NameNotFound(String),
    /// The host is there, but nothing listens at the port.
    #[error("connection refused: nothing listens at port {0}")]
    Refused(u16),
    /// No way leads to the host.
    #[error("host not reachable")]
    Unreachable,
    /// No connection, for a reason that [`explain`] may find.
    #[error("cannot connect")]
    CannotConnect,
    /// The host, or the camera in the middle of a reply, says nothing.
    #[error("timed out: no answer")]
    TimedOut,
    /// It connects and answers, but not one frame comes.
    #[error("connected, but no frame comes")]
    NoFrames,
    /// Name or password are missing or wrong.
    #[error("wrong user or password (401)")]
    Unauthorized,
    /// Whoever logs in may not see this.
    #[error("access denied (403)")]
    Forbidden,
    /// The host is there, its camera is called something else.
    #[error("no such path (404)")]
    NotFound,
    /// The camera does not send over the transport asked for.
    #[error("the camera refuses this transport (461); try --transport udp or tcp")]
    TransportRefused,
    /// Any other refusal.
    #[error("the camera answers {code} {reason}")]
    Status {
        /// RTSP or HTTP status code.
        code: u32,
        /// What the camera says about it.
        reason: String,
    },
    /// Something answers, but not in RTSP.
    #[error("what answers there does not speak RTSP")]
    NotRtsp,
    /// The camera closed the connection.
    #[error("the camera closed the connection")]
    HungUp,
    /// There is sound, or nothing, but no picture.
    #[error("no video in the stream")]
    NoVideo,
    /// Nothing here decodes it.
    #[error("unsupported codec: {0}")]
    UnsupportedCodec(String),
    /// There is no such file.
    #[error("file not found")]
    FileNotFound,
    /// The file may not be read.
    #[error("not allowed to read the file")]
    FileDenied,
    /// The file is no video.
    #[error("not a video file")]
    NotMedia,
    /// Another program uses the device.
    #[error("the device is in use by another program")]
    Busy,
    /// Anything else, as GStreamer puts it.
    #[error("{0}")]
    Other(String),
}

impl Fault {
    /// One word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NameNotFound(_) => "name-not-found",
            Self::Refused(_) => "refused",
            Self::Unreachable => "unreachable",
            Self::CannotConnect => "cannot-connect",
            Self::TimedOut => "timed-out",
            Self::NoFrames => "no-frames",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::TransportRefused => "transport-refused",
            Self::Status { .. } => "status",
            Self::NotRtsp => "not-rtsp",
            Self::HungUp => "hung-up",
            Self::NoVideo => "no-video",
            Self::UnsupportedCodec(_) => "unsupported-codec",
            Self::FileNotFound => "file-not-found",
            Self::FileDenied => "file-denied",
            Self::NotMedia => "not-media",
            Self::Busy => "busy",
            Self::Other(_) => "other",
        }
    }

    /// Whether another transport may do.
    pub fn is_transport_refused(&self) -> bool {
        *self == Self::TransportRefused
    }
}

/// What an element's error message means.
pub fn classify(message: &gst::message::Error) -> Fault {
    let error = message.error();
    let debug = message.debug().map(|debug| debug.to_string()).unwrap_or_default();
    let from_file = message.src().is_some_and(|source| source.type_().name().contains("FileSrc"));
    let code = message.details().and_then(|details| {
        ["rtsp-status-code", "http-status-code"].into_iter().find_map(|name| details.get::<u32>(name).ok())
    });
    if let Some(code) = code {
        return from_status(code, &debug);
    }
    if let Some(kind) = error.kind::<ResourceError>() {
        return from_resource(kind, from_file, &debug).unwrap_or_else(|| other(message, &debug));
    }
    let is_codec = matches!(error.kind::<StreamError>(), Some(StreamError::CodecNotFound))
        || matches!(error.kind::<CoreError>(), Some(CoreError::MissingPlugin))
        || debug.contains("Missing decoder");
    // What `rtspsrc` says if no stream that it was to take could be set up with the transports allowed.
    if is_codec && message.src().is_some_and(|source| source.type_().name() == "GstRTSPSrc") {
        return Fault::TransportRefused;
    }
    if is_codec {
        return missing_decoder(&debug).map_or(Fault::NoVideo, Fault::UnsupportedCodec);
    }
    match error.kind::<StreamError>() {
        Some(StreamError::TypeNotFound | StreamError::WrongType | StreamError::Demux) => Fault::NotMedia,
        // Live sources that end in the middle of setting up.
        _ if debug.contains("can't typefind stream") || debug.contains("has no pads") => Fault::NotMedia,
        _ => other(message, &debug),
    }
}

fn from_status(code: u32, debug: &str) -> Fault {
    match code {
        status::UNAUTHORIZED => Fault::Unauthorized,
        status::FORBIDDEN => Fault::Forbidden,
        status::NOT_FOUND => Fault::NotFound,
        status::UNSUPPORTED_TRANSPORT => Fault::TransportRefused,
        code => {
            // `rtspsrc` writes "REASON (CODE)" on the last line.
            let reason =
                debug.lines().last().and_then(|line| line.rsplit_once(" (")).map_or("", |(text, _)| text);
            Fault::Status { code, reason: redact(reason) }
        }
    }
}

fn from_resource(kind: ResourceError, from_file: bool, debug: &str) -> Option<Fault> {
    // The result of GStreamer's RTSP library, in brackets at the end (`gst_rtsp_strresult`).
    let says = |text: &str| debug.contains(text);
    if says("Timeout while waiting") || says("Timeout error") || says("timed out") {
        return Some(Fault::TimedOut);
    }
    if says("no protocols left") || says("Could not receive any UDP packets") {
        return Some(Fault::TransportRefused);
    }
    if says("Parse error") || says("does not support SDP") {
        return Some(Fault::NotRtsp);
    }
    // A reset connection is a "System error".
    let is_reset = says("System error") && (says("receive message") || says("send message"));
    if is_reset || says("end-of-file") || says("closed the connection") {
        return Some(Fault::HungUp);
    }
    if says("SDP contains no streams") {
        return Some(Fault::NoVideo);
    }
    match kind {
        ResourceError::NotAuthorized => Some(if from_file { Fault::FileDenied } else { Fault::Unauthorized }),
        ResourceError::NotFound => Some(if from_file { Fault::FileNotFound } else { Fault::NotFound }),
        ResourceError::Busy => Some(Fault::Busy),
        ResourceError::OpenRead if from_file && says("Permission denied") => Some(Fault::FileDenied),
        ResourceError::OpenReadWrite => Some(Fault::CannotConnect),
        _ => None,
    }
}

/// "Missing decoder: Indeo 5 (video/x-indeo, …)" → "Indeo 5".
fn missing_decoder(debug: &str) -> Option<String> {
    let rest = debug.split_once("Missing decoder: ")?.1.lines().next()?;
    Some(rest.split(" (").next().unwrap_or(rest).trim().to_owned())
}

/// GStreamer's own words: the message, and the last line of its details, which names the cause.
fn other(message: &gst::message::Error, debug: &str) -> Fault {
    let text = message.error().message().trim_end_matches('.').to_owned();
    let cause = debug.lines().last().map(str::trim).unwrap_or_default();
    let says_more = debug.lines().count() > 1 && !cause.is_empty() && !text.contains(cause);
    Fault::Other(redact(&if says_more { format!("{text}: {cause}") } else { text }))
}

/// Finds out why there is no connection to `uri`, within `patience`. `rtspsrc` of GStreamer 1.22 calls a name that
/// is not known, a closed port and a dead host all "Generic error". Other faults stay as they are.
pub fn explain(fault: Fault, uri: &NetworkUri, patience: Duration) -> Fault {
    match fault {
        Fault::CannotConnect => knock(uri, patience).err().unwrap_or(Fault::CannotConnect),
        fault => fault,
    }
}

/// Opens and closes a TCP connection.
pub(crate) fn knock(uri: &NetworkUri, patience: Duration) -> Result<(), Fault> {
    let (host, port) = (uri.host(), uri.port());
    let deadline = Instant::now() + patience;
    let Ok(addresses) = (host, port).to_socket_addrs() else {
        return Err(Fault::NameNotFound(host.to_owned()));
    };
    let mut fault = Fault::NameNotFound(host.to_owned());
    for address in addresses {
        match knock_at(&address, deadline) {
            Ok(()) => return Ok(()),
            Err(error) => {
                fault = match error.kind() {
                    io::ErrorKind::ConnectionRefused => Fault::Refused(port),
                    io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Fault::TimedOut,
                    io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Fault::Unreachable,
                    _ => Fault::Other(error.to_string()),
                }
            }
        }
    }
    Err(fault)
}

fn knock_at(address: &SocketAddr, deadline: Instant) -> io::Result<()> {
    let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    TcpStream::connect_timeout(address, patience).map(drop)
}
