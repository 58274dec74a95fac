use std::collections::BTreeSet;
use std::sync::LazyLock;

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::subclass::prelude::*;
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_buffer::meta::{Batch, BatchContent, BatchPicture, holds_batch, nvmm_caps};
use slipstream_meta::{FrameMeta, Size};

use super::grid::Tiles;
use super::state::State;
use crate::basics::properties::{Choice, Property, Settings, specs};
use crate::caps::{batches_and_pictures, templates};
use crate::event::StreamEvent;
use crate::query::Number;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvmultistreamtiler",
        gst::DebugColorFlags::empty(),
        Some("nvmultistreamtiler of Slipstream"),
    )
});

/// Formats of frames and of the picture.
const FORMATS: [VideoFormat; 3] = [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Rgba];
/// Width and height are multiples of this.
const ALIGNMENT: u32 = 4;
/// Least width and height.
const MIN_SIZE: u32 = 16;

static COMPUTE_HW: Choice = Choice::new(
    c"GstNvTilerComputeHWType",
    &[(0, "Default", "Default"), (1, "GPU", "GPU"), (2, "VIC", "VIC")],
);
static INTERPOLATION: Choice = Choice::new(
    c"GstNvTilerInterpolationMethodType",
    &[
        (0, "Nearest", "Nearest"),
        (1, "Bilinear", "Bilinear"),
        (2, "Algo-1", "Algo-1"),
        (3, "Algo-2", "Algo-2"),
        (4, "Algo-3", "Algo-3"),
        (5, "Algo-4", "Algo-4"),
        (6, "Default", "Default"),
    ],
);
static MEMORY: Choice = Choice::new(
    c"GstNvTilerNvBufMemoryType",
    &[
        (0, "Default memory allocated, specific to particular platform", "nvbuf-mem-default"),
        (1, "Allocate Pinned/Host cuda memory", "nvbuf-mem-cuda-pinned"),
        (2, "Allocate Device cuda memory", "nvbuf-mem-cuda-device"),
        (3, "Allocate Unified cuda memory", "nvbuf-mem-cuda-unified"),
        (4, "Allocate Surface Array memory", "nvbuf-mem-surface-array"),
    ],
);

const NO_GPU: &str = "Taken, and without effect: pictures are scaled by the processor";

static PROPERTIES: &[Property] = &[
    Property::uint("rows", 1, u32::MAX, 1, "Rows of tiles").while_playing(),
    Property::uint("columns", 1, u32::MAX, 1, "Columns of tiles").while_playing(),
    Property::uint(
        "width",
        MIN_SIZE,
        i32::MAX as u32,
        1920,
        "Width of the picture, rounded up to a multiple of 4",
    ),
    Property::uint(
        "height",
        MIN_SIZE,
        i32::MAX as u32,
        1080,
        "Height of the picture, rounded up to a multiple of 4",
    ),
    Property::int(
        "show-source",
        -1,
        i32::MAX,
        -1,
        "The only source to show, on all of the picture; -1 shows all",
    )
    .while_playing(),
    Property::bool(
        "square-seq-grid",
        false,
        "A square grid that grows and shrinks with the number of sources",
    ),
    Property::uint(
        "buffer-pool-size",
        4,
        10,
        5,
        "Taken, and without effect: there are as many as are needed",
    ),
    Property::choice("compute-hw", &COMPUTE_HW, 0, NO_GPU),
    Property::choice(
        "interpolation-method",
        &INTERPOLATION,
        0,
        "Taken, and without effect: bilinear, or by areas",
    ),
    Property::choice("nvbuf-memory-type", &MEMORY, 0, NO_GPU),
    Property::uint("gpu-id", 0, u32::MAX, 0, NO_GPU),
];

/// The property of tiles of any size, which takes an address and is for C programs only.
const CUSTOM_TILES: &str = "custom-tile-config";

/// How the buffers of a stream lie in memory.
struct Stream {
    caps: gst::Caps,
    info: Option<gst_video::VideoInfo>,
}

/// Instance data of [`super::NvMultiStreamTiler`].
pub struct NvMultiStreamTiler {
    settings: Settings,
    stream: Mutex<Option<Stream>>,
    state: Mutex<Option<State>>,
    /// Sources that have joined and are still there: they do so before there is a canvas.
    joined: Mutex<BTreeSet<u32>>,
}

