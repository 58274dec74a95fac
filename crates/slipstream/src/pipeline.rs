//! The job: cameras, multiplexer, detector, tracker, second stages, tiler, drawing, encoder, output.
//!
//! ```text
//! camera ─┐
//! camera ─┼─ slipmux ─ slipinfer ─ queue ─ sliptrack ─ sliptiler ─ sliposd ─ queue ─ encoder ─ appsink ─ RTSP server
//! camera ─┘
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use gst::glib;
use gst::prelude::*;
use gstslipstream::meta::Batch;

use crate::encoder::{Encoder, EncoderError, EncoderSettings, encoder_bin};
use crate::models::{ModelError, detector_config};
use crate::output::{Limits, OutputError, OutputSettings, RtspOutput};
use crate::settings::{DetectorArgs, Interval, JobSettings, TrackerArgs};
use crate::source::{Camera, CameraError};
use crate::tally::Tally;
use crate::uri::{Input, redact};

/// Share of the time between pictures that inference may take where the interval is left to the machine: the rest is for
/// decoding and encoding, which must not starve.
const AUTO_BUDGET: f64 = 0.7;
/// What second stages may take of that, all of them together: they work on what is left of a batch's time behind the detector.
const SECONDARY_BUDGET: f64 = 0.2;
/// Inference steps back for decoding and encoding: at this priority Linux gives a thread a third of what others get, so that a
/// machine with too much to do looks at fewer frames rather than losing packets.
const DETECTOR_NICE: i32 = 5;
/// Batches between detector and tiler, and pictures between drawing and encoder: enough for all to work at the same time.
const QUEUE: u32 = 2;
/// Picture rate that encoders are set up for where the cameras decide.
const NOMINAL_RATE: u32 = 25;

/// Why the job cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No detector.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No tracker.
    #[error(transparent)]
    Tracker(#[from] slipstream_track::ConfigError),
    /// No encoder.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// No port.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The machine gives out.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// GStreamer lacks an element.
    #[error("{0}")]
    Element(#[from] glib::BoolError),
    /// An element of the job, not of a camera, failed.
    #[error("{0}")]
    Failed(String),
}

/// What a message on the bus means for the job.
#[derive(Debug)]
pub enum Happening {
    /// All inputs were shown to their end.
    Ended,
    /// The job cannot go on.
    Failed(JobError),
}

/// The running job. Cameras and elements stop when it is dropped.
pub struct Job {
    // Dropped in this order: viewers leave while there still are pictures, then each camera takes its elements out of the
    // pipeline.
    output: Arc<RtspOutput>,
    cameras: Vec<Camera>,
    pipeline: Running,
    encoder: Encoder,
    tally: Arc<Tally>,
}

/// A pipeline that stops when it is dropped.
struct Running(gst::Pipeline);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.set_state(gst::State::Null).is_err() {
            tracing::debug!("the pipeline did not stop in order");
        }
    }
}

fn make(factory: &str) -> Result<gst::Element, glib::BoolError> {
    gst::ElementFactory::make(factory).name(factory).build()
}

/// A short queue, where one thread hands over to the next.
fn queue(name: &str) -> Result<gst::Element, glib::BoolError> {
    gst::ElementFactory::make("queue")
        .name(name)
        .property("max-size-buffers", QUEUE)
        .property("max-size-bytes", 0u32)
        .property("max-size-time", 0u64)
        .build()
}

/// The element that follows objects, if there is to be one.
fn tracker(settings: &TrackerArgs) -> Result<Option<gst::Element>, JobError> {
    let Some(choice) = settings.tracker.given() else {
        if settings.trails > 0 {
            tracing::warn!("without a tracker there are no trails");
        }
        return Ok(None);
    };
    // What is wrong with it is said before a port is opened; what is odd, by the element.
    slipstream_track::TrackerConfig::choose(choice)?;
    let tracker = make("sliptrack")?;
    tracker.set_property("ll-config-file", choice);
    tracker.set_property("trail-length", settings.trails);
    // Whatever is shown is counted, and whatever is counted has a number.
    tracker.set_property("keep-untracked", false);
    Ok(Some(tracker))
}

