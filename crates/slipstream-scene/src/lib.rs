//! A simulated street camera with exact ground truth.
//!
//! A [`Scene`] is a small world in metres, with roads, traffic, people and signs, seen through a pinhole camera and drawn
//! by a software renderer. For each frame it tells what is in the picture and where, to half a pixel. The same
//! [`SceneConfig`] gives the same frames on every machine of one architecture: there is no clock and no other source of
//! chance than the seed.
//!
//! ```
//! use slipstream_meta::{Colorimetry, PictureMut, PixelFormat, PlaneMut, Size};
//! use slipstream_scene::{Scene, SceneConfig, View};
//!
//! let size = Size::new(320, 180);
//! let mut scene = Scene::new(SceneConfig::new(View::Street, size));
//! let (mut y, mut u, mut v) = (vec![0; 320 * 180], vec![0; 160 * 90], vec![0; 160 * 90]);
//! let planes = [
//!     PlaneMut { data: &mut y, stride: 320 },
//!     PlaneMut { data: &mut u, stride: 160 },
//!     PlaneMut { data: &mut v, stride: 160 },
//! ];
//! let mut picture = PictureMut::new(PixelFormat::I420, size, Colorimetry::default(), planes)?;
//! scene.render(&mut picture);
//! assert!(!scene.truth().is_empty());
//! # Ok::<(), slipstream_meta::PictureError>(())
//! ```

mod camera;
mod math;
mod model;
mod render;
mod truth;
mod world;

use slipstream_meta::{PictureMut, Size};

use math::Rng;
use render::Renderer;
use render::light::Light;
use render::output::Output;
pub use truth::{CLASS_NAMES, PERSON, ROAD_SIGN, TWO_WHEELER, TruthObject, VEHICLE};
use world::World;

/// Where the camera stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// A shopping street, seen from a lamp post.
    Street,
    /// Two roads that cross under traffic lights, seen from a corner.
    Crossing,
    /// A motorway, seen from a bridge.
    Motorway,
    /// A square with people on foot and a road behind it.
    Plaza,
}

impl View {
    /// All views.
    pub const ALL: [Self; 4] = [Self::Street, Self::Crossing, Self::Motorway, Self::Plaza];

    /// Name of the view in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Street => "street",
            Self::Crossing => "crossing",
            Self::Motorway => "motorway",
            Self::Plaza => "plaza",
        }
    }

    /// The light that suits the view in a demonstration: each view has another one.
    pub const fn usual_lighting(self) -> Lighting {
        match self {
            Self::Street => Lighting::Day,
            Self::Crossing => Lighting::Dusk,
            Self::Motorway => Lighting::Rain,
            Self::Plaza => Lighting::Night,
        }
    }
}

/// Time of day and weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lighting {
    /// Sun and a few clouds.
    Day,
    /// A low sun; lamps are on.
    Dusk,
    /// Street lamps and headlamps.
    Night,
    /// Rain under a grey sky, wet ground.
    Rain,
}

impl Lighting {
    /// All kinds of light.
    pub const ALL: [Self; 4] = [Self::Day, Self::Dusk, Self::Night, Self::Rain];

    /// Name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Dusk => "dusk",
            Self::Night => "night",
            Self::Rain => "rain",
        }
    }
}

/// What a scene is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SceneConfig {
    /// Size of the frames in pixels; a side of 0 counts as 1.
    pub size: Size,
    /// Frames per second; 0 counts as 1.
    pub frame_rate: u32,
    /// Seed of all chance. With seed 0 the camera stands where the view has it; every other seed moves it, and chooses
    /// other houses, trees and parked cars too.
    pub seed: u64,
    /// Where the camera stands.
    pub view: View,
    /// Time of day and weather.
    pub lighting: Lighting,
}

impl SceneConfig {
    /// The view as it is demonstrated: 25 frames per second, seed 0, its usual light.
    pub const fn new(view: View, size: Size) -> Self {
        Self { size, frame_rate: 25, seed: 0, view, lighting: view.usual_lighting() }
    }

    /// What the `number`th simulated camera sees: each view once, then the same views elsewhere.
    pub fn camera(number: u32, size: Size) -> Self {
        let (view, round) = Self::view_of(number);
        Self { seed: u64::from(round), ..Self::new(view, size) }
    }

    /// What to call the `number`th simulated camera: after its view, counted where a view comes again.
    pub fn camera_name(number: u32) -> String {
        let (view, round) = Self::view_of(number);
        let (first, rest) = view.name().split_at(1);
        let count = if round > 0 { format!(" {}", u64::from(round) + 1) } else { String::new() };
        first.to_uppercase() + rest + &count
    }

    /// The view of a camera, and how many cameras before it have the same.
    fn view_of(number: u32) -> (View, u32) {
        let views = View::ALL.len() as u32;
        (View::ALL[(number % views) as usize], number / views)
    }
}

/// A running scene.
#[derive(Debug)]
pub struct Scene {
    world: World,
    renderer: Renderer,
    output: Output,
    truth: Vec<TruthObject>,
    frame_number: u64,
    started: bool,
    frame_seconds: f32,
}

impl Scene {
    /// Builds the world and draws all that stands still.
    pub fn new(config: SceneConfig) -> Self {
        let world = World::new(config.view, config.seed);
        // The picture's chance is kept apart from the world's: another size or light does not change what happens.
        let mut rng = Rng::new(config.seed ^ 0xA11C_E5CE);
        let turn = if config.seed == 0 { 0.66 } else { rng.unit() };
        let light = Light::new(config.lighting, turn);
        let renderer = Renderer::new(&world, config.size, light, &mut rng);
        let output =
            Output::new(renderer.width, renderer.height, renderer.grain(), renderer.rainy(), &mut rng);
        Self {
            world,
            renderer,
            output,
            truth: Vec::new(),
            frame_number: 0,
            started: false,
            frame_seconds: 1.0 / config.frame_rate.max(1) as f32,
        }
    }

    /// Advances by one frame and draws it. Any pixel format will do; a picture of another size than the scene's gets the
    /// top left part.
    pub fn render(&mut self, picture: &mut PictureMut) {
        self.skip();
        self.renderer.draw(&self.world);
        let (width, height) = (self.renderer.width, self.renderer.height);
        self.output.write(self.renderer.pixels(), width, height, self.frame_number, picture);
        self.renderer.truth(&mut self.truth);
    }

    /// Advances by one frame without drawing it. [`Scene::truth`] stays that of the last frame drawn.
    pub fn skip(&mut self) {
        if self.started {
            self.world.advance(self.frame_seconds);
            self.frame_number += 1;
        }
        self.started = true;
    }

    /// What is in the frame drawn last, seen or hidden.
    pub fn truth(&self) -> &[TruthObject] {
        &self.truth
    }

    /// Number of the current frame, from 0.
    pub fn frame_number(&self) -> u64 {
        self.frame_number
    }
}
