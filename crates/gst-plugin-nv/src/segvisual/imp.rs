use std::sync::LazyLock;

use gst::glib;
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::subclass::prelude::*;
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_buffer::frame::{FrameError, picture_mut};
use slipstream_buffer::meta::{Batch, BatchContent, BatchPicture, holds_batch, nvmm_caps};
use slipstream_draw::{MapStyle, Overlay, OverlayStyle, fill};
use slipstream_meta::{Color, FrameMeta, Rect, Size};

use crate::basics::properties::{Property, Settings, specs};
use crate::caps::{batches_and_pictures, templates};
use crate::pixels::{Pool, ShapeError, Shaper, map_writable};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("nvsegvisual", gst::DebugColorFlags::empty(), Some("nvsegvisual of Slipstream"))
});

/// Formats of frames.
const FORMATS: [VideoFormat; 3] = [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Rgba];
/// What caps of frames and of the result have in common.
const KEPT_FIELDS: [&str; 3] = ["framerate", "batch-size", "num-surfaces-per-frame"];
/// The value of `operate-on-seg-meta-id` that means all networks.
const ALL: i32 = -1;

const NO_GPU: &str = "Taken, and without effect: the processor draws";

static PROPERTIES: &[Property] = &[
    Property::uint("unique-id", 0, u32::MAX, 15, "Taken, and without effect"),
    Property::uint("gpu-id", 0, u32::MAX, 0, NO_GPU),
    Property::uint(
        "batch-size",
        1,
        u32::MAX,
        1,
        "Taken, and without effect: batches are as large as they come",
    ),
    Property::uint("width", 1, i32::MAX as u32, 1280, "Width of the pictures"),
    Property::uint("height", 1, i32::MAX as u32, 720, "Height of the pictures"),
    Property::int(
        "operate-on-seg-meta-id",
        ALL,
        i32::MAX,
        ALL,
        "Show what the network with this unique-id says; -1 shows all",
    )
    .while_playing(),
    Property::bool("original-background", false, "Blend colours with the frame, instead of with nothing")
        .while_playing(),
    Property::uint(
        "class-id",
        0,
        u32::MAX,
        0,
        "The class of the background, which has no colour with original-background",
    )
    .while_playing(),
    Property::float("alpha", 0.0, 1.0, 0.5, "Opacity of colours with original-background").while_playing(),
    Property::bool("gpu-on", true, NO_GPU),
];

/// What the caps say.
struct Stream {
    caps: gst::Caps,
    /// How pictures lie in memory; `None` for batches of Slipstream's own, which have no size.
    info: Option<gst_video::VideoInfo>,
    /// How the results lie in memory.
    output: gst_video::VideoInfo,
    pool: Pool,
}

#[derive(Default)]
struct State {
    stream: Option<Stream>,
    shaper: Shaper,
}

/// Instance data of [`super::NvSegVisual`].
pub struct NvSegVisual {
    settings: Settings,
    state: Mutex<State>,
    overlay: Mutex<Overlay>,
}

impl Default for NvSegVisual {
    fn default() -> Self {
        Self {
            settings: Settings::new(&[PROPERTIES]),
            state: Mutex::default(),
            overlay: Mutex::new(Overlay::new(OverlayStyle::default())),
        }
    }
}