impl Default for NvMultiStreamTiler {
    fn default() -> Self {
        Self {
            settings: Settings::new(&[PROPERTIES]),
            stream: Mutex::default(),
            state: Mutex::default(),
            joined: Mutex::default(),
        }
    }
}

impl NvMultiStreamTiler {
    fn tiles(&self) -> Tiles {
        let number = |name: &str| self.settings.number::<u32>(name);
        let mut tiles = Tiles::new(number("rows"), number("columns"), self.settings.is_on("square-seq-grid"));
        self.joined.lock().iter().for_each(|&source| {
            tiles.add(source);
        });
        tiles
    }

    fn size(&self) -> Size {
        let length =
            |name: &str| self.settings.number::<u32>(name).next_multiple_of(ALIGNMENT).min(i32::MAX as u32);
        Size::new(length("width"), length("height"))
    }

    /// The batch in `input`, a plain picture being a batch of one.
    fn content(&self, input: InputBuffer<'_>) -> BatchContent {
        let (mut content, buffer) = match input {
            InputBuffer::Writable(buffer) => {
                let content = buffer.meta_mut::<Batch>().map(|mut batch| std::mem::take(batch.content_mut()));
                (content.unwrap_or_default(), &*buffer)
            }
            InputBuffer::Readable(buffer) => {
                (buffer.meta::<Batch>().map(|batch| batch.content().clone()).unwrap_or_default(), buffer)
            }
        };
        let stream = self.stream.lock();
        if let Some(Stream { caps, info: Some(info) }) = stream.as_ref()
            && !holds_batch(caps, buffer)
        {
            if content.meta.frames.is_empty() {
                let size = Size::new(info.width(), info.height());
                content.meta.frames.push(FrameMeta::new(0, "source 0".into(), 0, size));
            }
            content.meta.frames.truncate(1);
            content.pictures = vec![BatchPicture { buffer: buffer.copy(), info: info.clone() }];
        }
        content
    }

    /// What can come in. The base class would have upstream prefer what goes out, so that a converter in front of this element
    /// would scale frames to the size of the whole picture.
    fn accepted(&self, filter: Option<&gst::CapsRef>) -> gst::Caps {
        use gst_base::prelude::*;
        let peer = self.obj().src_pad().peer_query_caps(None);
        if peer.is_empty() {
            return peer;
        }
        let filter = filter.map(ToOwned::to_owned);
        self.transform_caps(gst::PadDirection::Src, &peer, filter.as_ref())
            .unwrap_or_else(gst::Caps::new_empty)
    }

    fn follow(&self, event: StreamEvent, source: u32) {
        match event {
            StreamEvent::PadAdded => _ = self.joined.lock().insert(source),
            StreamEvent::PadDeleted => _ = self.joined.lock().remove(&source),
            StreamEvent::Eos | StreamEvent::Reset => {}
        }
        let mut state = self.state.lock();
        let Some(state) = state.as_mut() else { return };
        match event {
            StreamEvent::PadAdded => {
                if state.add(source) {
                    gst::element_imp_info!(
                        self,
                        gst::StreamError::Format,
                        ("Source added, reconfigured nvmultistreamtiler")
                    );
                }
            }
            StreamEvent::PadDeleted | StreamEvent::Eos => state.remove(source),
            StreamEvent::Reset => {}
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvMultiStreamTiler {
    const NAME: &'static str = "GstNvmultistreamtiler";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvMultiStreamTiler;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for NvMultiStreamTiler {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let tiles = glib::ParamSpecPointer::builder(CUSTOM_TILES)
                .nick(CUSTOM_TILES)
                .blurb("Taken, and without effect: an array of C")
                .readwrite()
                .build();
            specs(&[PROPERTIES]).into_iter().chain([tiles]).collect()
        });
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        let Some(name) = self.settings.set(id, value).map(Property::name) else { return };
        if matches!(name, "rows" | "columns" | "square-seq-grid") {
            let tiles = self.tiles();
            if let Some(state) = self.state.lock().as_mut() {
                state.set_layout(tiles);
            }
        }
        if matches!(name, "width" | "height") {
            use gst_base::prelude::BaseTransformExt;
            self.obj().reconfigure_src();
        }
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| glib::Value::from_type(pspec.value_type()))
    }
}

