use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::{prelude::*, subclass::prelude::*};
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_infer::config::{self, InferConfig, NetworkType, Notice};
use slipstream_infer::{Analyzer, InferError, Policy, Timings};
use slipstream_meta::{FrameMeta, Size};

use super::primary::Primary;
use super::secondary::{Limits, Secondary};
use super::settings::{Settings, properties};
use super::{Dialect, Network};
use crate::meta::{Batch, BatchPicture};
use crate::transform::{self, Pictures, Stream};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("slipinfer", gst::DebugColorFlags::empty(), Some("Slipstream inference"))
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

enum Stage {
    Primary(Box<Primary>),
    Secondary(Box<Secondary>),
}

impl Stage {
    fn config(&self) -> &InferConfig {
        match self {
            Self::Primary(primary) => primary.analyzer().config(),
            Self::Secondary(secondary) => secondary.config(),
        }
    }
}

struct State {
    stage: Stage,
    dialect: Arc<dyn Dialect>,
    /// Which frames get a turn, where that is not up to the properties.
    policy: Option<Policy>,
    started: Instant,
    /// Time between batches, where the caps tell.
    period: Option<Duration>,
    stream: Option<Stream>,
    plain_frames: u64,
}

/// What there is to know about a batch before it is looked at.
struct Request {
    budget: f64,
    hold: bool,
}

/// Instance data of [`super::SlipInfer`].
#[derive(Default)]
pub struct SlipInfer {
    settings: Mutex<Settings>,
    state: Mutex<Option<State>>,
}

impl State {
    /// Goes by properties that were changed while playing.
    fn follow(&mut self, settings: &Settings) {
        let policy = settings.policy(self.policy, self.stage.config(), self.period);
        if let Stage::Primary(primary) = &mut self.stage {
            primary.set_policy(policy);
        }
    }

    fn look(
        &mut self,
        request: &Request,
        frames: &mut [FrameMeta],
        pictures: Pictures<'_>,
    ) -> Result<(), Box<InferError>> {
        let now = self.started.elapsed();
        let dialect = &*self.dialect;
        match &mut self.stage {
            Stage::Primary(primary) => primary.look(request.hold, now, dialect, frames, pictures),
            Stage::Secondary(secondary) => {
                let limits = Limits { budget: request.budget, period: self.period, hold: request.hold };
                secondary.look(limits, now, dialect, frames, pictures)
            }
        }
    }

    fn infer(&mut self, request: &Request, buffer: &mut gst::BufferRef) -> Result<(), Box<InferError>> {
        let mut content = buffer
            .meta_mut::<Batch>()
            .map(|mut batch| std::mem::take(batch.content_mut()))
            .unwrap_or_default();
        let plain = self.stream.as_ref().and_then(|stream| stream.picture(buffer)).cloned();
        let done = match plain {
            None => {
                let pictures = Pictures { all: &content.pictures, is_plain: false };
                let done = self.look(request, &mut content.meta.frames, pictures);
                let sources = &content.meta.sources;
                // A batch that lists no sources says nothing about who is gone.
                let is_there =
                    |index: u32| sources.is_empty() || sources.iter().any(|source| source.pad_index == index);
                match &mut self.stage {
                    Stage::Primary(primary) => primary.retain_sources(is_there),
                    Stage::Secondary(secondary) => secondary.retain_sources(is_there),
                }
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
                let pictures = Pictures { all: std::slice::from_ref(&picture), is_plain: true };
                self.look(request, &mut content.meta.frames, pictures)
            }
        };
        Batch::attach(buffer, content);
        done
    }
}

