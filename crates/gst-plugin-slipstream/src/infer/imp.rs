use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::{prelude::*, subclass::prelude::*};
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_infer::{Detection, Detector, DetectorError, InferConfig, Policy, Scheduler};
use slipstream_meta::{FrameMeta, ObjectMeta, Size};

use crate::frame::{FrameError, map_readable, picture, picture_caps};
use crate::meta::{Batch, BatchPicture, batch_caps, is_batch_caps};
use crate::transform;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("slipinfer", gst::DebugColorFlags::empty(), Some("Slipstream detector"))
});

/// Formats of plain pictures that can be looked at.
const FORMATS: [VideoFormat; 9] = [
    VideoFormat::I420,
    VideoFormat::Nv12,
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgba,
    VideoFormat::Rgbx,
    VideoFormat::Bgra,
    VideoFormat::Bgrx,
    VideoFormat::Gray8,
];
/// The lowest priority that Linux knows.
const MAX_NICE: i32 = 19;
/// Most images per inference, as in DeepStream.
const MAX_BATCH_SIZE: u32 = 1024;

#[derive(Debug, Clone, Default)]
struct Settings {
    config_file_path: Option<String>,
    batch_size: Option<u32>,
    interval: Option<u32>,
    unique_id: Option<u32>,
    workers: Option<NonZeroUsize>,
    budget: f64,
    hold_objects: bool,
    nice: i32,
}

impl Settings {
    fn policy(&self, config: &InferConfig, period: Option<Duration>) -> Policy {
        if self.budget > 0.0 {
            Policy::Budget { share: self.budget, period }
        } else {
            Policy::Interval(self.interval.unwrap_or(config.interval))
        }
    }
}

struct State {
    detector: Detector,
    scheduler: Scheduler,
    started: Instant,
    period: Option<Duration>,
    plain: Option<gst_video::VideoInfo>,
    plain_frames: u64,
    /// What was found last on each source, and the size of that frame.
    held: HashMap<u32, (Size, Vec<ObjectMeta>)>,
}

/// Instance data of [`super::SlipInfer`].
#[derive(Default)]
pub struct SlipInfer {
    settings: Mutex<Settings>,
    state: Mutex<Option<State>>,
}

fn objects(detector: &Detector, found: Vec<Detection>) -> Vec<ObjectMeta> {
    let config = detector.config();
    let object = |detection: Detection| {
        let label = detector.labels().class(detection.class_id).cloned().unwrap_or_else(|| Arc::from(""));
        let class = i32::try_from(detection.class_id).unwrap_or(i32::MAX);
        let mut object = ObjectMeta::detected(class, label, detection.confidence, detection.rect);
        object.component_id = config.unique_id;
        let attrs = config.attrs(detection.class_id);
        object.border_color = attrs.border_color;
        object.fill = attrs.bg_color;
        object
    };
    found.into_iter().map(object).collect()
}

impl State {
    /// Looks at those frames whose turn it is. `pictures` are those of `frames`.
    fn look(
        &mut self,
        hold: bool,
        frames: &mut [FrameMeta],
        pictures: &[BatchPicture],
    ) -> Result<(), Box<DetectorError>> {
        let sources: Vec<u32> = frames.iter().map(|frame| frame.pad_index).collect();
        let chosen = self.scheduler.select(self.started.elapsed(), &sources);

        // A frame that cannot be read is passed over: its camera's trouble is not the others'.
        let readable = |err: FrameError| gst::warning!(CAT, "frame not looked at: {err}");
        let turns = frames.iter_mut().zip(pictures).zip(&chosen).filter(|&(_, &chosen)| chosen);
        let (mut looked_at, mut mapped) = (Vec::new(), Vec::new());
        for ((frame, picture), _) in turns {
            match map_readable(&picture.buffer, &picture.info) {
                Ok(map) => {
                    looked_at.push(frame);
                    mapped.push(map);
                }
                Err(err) => readable(err),
            }
        }
        let views: Vec<_> = mapped.iter().map(|map| picture(map).map_err(readable).ok()).collect();
        let pictures: Vec<_> = views.iter().flatten().copied().collect();
        let started = Instant::now();
        let found = self.detector.detect(&pictures)?;
        self.scheduler.measured(pictures.len(), started.elapsed());
        let looked_at = looked_at.into_iter().zip(&views).filter(|(_, view)| view.is_some());
        for ((frame, _), found) in looked_at.zip(found) {
            let found = objects(&self.detector, found);
            if hold {
                self.held.insert(frame.pad_index, (frame.source_size, found.clone()));
            }
            frame.objects.extend(found);
            frame.inferred = true;
        }
        Ok(())
    }

