//! One running pipeline: that of one config file.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst_app::{AppSink, AppSinkCallbacks};

use super::build::{BuildError, ThisMachine, build};
use super::config::{AppConfig, SinkKind, Tiling};
use super::keys::Grid;
use super::kitti::{self, Boxes};
use super::overlay::Look;
use super::perf::{Perf, Printed};
use super::plan::{MUX, Plan, PlanError, Server, Tap};
use super::run::AppError;
use super::source::SourceBin;
use super::{complain, inform, say, warn};
use crate::output::{Limits, OutputSettings, RtspOutput};
use crate::uri::redact;

/// Where RTSP sinks serve: DeepStream's path.
const MOUNT: &str = "/ds-test";
/// Files that are being written are given so long to be finished.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// A pipeline and what goes with it.
pub(super) struct Running {
    index: usize,
    config: Arc<AppConfig>,
    // Dropped in this order: viewers leave, then sources, then the rest.
    outputs: Vec<Arc<RtspOutput>>,
    sources: Vec<SourceBin>,
    pipeline: gst::Pipeline,
    elements: HashMap<String, gst::Element>,
    tiler: Option<(gst::Element, Grid)>,
    perf: Option<Perf>,
    shows_text: Arc<AtomicBool>,
    always_text: bool,
    recreate_at: Option<Instant>,
    is_paused: bool,
    /// How it ended, once it has.
    end: Option<End>,
}

/// How a pipeline ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All was shown.
    Done,
    /// Something broke.
    Failed,
}

impl Running {
    /// Builds the pipeline that `config` asks for.
    pub(super) fn new(index: usize, config: Arc<AppConfig>, tiled_text: bool) -> Result<Self, AppError> {
        let plan = Plan::new(&config, &ThisMachine)?;
        tracing::debug!("pipeline {index}:\n{plan}");
        plan.notices.iter().for_each(|notice| warn("create_pipeline", notice));
        let pipeline = gst::Pipeline::with_name("pipeline");
        let elements = build(&plan, &pipeline, &mut |notice| warn("create_pipeline", &notice))?;
        let always_text = tiled_text || config.tiled_display.tiling == Tiling::Off || plan.inputs.len() == 1;
        let mut running = Self {
            index,
            outputs: Vec::new(),
            sources: Vec::new(),
            tiler: None,
            perf: None,
            shows_text: Arc::new(AtomicBool::new(always_text)),
            always_text,
            recreate_at: None,
            is_paused: false,
            end: None,
            pipeline,
            elements,
            config,
        };
        running.tap(&plan)?;
        running.serve(&plan.servers)?;
        running.connect(&plan)?;
        Ok(running)
    }

    fn element(&self, name: &str) -> Result<&gst::Element, BuildError> {
        let found = self.elements.get(name);
        found.ok_or_else(|| glib::bool_error!("there is no element {name}").into())
    }

    fn pad(&self, tap: &Tap) -> Result<gst::Pad, BuildError> {
        let pad = self.element(&tap.element)?.static_pad(tap.pad);
        pad.ok_or_else(|| glib::bool_error!("{} has no pad {}", tap.element, tap.pad).into())
    }

    /// Puts listeners in their places.
    fn tap(&mut self, plan: &Plan) -> Result<(), AppError> {
        let config = self.config.clone();
        let application = &config.application;
        for (folder, tap, boxes) in [
            (&application.gie_kitti_output_dir, &plan.detected, Boxes::Detected),
            (&application.kitti_track_output_dir, &plan.tracked, Boxes::Tracked),
        ] {
            if let (Some(folder), Some(tap)) = (folder, tap) {
                kitti::write(&self.pad(tap)?, folder, self.index, boxes)
                    .map_err(|source| AppError::Folder { path: folder.clone(), source })?;
            }
        }
        let look = Arc::new(Look::new(&config, self.gies(), self.shows_text.clone()));
        for tap in &plan.overlays {
            look.clone().apply(&self.pad(tap)?);
        }
        if let (Some(tap), Some(seconds)) = (&plan.perf, application.perf_interval) {
            let pad = self.pad(tap)?;
            let interval = Duration::from_secs(seconds.into());
            self.perf = Some(Perf::start(&pad, plan.inputs.len(), interval, Instant::now()));
        }
        if let Some((name, rows, columns)) = &plan.tiler {
            let sources = u32::try_from(plan.inputs.len()).unwrap_or(u32::MAX);
            let grid = Grid { rows: *rows, columns: *columns, sources };
            self.tiler = Some((self.element(name)?.clone(), grid));
        }
        Ok(())
    }

