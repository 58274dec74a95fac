use std::sync::LazyLock;

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::subclass::prelude::*;
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_buffer::meta::{Batch, BatchContent, holds_batch};
use slipstream_draw::OverlayStyle;
use slipstream_meta::{Color, Point, Rect, Size};

use super::draw::{Blurred, Clock, Painter};
use crate::basics::properties::{Choice, Property, Settings, specs};
use crate::caps::{batches_and_pictures, event_number, templates};
use crate::pixels::{ShapeError, Shaper, between_bands};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("nvdsosd", gst::DebugColorFlags::empty(), Some("nvdsosd of Slipstream"))
});

/// Formats that are drawn on.
const FORMATS: [VideoFormat; 3] = [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Rgba];
/// Number of DeepStream's event that changes the process mode in mid-stream.
const PROCESS_MODE_UPDATE: u32 = 408;
/// Largest font of the clock in points.
const MAX_CLOCK_FONT: u32 = 60;

static PROCESS_MODE: Choice = Choice::new(
    c"GstNvDsOsdMode",
    &[(0, "CPU_MODE", "CPU_MODE"), (1, "GPU_MODE", "GPU_MODE"), (2, "HW_MODE", "HW_MODE, of old releases")],
);

const NO_GPU: &str = "Taken, and without effect: the processor draws";

static PROPERTIES: &[Property] = &[
    Property::bool("display-clock", false, "Draw a clock").while_playing(),
    Property::bool("display-text", true, "Draw texts").while_playing(),
    Property::bool("display-bbox", true, "Draw the boxes of objects").while_playing(),
    Property::bool(DISPLAY_MASK, true, "Colour the pixels of objects with masks").while_playing(),
    Property::text("clock-font", Some("Serif"), "Taken, and without effect: there is one font"),
    Property::uint("clock-font-size", 0, MAX_CLOCK_FONT, 12, "Font size of the clock in points")
        .while_playing(),
    Property::uint("x-clock-offset", 0, u32::MAX, 0, "Left edge of the clock in pixels").while_playing(),
    Property::uint("y-clock-offset", 0, u32::MAX, 0, "Top edge of the clock in pixels").while_playing(),
    Property::uint("clock-color", 0, u32::MAX, u32::MAX, "Colour of the clock as 0xRRGGBBAA").while_playing(),
    Property::choice("process-mode", &PROCESS_MODE, 1, NO_GPU).while_playing(),
    Property::uint("blur-bbox", 0, 2, 0, "Make objects unrecognisable: 1 or 2 blurs their boxes")
        .while_playing(),
    Property::text(
        BLUR_KINDS,
        None,
        "Objects that are blurred, by component and class, as 1:0;1:2; all if empty",
    )
    .while_playing(),
    Property::text("hw-blend-color-attr", Some(""), NO_GPU),
    Property::uint("gpu-id", 0, u32::MAX, 0, NO_GPU),
];

const BLUR_KINDS: &str = "blur-on-gie-class-ids";
const DISPLAY_MASK: &str = "display-mask";

/// What the caps say.
struct Stream {
    caps: gst::Caps,
    /// How pictures lie in memory; `None` for batches of Slipstream's own, which have no size.
    info: Option<gst_video::VideoInfo>,
}

#[derive(Default)]
struct State {
    stream: Option<Stream>,
    /// Made anew when a property changes.
    painter: Option<Painter>,
    shaper: Shaper,
}

/// Instance data of [`super::NvDsOsd`].
pub struct NvDsOsd {
    settings: Settings,
    state: Mutex<State>,
}

impl Default for NvDsOsd {
    fn default() -> Self {
        let settings = Settings::new(&[PROPERTIES]);
        // DeepStream's specification says that masks are drawn, and its element starts without.
        if let Some(index) = PROPERTIES.iter().position(|property| property.name() == DISPLAY_MASK) {
            settings.set(index + 1, &false.to_value());
        }
        Self { settings, state: Mutex::default() }
    }
}

impl NvDsOsd {
    fn painter(&self) -> Painter {
        let is_on = |name: &str| self.settings.is_on(name);
        let number = |name: &str| self.settings.number::<u32>(name);
        let style = OverlayStyle {
            display_text: is_on("display-text"),
            display_boxes: is_on("display-bbox"),
            display_masks: is_on(DISPLAY_MASK),
            display_stats: false,
            ..OverlayStyle::default()
        };
        let [red, green, blue, alpha] = number("clock-color").to_be_bytes();
        let clock = Clock {
            position: Point { x: number("x-clock-offset") as f32, y: number("y-clock-offset") as f32 },
            size: number("clock-font-size") as f32,
            color: Color { red, green, blue, alpha },
        };
        let kinds = Blurred::parse_kinds(&self.settings.text(BLUR_KINDS).unwrap_or_default());
        let kinds = kinds.unwrap_or_else(|part| {
            gst::element_imp_warning!(
                self,
                gst::LibraryError::Settings,
                ("{BLUR_KINDS}: {part:?} is no component:class; all objects are blurred")
            );
            Vec::new()
        });
        let blurred = Blurred { is_on: number("blur-bbox") > 0, kinds };
        Painter::new(style, is_on("display-clock").then_some(clock), blurred)
    }
}

