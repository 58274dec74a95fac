use std::sync::LazyLock;

use gst::{glib, prelude::*};
use gst_base::{prelude::*, subclass::base_src::CreateSuccess, subclass::prelude::*};
use parking_lot::Mutex;
use slipstream_meta::{FrameMeta, ObjectMeta, Size};
use slipstream_scene::{CLASS_NAMES, Scene, SceneConfig};

use crate::frame::{PLANAR_FORMATS, picture_caps, picture_mut};
use crate::meta::{Batch, BatchContent};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "slipscenesrc",
        gst::DebugColorFlags::empty(),
        Some("Slipstream simulated camera"),
    )
});

/// Size of the pictures if nobody asks for another: what camera makers recommend for a second stream.
const USUAL_SIZE: Size = Size::new(640, 360);
/// Frames per second if nobody asks for another rate.
const USUAL_RATE: i32 = 25;
/// Rates that are drawn: a world that moves less than once a second is no street.
const RATES: std::ops::RangeInclusive<i32> = 1..=240;
/// Objects that are hidden more than this are not told: what nobody can see, no detector finds.
const LEAST_VISIBLE: f32 = 0.25;

#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    camera: u32,
    truth: bool,
}

struct State {
    info: gst_video::VideoInfo,
    scene: Scene,
    /// Running time of the first frame.
    start: gst::ClockTime,
}

/// Instance data of [`super::SlipSceneSrc`].
#[derive(Default)]
pub struct SlipSceneSrc {
    settings: Mutex<Settings>,
    state: Mutex<Option<State>>,
}

impl State {
    /// Time of frame `number` after the first.
    fn time(&self, number: u64) -> gst::ClockTime {
        let rate = self.info.fps();
        gst::ClockTime::SECOND
            .mul_div_floor(number * rate.denom() as u64, rate.numer() as u64)
            .unwrap_or_default()
    }

    /// What is in the picture drawn last.
    fn truth(&self, camera: u32) -> FrameMeta {
        let size = Size::new(self.info.width(), self.info.height());
        let name = SceneConfig::camera_name(camera).into();
        let mut frame = FrameMeta::new(0, name, self.scene.frame_number(), size);
        frame.inferred = true;
        let visible = self.scene.truth().iter().filter(|object| object.visible >= LEAST_VISIBLE);
        let objects = visible.map(|object| {
            let label = CLASS_NAMES.get(object.class_id as usize).copied().unwrap_or_default().into();
            ObjectMeta::detected(object.class_id as i32, label, object.visible, object.rect)
        });
        frame.objects.extend(objects);
        frame
    }
}

#[glib::object_subclass]
impl ObjectSubclass for SlipSceneSrc {
    const NAME: &'static str = "GstSlipSceneSrc";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipSceneSrc;
    type ParentType = gst_base::PushSrc;
}

impl ObjectImpl for SlipSceneSrc {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecUInt::builder("camera")
                    .nick("Camera")
                    .blurb("Which simulated camera: 0 street by day, 1 crossing at dusk, 2 motorway in rain, 3 plaza at night; from 4 on the same views elsewhere")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("truth")
                    .nick("Truth")
                    .blurb("Attach what is really in each picture, as if a perfect detector had looked at it")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("is-live")
                    .nick("Is live")
                    .blurb("Give frames by the clock, as a camera does")
                    .mutable_ready()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings.lock();
        match pspec.name() {
            "camera" => settings.camera = value.get().expect("type checked by GObject"),
            "truth" => settings.truth = value.get().expect("type checked by GObject"),
            "is-live" => self.obj().set_live(value.get().expect("type checked by GObject")),
            name => gst::error!(CAT, imp = self, "no property {name}"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = self.settings.lock();
        match pspec.name() {
            "camera" => settings.camera.to_value(),
            "truth" => settings.truth.to_value(),
            _ => self.obj().is_live().to_value(),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        self.obj().set_format(gst::Format::Time);
    }
}

impl GstObjectImpl for SlipSceneSrc {}

impl ElementImpl for SlipSceneSrc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream simulated camera",
                "Source/Video",
                "Shows a street that is drawn, and tells what is really there",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let mut caps = picture_caps(PLANAR_FORMATS);
            let rates = gst::FractionRange::new(
                gst::Fraction::from_integer(*RATES.start()),
                gst::Fraction::from_integer(*RATES.end()),
            );
            caps.make_mut().set("framerate", rates);
            let template =
                gst::PadTemplate::new("src", gst::PadDirection::Src, gst::PadPresence::Always, &caps);
            template.into_iter().collect()
        });
        &TEMPLATES
    }
}

