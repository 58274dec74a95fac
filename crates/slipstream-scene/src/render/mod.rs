//! From the world to a picture.

pub(crate) mod backdrop;
pub(crate) mod canvas;
mod effects;
mod facade;
mod ground;
pub(crate) mod light;
pub(crate) mod output;
#[cfg(test)]
mod tests;

use slipstream_meta::{Rect, Size};

use crate::camera::Camera;
use crate::math::{Rng, V2, V3};
use crate::model::cycle::CycleKind;
use crate::model::vehicle::VehicleKind;
use crate::model::{Mesh, Palette};
use crate::truth::{PERSON, ROAD_SIGN, TWO_WHEELER, TruthObject, VEHICLE};
use crate::world::{Actor, Body, World};
use canvas::{Area, Canvas, Corner, SAMPLES, Silhouette};
use effects::Effects;
use light::{Light, Local, encode};

/// People smaller than this are drawn with fewer corners, in samples.
const SMALL: f32 = 130.0;

/// Something drawn that is known to the truth.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    pub(crate) id: u64,
    pub(crate) class_id: u32,
    pub(crate) slot: u16,
    /// Samples it covers, seen or hidden.
    pub(crate) covered: usize,
    /// Their bounds in samples.
    pub(crate) area: Area,
}

/// Draws frames of one world through one camera.
#[derive(Debug)]
pub(crate) struct Renderer {
    pub(crate) width: usize,
    pub(crate) height: usize,
    camera: Camera,
    light: Light,
    backdrop: Canvas,
    pub(crate) canvas: Canvas,
    silhouette: Silhouette,
    effects: Effects,
    shapes: Shapes,
    /// What stands still and is part of the backdrop.
    still: Vec<Drawn>,
    pub(crate) drawn: Vec<Drawn>,
    /// Samples that differ from the backdrop.
    dirty: Vec<Area>,
    scratch: Mesh,
    /// Shapes of what was drawn, by slot, for tests to look at.
    #[cfg(test)]
    shapes_drawn: Vec<(u16, Mesh)>,
}

/// The shapes that do not change.
#[derive(Debug)]
struct Shapes {
    vehicles: Vec<Mesh>,
    bicycle: Mesh,
    motorcycle: Mesh,
}

impl Shapes {
    fn new() -> Self {
        Self {
            vehicles: VehicleKind::ALL.iter().map(|k| k.mesh()).collect(),
            bicycle: CycleKind::Bicycle.mesh(),
            motorcycle: CycleKind::Motorcycle.mesh(),
        }
    }
    fn cycle(&self, kind: CycleKind) -> &Mesh {
        match kind {
            CycleKind::Bicycle => &self.bicycle,
            CycleKind::Motorcycle => &self.motorcycle,
        }
    }
}

impl Renderer {
    pub(crate) fn new(world: &World, size: Size, mut light: Light, rng: &mut Rng) -> Self {
        let (width, height) = (size.width.max(1) as usize, size.height.max(1) as usize);
        let (w, h) = (width * SAMPLES, height * SAMPLES);
        let camera = Camera::new(&world.layout.mount, w, h);
        light.lamps = backdrop::lamps(&world.layout, &light);
        let mut backdrop = Canvas::new(w, h);
        backdrop::draw(&mut backdrop, &camera, &world.layout, &light, rng);
        let mut renderer = Self {
            width,
            height,
            camera,
            effects: Effects::new(width, height),
            light,
            backdrop: Canvas::new(0, 0),
            canvas: backdrop,
            silhouette: Silhouette::new(w, h),
            shapes: Shapes::new(),
            still: Vec::new(),
            drawn: Vec::new(),
            dirty: Vec::new(),
            scratch: Mesh::default(),
            #[cfg(test)]
            shapes_drawn: Vec::new(),
        };
        for actor in &world.still {
            renderer.actor(world, actor);
        }
        renderer.effects.bake_shadows(&mut renderer.canvas);
        renderer.still = std::mem::take(&mut renderer.drawn);
        renderer.dirty.clear();
        renderer.backdrop = renderer.canvas.clone();
        renderer.effects.keep_backdrop(&renderer.canvas);
        renderer
    }

