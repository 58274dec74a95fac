//! `slipstream bench`: the job measured against its floor.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::bench::{self, BenchError, BenchSettings, Cost, Outcome, Spread};
use crate::models::detector_config;
use crate::settings::{JobSettings, parse_seconds};

/// What the benchmark can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The cameras are simulated by a process of their own, which sends clips over RTSP on the loopback without decoding them.
Processor time of the whole job is compared with what decoding, inference and encoding take alone in the same run.
The machine should have nothing else to do.")]
pub struct BenchArgs {
    /// Clips that the cameras send; street scenes are recorded if there are none
    clips: Vec<PathBuf>,

    /// How many cameras
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Cameras")]
    cameras: u32,

    /// Frames per second of each camera
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=120), help_heading = "Cameras")]
    camera_fps: u32,

    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    time: Duration,

    #[command(flatten)]
    job: JobSettings,
}

/// Different scenes that are recorded at most.
const SCENES: u32 = 4;
/// Length of recorded scenes in seconds.
const SCENE_SECONDS: u32 = 10;

/// Measures, and prints what came out.
pub fn run(arguments: &BenchArgs) -> ExitCode {
    match measure(arguments) {
        Ok(outcome) => {
            // Whoever reads may have seen enough.
            let _ = std::io::stdout().lock().write_all(report(arguments, &outcome).as_bytes());
            ExitCode::SUCCESS
        }
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &BenchArgs) -> Result<Outcome, BenchError> {
    gstslipstream::plugin_register_static()?;
    detector_config(arguments.job.detector.model.as_deref())?;
    let say = |what: &str| eprintln!("{what} …");
    let folder = tempfile::tempdir()?;
    let clips = if arguments.clips.is_empty() {
        say("recording street scenes");
        bench::record_clips(folder.path(), arguments.cameras.min(SCENES), SCENE_SECONDS)?
    } else {
        arguments.clips.clone()
    };
    let mut job = arguments.job.clone();
    // Any free port: the benchmark may run beside a job.
    job.address.port = 0;
    let settings = BenchSettings {
        job,
        clips,
        cameras: arguments.cameras,
        fps: arguments.camera_fps,
        time: arguments.time,
    };
    bench::run(&settings, say)
}

/// What was measured, for people.
fn report(arguments: &BenchArgs, outcome: &Outcome) -> String {
    let seconds = outcome.wall.as_secs_f64();
    let cores = |cost: Duration| cost.as_secs_f64() / seconds;
    let stage = |name: &str, each: f64, count: u64| {
        let rate = count as f64 / seconds;
        format!("{name:22} {rate:>10.1} {:>12.3} {:>8.3}", each * 1000.0, rate * each)
    };
    let inside = |name: &str, cost: Cost| stage(name, cost.per_item(), cost.count);
    let total = |name: &str, figure: f64| format!("{name:22} {:>10} {:>12} {figure:>8.3}", "", "");
    let spread = |name: &str, spread: Spread| {
        format!("{name:22} {:>8.2} {:>8.2} {:>8.2}", spread.min, spread.median, spread.max)
    };
    let ms = |seconds: f64| seconds * 1000.0;
    let (first, last) = outcome.latency_drift;
    let (copied, frames) = outcome.copied;
    let lines = [
        format!(
            "{} cameras at {} fps, picture {}, {seconds:.0} s, {} cores",
            arguments.cameras,
            arguments.camera_fps,
            arguments.job.picture.size(),
            std::thread::available_parallelism().map_or(1, usize::from)
        ),
        String::new(),
        format!("{:22} {:>10} {:>12} {:>8}", "stage", "per second", "ms CPU each", "cores"),
        stage("decode alone", outcome.decode.per_item(), outcome.frames),
        stage("inference alone", outcome.infer.per_item(), outcome.images),
        stage("encode alone", outcome.encode.per_item(), outcome.whole.count),
        total("sum of the three", cores(outcome.floor())),
        total("whole job", cores(outcome.whole.time)),
        total("whole / sum", outcome.whole.time.as_secs_f64() / outcome.floor().as_secs_f64()),
        String::new(),
        "inside the job".into(),
        inside("  decoding", outcome.decoding),
        inside("  inference", outcome.inferring),
        inside("  encoding and output", outcome.encoding),
        inside("  tracking", outcome.tracking),
        inside("  tiling", outcome.tiling),
        inside("  drawing", outcome.drawing),
        total("  receiving, the rest", cores(outcome.rest())),
        total("overhead / whole", outcome.overhead()),
        String::new(),
        format!("{:22} {:>8} {:>8} {:>8}", "per camera", "min", "median", "max"),
        spread("frames/s in", outcome.camera_fps),
        spread("frames/s in its tile", outcome.tile_fps),
        spread("detections/s", outcome.detections),
        String::new(),
        format!(
            "latency, camera to encoded picture: p50 {:.0} ms, p95 {:.0} ms",
            ms(outcome.latency.median),
            ms(outcome.latency.p95)
        ),
        format!("  median of the first third {:.0} ms, of the last {:.0} ms", ms(first), ms(last)),
        format!("first picture after {:.2} s", outcome.first_picture.as_secs_f64()),
        format!("frames copied between decoder and tiler: {copied} of {frames}"),
        format!("frames dropped at the multiplexer: {} of {}", outcome.dropped, outcome.frames),
        format!("memory: {:.0} MiB, at most {:.0} MiB", outcome.memory.0, outcome.memory.1),
    ];
    lines.join("\n") + "\n"
}
