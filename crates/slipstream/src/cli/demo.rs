//! `slipstream demo`: the main job over simulated street cameras.

use std::process::ExitCode;

use slipstream_meta::Size;
use slipstream_scene::SceneConfig;

use super::run::serve;
use crate::camera_server::{CameraServer, CameraServerSettings, CameraSource};
use crate::settings::JobSettings;
use crate::simulation;
use crate::uri::Input;

/// Size of the simulated cameras' pictures: that of the second stream of most cameras.
pub(crate) const CAMERA_SIZE: Size = Size::new(640, 360);

/// What the demo can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// How many cameras to simulate
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64), help_heading = "Cameras")]
    cameras: u32,

    #[command(flatten)]
    job: JobSettings,
}

/// Serves simulated cameras over RTSP on the loopback, and runs the ordinary job over them.
pub fn run(arguments: &DemoArgs) -> ExitCode {
    let cameras = simulation::live_cameras(arguments.cameras, CAMERA_SIZE);
    let server =
        CameraServer::start(CameraServerSettings::default(), cameras.into_iter().map(CameraSource::Live));
    let server = match server {
        Ok(server) => server,
        Err(err) => {
            eprintln!("error: simulated cameras: {err}");
            return ExitCode::FAILURE;
        }
    };
    let inputs =
        (0..server.cameras()).map(|index| server.uri(index).parse()).collect::<Result<Vec<Input>, _>>();
    match inputs {
        Ok(inputs) => {
            let mut job = arguments.job.clone();
            if job.source.names.is_empty() {
                job.source.names = (0..arguments.cameras).map(SceneConfig::camera_name).collect();
            }
            serve(&job, &inputs)
        }
        Err(err) => {
            eprintln!("error: simulated cameras: {err}");
            ExitCode::FAILURE
        }
    }
}