/// The elements that look at objects.
fn second_stages(settings: &DetectorArgs, any_live: bool) -> Result<Vec<gst::Element>, JobError> {
    let stage = |(index, config): (usize, &PathBuf)| {
        let config = detector_config(Some(config))?;
        let stage = gst::ElementFactory::make("slipinfer").name(format!("secondary{index}")).build()?;
        stage.set_property("config-file-path", config.to_string_lossy().as_ref());
        stage.set_property_from_str("process-mode", "secondary");
        stage.set_property("hold-objects", true);
        stage.set_property("nice", DETECTOR_NICE);
        if any_live {
            stage.set_property("budget", SECONDARY_BUDGET / settings.secondary.len() as f64);
        }
        Ok(stage)
    };
    settings.secondary.iter().enumerate().map(stage).collect()
}

impl Job {
    /// Opens the port, sets up the elements, and starts to connect to `inputs`.
    ///
    /// # Errors
    /// If the port is in use, or the detector, the tracker or the encoder cannot be used. Cameras are no reason.
    pub fn start(settings: &JobSettings, inputs: &[Input]) -> Result<Self, JobError> {
        Self::start_watched(settings, inputs, |_| {})
    }

    /// The same; `watch` may look at the elements before anything flows.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_watched(
        settings: &JobSettings,
        inputs: &[Input],
        watch: impl FnOnce(&gst::Pipeline),
    ) -> Result<Self, JobError> {
        let config = detector_config(settings.detector.model.as_deref())?;
        let tracker = tracker(&settings.tracking)?;
        let any_live = inputs.iter().any(Input::is_live);
        let stages = second_stages(&settings.detector, any_live)?;
        let encoder = encoder_bin(&EncoderSettings {
            codec: settings.encoder.codec,
            bitrate: settings.encoder.bitrate,
            size: settings.picture.size(),
            frame_rate: settings.picture.fps.unwrap_or(NOMINAL_RATE),
            choice: settings.encoder.encoder.clone(),
        })?;
        let output = Arc::new(RtspOutput::start(OutputSettings {
            bind: settings.bind,
            port: settings.address.port,
            path: settings.address.path.clone(),
            codec: settings.encoder.codec,
            credentials: settings.address.credentials(),
            limits: Limits::default(),
        })?);
        output.on_viewer(encoder.key_frame_requester());

        let pipeline = gst::Pipeline::builder().name("slipstream").build();
        let mux = make("slipmux")?;
        mux.set_property("live", true);
        let detector = make("slipinfer")?;
        let tiler = make("sliptiler")?;
        let batch_queue = queue("batches")?;
        let picture_queue = queue("pictures")?;
        let osd = make("sliposd")?;
        let sink = gst_app::AppSink::builder().name("output").sync(false).async_(false).build();

        if let Some(rate) = settings.picture.fps {
            mux.set_property("framerate", gst::Fraction::from_integer(rate as i32));
        }
        detector.set_property("config-file-path", config.to_string_lossy().as_ref());
        detector.set_property("hold-objects", tracker.is_none());
        detector.set_property("nice", DETECTOR_NICE);
        match settings.detector.interval {
            Interval::Auto => {
                let reserved = if stages.is_empty() { 0.0 } else { SECONDARY_BUDGET };
                detector.set_property("budget", AUTO_BUDGET - reserved);
            }
            Interval::Skip(skip) => {
                detector.set_property("interval", i32::try_from(skip).unwrap_or(i32::MAX));
            }
        }
        tiler.set_property("width", settings.picture.width);
        tiler.set_property("height", settings.picture.height);
        tiler.set_property("rows", settings.picture.rows.unwrap_or(0));
        tiler.set_property("columns", settings.picture.columns.unwrap_or(0));
        tiler.set_property("keep-aspect-ratio", settings.picture.keep_aspect_ratio);
        if any_live {
            // Old pictures make way; without a live camera nothing is lost and the files wait.
            picture_queue.set_property_from_str("leaky", "downstream");
        }

        let tally = Arc::new(Tally::new(inputs.len()));
        // Detection may take most of the time between two batches: what else there is to do has a thread of its own.
        let before = [&mux, &detector, &batch_queue];
        let after = [&tiler, &osd, &picture_queue, encoder.bin().upcast_ref(), sink.upcast_ref()];
        let elements = || before.into_iter().chain(&tracker).chain(&stages).chain(after);
        pipeline.add_many(elements())?;
        gst::Element::link_many(elements())?;
        count_batches(&tiler, &tally);
        if any_live {
            count_overruns(&picture_queue, &tally);
        }
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample({
                    let output = Arc::downgrade(&output);
                    move |sink| {
                        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                        if let Some(output) = output.upgrade() {
                            output.push(&sample);
                        }
                        Ok(gst::FlowSuccess::Ok)
                    }
                })
                .build(),
        );

        watch(&pipeline);
        let pipeline = Running(pipeline);
        if pipeline.0.set_state(gst::State::Playing).is_err() {
            return Err(first_error(&pipeline.0));
        }
        let mut job = Self { output, cameras: Vec::new(), pipeline, encoder, tally };
        let threads = decoder_threads(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let camera =
                Camera::start(&job.pipeline.0, &mux, index, input.clone(), settings.source.clone(), threads)?;
            job.cameras.push(camera);
        }
        Ok(job)
    }

    /// The cameras, in the order of the inputs.
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }

    /// Where the output is served.
    pub fn output(&self) -> &RtspOutput {
        &self.output
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What was seen so far.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// The elements.
    pub fn pipeline(&self) -> &gst::Pipeline {
        &self.pipeline.0
    }

    /// What a message on the pipeline's bus means. Cameras' troubles never get there.
    pub fn handle(message: &gst::Message) -> Option<Happening> {
        use gst::MessageView;
        match message.view() {
            MessageView::Error(error) => Some(Happening::Failed(failure(error))),
            MessageView::Warning(warning) => {
                tracing::warn!("{}", detail(&warning.error(), warning.debug()));
                None
            }
            MessageView::Eos(_) => Some(Happening::Ended),
            _ => None,
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // All at once; what follows waits for each.
        for camera in &self.cameras {
            camera.ask_to_stop();
        }
    }
}

/// Threads for each software decoder: one where there are many cameras, more where one camera has the machine for itself.
fn decoder_threads(cameras: usize) -> u32 {
    let cores = available_parallelism().map_or(1, usize::from);
    (cores / (2 * cameras.max(1))).max(1) as u32
}

fn count_batches(tiler: &gst::Element, tally: &Arc<Tally>) {
    let Some(pad) = tiler.static_pad("sink") else { return };
    let tally = tally.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(batch) = info.buffer().and_then(|buffer| buffer.meta::<Batch>()) {
            tally.count(&batch.content().meta);
        }
        gst::PadProbeReturn::Ok
    });
}

fn count_overruns(queue: &gst::Element, tally: &Arc<Tally>) {
    let tally = tally.clone();
    queue.connect("overrun", false, move |_| {
        tally.count_lost_picture();
        None
    });
}

/// What the user needs to know: elements of ours put it into the detail, after the place in the code.
fn detail(error: &glib::Error, debug: Option<glib::GString>) -> String {
    let debug = debug.unwrap_or_default();
    let text = debug.split_once(":\n").map_or("", |(_, text)| text);
    redact(if text.is_empty() { error.message() } else { text })
}

fn failure(error: &gst::message::Error) -> JobError {
    JobError::Failed(detail(&error.error(), error.debug()))
}

fn first_error(pipeline: &gst::Pipeline) -> JobError {
    let message = pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => failure(error),
        _ => JobError::Failed("the pipeline does not start".into()),
    }
}
