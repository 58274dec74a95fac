//! Properties of the sinks.

use crate::basics::properties::Property;

/// Defaults of `GstVideoSink` and `GstBaseSink`, in nanoseconds.
const VIDEO_LATENESS: i64 = 5_000_000;
const VIDEO_DEADLINE: u64 = 15_000_000;

/// Properties that every sink of GStreamer's has.
const fn base(max_lateness: i64, qos: bool) -> [Property; 14] {
    [
        Property::bool("sync", true, "Show pictures at their time").while_playing(),
        Property::bool("async", true, "Go asynchronously to PAUSED").while_playing(),
        Property::bool("qos", qos, "Tell upstream about pictures that come too late").while_playing(),
        Property::int64(
            "max-lateness",
            -1,
            max_lateness,
            "Nanoseconds after which a picture is dropped; -1 never",
        )
        .while_playing(),
        Property::int64("ts-offset", i64::MIN, 0, "Nanoseconds by which pictures are shown later")
            .while_playing(),
        Property::bool("enable-last-sample", true, "Keep the last picture for last-sample").while_playing(),
        Property::uint("blocksize", 0, u32::MAX, 4096, "Bytes to pull at once; without meaning for pictures")
            .while_playing(),
        Property::uint64("render-delay", 0, "Nanoseconds that showing takes").while_playing(),
        Property::uint64("throttle-time", 0, "Nanoseconds between pictures at least").while_playing(),
        Property::uint64("max-bitrate", 0, "Most bits per second; 0 is no limit").while_playing(),
        Property::uint64("processing-deadline", VIDEO_DEADLINE, "Nanoseconds that processing may take")
            .while_playing(),
        Property::bool("show-preroll-frame", true, "Show the first picture while paused").while_playing(),
        Property::bool("force-aspect-ratio", true, "Do not stretch pictures").while_playing(),
        Property::uint64("display", 0, "Accepted; the display is that of the environment"),
    ]
}

pub(super) static EGL_BASE: [Property; 14] = base(VIDEO_LATENESS, true);
pub(super) static OTHER_BASE: [Property; 14] = base(-1, false);

const ACCEPTED: &str = "Accepted";

/// Where and how large a window is.
pub(super) static WINDOW: [Property; 4] = [
    Property::uint("window-x", 0, i32::MAX as u32, 10, "Accepted; windows are placed by the window manager"),
    Property::uint("window-y", 0, i32::MAX as u32, 10, "Accepted; windows are placed by the window manager"),
    Property::uint(
        "window-width",
        0,
        i32::MAX as u32,
        0,
        "Width of the window in pixels; 0 is that of the picture",
    ),
    Property::uint(
        "window-height",
        0,
        i32::MAX as u32,
        0,
        "Height of the window in pixels; 0 is that of the picture",
    ),
];

pub(super) static EGL: [Property; 9] = [
    Property::bool("create-window", true, "Accepted; there is a window unless GstVideoOverlay brings one"),
    Property::uint("rows", 1, u32::MAX, 1, ACCEPTED),
    Property::uint("columns", 1, u32::MAX, 1, ACCEPTED),
    Property::uint("profile", 0, u32::MAX, 0, ACCEPTED),
    Property::text("winsys", Some("x11"), "Accepted; the display is that of the environment"),
    Property::bool("show-latency", false, ACCEPTED),
    Property::bool("bufapi-version", false, "Accepted, as the old name of the only way there is"),
    Property::uint("ivisurf-id", 0, u32::MAX, 0, ACCEPTED),
    Property::uint("gpu-id", 0, u32::MAX, 0, ACCEPTED),
];

pub(super) static DRM: [Property; 6] = [
    Property::int("conn-id", -1, i32::MAX, -1, "DRM connector, where the kernel's display is used"),
    Property::int("plane-id", -1, i32::MAX, -1, "DRM plane, where the kernel's display is used"),
    Property::bool(
        "set-mode",
        false,
        "Set the mode of the display to the size of pictures, where the kernel's is used",
    ),
    Property::uint("offset-x", 0, u32::MAX, 0, ACCEPTED),
    Property::uint("offset-y", 0, u32::MAX, 0, ACCEPTED),
    Property::uint("color-range", 0, 2, 0, ACCEPTED),
];