    /// Draws the world as it is now; the picture is then in [`Renderer::pixels`].
    pub(crate) fn draw(&mut self, world: &World) {
        for area in self.dirty.drain(..) {
            self.canvas.restore(&self.backdrop, &area);
        }
        self.effects.restart();
        self.drawn.clone_from(&self.still);
        for actor in world.moving() {
            self.actor(world, actor);
        }
        self.effects.signals(world, &self.camera, &self.light);
        self.effects.finish(&self.camera, &self.canvas, &self.light, &self.dirty);
    }

    /// Red, green, blue of every pixel.
    pub(crate) fn pixels(&self) -> &[[u8; 4]] {
        &self.effects.pixels
    }

    pub(crate) fn grain(&self) -> f32 {
        self.light.grain
    }

    pub(crate) fn rainy(&self) -> bool {
        self.light.wet > 0.0
    }

    /// Fills in the truth about what was drawn last.
    pub(crate) fn truth(&self, truth: &mut Vec<TruthObject>) {
        truth.clear();
        let samples = SAMPLES as f32;
        for object in &self.drawn {
            let Area { left, top, right, bottom } = object.area;
            let mut seen = 0;
            for y in top..bottom {
                let row = &self.canvas.slot[y * self.canvas.width + left..y * self.canvas.width + right];
                seen += row.iter().filter(|&&slot| slot == object.slot).count();
            }
            truth.push(TruthObject {
                id: object.id,
                class_id: object.class_id,
                rect: Rect::from_corners(
                    left as f32 / samples,
                    top as f32 / samples,
                    right as f32 / samples,
                    bottom as f32 / samples,
                ),
                visible: seen as f32 / object.covered as f32,
            });
        }
    }

    /// Whether a ball may show in the picture.
    fn in_view(&self, center: V3, radius: f32) -> bool {
        let depth = self.camera.depth(center);
        if depth + radius < canvas::NEAR {
            return false;
        }
        // Things this near are not worth a sharp test.
        if depth < 2.0 * radius {
            return true;
        }
        let at = self.camera.project(center);
        let reach = 1.3 * radius * self.camera.focal / (depth - radius);
        at.x + reach > 0.0
            && at.y + reach > 0.0
            && at.x - reach < self.canvas.width as f32
            && at.y - reach < self.canvas.height as f32
    }

    /// Whether a person there is so small that fewer corners do.
    fn is_small(&self, actor: &Actor) -> bool {
        self.camera.focal * 1.75 / self.camera.depth(actor.at.at(1.0)).max(1.0) < SMALL
    }

    fn actor(&mut self, world: &World, actor: &Actor) {
        let radius = match actor.body {
            Body::Vehicle(kind) => kind.extent().length() * 0.5 + 0.5,
            Body::Cycle { .. } => 1.6,
            Body::Person(_) => 1.2,
            Body::Sign { .. } => 3.0,
        };
        // Its shadow and its lamps reach further than the thing itself.
        if !self.in_view(actor.at.at(1.0), radius + 12.0) {
            return;
        }
        let local = Local {
            sun: (backdrop::sunlight(&world.layout, &self.light, actor.at.at(0.7))
                + backdrop::sunlight(&world.layout, &self.light, actor.at.at(1.5)))
                * 0.5,
            lamps: self.light.lamplight(actor.at.at(1.0), V3::UP) * 1.15,
            air: self.light.air((actor.at.at(1.0) - self.camera.position).length()),
        };
        match actor.body {
            Body::Vehicle(kind) => {
                let number = VehicleKind::ALL.iter().position(|&k| k == kind).unwrap_or(0);
                self.place(self.shapes.vehicles[number].tris.len(), actor, |shapes| &shapes.vehicles[number]);
                self.object(actor, actor.id, VEHICLE, &local);
                let e = kind.extent();
                self.effects.contact(
                    &self.camera,
                    actor.at,
                    actor.heading,
                    (e.x * 0.5, e.y * 0.5),
                    (0.45, 0.75),
                );
                if !actor.parked {
                    self.effects.vehicle_lamps(&self.camera, &self.light, actor, kind.lamps(), true);
                }
            }
            Body::Cycle { kind, rider } => {
                if let Some((id, build)) = rider {
                    self.scratch.tris.clear();
                    self.scratch.coarse = self.is_small(actor);
                    kind.rider(&mut self.scratch, &build, actor.travelled);
                    place(&mut self.scratch, actor.at, actor.heading);
                    self.object(actor, id, PERSON, &local);
                }
                self.place(self.shapes.cycle(kind).tris.len(), actor, |shapes| shapes.cycle(kind));
                self.object(actor, actor.id, TWO_WHEELER, &local);
                self.effects.contact(
                    &self.camera,
                    actor.at,
                    actor.heading,
                    (kind.length() * 0.42, 0.08),
                    (0.28, 0.5),
                );
                if !actor.parked {
                    let bright = kind == CycleKind::Motorcycle;
                    self.effects.vehicle_lamps(&self.camera, &self.light, actor, kind.lamps(), bright);
                }
            }
            Body::Person(build) => {
                self.scratch.tris.clear();
                self.scratch.coarse = self.is_small(actor);
                let swing = (actor.speed / 1.3).min(1.15);
                build.walking(&mut self.scratch, build.phase(actor.travelled), swing);
                place(&mut self.scratch, actor.at, actor.heading);
                self.object(actor, actor.id, PERSON, &local);
                self.effects.contact(&self.camera, actor.at, actor.heading, (0.16, 0.13), (0.30, 0.42));
            }
            Body::Sign { kind, scale } => {
                self.scratch = kind.plate(scale);
                place(&mut self.scratch, actor.at, actor.heading);
                self.object(actor, actor.id, ROAD_SIGN, &local);
            }
        }
    }

