//! Writes frames of drawn scenes as PNG files, with their truth as `truth.json`.

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use serde::Serialize;
use slipstream_meta::{ChannelOrder, Colorimetry, PictureMut, PixelFormat, PlaneMut, Size};
use slipstream_scene::{Lighting, Scene, SceneConfig, View};

#[derive(Parser)]
#[command(about = "Write frames of drawn scenes as PNG files, with their truth as truth.json")]
struct Args {
    /// Folder for the files; it is made if it does not exist
    #[arg(long)]
    out: PathBuf,
    /// Number of frames to write, of each scene
    #[arg(long, default_value_t = 10)]
    frames: u64,
    /// Write every K-th frame
    #[arg(long, default_value_t = 25)]
    every: u64,
    /// Seed of the first scene
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of scenes, with the seeds that follow
    #[arg(long, default_value_t = 1)]
    scenes: u64,
    /// street, crossing, motorway or plaza; without it, scenes take turns
    #[arg(long, value_parser = view)]
    view: Option<View>,
    /// day, dusk, night or rain; without it, the view's usual light for seed 0 and turns otherwise
    #[arg(long, value_parser = light)]
    light: Option<Lighting>,
    /// Size of the frames
    #[arg(long, default_value = "640x360", value_parser = size)]
    size: Size,
    /// Frames per second of the scene's time
    #[arg(long, default_value_t = 25)]
    frame_rate: u32,
}

fn view(name: &str) -> Result<View, String> {
    let allowed = View::ALL.map(View::name).join(", ");
    View::ALL.into_iter().find(|v| v.name() == name).ok_or(format!("allowed are {allowed}"))
}

fn light(name: &str) -> Result<Lighting, String> {
    let allowed = Lighting::ALL.map(Lighting::name).join(", ");
    Lighting::ALL.into_iter().find(|l| l.name() == name).ok_or(format!("allowed are {allowed}"))
}

fn size(text: &str) -> Result<Size, String> {
    let number = |t: &str| t.parse::<u32>().ok().filter(|n| (1..=8192).contains(n));
    text.split_once('x')
        .and_then(|(w, h)| Some(Size::new(number(w)?, number(h)?)))
        .ok_or("expected WIDTHxHEIGHT with sides of 1 to 8192, such as 640x360".into())
}

#[derive(Serialize)]
struct Frame {
    file: String,
    frame: u64,
    width: u32,
    height: u32,
    view: &'static str,
    light: &'static str,
    seed: u64,
    objects: Vec<Object>,
}

#[derive(Serialize)]
struct Object {
    id: u64,
    class_id: u32,
    /// Left, top, width, height in pixels.
    #[serde(rename = "box")]
    rect: [f32; 4],
    visible: f32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.out)?;
    let mut frames = Vec::new();
    for seed in args.seed..args.seed.saturating_add(args.scenes.max(1)) {
        let turn = |n: u64, of: u64| (n % of) as usize;
        let view = args.view.unwrap_or(View::ALL[turn(seed, 4)]);
        let usual = if seed == 0 { view.usual_lighting() } else { Lighting::ALL[turn(seed / 4 + seed, 4)] };
        let lighting = args.light.unwrap_or(usual);
        dump(
            &args,
            SceneConfig { size: args.size, frame_rate: args.frame_rate, seed, view, lighting },
            &mut frames,
        )?;
    }
    std::fs::write(args.out.join("truth.json"), serde_json::to_vec_pretty(&frames)?)?;
    println!("{} frames in {}", frames.len(), args.out.display());
    Ok(())
}

fn dump(args: &Args, config: SceneConfig, frames: &mut Vec<Frame>) -> Result<(), Box<dyn Error>> {
    let Size { width, height } = config.size;
    let mut scene = Scene::new(config);
    let stride = width as usize * 3;
    let mut pixels = vec![0; stride * height as usize];
    for number in 0..args.frames {
        if number > 0 {
            for _ in 1..args.every {
                scene.skip();
            }
        }
        let planes = [PlaneMut { data: &mut pixels, stride }, PlaneMut::default(), PlaneMut::default()];
        let format = PixelFormat::Rgb(ChannelOrder::Rgb);
        scene.render(&mut PictureMut::new(format, config.size, Colorimetry::default(), planes)?);
        let (view, light) = (config.view.name(), config.lighting.name());
        let file = format!("{view}-{light}-{:04}-{:05}.png", config.seed, scene.frame_number());
        image::save_buffer(args.out.join(&file), &pixels, width, height, image::ColorType::Rgb8)?;
        let objects = scene.truth().iter().map(|o| Object {
            id: o.id,
            class_id: o.class_id,
            rect: [o.rect.left, o.rect.top, o.rect.width, o.rect.height],
            visible: o.visible,
        });
        frames.push(Frame {
            file,
            frame: scene.frame_number(),
            width,
            height,
            view,
            light,
            seed: config.seed,
            objects: objects.collect(),
        });
    }
    Ok(())
}
