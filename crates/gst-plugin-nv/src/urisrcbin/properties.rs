//! What can be set on `nvurisrcbin`.

use super::record::{Container, RecordSettings};
use crate::basics::properties::{Choice, Property, Settings};

static MEMORY: Choice = Choice::new(
    c"GstNvurisrcbinCudaDecMemType",
    &[
        (0, "Memory type Device", "memtype_device"),
        (1, "Memory type Host Pinned", "memtype_pinned"),
        (2, "Memory type Unified", "memtype_unified"),
    ],
);
static TYPE: Choice = Choice::new(
    c"GstNvurisrcbinSourceType",
    &[
        (0, "By the URI's scheme", "auto"),
        (1, "Any URI that GStreamer can read", "uri"),
        (2, "A camera that speaks RTSP", "rtsp"),
    ],
);
static SKIP: Choice = Choice::new(
    c"GstNvurisrcbinDecSkipFrames",
    &[
        (0, "Decode all frames", "decode_all"),
        (1, "Decode non-ref frames", "decode_non_ref"),
        (2, "Decode key frames", "decode_key"),
    ],
);
static PROTOCOL: Choice = Choice::new(
    c"GstNvurisrcbinRtpProtocol",
    &[
        (0, "unknown", "rtp-unknown"),
        (1, "udp", "rtp-udp"),
        (2, "udp-mcast", "rtp-udp-mcast"),
        (4, "tcp", "rtp-tcp"),
        (7, "udp-udpmcast-tcp", "rtp-udp-udpmcast-tcp"),
        (10, "http", "rtp-http"),
        (20, "tls", "rtp-tls"),
    ],
);
static BUFFER_MODE: Choice = Choice::new(
    c"GstNvurisrcbinBufferMode",
    &[
        (0, "Only use RTP timestamps", "unknown"),
        (1, "Slave receiver to sender clock", "slave"),
        (2, "Do low/high watermark buffering", "buffer"),
        (3, "Choose mode depending on stream live", "auto"),
        (4, "Synchronized sender and receiver clocks", "synced"),
    ],
);
static LEAKY: Choice = Choice::new(
    c"GstNvurisrcbinLeaky",
    &[
        (0, "No Leak", "no-leak"),
        (1, "Upstream Leak", "upstream-leak"),
        (2, "Downstream Leak", "downstream-leak"),
    ],
);
static RECORD: Choice = Choice::new(
    c"GstNvurisrcbinSmartRecord",
    &[
        (0, "Disable Smart Record", "smart-rec-disable"),
        (1, "Trigger Smart Record through cloud messages only", "smart-rec-cloud"),
        (2, "Trigger Smart Record through cloud and local events", "smart-rec-multi"),
    ],
);
static CONTAINER: Choice = Choice::new(
    c"GstNvurisrcbinSmartRecContainer",
    &[(0, "MP4 container", "smart-rec-mp4"), (1, "MKV container", "smart-rec-mkv")],
);
static RECORD_MODE: Choice = Choice::new(
    c"GstNvurisrcbinSmartRecMode",
    &[
        (0, "Record audio and video", "smart-rec-mode-av"),
        (1, "Record video only", "smart-rec-mode-video"),
        (2, "Record audio only", "smart-rec-mode-audio"),
    ],
);

/// How RTP is to come, in the words of `rtspsrc`; `None` leaves it to that.
pub(super) fn protocols(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "udp",
        2 => "udp-mcast",
        4 => "tcp",
        7 => "tcp+udp-mcast+udp",
        10 => "http",
        20 => "tls",
        _ => return None,
    })
}

/// Seconds of `smart-rec-cache`.
const CACHE: u32 = 20;
/// Whether a recording is under way, which is read only.
pub(super) const STATUS: &str = "smart-rec-status";

/// How is to be recorded; what is wrong with the folder.
pub(super) fn record_settings(settings: &Settings) -> Result<RecordSettings, String> {
    let folder = settings.text("smart-rec-dir-path").ok_or("it is not set")?;
    if !std::path::Path::new(&folder).is_dir() {
        return Err(format!("{folder} is no folder"));
    }
    let prefix = settings.text("smart-rec-file-prefix").unwrap_or_default();
    let mut caches =
        ["smart-rec-cache", "smart-rec-video-cache"].map(|name| settings.number(name)).into_iter();
    Ok(RecordSettings {
        folder: folder.into(),
        prefix: format!("{prefix}_{}", settings.number::<i64>("source-id")),
        container: match settings.number("smart-rec-container") {
            1 => Container::Mkv,
            _ => Container::Mp4,
        },
        cache: caches.find(|seconds| *seconds != CACHE).unwrap_or(CACHE),
        default_duration: settings.number("smart-rec-default-duration"),
    })
}