    fn infer(&mut self, hold: bool, buffer: &mut gst::BufferRef) -> Result<(), Box<DetectorError>> {
        let mut content = buffer
            .meta_mut::<Batch>()
            .map(|mut batch| std::mem::take(batch.content_mut()))
            .unwrap_or_default();
        let plain = self.plain.clone();
        let done = match plain {
            None => {
                let done = self.look(hold, &mut content.meta.frames, &content.pictures);
                let sources = &content.meta.sources;
                self.held.retain(|index, _| sources.iter().any(|source| source.pad_index == *index));
                done
            }
            Some(info) => {
                if content.meta.frames.is_empty() {
                    let size = Size::new(info.width(), info.height());
                    let mut frame = FrameMeta::new(0, "source 0".into(), self.plain_frames, size);
                    frame.pts = buffer.pts().map(gst::ClockTime::nseconds);
                    content.meta.frames.push(frame);
                }
                self.plain_frames += 1;
                // Another reference to the pixels; they are not copied.
                let picture = BatchPicture { buffer: buffer.copy(), info };
                self.look(hold, &mut content.meta.frames, std::slice::from_ref(&picture))
            }
        };
        if hold {
            for frame in content.meta.frames.iter_mut().filter(|frame| !frame.inferred) {
                if let Some((size, objects)) = self.held.get(&frame.pad_index)
                    && *size == frame.source_size
                {
                    frame.objects.extend(objects.iter().cloned());
                }
            }
        }
        Batch::attach(buffer, content);
        done
    }
}

impl SlipInfer {
    fn load(&self) -> Result<State, gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        let path = settings.config_file_path.as_deref().ok_or_else(|| {
            gst::error_msg!(
                gst::ResourceError::NotFound,
                ["config-file-path is not set: it names the detector's config file"]
            )
        })?;
        let fail = |err: &dyn std::fmt::Display| gst::error_msg!(gst::ResourceError::Settings, ["{err}"]);
        let (mut config, notices) = InferConfig::load(path).map_err(|err| fail(&err))?;
        for notice in notices {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ["{notice}"]);
        }
        config.batch_size = settings.batch_size.unwrap_or(config.batch_size);
        config.unique_id = settings.unique_id.unwrap_or(config.unique_id);
        let mut detector = Detector::new(config, settings.workers).map_err(|err| fail(&err))?;
        detector.set_nice(settings.nice);
        let scheduler = Scheduler::new(settings.policy(detector.config(), None), detector.workers());
        gst::info!(CAT, imp = self, "{} workers for {path}", detector.workers());
        Ok(State {
            detector,
            scheduler,
            started: Instant::now(),
            period: None,
            plain: None,
            plain_frames: 0,
            held: HashMap::new(),
        })
    }

    fn stats(&self) -> gst::Structure {
        let state = self.state.lock();
        let (timings, workers) = state
            .as_ref()
            .map(|state| (state.detector.timings(), state.detector.workers()))
            .unwrap_or_default();
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        gst::Structure::builder("slipinfer-stats")
            .field("images", timings.images)
            .field("preprocess", nanoseconds(timings.preprocess))
            .field("run", nanoseconds(timings.run))
            .field("parse", nanoseconds(timings.parse))
            .field("not-finite", timings.not_finite)
            .field("workers", workers as u64)
            .build()
    }
}

