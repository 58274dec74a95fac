//! Properties of `nvvideoconvert` and `nvvidconv`.

use slipstream_meta::Rect;

use crate::basics::properties::{Choice, Property};

static FLIP: Choice = Choice::new(
    c"GstNvVideoConvertFlipMethod",
    &[
        (0, "Identity (no rotation)", "none"),
        (1, "Rotate counter-clockwise 90 degrees", "counterclockwise"),
        (2, "Rotate 180 degrees", "rotate-180"),
        (3, "Rotate clockwise 90 degrees", "clockwise"),
        (4, "Flip horizontally", "horizontal-flip"),
        (5, "Flip across upper right/lower left diagonal", "upper-right-diagonal"),
        (6, "Flip vertically", "vertical-flip"),
        (7, "Flip across upper left/lower right diagonal", "upper-left-diagonal"),
    ],
);
static INTERPOLATION: Choice = Choice::new(
    c"GstNvVideoConvertInterpolationMethod",
    &[
        (0, "Nearest", "Nearest"),
        (1, "Bilinear", "Bilinear"),
        (2, "GPU - Cubic, VIC - 5 Tap", "Algo-1"),
        (3, "GPU - Super, VIC - 10 Tap", "Algo-2"),
        (4, "GPU - LanzoS, VIC - Smart", "Algo-3"),
        (5, "GPU - Ignored, VIC - Nicest", "Algo-4"),
        (6, "GPU - Nearest, VIC - Nearest", "Default"),
    ],
);
static HARDWARE: Choice = Choice::new(
    c"GstNvVideoConvertComputeHW",
    &[(0, "Default, GPU for Tesla, VIC for Jetson", "Default"), (1, "GPU", "GPU"), (2, "VIC", "VIC")],
);
static MEMORY: Choice = Choice::new(
    c"GstNvVideoConvertMemoryType",
    &[
        (0, "Default memory allocated, specific to particular platform", "nvbuf-mem-default"),
        (1, "Allocate Pinned/Host cuda memory", "nvbuf-mem-cuda-pinned"),
        (2, "Allocate Device cuda memory", "nvbuf-mem-cuda-device"),
        (3, "Allocate Unified cuda memory", "nvbuf-mem-cuda-unified"),
        (4, "Allocate Surface Array memory, applicable for Jetson", "nvbuf-mem-surface-array"),
    ],
);

const FLIP_METHOD: Property =
    Property::choice("flip-method", &FLIP, 0, "How pictures are turned and mirrored").while_playing();
const INTERPOLATION_METHOD: Property =
    Property::choice("interpolation-method", &INTERPOLATION, 6, "How pictures are scaled");
const MEMORY_TYPE: Property =
    Property::choice("nvbuf-memory-type", &MEMORY, 0, "Accepted; all memory is the system's");
const OUTPUT_BUFFERS: Property =
    Property::uint("output-buffers", 1, u32::MAX, 4, "Accepted; there are as many as are in use");
const SILENT: Property = Property::bool("silent", false, "Accepted; nothing is printed");

pub(super) const CONVERT: &[Property] = &[
    SILENT,
    FLIP_METHOD,
    Property::text("src-crop", None, "The part of pictures that is shown, as left:top:width:height")
        .while_playing(),
    Property::text("dest-crop", None, "Where in the output it is shown, as left:top:width:height")
        .while_playing(),
    INTERPOLATION_METHOD,
    Property::choice("compute-hw", &HARDWARE, 0, "Accepted; the processor computes"),
    Property::choice("copy-hw", &HARDWARE, 1, "Accepted; the processor copies"),
    MEMORY_TYPE,
    Property::uint("gpu-id", 0, u32::MAX, 0, "Accepted; the processor computes"),
    OUTPUT_BUFFERS,
    Property::bool(
        "contiguous-buffers",
        false,
        "Accepted; the pictures of a batch have memory of their own each",
    ),
    Property::bool("bl-output", false, "Accepted; rows lie one behind the other"),
    Property::bool("allow-odd-crop", true, "Accepted; crops may start at odd pixels"),
    Property::bool("disable-passthrough", false, "Copy pictures although nothing has to change"),
];

/// Of the older element for Jetson.
pub(super) const VIDCONV: &[Property] = &[
    Property::int("left", 0, i32::MAX, 0, "Left edge of the part that is shown, in pixels").while_playing(),
    Property::int(
        "right",
        0,
        i32::MAX,
        0,
        "Right edge of the part that is shown, in pixels; 0 is the picture's",
    )
    .while_playing(),
    Property::int("top", 0, i32::MAX, 0, "Top edge of the part that is shown, in pixels").while_playing(),
    Property::int(
        "bottom",
        0,
        i32::MAX,
        0,
        "Bottom edge of the part that is shown, in pixels; 0 is the picture's",
    )
    .while_playing(),
];

/// A region as `left:top:width:height`.
pub(super) fn region(text: &str) -> Option<Rect> {
    let numbers: Vec<u32> = text.split(':').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    match *numbers.as_slice() {
        [left, top, width, height] if width > 0 && height > 0 => {
            Some(Rect::new(left as f32, top as f32, width as f32, height as f32))
        }
        _ => None,
    }
}

/// GStreamer's way of scaling for a number of `interpolation-method`. What DeepStream's GPU does by default, taking the nearest
/// pixel, costs no less here than interpolating.
pub(super) fn resampler(number: i32) -> gst_video::VideoResamplerMethod {
    match number {
        0 => gst_video::VideoResamplerMethod::Nearest,
        2 => gst_video::VideoResamplerMethod::Cubic,
        4 => gst_video::VideoResamplerMethod::Lanczos,
        _ => gst_video::VideoResamplerMethod::Linear,
    }
}
