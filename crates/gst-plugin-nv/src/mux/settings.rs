//! Properties of both multiplexers, and what they mean for batches.

use std::sync::OnceLock;

use super::collect::{Patience, Rules, Sharing};
use super::new_config::NewConfig;
use crate::basics::properties::{Choice, Property, Settings};

/// Which of DeepStream's two multiplexers it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Frames of one size, however far apart their times.
    Old,
    /// Frames keep their sizes.
    New,
}

/// Set to this, programs get the new multiplexer.
const CHOICE: (&str, &str) = ("USE_NEW_NVSTREAMMUX", "yes");

impl Generation {
    /// What the environment said when it was asked first.
    pub(super) fn get() -> Self {
        static GENERATION: OnceLock<Generation> = OnceLock::new();
        *GENERATION.get_or_init(|| match std::env::var(CHOICE.0) {
            Ok(value) if value == CHOICE.1 => Self::New,
            _ => Self::Old,
        })
    }

    pub(super) fn properties(self) -> &'static [Property] {
        match self {
            Self::Old => OLD,
            Self::New => NEW,
        }
    }
}

static MEMORY: Choice = Choice::new(
    c"GstNvstreammuxMemoryType",
    &[
        (0, "Default memory allocated, specific to particular platform", "nvbuf-mem-default"),
        (1, "Allocate Pinned/Host cuda memory, applicable for Tesla", "nvbuf-mem-cuda-pinned"),
        (2, "Allocate Device cuda memory, applicable for Tesla", "nvbuf-mem-cuda-device"),
        (3, "Allocate Unified cuda memory, applicable for Tesla", "nvbuf-mem-cuda-unified"),
        (4, "Allocate Surface Array memory, applicable for Jetson", "nvbuf-mem-surface-array"),
    ],
);
static COMPUTE: Choice = Choice::new(
    c"GstNvstreammuxComputeHw",
    &[(0, "Default", "Default"), (1, "GPU", "GPU"), (2, "VIC", "VIC")],
);
static INTERPOLATION: Choice = Choice::new(
    c"GstNvstreammuxInterpolationMethod",
    &[
        (0, "Nearest", "Nearest"),
        (1, "Bilinear", "Bilinear"),
        (2, "GPU - Cubic, VIC - 5 Tap", "Algo-1"),
        (3, "GPU - Super, VIC - 10 Tap", "Algo-2"),
        (4, "GPU - Lanczos, VIC - Smart", "Algo-3"),
        (5, "GPU - Ignored, VIC - Nicest", "Algo-4"),
        (6, "GPU - Nearest, VIC - Nearest", "Default"),
    ],
);

/// Largest `batch-size`.
const MAX_BATCH: u32 = 1024;
/// `frame-duration` that says that nothing is to be corrected.
const NO_DURATION: u64 = u64::MAX;

const BATCH_SIZE: Property =
    Property::uint("batch-size", 0, MAX_BATCH, 0, "Frames in a batch at most").while_playing();
const ATTACH_SYS_TS: Property = Property::bool(
    "attach-sys-ts",
    true,
    "Frames carry the wall clock of their arrival; off: the camera's own, from RTCP sender reports",
);
const MAX_LATENCY: Property = Property::uint(
    "max-latency",
    0,
    u32::MAX,
    0,
    "Nanoseconds to wait longer for late inputs, with sync-inputs",
)
.while_playing();
const SYNC_INPUTS: Property = Property::bool("sync-inputs", false, "Line frames up by their running times");
const FRAME_NUM_EOS: Property =
    Property::bool("frame-num-reset-on-eos", false, "Count a source's frames from 0 again after its end");
const FRAME_NUM_RESET: Property = Property::bool(
    "frame-num-reset-on-stream-reset",
    false,
    "Count a source's frames from 0 again when it begins anew",
);
const FRAME_DURATION: Property =
    Property::uint64("frame-duration", NO_DURATION, "Correction of the camera's wall clock: without effect");
const DROP_EOS: Property =
    Property::bool("drop-pipeline-eos", false, "Send no end of stream when all sources have ended")
        .while_playing();