#[glib::object_subclass]
impl ObjectSubclass for SlipInfer {
    const NAME: &'static str = "GstSlipInfer";
    type Type = super::SlipInfer;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for SlipInfer {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let from_file = |name, nick, blurb, maximum| {
                glib::ParamSpecInt::builder(name)
                    .nick(nick)
                    .blurb(blurb)
                    .minimum(-1)
                    .maximum(maximum)
                    .default_value(-1)
            };
            vec![
                glib::ParamSpecString::builder("config-file-path")
                    .nick("Config file")
                    .blurb("The detector's config file in DeepStream's nvinfer format, INI or YAML")
                    .mutable_ready()
                    .build(),
                from_file("batch-size", "Batch size", "Images per inference; -1 as in the file", MAX_BATCH_SIZE as i32)
                    .mutable_ready()
                    .build(),
                from_file(
                    "interval",
                    "Interval",
                    "Frames of each source to leave out between two that are looked at; -1 as in the file",
                    i32::MAX,
                )
                .mutable_playing()
                .build(),
                from_file("unique-id", "Unique ID", "Number of this detector in the metadata; -1 as in the file", i32::MAX)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecDouble::builder("budget")
                    .nick("Budget")
                    .blurb(
                        "Share of the time between batches that may be spent on inference: as many frames are looked at as \
                         fit into it, whatever the interval; 0 goes by the interval",
                    )
                    .minimum(0.0)
                    .maximum(1.0)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("hold-objects")
                    .nick("Hold objects")
                    .blurb("Repeat what was found last on frames that are not looked at")
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt::builder("workers")
                    .nick("Workers")
                    .blurb("Images looked at side by side, on one core each; 0 takes all cores")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecInt::builder("nice")
                    .nick("Nice")
                    .blurb("How far workers step back for other threads, so that detection slows down before anything else")
                    .minimum(0)
                    .maximum(MAX_NICE)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb("Images looked at, and the time spent on them on all cores together in nanoseconds")
                    .read_only()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings.lock();
        let from_file = || u32::try_from(value.get::<i32>().expect("type checked by GObject")).ok();
        match pspec.name() {
            "config-file-path" => settings.config_file_path = value.get().expect("type checked by GObject"),
            "batch-size" => settings.batch_size = from_file().filter(|&size| size > 0),
            "interval" => settings.interval = from_file(),
            "unique-id" => settings.unique_id = from_file(),
            "budget" => settings.budget = value.get().expect("type checked by GObject"),
            "hold-objects" => settings.hold_objects = value.get().expect("type checked by GObject"),
            "nice" => settings.nice = value.get().expect("type checked by GObject"),
            "workers" => {
                let workers: u32 = value.get().expect("type checked by GObject");
                settings.workers = NonZeroUsize::new(workers as usize);
            }
            name => gst::error!(CAT, imp = self, "no property {name}"),
        }
        let settings = settings.clone();
        if let Some(state) = self.state.lock().as_mut() {
            let policy = settings.policy(state.detector.config(), state.period);
            state.scheduler.set_policy(policy);
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if pspec.name() == "stats" {
            return self.stats().to_value();
        }
        let settings = self.settings.lock();
        let from_file =
            |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok()).unwrap_or(-1).to_value();
        match pspec.name() {
            "config-file-path" => settings.config_file_path.to_value(),
            "batch-size" => from_file(settings.batch_size),
            "interval" => from_file(settings.interval),
            "unique-id" => from_file(settings.unique_id),
            "budget" => settings.budget.to_value(),
            "hold-objects" => settings.hold_objects.to_value(),
            "nice" => settings.nice.to_value(),
            _ => (settings.workers.map_or(0, NonZeroUsize::get) as u32).to_value(),
        }
    }
}

impl GstObjectImpl for SlipInfer {}

impl ElementImpl for SlipInfer {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream detector",
                "Filter/Analyzer/Video",
                "Finds objects with a neural network configured in DeepStream's nvinfer format",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let mut caps = picture_caps(FORMATS);
            caps.merge(batch_caps());
            transform::pad_templates(&caps, &caps)
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for SlipInfer {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let state = self.load()?;
        *self.state.lock() = Some(state);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = None;
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let plain = if is_batch_caps(incaps) {
            None
        } else {
            let info = gst_video::VideoInfo::from_caps(incaps);
            Some(info.map_err(|_| gst::loggable_error!(CAT, "cannot use caps {incaps}"))?)
        };
        let rate = incaps.structure(0).and_then(|s| s.get::<gst::Fraction>("framerate").ok());
        let period = rate
            .filter(|rate| rate.numer() > 0)
            .map(|rate| Duration::from_secs_f64(f64::from(rate.denom()) / f64::from(rate.numer())));
        let settings = self.settings.lock().clone();
        if let Some(state) = self.state.lock().as_mut() {
            state.plain = plain;
            state.period = period;
            state.scheduler.set_policy(settings.policy(state.detector.config(), period));
        }
        Ok(())
    }

    fn propose_allocation(
        &self,
        _decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        transform::propose_allocation(self.obj().src_pad(), query)
    }

    fn prepare_output_buffer(
        &self,
        input: InputBuffer,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        Ok(transform::reuse_input(&input))
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let hold = self.settings.lock().hold_objects;
        let mut state = self.state.lock();
        let state = state.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        state.infer(hold, buffer).map_err(|err| {
            gst::element_imp_error!(self, gst::StreamError::Failed, ["{err}"]);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    }
}
