//! `slipstream track`: numbers for detections that lie in a file.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use slipstream_meta::Size;
use slipstream_track::TrackerConfig;

use super::inspect::parse_size;
use crate::track::{read_detections, track, write_tracks};

/// Name for standard input and output.
const STANDARD: &str = "-";
/// The progress bar is moved once for so many frames.
const FRAMES_PER_STEP: u64 = 64;

/// What `slipstream track` can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  slipstream track det.txt --out tracks.txt
  slipstream track det.txt.gz --tracker ocsort > tracks.txt
  slipstream track - --tracker config_tracker_NvDCF_accuracy.yml < det.txt

Input and output are in the text format of the MOTChallenge, one box per line:
  frame,-1,left,top,width,height,confidence,...        detections; further columns are passed over
  frame,id,left,top,width,height,confidence,-1,-1,-1   tracks
Frames count from 1. Frames between the first and the last without a line are frames without an object. A detection
whose confidence is missing or -1 counts as sure.

Tracks are written as a running camera would have reported them: from the frame on in which the tracker believes in
them. --past-frames also writes what is only known later.")]
pub struct TrackArgs {
    /// Detections, plain or compressed by gzip; - reads standard input
    #[arg(value_name = "DET.txt")]
    detections: PathBuf,

    /// Where to write the tracks; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = STANDARD)]
    out: PathBuf,

    /// Tracker: a name (slip, iou, sort, bytetrack, ocsort) or a file in the format of DeepStream's tracker (.yml)
    #[arg(long, value_name = "NAME|FILE", default_value = "slip")]
    tracker: String,

    /// Size of the pictures, where it is known: the tracker then minds their borders
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size)]
    size: Option<Size>,

    /// Also write where objects were before they were confirmed, and while they were out of sight
    #[arg(long)]
    past_frames: bool,
}

/// Tracks and writes.
pub fn run(arguments: &TrackArgs) -> ExitCode {
    match work(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: &TrackArgs) -> Result<(), Box<dyn std::error::Error>> {
    let (config, notices) = TrackerConfig::choose(&arguments.tracker)?;
    for notice in notices {
        tracing::warn!("{notice}");
    }
    let config = Arc::new(config);
    let path = &arguments.detections;
    let detections = if path == Path::new(STANDARD) {
        read_detections(io::stdin().lock(), "standard input")?
    } else {
        let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        read_detections(file, &path.to_string_lossy())?
    };
    // A name that cannot be written to is told before the work, not after it.
    let out = &arguments.out;
    let cannot_write = |error: io::Error| format!("cannot write {}: {error}", out.display());
    let file = if out == Path::new(STANDARD) { None } else { Some(File::create(out).map_err(cannot_write)?) };

    let first = detections.keys().next().copied().unwrap_or_default();
    let last = detections.keys().next_back().copied().unwrap_or_default();
    let bar = progress_bar(last - first);
    let size = arguments.size.unwrap_or_default();
    let tracks = track(config, &detections, size, arguments.past_frames, |frame| {
        if frame.is_multiple_of(FRAMES_PER_STEP) {
            bar.set_position(frame.saturating_sub(first));
        }
    });
    bar.finish_and_clear();
    let written = match file {
        Some(file) => write_tracks(BufWriter::new(file), &tracks),
        None => write_tracks(BufWriter::new(io::stdout().lock()), &tracks),
    };
    match written {
        // Whoever read along has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.map_err(cannot_write)?),
    }
}

fn progress_bar(frames: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(frames), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(
        "{bar:30} {percent:>3} %  {elapsed} (left: {eta})  {pos} frames, {per_sec}",
    );
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
