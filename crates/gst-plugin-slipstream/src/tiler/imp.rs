use std::collections::BTreeMap;
use std::sync::LazyLock;

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::subclass::prelude::*;
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_draw::{Grid, Scaler};
use slipstream_meta::{BatchMeta, Color, FrameMeta, PictureMut, Rect, Size, SourceMeta};

use crate::frame::{FrameError, PLANAR_FORMATS, map_readable, picture, picture_caps, picture_mut};
use crate::meta::{Batch, BatchContent, BatchPicture, batch_caps, is_nvmm_caps, nvmm_caps};
use crate::transform::{self, Stream};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("sliptiler", gst::DebugColorFlags::empty(), Some("Slipstream tiler"))
});

/// Formats of frames that come under DeepStream's caps: what its converter makes is among them.
const NVMM_FORMATS: [VideoFormat; 3] = [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Rgba];
/// Show every source.
const ALL_SOURCES: i32 = -1;
/// Least width and height of the picture.
const MIN_SIZE: u32 = 16;

#[derive(Debug, Clone, PartialEq)]
struct Settings {
    rows: u32,
    columns: u32,
    width: u32,
    height: u32,
    show_source: i32,
    keep_aspect_ratio: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rows: 0,
            columns: 0,
            width: 1920,
            height: 1080,
            show_source: ALL_SOURCES,
            keep_aspect_ratio: false,
        }
    }
}

/// What a source showed last.
struct Shown {
    frame: FrameMeta,
    picture: BatchPicture,
    /// Whether it is on the canvas already.
    drawn: bool,
}

/// Where the sources lie; the canvas is drawn anew when this changes.
#[derive(Debug, PartialEq)]
struct Layout {
    settings: Settings,
    sources: Vec<u32>,
}

struct State {
    stream: Stream,
    info: gst_video::VideoInfo,
    pool: gst_video::VideoBufferPool,
    canvas: gst::Buffer,
    layout: Option<Layout>,
    shown: BTreeMap<u32, Shown>,
    scaler: Scaler,
    plain_frames: u64,
}

/// Instance data of [`super::SlipTiler`].
#[derive(Default)]
pub struct SlipTiler {
    settings: Mutex<Settings>,
    state: Mutex<Option<State>>,
}

#[derive(Debug, thiserror::Error)]
enum TileError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("cannot tile a frame: {0}")]
    Draw(#[from] slipstream_draw::DrawError),
    #[error("the canvas is in use elsewhere")]
    Canvas,
}

impl Layout {
    /// Where the source at `index` in the list lies, if it is shown.
    fn viewport(&self, index: usize, source: u32, frame: Option<Size>) -> Option<Rect> {
        let canvas = Size::new(self.settings.width, self.settings.height);
        let tile = match u32::try_from(self.settings.show_source) {
            Ok(shown) => (shown == source).then(|| Rect::of_size(canvas))?,
            Err(_) => self.grid().tile(canvas, index as u32)?,
        };
        Some(match frame {
            Some(size) if self.settings.keep_aspect_ratio => slipstream_draw::fit(size, tile),
            _ => tile,
        })
    }

    fn grid(&self) -> Grid {
        let n = self.sources.len() as u32;
        let auto = Grid::for_sources(n);
        let other = |given: u32| n.div_ceil(given).max(1);
        match (self.settings.rows, self.settings.columns) {
            (0, 0) => auto,
            (rows, 0) => Grid { rows, columns: other(rows) },
            (0, columns) => Grid { rows: other(columns), columns },
            (rows, columns) => Grid { rows, columns },
        }
    }
}

/// What comes in.
fn sink_caps() -> gst::Caps {
    let mut caps = batch_caps();
    caps.merge(picture_caps(PLANAR_FORMATS));
    caps.merge(nvmm_caps(NVMM_FORMATS));
    caps
}

fn draw(
    scaler: &mut Scaler,
    shown: &BatchPicture,
    canvas: &mut PictureMut<'_>,
    viewport: Rect,
) -> Result<(), TileError> {
    let mapped = map_readable(&shown.buffer, &shown.info)?;
    Ok(scaler.scale(&picture(&mapped)?, canvas, viewport)?)
}

impl State {
    /// The batch in `buffer`, a plain picture being a batch of one.
    fn content(&mut self, buffer: &gst::Buffer) -> BatchContent {
        let mut content = buffer.meta::<Batch>().map(|batch| batch.content().clone()).unwrap_or_default();
        if let Some(info) = self.stream.picture(buffer) {
            let size = Size::new(info.width(), info.height());
            if content.meta.frames.is_empty() {
                content.meta.frames.push(FrameMeta::new(0, "source 0".into(), self.plain_frames, size));
                self.plain_frames += 1;
            }
            content.meta.frames.truncate(1);
            content.meta.sources = content
                .meta
                .frames
                .iter()
                .map(|f| SourceMeta {
                    pad_index: f.pad_index,
                    name: f.name.clone(),
                    status: None,
                    viewport: None,
                })
                .collect();
            content.pictures = vec![BatchPicture { buffer: buffer.clone(), info: info.clone() }];
        }
        content
    }