/// Why a frame cannot be shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl NvSegVisual {
    /// The batch in `input`, a plain picture being a batch of one.
    fn content(stream: &Stream, input: InputBuffer<'_>) -> BatchContent {
        let (mut content, buffer) = match input {
            InputBuffer::Writable(buffer) => {
                let content = buffer.meta_mut::<Batch>().map(|mut batch| std::mem::take(batch.content_mut()));
                (content.unwrap_or_default(), &*buffer)
            }
            InputBuffer::Readable(buffer) => {
                (buffer.meta::<Batch>().map(|batch| batch.content().clone()).unwrap_or_default(), buffer)
            }
        };
        if let Some(info) = stream.info.as_ref().filter(|_| !holds_batch(&stream.caps, buffer)) {
            if content.meta.frames.is_empty() {
                let size = Size::new(info.width(), info.height());
                content.meta.frames.push(FrameMeta::new(0, "source 0".into(), 0, size));
            }
            content.meta.frames.truncate(1);
            content.pictures = vec![BatchPicture { buffer: buffer.copy(), info: info.clone() }];
        }
        content
    }

    /// How maps are drawn, and whether the frame is to be seen behind them.
    fn style(&self) -> (MapStyle, bool) {
        let component_id = u32::try_from(self.settings.number::<i32>("operate-on-seg-meta-id")).ok();
        let shows_frame = self.settings.is_on("original-background");
        let style = if shows_frame {
            let opacity = (self.settings.float("alpha") * f32::from(u8::MAX)).round() as u8;
            MapStyle { opacity, left_out: Some(self.settings.number("class-id")), component_id }
        } else {
            MapStyle { opacity: u8::MAX, left_out: None, component_id }
        };
        (style, shows_frame)
    }

    /// What is to be seen of a frame; its metadata goes along.
    fn show(
        &self,
        state: &mut State,
        frame: &mut FrameMeta,
        picture: &BatchPicture,
    ) -> Result<BatchPicture, ShowError> {
        let State { stream: Some(Stream { output, pool, .. }), shaper } = state else {
            return Ok(picture.clone());
        };
        let whole = Rect::of_size(Size::new(output.width(), output.height()));
        frame.draw_onto(whole);
        let (style, shows_frame) = self.style();
        let mut buffer =
            if shows_frame { shaper.shape(picture, output, None, None)? } else { pool.buffer()? };
        {
            let mut mapped = map_writable(buffer.make_mut(), output)?;
            let mut canvas = picture_mut(&mut mapped)?;
            if !shows_frame {
                fill(&mut canvas, whole, Color::BLACK);
            }
            self.overlay.lock().draw_class_maps(&mut canvas, frame, style);
        }
        Ok(BatchPicture { buffer, info: output.clone() })
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvSegVisual {
    const NAME: &'static str = "GstNvsegvisual";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvSegVisual;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for NvSegVisual {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[PROPERTIES]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        use gst_base::prelude::BaseTransformExt;
        if matches!(self.settings.set(id, value).map(Property::name), Some("width" | "height")) {
            self.obj().reconfigure_src();
        }
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| glib::Value::from_type(pspec.value_type()))
    }
}

impl GstObjectImpl for NvSegVisual {}

impl ElementImpl for NvSegVisual {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "nvsegvisual",
                "nvsegvisual",
                "Shows the classes that segmentation networks see, as DeepStream's element of this name",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| templates(&batches_and_pictures(&FORMATS), &nvmm_caps([VideoFormat::Rgba])));
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvSegVisual {
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
            let mut other = nvmm_caps([VideoFormat::Rgba]);
            for structure in other.make_mut().iter_mut() {
                structure.set("width", self.settings.number::<i32>("width"));
                structure.set("height", self.settings.number::<i32>("height"));
                structure.set("pixel-aspect-ratio", gst::Fraction::from_integer(1));
                structure.set("interlace-mode", "progressive");
            }
            other
        } else {
            batches_and_pictures(&FORMATS)
        };
        for field in KEPT_FIELDS {
            let Some(value) = caps.structure(0).and_then(|structure| structure.value(field).ok()) else {
                continue;
            };
            for structure in other.make_mut().iter_mut() {
                structure.set_value(field, value.clone());
            }
        }
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&other, gst::CapsIntersectMode::First),
            None => other,
        })
    }

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let output = gst_video::VideoInfo::from_caps(outcaps)
            .map_err(|_| gst::loggable_error!(CAT, "cannot use caps {outcaps}"))?;
        let pool = Pool::new(&output).map_err(|err| gst::loggable_error!(CAT, "{err}"))?;
        let info = gst_video::VideoInfo::from_caps(incaps).ok();
        self.state.lock().stream = Some(Stream { caps: incaps.clone(), info, output, pool });
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
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

    /// Makes the batch: only here the buffer can be chosen.
    fn prepare_output_buffer(
        &self,
        input: InputBuffer,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        let (pts, duration) = match &input {
            InputBuffer::Writable(buffer) => (buffer.pts(), buffer.duration()),
            InputBuffer::Readable(buffer) => (buffer.pts(), buffer.duration()),
        };
        let mut state = self.state.lock();
        let stream = state.stream.as_ref().ok_or(gst::FlowError::NotNegotiated)?;
        let BatchContent { mut meta, pictures } = Self::content(stream, input);
        let shown: Result<Vec<_>, _> = meta
            .frames
            .iter_mut()
            .zip(&pictures)
            .map(|(frame, picture)| self.show(&mut state, frame, picture))
            .collect();
        let pictures = shown.map_err(|err| {
            gst::element_imp_error!(self, gst::StreamError::Failed, ["cannot show classes: {err}"]);
            gst::FlowError::Error
        })?;
        let mut output = gst::Buffer::new();
        let buffer = output.make_mut();
        buffer.set_pts(pts);
        buffer.set_duration(duration);
        Batch::attach(buffer, BatchContent { meta, pictures });
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