impl GstObjectImpl for NvMultiStreamTiler {}

impl ElementImpl for NvMultiStreamTiler {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Stream Tiler DS",
                "ON STREAM TILER",
                "Lays the frames of batches out as tiles of one picture, as DeepStream's element of this name",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates(&batches_and_pictures(&FORMATS), &nvmm_caps(FORMATS)));
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvMultiStreamTiler {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::NeverInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let mut other = if direction == gst::PadDirection::Sink {
            // The format of the frames, if there is a choice.
            let given = caps.structure(0).and_then(|s| s.get::<String>("format").ok());
            let mut formats = FORMATS.to_vec();
            formats.sort_by_key(|format| given.as_deref() != Some(format.to_str().as_str()));
            let mut other = gst::Caps::new_empty();
            for format in formats {
                other.merge(nvmm_caps([format]));
            }
            let Size { width, height } = self.size();
            for structure in other.make_mut().iter_mut() {
                structure.set("width", width as i32);
                structure.set("height", height as i32);
                structure.set("pixel-aspect-ratio", gst::Fraction::from_integer(1));
                structure.set("interlace-mode", "progressive");
            }
            other
        } else {
            batches_and_pictures(&FORMATS)
        };
        // The rate is the same on both sides.
        if let Some(rate) = caps.structure(0).and_then(|s| s.value("framerate").ok()) {
            for structure in other.make_mut().iter_mut() {
                structure.set_value("framerate", rate.clone());
            }
        }
        if let Some(filter) = filter {
            let mode = match direction {
                // What is preferred here comes first.
                gst::PadDirection::Sink => other.intersect_with_mode(filter, gst::CapsIntersectMode::First),
                _ => filter.intersect_with_mode(&other, gst::CapsIntersectMode::First),
            };
            other = mode;
        }
        Some(other)
    }

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps).ok();
        *self.stream.lock() = Some(Stream { caps: incaps.clone(), info });
        let output = gst_video::VideoInfo::from_caps(outcaps)
            .map_err(|_| gst::loggable_error!(CAT, "cannot use caps {outcaps}"))?;
        let tiles = self.tiles();
        let mut state = self.state.lock();
        if state.as_ref().is_none_or(|state| *state.output_info() != output) {
            *state = Some(State::new(&output, tiles)?);
        }
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        self.joined.lock().clear();
        *self.state.lock() = None;
        *self.stream.lock() = None;
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if let Some((event, source)) = StreamEvent::parse(&event) {
            self.follow(event, source);
        }
        self.parent_sink_event(event)
    }

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if direction == gst::PadDirection::Src && Number::asked(query) == Some(Number::BatchSize) {
            Number::answer(query, 1);
            return true;
        }
        if direction == gst::PadDirection::Sink
            && let gst::QueryViewMut::Caps(query) = query.view_mut()
        {
            let caps = self.accepted(query.filter());
            query.set_result(&caps);
            return true;
        }
        BaseTransformImplExt::parent_query(self, direction, query)
    }

    fn propose_allocation(
        &self,
        _decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
        Ok(())
    }

    fn decide_allocation(&self, _query: &mut gst::query::Allocation) -> Result<(), gst::LoggableError> {
        // The element brings its own pool.
        Ok(())
    }

    /// Makes the picture: only here the buffer can be chosen.
    fn prepare_output_buffer(
        &self,
        input: InputBuffer,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        let (pts, duration) = match &input {
            InputBuffer::Writable(buffer) => (buffer.pts(), buffer.duration()),
            InputBuffer::Readable(buffer) => (buffer.pts(), buffer.duration()),
        };
        let content = self.content(input);
        let mut state = self.state.lock();
        let state = state.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        let (mut output, meta) =
            state.update(self.settings.number("show-source"), content).map_err(|err| {
                gst::element_imp_error!(self, gst::StreamError::Failed, ["{err}"]);
                gst::FlowError::Error
            })?;
        let buffer = output.make_mut();
        buffer.set_pts(pts);
        buffer.set_duration(duration);
        Batch::attach(buffer, BatchContent { meta, pictures: Vec::new() });
        Ok(PrepareOutputBufferSuccess::Buffer(output))
    }

    fn transform(
        &self,
        _input: &gst::Buffer,
        _output: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        Ok(gst::FlowSuccess::Ok)
    }
}
