use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use gst::{glib, prelude::*, subclass::prelude::*};
use gst_video::VideoFormat;
use parking_lot::{Condvar, Mutex};
use slipstream_buffer::meta::{BatchPicture, nvmm_caps};
use slipstream_meta::{FrameMeta, Rect, SourceMeta};

use super::collect::{Collector, LaneId, Mark};
use super::new_config::NewConfig;
use super::settings::{Config, Generation, NO_FILE};
use crate::basics::properties::{Settings, specs};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("nvstreammux", gst::DebugColorFlags::empty(), Some("DeepStream's multiplexer"))
});

/// A frame that waits for its batch.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) meta: FrameMeta,
    pub(super) picture: BatchPicture,
}

/// A source.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) pad: gst::Pad,
    pub(super) name: Arc<str>,
    pub(super) info: Option<gst_video::VideoInfo>,
    /// Where its pictures lie in the frames.
    pub(super) viewport: Rect,
    pub(super) segment: gst::FormattedSegment<gst::ClockTime>,
    /// Its own number; asked for once per stream.
    pub(super) source_id: Option<u32>,
    pub(super) frames: u64,
    pub(super) flushing: bool,
}

impl Input {
    fn describe(&self, pad_index: u32) -> SourceMeta {
        let status = (self.frames == 0).then(|| "no picture yet".into());
        SourceMeta { pad_index, name: self.name.clone(), status, viewport: None }
    }
}

/// What the batches are like; decided by the first input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output {
    pub(super) format: VideoFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rate: gst::Fraction,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) inputs: BTreeMap<LaneId, Input>,
    pub(super) frames: Collector<Waiting>,
    pub(super) serial: u64,
    pub(super) stopped: bool,
    /// No batches for a moment, while sources are told to seek.
    pub(super) seeking: bool,
    pub(super) last_seek: Option<gst::Seqnum>,
    pub(super) output: Option<Output>,
    pub(super) started: bool,
    /// What the caps that were sent last were made from.
    pub(super) sent: Option<Output>,
    /// Batches, or moments of `sync-inputs`, so far.
    pub(super) count: u64,
    pub(super) last_time: gst::ClockTime,
    pub(super) latency: gst::ClockTime,
    /// It was said that there are no sources.
    pub(super) said_no_sources: bool,
}

impl State {
    pub(super) fn sources(&self) -> Vec<SourceMeta> {
        self.inputs.iter().map(|(lane, input)| input.describe(lane.pad)).collect()
    }

    pub(super) fn lane_of(&self, pad: &gst::Pad) -> Option<LaneId> {
        self.inputs.iter().find(|(_, input)| input.pad == *pad).map(|(&lane, _)| lane)
    }
}

/// Instance data of [`super::NvStreamMux`].
pub struct NvStreamMux {
    pub(super) srcpad: gst::Pad,
    settings: Settings,
    pub(super) config: Mutex<Config>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
    /// Batches under way are counted by the buffers that are taken from here.
    pub(super) pool: gst::BufferPool,
    epoch: Instant,
}

