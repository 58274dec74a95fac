use std::sync::LazyLock;
use std::time::{Duration, Instant};

use gst::{glib, prelude::*};
use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_base::{prelude::*, subclass::prelude::*};
use gst_video::VideoFormat;
use parking_lot::Mutex;
use slipstream_infer::config::{self, InferConfig, NetworkType};
use slipstream_infer::{Analyzer, InferError, Timings};
use slipstream_meta::{FrameMeta, Size};

use super::primary::Primary;
use super::secondary::{Limits, Secondary};
use super::settings::{Settings, properties};
use crate::frame::picture_caps;
use crate::meta::{Batch, BatchPicture, batch_caps, is_batch_caps};
use crate::transform;

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
    started: Instant,
    /// Time between batches, where the caps tell.
    period: Option<Duration>,
    plain: Option<gst_video::VideoInfo>,
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
        let policy = settings.policy(self.stage.config(), self.period);
        if let Stage::Primary(primary) = &mut self.stage {
            primary.set_policy(policy);
        }
    }

    fn look(
        &mut self,
        request: &Request,
        frames: &mut [FrameMeta],
        pictures: &[BatchPicture],
    ) -> Result<(), Box<InferError>> {
        let now = self.started.elapsed();
        match &mut self.stage {
            Stage::Primary(primary) => primary.look(request.hold, now, frames, pictures),
            Stage::Secondary(secondary) => {
                let limits = Limits { budget: request.budget, period: self.period, hold: request.hold };
                secondary.look(limits, now, frames, pictures)
            }
        }
    }

    fn infer(&mut self, request: &Request, buffer: &mut gst::BufferRef) -> Result<(), Box<InferError>> {
        let mut content = buffer
            .meta_mut::<Batch>()
            .map(|mut batch| std::mem::take(batch.content_mut()))
            .unwrap_or_default();
        let plain = self.plain.clone();
        let done = match plain {
            None => {
                let done = self.look(request, &mut content.meta.frames, &content.pictures);
                let sources = &content.meta.sources;
                let is_there = |index: u32| sources.iter().any(|source| source.pad_index == index);
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
                self.look(request, &mut content.meta.frames, std::slice::from_ref(&picture))
            }
        };
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
                ["config-file-path is not set: it names the network's config file"]
            )
        })?;
        let fail = |err: &dyn std::fmt::Display| gst::error_msg!(gst::ResourceError::Settings, ["{err}"]);
        let (mut config, notices) = InferConfig::load(path).map_err(|err| fail(&err))?;
        for notice in notices {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ["{notice}"]);
        }
        settings.apply(&mut config).map_err(|err| fail(&err))?;
        let is_secondary = config.process_mode == config::ProcessMode::Secondary;
        let can_wait = is_secondary && config.network_type == NetworkType::Classifier;
        let in_background = config.classifier_async_mode && can_wait;
        if config.classifier_async_mode && !can_wait {
            let place = config.location("classifier-async-mode");
            gst::element_imp_warning!(
                self,
                gst::ResourceError::Settings,
                ["{place}: classifier-async-mode counts for secondary classifiers only"]
            );
        }
        let mut analyzer = Analyzer::new(config, settings.workers).map_err(|err| fail(&err))?;
        for notice in analyzer.notices() {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ["{notice}"]);
        }
        analyzer.set_nice(settings.nice);
        gst::info!(CAT, imp = self, "{} workers for {path}", analyzer.workers());
        let stage = if is_secondary {
            Stage::Secondary(Box::new(Secondary::new(analyzer, in_background).map_err(|err| fail(&err))?))
        } else {
            let policy = settings.policy(analyzer.config(), None);
            Stage::Primary(Box::new(Primary::new(analyzer, policy)))
        };
        Ok(State { stage, started: Instant::now(), period: None, plain: None, plain_frames: 0 })
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