    /// Detectors, each with the number that its objects carry.
    fn gies(&self) -> Vec<(u32, super::config::Gie)> {
        let detectors =
            self.elements.values().filter(|element| element.find_property("config-file-path").is_some());
        let numbers: Vec<(String, u32)> = detectors
            .filter(|element| {
                element.find_property("unique-id").is_some_and(|p| p.value_type() == u32::static_type())
            })
            .map(|element| {
                (
                    element.property::<Option<String>>("config-file-path").unwrap_or_default(),
                    element.property("unique-id"),
                )
            })
            .collect();
        let gies = self.config.primary_gie.iter().chain(&self.config.secondary_gies);
        gies.filter_map(|gie| {
            let path = gie.config_file.display().to_string();
            let number = gie
                .unique_id
                .or_else(|| numbers.iter().find(|(file, _)| *file == path).map(|(_, id)| *id))?;
            Some((number, gie.clone()))
        })
        .collect()
    }

    fn serve(&mut self, servers: &[Server]) -> Result<(), AppError> {
        for server in servers {
            let sink = self.element(&server.element)?.clone().downcast::<AppSink>();
            let sink = sink
                .map_err(|element| BuildError::from(glib::bool_error!("{} is no appsink", element.name())))?;
            let settings = OutputSettings {
                bind: std::net::Ipv4Addr::UNSPECIFIED.into(),
                port: server.port,
                path: MOUNT.parse().map_err(|error| BuildError::from(glib::bool_error!("{error}")))?,
                codec: server.codec,
                credentials: None,
                limits: Limits::default(),
            };
            let output = Arc::new(RtspOutput::start(settings)?);
            let weak = sink.downgrade();
            output.on_viewer(move || {
                let pad = weak.upgrade().and_then(|sink| sink.static_pad("sink"));
                if let Some(pad) = pad {
                    pad.push_event(gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build());
                }
            });
            let viewers = output.clone();
            let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                viewers.push(&sample);
                Ok(gst::FlowSuccess::Ok)
            });
            sink.set_callbacks(callbacks.build());
            say(&format!(
                "\n *** DeepStream: Launched RTSP Streaming at rtsp://localhost:{}{MOUNT} ***\n\n",
                server.port
            ));
            self.outputs.push(output);
        }
        Ok(())
    }

    fn connect(&mut self, plan: &Plan) -> Result<(), AppError> {
        let mux = self.element(MUX)?.clone();
        for input in &plan.inputs {
            let name = format!("sink_{}", input.pad);
            let pad = mux.request_pad_simple(&name);
            let pad =
                pad.ok_or_else(|| BuildError::from(glib::bool_error!("nvstreammux gives no pad {name}")))?;
            let source = SourceBin::new(&self.pipeline, pad, input.clone(), self.config.tests.file_loop);
            self.sources.push(source.map_err(BuildError::from)?);
        }
        Ok(())
    }

    /// Lets pictures flow.
    pub(super) fn start(&mut self) -> Result<(), AppError> {
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            // The bus says why.
            while let Some(message) = self.pipeline.bus().and_then(|bus| bus.pop()) {
                self.handle(&message);
            }
            complain("main", "Failed to set pipeline to PAUSED");
            return Err(AppError::Start);
        }
        let now = Instant::now();
        for source in &mut self.sources {
            source.start(now, &self.pipeline);
        }
        let every = self.config.tests.pipeline_recreate_sec;
        self.recreate_at = (every > 0).then(|| now + Duration::from_secs(every.into()));
        Ok(())
    }

    /// Waits for messages and handles them.
    pub(super) fn wait(&mut self, time: Option<gst::ClockTime>) {
        let Some(bus) = self.pipeline.bus() else { return };
        let mut message = bus.timed_pop(time.unwrap_or(gst::ClockTime::ZERO));
        while let Some(current) = message.filter(|_| self.end.is_none()) {
            self.handle(&current);
            message = bus.pop();
        }
    }

    fn handle(&mut self, message: &gst::Message) {
        use gst::MessageView;
        let name = message.src().map(|source| source.name().to_string()).unwrap_or_default();
        let report = |kind: &str, error: &glib::Error, debug: Option<glib::GString>| {
            eprintln!("{kind} from {name}: {}", redact(error.message()));
            if let Some(debug) = debug {
                eprintln!("Debug info: {}", redact(&debug));
            }
        };
        match message.view() {
            MessageView::Error(error) => {
                report("ERROR", &error.error(), error.debug());
                let now = Instant::now();
                let source =
                    message.src().and_then(|object| self.sources.iter_mut().find(|bin| bin.holds(object)));
                if !source.is_some_and(|source| source.failed(now)) {
                    self.end = Some(End::Failed);
                }
            }
            MessageView::Warning(warning) => report("WARNING", &warning.error(), warning.debug()),
            MessageView::Info(info) => report("INFO", &info.error(), info.debug()),
            MessageView::Eos(_) => {
                inform("bus_callback", "Received EOS. Exiting ...\n");
                self.end = Some(End::Done);
            }
            MessageView::Element(element) => super::record::log(element),
            MessageView::Latency(_) => {
                if let Err(error) = self.pipeline.recalculate_latency() {
                    tracing::debug!("{error}");
                }
            }
            MessageView::StateChanged(change)
                if message
                    .src()
                    .is_some_and(|source| source == self.pipeline.upcast_ref::<gst::Object>()) =>
            {
                match (change.old(), change.current()) {
                    (old, gst::State::Playing) if old != gst::State::Playing => {
                        inform("bus_callback", "Pipeline running\n");
                    }
                    (gst::State::Playing, gst::State::Paused) => inform("bus_callback", "Pipeline paused\n"),
                    (gst::State::Null, gst::State::Ready) => inform("bus_callback", "Pipeline ready\n"),
                    (_, gst::State::Ready) => inform("bus_callback", "Pipeline stopped\n"),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// What has to be done from time to time.
    pub(super) fn tend(&mut self, now: Instant, several: bool, printed: &Printed) {
        for source in &mut self.sources {
            if let Some(text) = source.tend(now, &self.pipeline) {
                warn("watch_source_status", &text);
            }
        }
        if self.end.is_none() && self.sources.iter().all(SourceBin::has_ended) {
            say("Reconnection attempt  exceeded or EOS received for all sources. Exiting.\n");
            self.end = Some(End::Done);
        }
        if !self.is_paused
            && let Some(perf) = &mut self.perf
            && let Some(text) = perf.look(now, self.index, several, printed)
        {
            say(&text);
        }
    }

    /// Whether it is time to build it anew.
    pub(super) fn wants_recreation(&self, now: Instant) -> bool {
        self.end.is_none() && self.recreate_at.is_some_and(|time| now >= time)
    }

    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    pub(super) fn config(&self) -> &Arc<AppConfig> {
        &self.config
    }

    pub(super) fn grid(&self) -> Option<Grid> {
        self.tiler.as_ref().map(|(_, grid)| *grid)
    }

    pub(super) fn pause(&mut self) {
        self.set_paused(true);
    }

    pub(super) fn resume(&mut self) {
        self.set_paused(false);
    }

    fn set_paused(&mut self, paused: bool) {
        if self.is_paused == paused || self.end.is_some() {
            return;
        }
        self.is_paused = paused;
        let state = if paused { gst::State::Paused } else { gst::State::Playing };
        if self.pipeline.set_state(state).is_err() {
            complain("pause_pipeline", "the pipeline does not change its state");
        }
        for source in &self.sources {
            source.follow(state, &self.pipeline);
        }
        if let Some(perf) = self.perf.as_mut().filter(|_| !paused) {
            perf.resume(Instant::now());
        }
    }

    /// Shows one source, or all.
    pub(super) fn show(&self, source: Option<u32>) {
        if let Some((tiler, _)) = &self.tiler {
            let number = source.and_then(|source| i32::try_from(source).ok()).unwrap_or(-1);
            tiler.set_property("show-source", number);
            self.shows_text.store(self.always_text || source.is_some(), Ordering::Relaxed);
        }
    }

    /// Ends in order: files that are being written are finished.
    pub(super) fn finish(mut self) {
        let writes = self.config.sinks.iter().any(|sink| sink.kind == SinkKind::File);
        if writes && self.end.is_none() {
            self.resume();
            self.finish_files();
        }
    }

    fn finish_files(&self) {
        let Some(bus) = self.pipeline.bus() else { return };
        std::thread::scope(|scope| {
            // A multiplexer that takes no more holds whoever tells it something; stopping the pipeline sets it free.
            scope.spawn(|| self.sources.iter().for_each(SourceBin::send_end));
            let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
            if bus.timed_pop_filtered(PATIENCE, &kinds).is_none() {
                tracing::warn!("files that are being written are not finished in time");
                let _ = self.pipeline.set_state(gst::State::Null);
            }
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.outputs.clear();
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::debug!("the pipeline did not stop in order");
        }
        self.sources.clear();
    }
}

impl From<PlanError> for AppError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}
