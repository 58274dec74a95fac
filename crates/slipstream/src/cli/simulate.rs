//! `slipstream simulate`: RTSP cameras where there are none.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::demo::CAMERA_SIZE;
use crate::camera_server::{CameraServer, CameraServerSettings, CameraSource, Clip};
use crate::simulation;

/// What the simulated cameras can be told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  slipstream simulate --cameras 4
  slipstream simulate --cameras 30 street.mp4 shop.mp4

The addresses of the cameras are printed, one to a line. Clips are sent as they are, over and over, without being decoded.
Without clips, street scenes are drawn.")]
pub struct SimulateArgs {
    /// Clips with H.264 or H.265 video, for the cameras in turn
    clips: Vec<PathBuf>,

    /// How many cameras [default: one per clip, or four]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    cameras: Option<u32>,

    /// Record that many seconds of the street scenes first and send them over and over, which costs far less than drawing
    #[arg(long, value_name = "SECONDS", conflicts_with = "clips", value_parser = clap::value_parser!(u32).range(1..=600))]
    record: Option<u32>,

    /// Frames per second of the clips, whatever they were recorded with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=120))]
    fps: Option<u32>,

    /// TCP port; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Address of this machine to listen at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
}

/// Different scenes that are recorded at most; further cameras send the same ones.
const RECORDED_SCENES: u32 = 4;

/// Serves simulated cameras until standard input is closed or a signal comes.
pub fn run(arguments: &SimulateArgs) -> ExitCode {
    match start(arguments) {
        Ok(server) => {
            let mut out = std::io::stdout().lock();
            for index in 0..server.cameras() {
                // Whoever reads may have seen enough.
                let _ = writeln!(out, "{}", server.uri(index));
            }
            let _ = out.flush();
            wait();
            ExitCode::SUCCESS
        }
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &SimulateArgs) -> Result<CameraServer, Box<dyn std::error::Error>> {
    let settings = CameraServerSettings {
        port: arguments.port,
        bind: arguments.bind,
        ..CameraServerSettings::default()
    };
    let clips = if let Some(seconds) = arguments.record {
        let scenes = arguments.cameras.unwrap_or(RECORDED_SCENES).min(RECORDED_SCENES);
        simulation::recorded_cameras(scenes, CAMERA_SIZE, seconds)?
    } else {
        arguments.clips.iter().map(Clip::load).collect::<Result<_, _>>()?
    };
    if clips.is_empty() {
        let cameras = simulation::live_cameras(arguments.cameras.unwrap_or(RECORDED_SCENES), CAMERA_SIZE);
        return Ok(CameraServer::start(settings, cameras.into_iter().map(CameraSource::Live))?);
    }
    let retimed = |clip: Clip| match arguments.fps {
        Some(rate) => clip.retimed(rate),
        None => clip,
    };
    let clips: Vec<_> = clips.into_iter().map(|clip| Arc::new(retimed(clip))).collect();
    let count = arguments.cameras.map_or(clips.len(), |count| count as usize);
    let sources: Vec<_> = clips.iter().cycle().take(count).cloned().map(CameraSource::Clip).collect();
    Ok(CameraServer::start(settings, sources)?)
}

/// Waits for the end of a piped standard input, so that cameras never outlive whoever started them; at a terminal and
/// without input, for a signal.
fn wait() {
    use std::io::{IsTerminal, Read};
    let stdin = std::io::stdin();
    if !stdin.is_terminal() && std::env::var_os(UNTIL_STDIN_CLOSES).is_some() {
        let _ = stdin.lock().read_to_end(&mut Vec::new());
        return;
    }
    loop {
        std::thread::park();
    }
}

/// Set by a program that starts cameras for itself: they end with their standard input.
pub(crate) const UNTIL_STDIN_CLOSES: &str = "SLIPSTREAM_UNTIL_STDIN_CLOSES";
