//! Properties of the encoders.

use crate::basics::properties::{Choice, Property};

/// `control-rate`: the rate may rise to the peak for a while.
pub(super) const VARIABLE: i32 = 0;
/// `tuning-info-id`: no loss at all.
pub(super) const LOSSLESS: i32 = 4;

static CONTROL_RATE: Choice = Choice::new(
    c"GstNvVideoEncRateControlType",
    &[
        (VARIABLE, "GST_V4L2_VIDENC_VARIABLE_BITRATE", "variable_bitrate"),
        (1, "GST_V4L2_VIDENC_CONSTANT_BITRATE", "constant_bitrate"),
    ],
);
static PRESET: Choice = Choice::new(
    c"GstNvVideoEncHwPreset",
    &[
        (0, "Disable HW-Preset", "DisablePreset"),
        (1, "UltraFastPreset for high perf", "UltraFastPreset"),
        (2, "FastPreset", "FastPreset"),
        (3, "MediumPreset", "MediumPreset"),
        (4, "SlowPreset", "SlowPreset"),
    ],
);
static TUNING: Choice = Choice::new(
    c"GstNvVideoEncTuningInfoPreset",
    &[
        (1, "Tuning Preset for High Quality", "HighQualityPreset"),
        (2, "Tuning Preset for Low Latency", "LowLatencyPreset"),
        (3, "Tuning Preset for Ultra Low Latency", "UltraLowLatencyPreset"),
        (LOSSLESS, "Tuning Preset for Lossless", "LosslessPreset"),
    ],
);
static H264_PROFILE: Choice = Choice::new(
    c"GstNvVideoEncH264Profile",
    &[
        (0, "GST_V4L2_H264_VIDENC_BASELINE_PROFILE", "Baseline"),
        (1, "GST_V4L2_H264_VIDENC_CONSTRAINED_BASELINE_PROFILE", "ConstrainedBaseline"),
        (2, "GST_V4L2_H264_VIDENC_MAIN_PROFILE", "Main"),
        (4, "GST_V4L2_H264_VIDENC_HIGH_PROFILE", "High"),
        (7, "GST_V4L2_H264_VIDENC_HIGH_444_PREDICTIVE", "High444"),
        (17, "GST_V4L2_H264_VIDENC_CONSTRAINED_HIGH_PROFILE", "ConstrainedHigh"),
    ],
);
static H265_PROFILE: Choice = Choice::new(
    c"GstNvVideoEncH265Profile",
    &[
        (0, "GST_V4L2_H265_VIDENC_MAIN_PROFILE", "Main"),
        (1, "GST_V4L2_H265_VIDENC_MAIN10_PROFILE", "Main10"),
        (3, "GST_V4L2_H265_VIDENC_FREXT_PROFILE", "FREXT"),
    ],
);
static IO_MODE: Choice = Choice::new(
    c"GstNvEncIOMode",
    &[
        (0, "GST_V4L2_IO_AUTO", "auto"),
        (1, "GST_V4L2_IO_RW", "rw"),
        (2, "GST_V4L2_IO_MMAP", "mmap"),
        (3, "GST_V4L2_IO_USERPTR", "userptr"),
        (4, "GST_V4L2_IO_DMABUF", "dmabuf"),
        (5, "GST_V4L2_IO_DMABUF_IMPORT", "dmabuf-import"),
    ],
);

const ACCEPTED: &str = "Accepted; the processor encodes";
const UNSET: u32 = u32::MAX;

