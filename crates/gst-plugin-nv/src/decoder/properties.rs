//! Properties of `nvv4l2decoder`.

use crate::basics::properties::{Choice, Property};

/// Decode all pictures.
pub(super) const DECODE_ALL: i32 = 0;
/// Leave out pictures that no other needs.
pub(super) const DECODE_NON_REF: i32 = 1;
/// Decode key frames only.
pub(super) const DECODE_KEY: i32 = 2;

static SKIP_FRAMES: Choice = Choice::new(
    c"GstNvDecSkipFrames",
    &[
        (DECODE_ALL, "Decode all frames", "decode_all"),
        (DECODE_NON_REF, "Decode non-ref frames", "decode_non_ref"),
        (DECODE_KEY, "decode key frames", "decode_key"),
    ],
);
static MEMORY: Choice = Choice::new(
    c"GstNvDecCudaMemType",
    &[
        (0, "Memory type Device", "memtype_device"),
        (1, "Memory type Host Pinned", "memtype_pinned"),
        (2, "Memory type Unified", "memtype_unified"),
    ],
);
static IO_MODE: Choice = Choice::new(
    c"GstNvDecIOMode",
    &[
        (0, "GST_V4L2_IO_AUTO", "auto"),
        (1, "GST_V4L2_IO_RW", "rw"),
        (2, "GST_V4L2_IO_MMAP", "mmap"),
        (3, "GST_V4L2_IO_USERPTR", "userptr"),
        (4, "GST_V4L2_IO_DMABUF", "dmabuf"),
        (5, "GST_V4L2_IO_DMABUF_IMPORT", "dmabuf-import"),
    ],
);

const ACCEPTED: &str = "Accepted; the processor decodes";

pub(super) const DECODER: &[Property] = &[
    Property::choice(
        "skip-frames",
        &SKIP_FRAMES,
        DECODE_ALL,
        "Which pictures are left out before they are decoded",
    )
    .while_playing(),
    Property::uint(
        "drop-frame-interval",
        0,
        30,
        0,
        "Of so many decoded pictures one goes on; 0 and 1 let all go",
    )
    .while_playing(),
    Property::bool("low-latency-mode", false, "Each picture is decoded before the next one is taken"),
    Property::uint("num-extra-surfaces", 0, 55, 0, "Accepted; there are as many pictures as are in use"),
    Property::choice("cudadec-memtype", &MEMORY, 0, "Accepted; all memory is the system's"),
    Property::uint("gpu-id", 0, u32::MAX, 0, ACCEPTED),
    Property::bool("enable-max-performance", false, ACCEPTED),
    Property::bool("disable-dpb", false, ACCEPTED),
    Property::bool("enable-full-frame", false, ACCEPTED),
    Property::bool("enable-frame-type-reporting", false, ACCEPTED),
    Property::bool("enable-error-check", false, ACCEPTED),
    Property::bool("mjpeg", false, "Accepted; streams of JPEG pictures are decoded in any case"),
    Property::bool("bufapi-version", false, "Accepted, as the old name of the only way there is"),
    Property::bool("is-gdr-stream", false, ACCEPTED),
    Property::bool("extract-sei-type5-data", false, "Accepted; user data of the stream is not passed on"),
    Property::text("sei-uuid", None, "Accepted; user data of the stream is not passed on"),
    Property::choice("capture-io-mode", &IO_MODE, 0, ACCEPTED),
    Property::choice("output-io-mode", &IO_MODE, 0, ACCEPTED),
    Property::text("device", Some("/dev/nvhost-nvdec"), ACCEPTED),
    Property::int("device-fd", -1, i32::MAX, -1, ACCEPTED),
];