impl State {
    /// How the picture in `buffer` lies in memory; `None` if it is a batch.
    fn picture(&self, buffer: &gst::BufferRef) -> Option<&gst_video::VideoInfo> {
        let Stream { caps, info } = self.stream.as_ref()?;
        info.as_ref().filter(|_| !holds_batch(caps, buffer))
    }

    /// The plain picture that a batch of one frame becomes under DeepStream's caps; `None` for other buffers.
    fn unpack(&mut self, input: &mut InputBuffer<'_>) -> Result<Option<gst::Buffer>, ShapeError> {
        let batch: &gst::BufferRef = match input {
            InputBuffer::Writable(buffer) => buffer,
            InputBuffer::Readable(buffer) => buffer,
        };
        let is_one = |batch: &Batch| batch.content().pictures.len() == 1 && batch.frames.len() == 1;
        if self.picture(batch).is_some() || !batch.meta::<Batch>().is_some_and(|batch| is_one(&batch)) {
            return Ok(None);
        }
        let Some(Stream { info: Some(info), .. }) = &self.stream else { return Ok(None) };
        let (pts, duration, flags) = (batch.pts(), batch.duration(), batch.flags());
        let content = match input {
            InputBuffer::Writable(buffer) => {
                buffer.meta_mut::<Batch>().map(|mut batch| std::mem::take(batch.content_mut()))
            }
            InputBuffer::Readable(buffer) => buffer.meta::<Batch>().map(|batch| batch.content().clone()),
        };
        let BatchContent { mut meta, pictures } = content.unwrap_or_default();
        let Some(picture) = pictures.into_iter().next() else { return Ok(None) };
        let whole = Rect::of_size(Size::new(info.width(), info.height()));
        let place = meta.frames.first().and_then(|frame| between_bands(&frame.viewport, &whole));
        let mut output = self.shaper.shape(&picture, info, None, place)?;
        // If nobody else needs the picture, it is drawn on as it is.
        drop(picture);
        for frame in &mut meta.frames {
            match place {
                Some(_) => frame.viewport = whole,
                None => frame.draw_onto(whole),
            }
        }
        let buffer = output.make_mut();
        buffer.set_pts(pts);
        buffer.set_duration(duration);
        if flags.contains(gst::BufferFlags::DISCONT) {
            buffer.set_flags(gst::BufferFlags::DISCONT);
        }
        Batch::attach(buffer, BatchContent { meta, pictures: Vec::new() });
        Ok(Some(output))
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvDsOsd {
    const NAME: &'static str = "GstNvdsosd";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvDsOsd;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for NvDsOsd {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[PROPERTIES]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        self.settings.set(id, value);
        self.state.lock().painter = None;
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| glib::Value::from_type(pspec.value_type()))
    }
}

impl GstObjectImpl for NvDsOsd {}

impl ElementImpl for NvDsOsd {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "NvDsOsd plugin",
                "NvDsOsd functionality",
                "Draws boxes, texts and shapes, as DeepStream's element of this name",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = batches_and_pictures(&FORMATS);
            templates(&caps, &caps)
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for NvDsOsd {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps).ok();
        self.state.lock().stream = Some(Stream { caps: incaps.clone(), info });
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if event_number(&event) == PROCESS_MODE_UPDATE {
            gst::debug!(CAT, imp = self, "process-mode stays: {NO_GPU}");
        }
        self.parent_sink_event(event)
    }

    fn propose_allocation(
        &self,
        _decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
        Ok(())
    }

    fn prepare_output_buffer(
        &self,
        mut input: InputBuffer,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        let unpacked = self.state.lock().unpack(&mut input).map_err(|err| {
            gst::element_imp_error!(self, gst::StreamError::Failed, ["cannot draw: {err}"]);
            gst::FlowError::Error
        })?;
        Ok(match (unpacked, input) {
            (Some(picture), _) => PrepareOutputBufferSuccess::Buffer(picture),
            (None, InputBuffer::Writable(_)) => PrepareOutputBufferSuccess::InputBuffer,
            (None, InputBuffer::Readable(buffer)) => PrepareOutputBufferSuccess::Buffer(buffer.copy()),
        })
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut state = self.state.lock();
        // Taken out while the pixels are written to, and put back.
        let mut content = buffer
            .meta_mut::<Batch>()
            .map(|mut batch| std::mem::take(batch.content_mut()))
            .unwrap_or_default();
        let mut painter = state.painter.take().unwrap_or_else(|| self.painter());
        let drawn = match state.picture(buffer) {
            Some(info) if buffer.n_memory() > 0 => painter.draw_picture(buffer, info, &content),
            Some(_) => Ok(()),
            None => painter.draw_batch(&mut content),
        };
        state.painter = Some(painter);
        if let Some(mut batch) = buffer.meta_mut::<Batch>() {
            *batch.content_mut() = content;
        }
        drawn.map_err(|err| {
            gst::element_imp_error!(self, gst::StreamError::Failed, ["cannot draw: {err}"]);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    }
}