    /// Brings the canvas up to date and returns what is to be seen on it.
    fn update(&mut self, settings: Settings, content: BatchContent) -> Result<BatchMeta, TileError> {
        let BatchContent { meta, pictures } = content;
        let mut resized = Vec::new();
        for (frame, picture) in meta.frames.into_iter().zip(pictures) {
            let (index, size) = (frame.pad_index, frame.source_size);
            let old = self.shown.insert(index, Shown { frame, picture, drawn: false });
            if old.is_some_and(|old| old.frame.source_size != size) {
                resized.push(index);
            }
        }
        let layout =
            Layout { settings, sources: meta.sources.iter().map(|source| source.pad_index).collect() };
        let canvas = self.canvas.get_mut().ok_or(TileError::Canvas)?;
        let mut canvas = gst_video::VideoFrameRef::from_buffer_ref_writable(canvas, &self.info)
            .map_err(|_| FrameError::Map("writing"))?;
        let mut canvas = picture_mut(&mut canvas)?;
        if self.layout.as_ref() != Some(&layout) {
            gst::debug!(CAT, "new layout {layout:?}");
            self.shown.retain(|index, _| layout.sources.contains(index));
            self.shown.values_mut().for_each(|shown| shown.drawn = false);
            slipstream_draw::fill(
                &mut canvas,
                Rect::of_size(Size::new(self.info.width(), self.info.height())),
                Color::BLACK,
            );
        }

        let mut tiled = BatchMeta::default();
        for (index, mut source) in meta.sources.into_iter().enumerate() {
            let shown = self.shown.get_mut(&source.pad_index);
            let size = shown.as_ref().map(|shown| shown.frame.source_size);
            source.viewport = layout.viewport(index, source.pad_index, size);
            let mut viewport = source.viewport;
            if let (Some(shown), Some(viewport)) = (shown, viewport.take()) {
                if !shown.drawn {
                    if resized.contains(&source.pad_index)
                        && let Some(tile) = layout.viewport(index, source.pad_index, None)
                    {
                        // The new picture may leave bands free where the old one was.
                        slipstream_draw::fill(&mut canvas, tile, Color::BLACK);
                    }
                    if let Err(err) = draw(&mut self.scaler, &shown.picture, &mut canvas, viewport) {
                        // One camera's trouble is not the others'.
                        gst::warning!(CAT, "frame of source {} not shown: {err}", source.pad_index);
                    }
                    shown.drawn = true;
                }
                if source.status.is_none() {
                    tiled.frames.push(shown.frame.drawn_onto(viewport));
                }
            }
            tiled.sources.push(source);
        }
        self.layout = Some(layout);
        Ok(tiled)
    }
}

