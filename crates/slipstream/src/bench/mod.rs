//! The job measured against its floor: decoding, inference and encoding alone, on the same machine in the same run.

mod clock;
mod floor;
mod probes;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::glib;
use parking_lot::Mutex;
use slipstream_infer::WORKER_THREAD;

use self::clock::{memory, process_time, time_of_threads_but};
use self::probes::{Measured, Window};
use crate::cli::simulate::UNTIL_STDIN_CLOSES;
use crate::encoder::EncoderSettings;
use crate::models::{ModelError, detector_config};
use crate::pipeline::{Happening, Job, JobError};
use crate::settings::JobSettings;
use crate::simulation::RecordError;
use crate::uri::{Input, UriError};

/// Time that all cameras have to connect.
const CONNECT: Duration = Duration::from_secs(30);
/// Time that the job has to settle before it is measured.
const SETTLE: Duration = Duration::from_secs(5);
/// Pictures that the encoder is measured on.
const ENCODER_PICTURES: usize = 150;

/// What is measured.
pub struct BenchSettings {
    /// The job; its inputs are the simulated cameras.
    pub job: JobSettings,
    /// Clips that the cameras send in turn; none for recorded street scenes.
    pub clips: Vec<PathBuf>,
    /// How many cameras.
    pub cameras: u32,
    /// Frames per second of each camera.
    pub fps: u32,
    /// How long the job is measured.
    pub time: Duration,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The cameras could not be simulated.
    #[error("simulated cameras: {0}")]
    Simulator(#[from] std::io::Error),
    /// The scenes could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The simulator said something else than addresses.
    #[error("simulated cameras: {0}")]
    Uri(#[from] UriError),
    /// No detector.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The job does not start.
    #[error(transparent)]
    Job(#[from] JobError),
    /// An element is missing.
    #[error("{0}")]
    Element(#[from] glib::BoolError),
    /// A stage failed.
    #[error("{0}")]
    Failed(String),
    /// Nothing came out.
    #[error("the job shows no picture")]
    Silent,
}

/// Processor time for a number of things.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// On all cores together.
    pub time: Duration,
    /// How many.
    pub count: u64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { time: self.time + other.time, count: self.count + other.count }
    }
}

impl Cost {
    /// Seconds for each.
    pub fn per_item(&self) -> f64 {
        self.time.as_secs_f64() / self.count.max(1) as f64
    }
}

/// Smallest, middle and largest of several figures.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Middle.
    pub median: f64,
    /// 95 of 100 are below.
    pub p95: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (share * figures.len().saturating_sub(1) as f64).round() as usize;
            figures.get(index).copied().unwrap_or(f64::NAN)
        };
        Self { min: at(0.0), median: at(0.5), p95: at(0.95), max: at(1.0) }
    }
}

/// What was measured.
#[derive(Debug)]
pub struct Outcome {
    /// How long.
    pub wall: Duration,
    /// Decoding alone.
    pub decode: Cost,
    /// Inference alone.
    pub infer: Cost,
    /// Encoding alone.
    pub encode: Cost,
    /// The whole job: processor time, and pictures out.
    pub whole: Cost,
    /// Frames that came in.
    pub frames: u64,
    /// Images that the detector looked at.
    pub images: u64,
    /// Decoding inside the job.
    pub decoding: Cost,
    /// Inference inside the job.
    pub inferring: Cost,
    /// Tracking inside the job.
    pub tracking: Cost,
    /// Tiling inside the job.
    pub tiling: Cost,
    /// Drawing inside the job.
    pub drawing: Cost,
    /// Encoding inside the job, with the way to the output.
    pub encoding: Cost,
    /// Frames per second of each camera.
    pub camera_fps: Spread,
    /// Frames per second shown in each tile.
    pub tile_fps: Spread,
    /// Images per second of each camera that the detector looked at.
    pub detections: Spread,
    /// Seconds from the camera's time stamp to the encoded picture.
    pub latency: Spread,
    /// The same in the first and the last third of the time: a delay that grows shows here.
    pub latency_drift: (f64, f64),
    /// Frames that were copied between decoder and tiler, of those seen there.
    pub copied: (u64, u64),
    /// Frames dropped at the multiplexer.
    pub dropped: u64,
    /// Resident memory, and its peak, in MiB.
    pub memory: (f64, f64),
    /// From the start of the job to its first picture with objects looked for.
    pub first_picture: Duration,
}