const OLD: &[Property] = &[
    BATCH_SIZE,
    Property::int(
        "batched-push-timeout",
        -1,
        i32::MAX,
        -1,
        "Microseconds after its first frame at which a batch leaves that is not full; -1 waits for ever",
    )
    .while_playing(),
    Property::uint("width", 0, u32::MAX, 0, "Width of frames in the metadata and for everything behind"),
    Property::uint("height", 0, u32::MAX, 0, "Height of frames in the metadata and for everything behind"),
    Property::bool("enable-padding", false, "Keep the aspect ratio of inputs, with black bands"),
    Property::bool("live-source", false, "Inputs are live: a frame of each in a batch, stamped by the clock"),
    SYNC_INPUTS,
    MAX_LATENCY,
    Property::uint("num-surfaces-per-frame", 1, 4, 1, "Surfaces of an input frame: 1 works"),
    Property::choice("nvbuf-memory-type", &MEMORY, 0, "Kind of memory: without effect"),
    Property::uint("buffer-pool-size", 4, MAX_BATCH, 4, "Batches under way at most"),
    Property::choice("compute-hw", &COMPUTE, 0, "What scales: without effect"),
    Property::choice("interpolation-method", &INTERPOLATION, 1, "How frames are scaled: without effect"),
    Property::uint("gpu-id", 0, u32::MAX, 0, "Number of the GPU: without effect"),
    ATTACH_SYS_TS,
    FRAME_DURATION,
    Property::bool("async-process", true, "Scale beside collecting: without effect"),
    DROP_EOS,
    FRAME_NUM_EOS,
    FRAME_NUM_RESET,
    Property::bool("align-inputs", false, "Wait until enough sources hold a frame: without effect"),
    Property::bool("extract-sei-type5-data", false, "Read SEI messages: without effect"),
    Property::bool("extract-sei-sim-time", false, "Read times from SEI messages: without effect"),
    Property::bool("drop-backward-sei", false, "Drop frames whose SEI time goes back: without effect"),
    Property::bool("sort-batch", false, "Order the frames of a batch by source"),
    Property::bool("cache-buffer", false, "Repeat the last frame of silent sources: without effect"),
    Property::int("cache-buffer-timeout", -1, i32::MAX, -1, "Until frames are gray instead: without effect"),
    Property::bool("align-first-buffer", false, "Begin with the same SEI time everywhere: without effect"),
    Property::int("sync-inputs-ntp", 0, i32::MAX, 0, "Line frames up by their wall clock: without effect"),
    Property::uint("failsafe-flush-count", 0, u32::MAX, 4, "With sync-inputs-ntp: without effect"),
];

const NEW: &[Property] = &[
    BATCH_SIZE,
    Property::int(
        "batched-push-timeout",
        1,
        i32::MAX,
        33_000,
        "Microseconds after the last batch at which one leaves that is not full",
    )
    .while_playing(),
    Property::uint("num-surfaces-per-frame", 0, 8, 1, "Surfaces of an input frame: 1 works"),
    Property::text("config-file-path", Some("NULL"), "File with the rules of batching"),
    ATTACH_SYS_TS,
    MAX_LATENCY,
    SYNC_INPUTS,
    FRAME_NUM_EOS,
    FRAME_NUM_RESET,
    FRAME_DURATION,
    DROP_EOS,
];

/// What the properties say, ready for use.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) generation: Generation,
    pub(super) batch_size: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) padding: bool,
    pub(super) live: bool,
    pub(super) sync_inputs: bool,
    /// Nanoseconds; `None` waits for ever.
    pub(super) timeout: Option<u64>,
    pub(super) max_latency: gst::ClockTime,
    pub(super) attach_sys_ts: bool,
    pub(super) drop_eos: bool,
    pub(super) reset_on_eos: bool,
    pub(super) reset_on_reset: bool,
    pub(super) sort: bool,
    pub(super) pool_size: u32,
    pub(super) file: NewConfig,
}

const NANOSECONDS_IN_MICROSECOND: u64 = 1_000;
/// What GObject cannot have as a default: DeepStream writes the word where no file is set.
pub(super) const NO_FILE: &str = "NULL";
/// Batches under way at most where no property says so: the old multiplexer's default.
const DEFAULT_POOL: u32 = 4;

impl Config {
    pub(super) fn read(generation: Generation, settings: &Settings, file: NewConfig) -> Self {
        let timeout: i64 = settings.number("batched-push-timeout");
        Self {
            generation,
            batch_size: settings.number("batch-size"),
            width: settings.number("width"),
            height: settings.number("height"),
            padding: settings.is_on("enable-padding"),
            live: settings.is_on("live-source"),
            sync_inputs: settings.is_on("sync-inputs"),
            timeout: u64::try_from(timeout).ok().map(|micros| micros * NANOSECONDS_IN_MICROSECOND),
            max_latency: gst::ClockTime::from_nseconds(settings.number("max-latency")),
            attach_sys_ts: settings.is_on("attach-sys-ts"),
            drop_eos: settings.is_on("drop-pipeline-eos"),
            reset_on_eos: settings.is_on("frame-num-reset-on-eos"),
            reset_on_reset: settings.is_on("frame-num-reset-on-stream-reset"),
            sort: settings.is_on("sort-batch"),
            pool_size: settings.number::<u32>("buffer-pool-size").max(DEFAULT_POOL),
            file,
        }
    }

    /// The rules of batching.
    pub(super) fn rules(&self) -> Rules {
        let batch_size = self.batch_size.max(1) as usize;
        match self.generation {
            Generation::Old => Rules {
                sharing: if self.live {
                    Sharing::OneEach { batch_size }
                } else {
                    Sharing::Even { batch_size }
                },
                patience: self.timeout.map_or(Patience::Endless, Patience::SinceFirstFrame),
            },
            Generation::New => {
                let fixed = self.file.batch_size.map_or(batch_size, |size| size as usize);
                Rules {
                    sharing: Sharing::Adaptive {
                        batch_size: (!self.file.adaptive).then_some(fixed),
                        per_source: self.file.per_source.max(1) as usize,
                    },
                    patience: Patience::SinceLastBatch(
                        self.file.longest_wait.or(self.timeout).unwrap_or_default(),
                    ),
                }
            }
        }
    }
}