impl NvStreamMux {
    /// Nanoseconds of a clock that never jumps.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn instant(&self, time: u64) -> Instant {
        self.epoch + Duration::from_nanos(time)
    }

    /// Changes the state and wakes everyone who waits for something else.
    pub(super) fn interrupt<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock());
        self.changed.notify_all();
        result
    }

    /// Whether everything is set that must be.
    fn check(&self) -> Result<(), gst::StateChangeError> {
        let config = self.config.lock().clone();
        if config.generation == Generation::New {
            return self.load();
        }
        let missing = if config.width == 0 {
            "Output width not set"
        } else if config.height == 0 {
            "Output height not set"
        } else if config.batch_size == 0 {
            "Batch size not set"
        } else if config.sync_inputs && config.timeout.is_none() {
            "Batch push timeout not set"
        } else {
            return Ok(());
        };
        gst::element_imp_error!(self, gst::LibraryError::Settings, ["{missing}"]);
        Err(gst::StateChangeError)
    }

    /// Reads the config file of the new multiplexer.
    fn load(&self) -> Result<(), gst::StateChangeError> {
        let path = self.settings.text("config-file-path").filter(|path| path != NO_FILE);
        let file = match path.map(|path| NewConfig::load(path.as_ref())) {
            None => NewConfig::default(),
            Some(Ok((file, notices))) => {
                for notice in notices {
                    gst::warning!(CAT, imp = self, "{notice}");
                }
                file
            }
            Some(Err(err)) => {
                gst::element_imp_error!(self, gst::LibraryError::Settings, ("{err}"));
                return Err(gst::StateChangeError);
            }
        };
        self.config.lock().file = file;
        Ok(())
    }

    fn activate_src(&self, active: bool) -> Result<(), gst::LoggableError> {
        if active {
            self.interrupt(|state| {
                state.frames.restart();
                for input in state.inputs.values_mut() {
                    (input.info, input.source_id, input.frames) = (None, None, 0);
                    input.segment = gst::FormattedSegment::new();
                }
                let fresh = State::default();
                state.stopped = false;
                state.seeking = false;
                state.started = false;
                state.said_no_sources = false;
                (state.last_seek, state.output, state.sent) = (None, None, None);
                (state.count, state.last_time, state.latency) = (fresh.count, fresh.last_time, fresh.latency);
            });
            let mut config = self.pool.config();
            config.set_params(None, 0, 0, self.config.lock().pool_size);
            self.pool
                .set_config(config)
                .and_then(|()| self.pool.set_active(true))
                .map_err(|err| gst::loggable_error!(CAT, "no pool for batches: {err}"))?;
            self.start_task()
        } else {
            self.interrupt(|state| state.stopped = true);
            self.pool.set_flushing(true);
            let stopped =
                self.srcpad.stop_task().map_err(|_| gst::loggable_error!(CAT, "cannot stop the task"));
            if let Err(err) = self.pool.set_active(false) {
                gst::debug!(CAT, imp = self, "batches are still in use: {err}");
            }
            stopped
        }
    }

    pub(super) fn start_task(&self) -> Result<(), gst::LoggableError> {
        let element = self.obj().downgrade();
        self.srcpad
            .start_task(move || {
                if let Some(element) = element.upgrade() {
                    element.imp().task();
                }
            })
            .map_err(|_| gst::loggable_error!(CAT, "cannot start the task"))
    }
}

#[glib::object_subclass]
impl ObjectSubclass for NvStreamMux {
    const NAME: &'static str = "GstNvstreammux";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvStreamMux;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let template = class.pad_template("src").expect("the class has a src template");
        let srcpad = gst::Pad::builder_from_template(&template)
            .activatemode_function(|_, parent, _, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while (de)activating")),
                    |mux| mux.activate_src(active),
                )
            })
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.src_event(&event))
            })
            .query_function(|_, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.src_query(query))
            })
            .build();
        let generation = Generation::get();
        let settings = Settings::new(&[generation.properties()]);
        let config = Mutex::new(Config::read(generation, &settings, NewConfig::default()));
        Self {
            srcpad,
            settings,
            config,
            state: Mutex::default(),
            changed: Condvar::new(),
            pool: gst::BufferPool::new(),
            epoch: Instant::now(),
        }
    }
}

impl ObjectImpl for NvStreamMux {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> =
            LazyLock::new(|| specs(&[Generation::get().properties()]));
        &PROPERTIES
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if self.settings.set(id, value).is_none() {
            gst::error!(CAT, imp = self, "cannot set property {}", pspec.name());
            return;
        }
        {
            let mut config = self.config.lock();
            *config = Config::read(config.generation, &self.settings, config.file.clone());
        }
        self.interrupt(|_| ());
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.set_element_flags(gst::ElementFlags::REQUIRE_CLOCK);
        if let Err(err) = obj.add_pad(&self.srcpad) {
            gst::error!(CAT, imp = self, "cannot add the src pad: {err}");
        }
    }
}