impl Outcome {
    /// Processor time that the stages would take alone.
    pub fn floor(&self) -> Duration {
        let alone = self.decode.per_item() * self.frames as f64
            + self.infer.per_item() * self.images as f64
            + self.encode.per_item() * self.whole.count as f64;
        Duration::from_secs_f64(alone)
    }

    /// Processor time inside the job that is not measured stage by stage: receiving, batching, waking up.
    pub fn rest(&self) -> Duration {
        let stages = [self.decoding, self.inferring, self.encoding, self.tracking, self.tiling, self.drawing];
        self.whole.time.saturating_sub(stages.iter().map(|stage| stage.time).sum())
    }

    /// Share of the job's processor time that is neither decoding nor inference nor encoding, all as they cost inside the
    /// job.
    pub fn overhead(&self) -> f64 {
        let stages = self.decoding.time + self.inferring.time + self.encoding.time;
        1.0 - stages.as_secs_f64() / self.whole.time.as_secs_f64()
    }
}

/// The simulated cameras, in a process of their own so that they are not measured.
struct Simulator {
    process: Child,
    inputs: Vec<Input>,
}

impl Simulator {
    fn start(clips: &[PathBuf], cameras: u32, fps: u32) -> Result<Self, BenchError> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("simulate")
            .args(clips)
            .args(["--cameras", &cameras.to_string(), "--fps", &fps.to_string()])
            .env(UNTIL_STDIN_CLOSES, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut inputs = Vec::new();
        if let Some(out) = process.stdout.take() {
            for line in BufReader::new(out).lines().take(cameras as usize) {
                inputs.push(line?.parse()?);
            }
        }
        if inputs.len() < cameras as usize {
            return Err(BenchError::Failed("the simulated cameras did not start".into()));
        }
        Ok(Self { process, inputs })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Its standard input closes with it; this only makes sure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Measures the job and its stages alone. `say` is told what is being done.
///
/// # Errors
/// If the job or a stage cannot run.
pub fn run(settings: &BenchSettings, say: impl Fn(&str)) -> Result<Outcome, BenchError> {
    let config = detector_config(settings.job.detector.model.as_deref())?;
    let first_clip = settings.clips.first().ok_or(BenchError::Silent)?;
    say("starting the cameras");
    let simulator = Simulator::start(&settings.clips, settings.cameras, settings.fps)?;

    // Before the job and after it: on a shared machine the one is not the other.
    say("decoding and inference alone");
    let stages_alone =
        || Ok::<_, BenchError>((floor::decode(first_clip)?, floor::infer(first_clip, &config)?));
    let (decode, infer) = stages_alone()?;

    say("running the whole job");
    let measured = Arc::new(Mutex::new(Measured::default()));
    let started = Instant::now();
    let job = Job::start_watched(&settings.job, &simulator.inputs, |pipeline| {
        probes::watch_decoders(pipeline, &measured);
        probes::watch_stages(pipeline, &measured);
    })?;
    let first_picture = wait_for_cameras(&job, &measured, started)?;
    hold(&job, SETTLE)?;
    measured.lock().window = Window::default();
    let before = Counters::of(&job);
    let (others, cpu, clock) = (time_of_threads_but(WORKER_THREAD), process_time(), Instant::now());
    hold(&job, settings.time)?;
    let (cpu, wall) = (process_time() - cpu, clock.elapsed());
    let inferring = cpu.saturating_sub(time_of_threads_but(WORKER_THREAD).saturating_sub(others));
    let after = Counters::of(&job);
    let memory = memory();
    let window = std::mem::take(&mut measured.lock().window);
    measured.lock().wants_samples = ENCODER_PICTURES;
    hold(&job, Duration::from_secs_f64(2.0 * ENCODER_PICTURES as f64 / f64::from(settings.fps)))?;
    drop(job);
    drop(simulator);
    let pictures = std::mem::take(&mut measured.lock().samples);

    say("decoding and inference alone, once more");
    let (decode_again, infer_again) = stages_alone()?;
    say("encoding alone");
    let encoder = EncoderSettings {
        codec: settings.job.encoder.codec,
        bitrate: settings.job.encoder.bitrate,
        size: settings.job.picture.size(),
        frame_rate: settings.fps,
        choice: settings.job.encoder.encoder.clone(),
    };
    let encode = floor::encode(&pictures, &encoder)?;

    let seconds = wall.as_secs_f64();
    let rates = |pick: fn(&CameraCounters) -> u64| {
        let pairs = before.cameras.iter().zip(&after.cameras);
        Spread::of(pairs.map(|(before, after)| (pick(after) - pick(before)) as f64 / seconds).collect())
    };
    let total = |pick: fn(&CameraCounters) -> u64| {
        let pairs = before.cameras.iter().zip(&after.cameras);
        pairs.map(|(before, after)| pick(after) - pick(before)).sum::<u64>()
    };
    let span = |span: probes::Span| Cost { time: span.time, count: span.count };
    let third = window.latencies.len() / 3;
    let median = |latencies: &[f64]| Spread::of(latencies.to_vec()).median;
    let drift = (
        median(window.latencies.get(..third).unwrap_or_default()),
        median(window.latencies.get(2 * third..).unwrap_or_default()),
    );
    let images = total(|camera| camera.detections);
    Ok(Outcome {
        wall,
        decode: decode + decode_again,
        infer: infer + infer_again,
        encode,
        whole: Cost { time: cpu, count: after.pictures - before.pictures },
        frames: total(|camera| camera.frames),
        images,
        decoding: span(window.decoding),
        inferring: Cost { time: inferring, count: images },
        tracking: span(window.tracking),
        tiling: span(window.tiling),
        drawing: span(window.drawing),
        encoding: span(window.encoding),
        camera_fps: rates(|camera| camera.frames),
        tile_fps: rates(|camera| camera.shown),
        detections: rates(|camera| camera.detections),
        latency: Spread::of(window.latencies),
        latency_drift: drift,
        copied: (window.copied_frames, window.frames),
        dropped: total(|camera| camera.dropped),
        memory,
        first_picture,
    })
}

struct CameraCounters {
    frames: u64,
    shown: u64,
    detections: u64,
    dropped: u64,
}

struct Counters {
    cameras: Vec<CameraCounters>,
    pictures: u64,
}

impl Counters {
    fn of(job: &Job) -> Self {
        let cameras = job.cameras().iter().enumerate().map(|(index, camera)| {
            let tally = job.tally().source(index);
            CameraCounters {
                frames: camera.frames(),
                shown: tally.frames,
                detections: tally.detections,
                dropped: camera.dropped(),
            }
        });
        Self { cameras: cameras.collect(), pictures: job.tally().batches() - job.tally().lost_pictures() }
    }
}

/// Lets the job run.
fn hold(job: &Job, time: Duration) -> Result<(), BenchError> {
    let end = Instant::now() + time;
    let bus = gst::prelude::ElementExt::bus(job.pipeline()).ok_or(BenchError::Silent)?;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let left = gst::ClockTime::from_nseconds(left.as_nanos() as u64);
        match bus.timed_pop(left).and_then(|message| Job::handle(&message)) {
            Some(Happening::Failed(err)) => return Err(err.into()),
            Some(Happening::Ended) => return Err(BenchError::Failed("the cameras ended".into())),
            None => {}
        }
    }
    Ok(())
}

/// Waits until every camera was looked at; the time of the first picture.
fn wait_for_cameras(job: &Job, measured: &Mutex<Measured>, started: Instant) -> Result<Duration, BenchError> {
    let mut first = None;
    while started.elapsed() < CONNECT {
        hold(job, Duration::from_millis(10))?;
        let looked_at = |index| job.tally().source(index).detections > 0;
        if first.is_none() && (0..job.cameras().len()).any(looked_at) && measured.lock().window.pictures > 0 {
            first = Some(started.elapsed());
        }
        if (0..job.cameras().len()).all(looked_at) {
            return first.ok_or(BenchError::Silent);
        }
    }
    let late = job.cameras().iter().filter(|camera| camera.frames() == 0).count();
    Err(BenchError::Failed(format!("{late} cameras showed nothing within {} s", CONNECT.as_secs())))
}

/// Clips of the simulated cameras in a folder, for a benchmark that was given none.
///
/// # Errors
/// If they cannot be recorded.
pub fn record_clips(folder: &Path, cameras: u32, seconds: u32) -> Result<Vec<PathBuf>, BenchError> {
    let size = crate::cli::demo::CAMERA_SIZE;
    Ok(crate::simulation::record_files(folder, cameras, size, seconds)?)
}