impl BaseSrcImpl for SlipSceneSrc {
    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = None;
        Ok(())
    }

    fn fixate(&self, mut caps: gst::Caps) -> gst::Caps {
        caps.truncate();
        if let Some(structure) = caps.make_mut().structure_mut(0) {
            structure.fixate_field_nearest_int("width", USUAL_SIZE.width as i32);
            structure.fixate_field_nearest_int("height", USUAL_SIZE.height as i32);
            structure.fixate_field_nearest_fraction("framerate", gst::Fraction::from_integer(USUAL_RATE));
        }
        self.parent_fixate(caps)
    }

    fn set_caps(&self, caps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(caps)
            .map_err(|_| gst::loggable_error!(CAT, "no pictures can be drawn in {caps}"))?;
        let rate = info.fps();
        let config = SceneConfig {
            frame_rate: (f64::from(rate.numer()) / f64::from(rate.denom())).round() as u32,
            ..SceneConfig::camera(self.settings.lock().camera, Size::new(info.width(), info.height()))
        };
        let mut state = self.state.lock();
        let start = match &*state {
            // Pictures go on in time when only their size changes.
            Some(before) => before.start + before.time(before.scene.frame_number() + 1),
            None if self.obj().is_live() => self.obj().current_running_time().unwrap_or_default(),
            None => gst::ClockTime::ZERO,
        };
        *state = Some(State { info, scene: Scene::new(config), start });
        Ok(())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn times(&self, buffer: &gst::BufferRef) -> (Option<gst::ClockTime>, Option<gst::ClockTime>) {
        if !self.obj().is_live() {
            return (None, None);
        }
        (buffer.pts(), buffer.pts().zip(buffer.duration()).map(|(start, duration)| start + duration))
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        if let gst::QueryViewMut::Latency(latency) = query.view_mut() {
            latency.set(self.obj().is_live(), gst::ClockTime::ZERO, gst::ClockTime::NONE);
            return true;
        }
        BaseSrcImplExt::parent_query(self, query)
    }
}

impl PushSrcImpl for SlipSceneSrc {
    fn create(&self, _buffer: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
        let settings = *self.settings.lock();
        let mut state = self.state.lock();
        let state = state.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        let failed = |_| gst::FlowError::Error;
        let mut buffer = gst::Buffer::with_size(state.info.size()).map_err(failed)?;
        let memory = buffer.get_mut().ok_or(gst::FlowError::Error)?;
        {
            let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(memory, &state.info)
                .map_err(|_| gst::FlowError::Error)?;
            let mut picture = picture_mut(&mut frame).map_err(|err| {
                gst::error!(CAT, imp = self, "{err}");
                gst::FlowError::Error
            })?;
            state.scene.render(&mut picture);
        }
        let number = state.scene.frame_number();
        let (time, next) = (state.time(number), state.time(number + 1));
        memory.set_pts(state.start + time);
        memory.set_duration(next - time);
        memory.set_offset(number);
        if settings.truth {
            let mut content = BatchContent::default();
            let mut frame = state.truth(settings.camera);
            frame.pts = memory.pts().map(gst::ClockTime::nseconds);
            content.meta.frames.push(frame);
            Batch::attach(memory, content);
        }
        Ok(CreateSuccess::NewBuffer(buffer))
    }
}
