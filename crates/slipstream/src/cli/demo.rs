//! `slipstream demo`: the main job over simulated street cameras.

use std::process::ExitCode;

use slipstream_meta::Size;
use slipstream_scene::{Scene, SceneConfig, View};

use super::run::serve;
use crate::camera_server::{CameraServer, CameraServerSettings, CameraSource, LiveSource};
use crate::settings::JobSettings;
use crate::uri::Input;

/// Size of the simulated cameras' pictures: that of the second stream of most cameras.
const CAMERA_SIZE: Size = Size::new(640, 360);

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
    let sources = (0..arguments.cameras).map(|number| CameraSource::Live(camera(number)));
    let server = match CameraServer::start(CameraServerSettings::default(), sources) {
        Ok(server) => server,
        Err(err) => {
            eprintln!("error: simulated cameras: {err}");
            return ExitCode::FAILURE;
        }
    };
    let inputs = (0..server.cameras()).map(|index| server.uri(index).parse()).collect::<Result<Vec<Input>, _>>();
    match inputs {
        Ok(inputs) => serve(&arguments.job, &inputs),
        Err(err) => {
            eprintln!("error: simulated cameras: {err}");
            ExitCode::FAILURE
        }
    }
}

/// The `number`th camera: each view once, then the same views elsewhere.
fn camera(number: u32) -> LiveSource {
    let views = View::ALL.len() as u32;
    let view = View::ALL[(number % views) as usize];
    let config = SceneConfig { seed: u64::from(number / views), ..SceneConfig::new(view, CAMERA_SIZE) };
    // Built when the first frame is asked for, all cameras side by side.
    let mut scene = None;
    let painter = Box::new(move |_, picture: &mut slipstream_meta::PictureMut<'_>| {
        scene.get_or_insert_with(|| Scene::new(config)).render(picture);
    });
    LiveSource::new(CAMERA_SIZE, config.frame_rate, painter)
}