impl GstObjectImpl for NvStreamMux {}

impl ElementImpl for NvStreamMux {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Stream multiplexer",
                "Generic",
                "N-to-1 pipe stream multiplexing",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = nvmm_caps(super::FORMATS);
            let sink =
                gst::PadTemplate::new("sink_%u", gst::PadDirection::Sink, gst::PadPresence::Request, &caps);
            let src = gst::PadTemplate::new("src", gst::PadDirection::Src, gst::PadPresence::Always, &caps);
            [sink, src].into_iter().filter_map(Result::ok).collect()
        });
        &TEMPLATES
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        let Some(index) =
            name.and_then(|name| name.strip_prefix("sink_")).and_then(|n| n.parse::<u32>().ok())
        else {
            gst::error!(
                CAT,
                imp = self,
                "sources need a pad by its number, as in sink_0; asked for {name:?}"
            );
            return None;
        };
        let (pad, lane) = {
            let mut state = self.state.lock();
            if state.inputs.keys().any(|lane| lane.pad == index) {
                gst::error!(CAT, imp = self, "pad sink_{index} is in use");
                return None;
            }
            let lane = LaneId { pad: index, serial: state.serial };
            state.serial += 1;
            (self.sink_pad(template, lane), lane)
        };
        let obj = self.obj();
        if let Err(err) = obj.add_pad(&pad) {
            gst::error!(CAT, imp = self, "cannot add pad {}: {err}", pad.name());
            return None;
        }
        let input = Input {
            pad: pad.clone(),
            name: format!("source {index}").into(),
            info: None,
            viewport: Rect::default(),
            segment: gst::FormattedSegment::new(),
            source_id: None,
            frames: 0,
            flushing: false,
        };
        self.interrupt(|state| {
            state.inputs.insert(lane, input);
            state.frames.open(lane);
            state.said_no_sources = false;
        });
        Some(pad)
    }

    fn release_pad(&self, pad: &gst::Pad) {
        // What has come is still sent, and that the source has left is said behind it.
        self.interrupt(|state| {
            if let Some(lane) = state.lane_of(pad) {
                state.frames.mark(lane, Mark::Left);
                if let Some(input) = state.inputs.get_mut(&lane) {
                    input.flushing = true;
                }
            }
        });
        let _ = pad.set_active(false);
        if let Err(err) = self.obj().remove_pad(pad) {
            gst::error!(CAT, imp = self, "cannot remove pad {}: {err}", pad.name());
        }
        // Last, so that nobody requests a pad of this name while it is still there.
        self.interrupt(|state| {
            if let Some(lane) = state.lane_of(pad) {
                state.inputs.remove(&lane);
            }
        });
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            self.check()?;
        }
        let success = self.parent_change_state(transition)?;
        // Who waited for a running time has one now.
        self.interrupt(|_| ());
        Ok(success)
    }
}

impl NvStreamMux {
    fn sink_pad(&self, template: &gst::PadTemplate, lane: LaneId) -> gst::Pad {
        gst::Pad::builder_from_template(template)
            .name(format!("sink_{}", lane.pad))
            .chain_function(move |pad, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |mux| mux.sink_chain(pad, lane, buffer),
                )
            })
            .event_function(move |pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.sink_event(pad, lane, event))
            })
            .query_function(move |pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.sink_query(pad, query))
            })
            .activatemode_function(move |_, parent, _, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while (de)activating")),
                    |mux| {
                        mux.interrupt(|state| {
                            if let Some(input) = state.inputs.get_mut(&lane) {
                                input.flushing = !active;
                            }
                        });
                        Ok(())
                    },
                )
            })
            .build()
    }
}
