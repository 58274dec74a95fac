//! `slipstream bench`: the job measured against its floor.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::bench::{self, BenchError, BenchSettings, Cost, Outcome};
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
            print(arguments, &outcome);
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

fn print(arguments: &BenchArgs, outcome: &Outcome) {
    let seconds = outcome.wall.as_secs_f64();
    let cores = |cost: Duration| cost.as_secs_f64() / seconds;
    println!(
        "{} cameras at {} fps, picture {}, {:.0} s, {} cores",
        arguments.cameras,
        arguments.camera_fps,
        arguments.job.picture.size(),
        seconds,
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    println!();
    println!("{:22} {:>10} {:>12} {:>8}", "stage", "per second", "ms CPU each", "cores");
    let row = |name: &str, each: f64, count: u64| {
        let rate = count as f64 / seconds;
        println!("{name:22} {rate:>10.1} {:>12.3} {:>8.3}", each * 1000.0, rate * each);
    };
    row("decode alone", outcome.decode.per_item(), outcome.frames);
    row("inference alone", outcome.infer.per_item(), outcome.images);
    row("encode alone", outcome.encode.per_item(), outcome.whole.count);
    println!("{:22} {:>10} {:>12} {:>8.3}", "sum of the three", "", "", cores(outcome.floor()));
    println!("{:22} {:>10} {:>12} {:>8.3}", "whole job", "", "", cores(outcome.whole.time));
    let ratio = outcome.whole.time.as_secs_f64() / outcome.floor().as_secs_f64();
    println!("{:22} {:>10} {:>12} {ratio:>8.3}", "whole / sum", "", "");
    println!();
    println!("inside the job");
    let inside = |name: &str, cost: Cost| row(name, cost.per_item(), cost.count);
    inside("  tiling", outcome.tiling);
    inside("  drawing", outcome.drawing);
    inside("  encoding and output", outcome.encoding);
    println!();
    println!("{:22} {:>8} {:>8} {:>8}", "per camera", "min", "median", "max");
    for (name, spread) in [
        ("frames/s in", outcome.camera_fps),
        ("frames/s in its tile", outcome.tile_fps),
        ("detections/s", outcome.detections),
    ] {
        println!("{name:22} {:>8.2} {:>8.2} {:>8.2}", spread.min, spread.median, spread.max);
    }
    println!();
    let ms = |seconds: f64| seconds * 1000.0;
    let latency = outcome.latency;
    println!(
        "latency, camera to encoded picture: p50 {:.0} ms, p95 {:.0} ms",
        ms(latency.median),
        ms(latency.p95)
    );
    let (first, last) = outcome.latency_drift;
    println!("  median of the first third {:.0} ms, of the last {:.0} ms", ms(first), ms(last));
    println!("first picture after {:.2} s", outcome.first_picture.as_secs_f64());
    let (copied, frames) = outcome.copied;
    println!("frames copied between decoder and tiler: {copied} of {frames}");
    println!("frames dropped at the multiplexer: {} of {}", outcome.dropped, outcome.frames);
    println!("memory: {:.0} MiB, at most {:.0} MiB", outcome.memory.0, outcome.memory.1);
}