impl SlipInfer {
    /// The config that the properties ask for.
    fn config(&self) -> Result<InferConfig, gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        let path = settings.config_file_path.as_deref().ok_or_else(|| {
            gst::error_msg!(
                gst::ResourceError::NotFound,
                ["config-file-path is not set: it names the network's config file"]
            )
        })?;
        let fail = |err: &dyn std::fmt::Display| gst::error_msg!(gst::ResourceError::Settings, ["{err}"]);
        let (mut config, notices) = InferConfig::load(path).map_err(|err| fail(&err))?;
        for notice in notices {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ["{notice}"]);
        }
        settings.apply(&mut config).map_err(|err| fail(&err))?;
        Ok(config)
    }

    /// Loads a network and looks at pictures with it from the next buffer on, in place of any that is there. Nothing waits for
    /// the loading but the caller.
    /// Returns what the author of the config should know.
    pub(super) fn open(&self, network: Network) -> Result<Vec<Notice>, gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        let fail = |err: &dyn std::fmt::Display| gst::error_msg!(gst::ResourceError::Settings, ["{err}"]);
        let Network { config, policy, dialect } = network;
        let path = config.path.clone();
        let is_secondary = config.process_mode == config::ProcessMode::Secondary;
        let can_wait = is_secondary && config.network_type == NetworkType::Classifier;
        let in_background = config.classifier_async_mode && can_wait;
        let mut notices = Vec::new();
        if config.classifier_async_mode && !can_wait {
            let location = config.location("classifier-async-mode");
            let message = "classifier-async-mode counts for secondary classifiers only".to_owned();
            notices.push(Notice { location, message });
        }
        let mut analyzer = Analyzer::new(config, settings.workers).map_err(|err| fail(&err))?;
        notices.extend(analyzer.notices().iter().cloned());
        analyzer.set_nice(settings.nice);
        gst::info!(CAT, imp = self, "{} workers for {}", analyzer.workers(), path.display());
        let stage = if is_secondary {
            Stage::Secondary(Box::new(Secondary::new(analyzer, in_background).map_err(|err| fail(&err))?))
        } else {
            let policy = settings.policy(policy, analyzer.config(), None);
            Stage::Primary(Box::new(Primary::new(analyzer, policy)))
        };
        let mut state = self.state.lock();
        let old = state.take();
        let (period, stream) = old.as_ref().map(|old| (old.period, old.stream.clone())).unwrap_or_default();
        let plain_frames = old.as_ref().map_or(0, |old| old.plain_frames);
        let started = Instant::now();
        let new = state.insert(State { stage, dialect, policy, started, period, stream, plain_frames });
        new.follow(&settings);
        drop(state);
        // Last, as a network takes its time to go.
        drop(old);
        Ok(notices)
    }

    /// Another choice of frames from the next buffer on.
    pub(super) fn set_policy(&self, policy: Policy) {
        let settings = self.settings.lock().clone();
        if let Some(state) = self.state.lock().as_mut() {
            state.policy = Some(policy);
            state.follow(&settings);
        }
    }

    fn stats(&self) -> gst::Structure {
        let state = self.state.lock();
        let (timings, workers, skipped, remembered) = match state.as_ref().map(|state| &state.stage) {
            Some(Stage::Primary(primary)) => {
                let analyzer = primary.analyzer();
                (analyzer.timings(), analyzer.workers(), primary.skipped(), 0)
            }
            Some(Stage::Secondary(secondary)) => {
                let (timings, workers) = (secondary.timings(), secondary.workers());
                (timings, workers, secondary.skipped(), secondary.remembered())
            }
            None => (Timings::default(), 0, 0, 0),
        };
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        gst::Structure::builder("slipinfer-stats")
            .field("images", timings.images)
            .field("skipped", skipped)
            .field("remembered", remembered as u64)
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
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipInfer;
    type ParentType = gst_base::BaseTransform;
}

impl ObjectImpl for SlipInfer {
    fn properties() -> &'static [glib::ParamSpec] {
        properties()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings.lock();
        if !settings.set(pspec.name(), value) {
            gst::error!(CAT, imp = self, "no property {}", pspec.name());
        }
        let settings = settings.clone();
        if let Some(state) = self.state.lock().as_mut() {
            state.follow(&settings);
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.stats().to_value(),
            name => self.settings.lock().get(name),
        }
    }
}

impl GstObjectImpl for SlipInfer {}

impl ElementImpl for SlipInfer {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream inference",
                "Filter/Analyzer/Video",
                "Finds and describes objects with a neural network configured in DeepStream's nvinfer format",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = transform::all_caps(&FORMATS);
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
        let network = Network { config: self.config()?, policy: None, dialect: Arc::new(super::Native) };
        for notice in self.open(network)? {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ["{notice}"]);
        }
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = None;
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let stream = Stream::new(incaps)?;
        let rate = incaps.structure(0).and_then(|s| s.get::<gst::Fraction>("framerate").ok());
        let period = rate
            .filter(|rate| rate.numer() > 0)
            .map(|rate| Duration::from_secs_f64(f64::from(rate.denom()) / f64::from(rate.numer())));
        let settings = self.settings.lock().clone();
        if let Some(state) = self.state.lock().as_mut() {
            state.stream = Some(stream);
            state.period = period;
            state.follow(&settings);
        }
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if event.type_() == gst::EventType::FlushStop
            && let Some(state) = self.state.lock().as_mut()
            && let Stage::Secondary(secondary) = &mut state.stage
        {
            secondary.clear();
        }
        self.parent_sink_event(event)
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
        let request = {
            let settings = self.settings.lock();
            Request { budget: settings.budget, hold: settings.hold_objects }
        };
        let mut state = self.state.lock();
        let state = state.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        state.infer(&request, buffer).map_err(|err| {
            gst::element_imp_error!(self, gst::StreamError::Failed, ["{err}"]);
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    }
}
