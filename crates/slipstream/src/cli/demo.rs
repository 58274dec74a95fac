//! `slipstream demo`: the main job over simulated street cameras.

use std::process::ExitCode;

use slipstream_meta::{PictureMut, Size};
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
    let sources = cameras(arguments.cameras).into_iter().map(CameraSource::Live);
    let server = match CameraServer::start(CameraServerSettings::default(), sources) {
        Ok(server) => server,
        Err(err) => {
            eprintln!("error: simulated cameras: {err}");
            return ExitCode::FAILURE;
        }
    };
    let inputs = (0..server.cameras()).map(|index| server.uri(index).parse()).collect::<Result<Vec<Input>, _>>();
    match inputs {
        Ok(inputs) => {
            let mut job = arguments.job.clone();
            if job.source.names.is_empty() {
                job.source.names = (0..arguments.cameras).map(name).collect();
            }
            serve(&job, &inputs)
        }
        Err(err) => {
            eprintln!("error: simulated cameras: {err}");
            ExitCode::FAILURE
        }
    }
}

/// What to call the `number`th camera: after its view, counted where a view comes again.
fn name(number: u32) -> String {
    let views = View::ALL.len() as u32;
    let name = View::ALL[(number % views) as usize].name();
    let (first, rest) = name.split_at(1);
    let round = number / views + 1;
    let count = if round > 1 { format!(" {round}") } else { String::new() };
    first.to_uppercase() + rest + &count
}

/// The cameras: each view once, then the same views elsewhere. Their worlds are built side by side.
fn cameras(count: u32) -> Vec<LiveSource> {
    let build = |number: u32| {
        let views = View::ALL.len() as u32;
        let view = View::ALL[(number % views) as usize];
        let config = SceneConfig { seed: u64::from(number / views), ..SceneConfig::new(view, CAMERA_SIZE) };
        let mut scene = Scene::new(config);
        let painter = Box::new(move |_, picture: &mut PictureMut<'_>| scene.render(picture));
        LiveSource::new(CAMERA_SIZE, config.frame_rate, painter)
    };
    std::thread::scope(|scope| {
        let builders: Vec<_> = (0..count).map(|number| scope.spawn(move || build(number))).collect();
        builders.into_iter().filter_map(|builder| builder.join().ok()).collect()
    })
}