#[glib::object_subclass]
impl ObjectSubclass for SlipTiler {
    const NAME: &'static str = "GstSlipTiler";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipTiler;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for SlipTiler {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let default = Settings::default();
            let grid = |name, nick| {
                glib::ParamSpecUInt::builder(name)
                    .nick(nick)
                    .blurb("Tiles in this direction; 0 follows the number of sources")
                    .mutable_playing()
                    .build()
            };
            let size = |name, nick, default| {
                glib::ParamSpecUInt::builder(name)
                    .nick(nick)
                    .blurb("Size of the picture in pixels")
                    .minimum(MIN_SIZE)
                    .maximum(i32::MAX as u32)
                    .default_value(default)
                    .mutable_ready()
                    .build()
            };
            vec![
                grid("rows", "Rows"),
                grid("columns", "Columns"),
                size("width", "Width", default.width),
                size("height", "Height", default.height),
                glib::ParamSpecInt::builder("show-source")
                    .nick("Show source")
                    .blurb(
                        "Only the source with this pad number, in the whole picture; -1 shows all as tiles",
                    )
                    .minimum(ALL_SOURCES)
                    .default_value(default.show_source)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("keep-aspect-ratio")
                    .nick("Keep aspect ratio")
                    .blurb("Fit frames into their tiles with black bands instead of stretching them")
                    .mutable_playing()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings.lock();
        let uint = || value.get().expect("type checked by GObject");
        match pspec.name() {
            "rows" => settings.rows = uint(),
            "columns" => settings.columns = uint(),
            "width" => settings.width = uint(),
            "height" => settings.height = uint(),
            "show-source" => settings.show_source = value.get().expect("type checked by GObject"),
            "keep-aspect-ratio" => settings.keep_aspect_ratio = value.get().expect("type checked by GObject"),
            name => gst::error!(CAT, imp = self, "no property {name}"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = self.settings.lock();
        match pspec.name() {
            "rows" => settings.rows.to_value(),
            "columns" => settings.columns.to_value(),
            "width" => settings.width.to_value(),
            "height" => settings.height.to_value(),
            "show-source" => settings.show_source.to_value(),
            _ => settings.keep_aspect_ratio.to_value(),
        }
    }
}

impl GstObjectImpl for SlipTiler {}

impl ElementImpl for SlipTiler {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream tiler",
                "Filter/Converter/Video/Scaler",
                "Lays the frames of a batch out as tiles of one picture",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let mut src = picture_caps(PLANAR_FORMATS);
            src.merge(nvmm_caps(PLANAR_FORMATS));
            transform::pad_templates(&sink_caps(), &src)
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for SlipTiler {
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
            let settings = self.settings.lock();
            let mut all = [picture_caps(PLANAR_FORMATS), nvmm_caps(PLANAR_FORMATS)];
            if is_nvmm_caps(caps) {
                all.reverse();
            }
            let [mut all, other] = all;
            all.merge(other);
            for structure in all.make_mut().iter_mut() {
                structure.set("width", settings.width as i32);
                structure.set("height", settings.height as i32);
                structure.set("pixel-aspect-ratio", gst::Fraction::from_integer(1));
                structure.set("interlace-mode", "progressive");
            }
            all
        } else {
            sink_caps()
        };
        // The rate is the same on both sides.
        if let Some(rate) = caps.structure(0).and_then(|s| s.value("framerate").ok()) {
            for structure in other.make_mut().iter_mut() {
                structure.set_value("framerate", rate.clone());
            }
        }
        if let Some(filter) = filter {
            other = filter.intersect_with_mode(&other, gst::CapsIntersectMode::First);
        }
        Some(other)
    }

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let parse = |caps: &gst::Caps| {
            gst_video::VideoInfo::from_caps(caps)
                .map_err(|_| gst::loggable_error!(CAT, "cannot use caps {caps}"))
        };
        let stream = Stream::new(incaps)?;
        let info = parse(outcaps)?;
        let mut state = self.state.lock();
        if let Some(state) = state.as_mut().filter(|state| state.info == info) {
            state.stream = stream;
            return Ok(());
        }
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        // No upper limit: how many are out at once is up to the encoder.
        config.set_params(Some(outcaps), info.size() as u32, 2, 0);
        pool.set_config(config).and_then(|()| pool.set_active(true))?;
        if let Some(old) = state.take() {
            let _ = old.pool.set_active(false);
        }
        let canvas = gst::Buffer::with_size(info.size())?;
        *state = Some(State {
            stream,
            info,
            pool,
            canvas,
            layout: None,
            shown: BTreeMap::new(),
            scaler: Scaler::new(),
            plain_frames: 0,
        });
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        if let Some(state) = self.state.lock().take() {
            let _ = state.pool.set_active(false);
        }
        Ok(())
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

    fn prepare_output_buffer(
        &self,
        input: InputBuffer,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        let pool = self
            .state
            .lock()
            .as_ref()
            .map(|state| state.pool.clone())
            .ok_or(gst::FlowError::NotNegotiated)?;
        let mut output = pool.acquire_buffer(None)?;
        let input = match &input {
            InputBuffer::Writable(buffer) => &**buffer,
            InputBuffer::Readable(buffer) => *buffer,
        };
        if let Some(output) = output.get_mut() {
            output.set_pts(input.pts());
            output.set_duration(input.duration());
        }
        Ok(PrepareOutputBufferSuccess::Buffer(output))
    }

    fn transform(
        &self,
        input: &gst::Buffer,
        output: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let settings = self.settings.lock().clone();
        let mut state = self.state.lock();
        let state = state.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        let content = state.content(input);
        let meta = state.update(settings, content).map_err(|err| {
            gst::element_imp_error!(self, gst::StreamError::Failed, ["{err}"]);
            gst::FlowError::Error
        })?;
        let map = |what| {
            move |_| {
                gst::error!(CAT, "cannot map {what}");
                gst::FlowError::Error
            }
        };
        {
            let canvas = map_readable(&state.canvas, &state.info).map_err(|err| {
                gst::error!(CAT, imp = self, "{err}");
                gst::FlowError::Error
            })?;
            let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(output, &state.info)
                .map_err(map("the output"))?;
            canvas.copy(&mut frame).map_err(map("the canvas"))?;
        }
        Batch::attach(output, BatchContent { meta, pictures: Vec::new() });
        Ok(gst::FlowSuccess::Ok)
    }
}