/// Of a source by itself.
pub(crate) const OWN: &[Property] = &[
    Property::text("uri", None, "URI of the source"),
    Property::int("source-id", -1, i32::MAX, -1, "Number of the source; -1 is that of the multiplexer's pad"),
];

/// Of sources in general.
pub(crate) const COMMON: &[Property] = &[
    Property::choice("type", &TYPE, 0, "Kind of source"),
    Property::uint("num-extra-surfaces", 0, u32::MAX, 1, "Passed to the decoder"),
    Property::uint("gpu-id", 0, u32::MAX, 0, "Passed to the decoder"),
    Property::choice("cudadec-memtype", &MEMORY, 0, "Passed to the decoder"),
    Property::uint("drop-frame-interval", 0, 30, 0, "Passed to the decoder: of so many frames one is shown"),
    Property::choice("dec-skip-frames", &SKIP, 0, "Passed to the decoder: which frames are decoded"),
    Property::bool("low-latency-mode", false, "Passed to the decoder"),
    Property::uint(
        "rtsp-reconnect-interval",
        0,
        u32::MAX,
        0,
        "Seconds without data after which a camera is connected to again; 0 never",
    ),
    Property::int("rtsp-reconnect-attempts", -1, i32::MAX, -1, "How often in a row; -1 endlessly"),
    Property::uint(
        "init-rtsp-reconnect-interval",
        0,
        u32::MAX,
        0,
        "Seconds after which a first connection that failed is tried again; 0 never",
    ),
    Property::choice("select-rtp-protocol", &PROTOCOL, 7, "How RTP comes"),
    Property::uint("latency", 0, u32::MAX, 100, "Milliseconds of the jitter buffer"),
    Property::uint("udp-buffer-size", 0, u32::MAX, 524_288, "Bytes that the system keeps for RTP over UDP"),
    Property::bool("drop-on-latency", true, "Never keep more than the latency in the jitter buffer"),
    Property::choice("buffer-mode", &BUFFER_MODE, 3, "How the jitter buffer keeps time"),
    Property::choice("leaky", &LEAKY, 0, "What the queue behind the decoder gives up when it is full"),
    Property::uint(
        "max-size-buffers",
        0,
        u32::MAX,
        200,
        "Without effect: the queue behind the decoder holds few frames",
    ),
    Property::bool("file-loop", false, "Play files over and over"),
    Property::bool("disable-passthrough", false, "Passed to nvvideoconvert"),
    Property::bool("disable-audio", true, "Leave audio out"),
    Property::choice(
        "smart-record",
        &RECORD,
        0,
        "Keep what an RTSP camera sends, and record it when told to",
    ),
    Property::text("smart-rec-dir-path", None, "Folder of the recordings"),
    Property::text("smart-rec-file-prefix", Some("Smart_Record"), "What names of recordings begin with"),
    Property::uint("smart-rec-video-cache", 0, u32::MAX, CACHE, "Old name of smart-rec-cache"),
    Property::uint(
        "smart-rec-cache",
        0,
        u32::MAX,
        CACHE,
        "Seconds that are kept, for recordings to begin with",
    ),
    Property::choice("smart-rec-container", &CONTAINER, 0, "Kind of files"),
    Property::choice("smart-rec-mode", &RECORD_MODE, 0, "What is recorded: video works"),
    Property::uint("smart-rec-default-duration", 0, u32::MAX, 20, "Seconds of a recording that is told none"),
    Property::bool(STATUS, false, "Whether a recording is under way"),
    Property::bool("extract-sei-type5-data", false, "Read SEI messages: without effect"),
    Property::text("sei-uuid", None, "Which SEI messages: without effect"),
    Property::text("ipc-socket-path", None, "Without effect"),
    Property::bool("ipc-buffer-timestamp-copy", false, "Without effect"),
    Property::int("ipc-connection-attempts", -1, i32::MAX, -1, "Without effect"),
    Property::uint64("ipc-connection-interval", 1_000_000, "Without effect"),
    Property::uint("simulate-fps-interval-ms", 0, u32::MAX, 0, "Without effect"),
];