/// Of both encoders.
pub(super) const COMMON: &[Property] = &[
    Property::choice("control-rate", &CONTROL_RATE, 1, "Constant rate, or one that may rise to peak-bitrate"),
    Property::uint("bitrate", 0, u32::MAX, 4_000_000, "Bits per second").while_playing(),
    Property::uint(
        "peak-bitrate",
        0,
        u32::MAX,
        0,
        "Most bits per second with variable rate; 0 is 1.2 x bitrate",
    ),
    Property::uint("iframeinterval", 0, u32::MAX, 30, "Pictures from one key frame to the next at most"),
    Property::uint(
        "idrinterval",
        0,
        u32::MAX,
        256,
        "As iframeinterval, the lower one counts: every key frame is an IDR picture",
    ),
    Property::choice("preset-level", &PRESET, 1, "How much time is spent on quality, on Jetson"),
    Property::uint("preset-id", 1, 7, 1, "How much time is spent on quality, on other GPUs: 1 least, 7 most"),
    Property::choice("tuning-info-id", &TUNING, 2, "Lossless, or low delay as all the others"),
    Property::bool(
        "insert-sps-pps",
        false,
        "Accepted; parameter sets stand before every key frame in any case",
    ),
    Property::bool("insert-aud", false, "Start every picture with an access unit delimiter (H.264)"),
    Property::bool(
        "insert-vui",
        false,
        "Accepted; what is known of colours and rate is in the stream in any case",
    ),
    Property::bool("ratecontrol-enable", true, "Keep to a rate; else the quantizers are constant"),
    Property::text(
        "qp-range",
        Some("-1,-1:-1,-1:-1,-1"),
        "Least and greatest quantizer of P, I and B pictures; that of P counts",
    ),
    Property::uint("quant-i-frames", 0, UNSET, UNSET, "Accepted; follows from quant-p-frames"),
    Property::uint("quant-p-frames", 0, UNSET, UNSET, "Quantizer where ratecontrol-enable is off"),
    Property::uint("quant-b-frames", 0, UNSET, UNSET, "Accepted; follows from quant-p-frames"),
    Property::uint("num-B-Frames", 0, 16, 0, "B-frames between others; each is a picture of delay"),
    Property::uint("num-Ref-Frames", 0, 16, 1, "Pictures that others are made from (H.264)"),
    Property::bool("enable-lossless", false, "Keep every bit"),
    Property::bool("force-idr", false, "Setting it makes the next picture a key frame").while_playing(),
    Property::bool("force-intra", false, "Setting it makes the next picture a key frame").while_playing(),
    Property::bool("maxperf-enable", false, ACCEPTED),
    Property::bool("EnableTwopassCBR", false, ACCEPTED),
    Property::bool("MeasureEncoderLatency", false, ACCEPTED),
    Property::bool("copy-timestamp", false, "Accepted; coded pictures have the times of their pictures"),
    Property::uint("vbv-size", 0, u32::MAX, 4_000_000, ACCEPTED),
    Property::uint("SliceIntraRefreshInterval", 0, u32::MAX, 60, ACCEPTED),
    Property::uint("slice-header-spacing", 0, u32::MAX, 0, "Accepted; each picture is one slice"),
    Property::bool("bit-packetization", false, ACCEPTED),
    Property::bool("bufapi-version", false, "Accepted, as the old name of the only way there is"),
    Property::uint("cq", 0, 51, 0, ACCEPTED),
    Property::uint("max-bitrate", 0, u32::MAX, 0, "As peak-bitrate"),
    Property::uint("aq", 0, 15, 0, ACCEPTED),
    Property::bool("temporalaq", false, ACCEPTED),
    Property::uint("gpu-id", 0, u32::MAX, 0, ACCEPTED),
    Property::bool("copy-meta", false, ACCEPTED),
    Property::choice("capture-io-mode", &IO_MODE, 0, ACCEPTED),
    Property::choice("output-io-mode", &IO_MODE, 0, ACCEPTED),
    Property::text("device", Some("/dev/nvhost-msenc"), ACCEPTED),
    Property::int("device-fd", -1, i32::MAX, -1, ACCEPTED),
];

/// Of `nvv4l2h264enc`.
pub(super) const H264: &[Property] = &[
    Property::choice(
        "profile",
        &H264_PROFILE,
        0,
        "What decoders must be able to do, unless the caps downstream say it",
    ),
    Property::bool(
        "cabac-entropy-coding",
        false,
        "Accepted; follows from the profile, unless disable-cabac is set",
    ),
    Property::bool("disable-cabac", false, "Code without arithmetic coding"),
    Property::uint("poc-type", 0, 2, 0, ACCEPTED),
];

/// Of `nvv4l2h265enc`.
pub(super) const H265: &[Property] = &[
    Property::choice("profile", &H265_PROFILE, 0, "Main for eight bits, Main10 for ten"),
    Property::uint("slice-intra-refresh", 0, u32::MAX, 0, ACCEPTED),
];