    /// Copies a fixed shape to the scratch mesh and puts it where the actor is.
    fn place<'a>(&'a mut self, size: usize, actor: &Actor, shape: impl Fn(&'a Shapes) -> &'a Mesh) {
        let Self { shapes, scratch, .. } = self;
        scratch.tris.clear();
        scratch.tris.reserve(size);
        scratch.tris.extend_from_slice(&shape(shapes).tris);
        place(scratch, actor.at, actor.heading);
    }

    /// Draws the scratch mesh as one object.
    fn object(&mut self, actor: &Actor, id: u64, class_id: u32, local: &Local) {
        let Ok(slot) = u16::try_from(self.drawn.len() + 1) else { return };
        self.silhouette.restart();
        paint_mesh(
            &mut self.canvas,
            &self.camera,
            &self.light,
            local,
            &self.scratch,
            &actor.palette,
            slot,
            &mut self.silhouette,
        );
        if class_id != ROAD_SIGN {
            self.effects.shadow(&self.camera, &self.light, &self.scratch, local.sun);
        }
        if self.silhouette.count > 0 {
            let Silhouette { count: covered, area, .. } = self.silhouette;
            self.dirty.push(area);
            #[cfg(test)]
            self.shapes_drawn.push((slot, self.scratch.clone()));
            self.drawn.push(Drawn { id, class_id, slot, covered, area });
        }
    }
}

/// Moves a mesh from its own axes to its place in the world.
fn place(mesh: &mut Mesh, at: V2, heading: V2) {
    let turn = (heading.x, heading.y);
    for tri in &mut mesh.tris {
        tri.at = tri.at.map(|p| p.turned(turn) + at.at(0.0));
        tri.normal = tri.normal.map(|n| n.turned(turn));
    }
}

/// Draws those triangles of a mesh that face the camera.
#[allow(clippy::too_many_arguments)]
pub(crate) fn paint_mesh(
    canvas: &mut Canvas,
    camera: &Camera,
    light: &Light,
    local: &Local,
    mesh: &Mesh,
    palette: &Palette,
    slot: u16,
    silhouette: &mut Silhouette,
) {
    for tri in &mesh.tris {
        let face = (tri.at[1] - tri.at[0]).cross(tri.at[2] - tri.at[0]);
        if face.dot(camera.position - tri.at[0]) <= 0.0 {
            continue;
        }
        let Some(paint) = palette.get(tri.paint as usize) else { continue };
        // Much of what is far away falls between the samples: spare its shading.
        let in_front = tri.at.iter().all(|&p| camera.depth(p) >= canvas::NEAR);
        if in_front && !canvas::covers(&tri.at.map(|p| camera.project(p)), canvas.width, canvas.height) {
            continue;
        }
        let corner = |i: usize| {
            // Only what mirrors needs to know where it is seen from.
            let view = if paint.gloss > 0.0 { (camera.position - tri.at[i]).unit() } else { tri.normal[i] };
            let color = light.shade(paint, tri.normal[i], view, local);
            Corner { at: tri.at[i], color: encode(color.mix(light.horizon, local.air)) }
        };
        canvas.triangle(camera, &[corner(0), corner(1), corner(2)], slot, silhouette);
    }
}
