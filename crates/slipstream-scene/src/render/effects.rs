//! Shadows on the ground, light cones, glow around lamps: what is laid over the samples, pixel by pixel.

use super::backdrop::SIGNAL_HEADS;
use super::canvas::{Area, Canvas, Corner, NEAR, SAMPLES, clip, scan};
use super::light::{Light, encode};
use crate::camera::Camera;
use crate::math::{V2, V3, step, v3};
use crate::model::Mesh;
use crate::world::{Actor, World};

/// Pixels by which soft edges spread.
const SOFT: usize = 2;
/// How far headlamps light the road, in metres.
const BEAM: f32 = 17.0;

/// A round light to be added to the picture.
#[derive(Debug, Clone, Copy)]
struct Glow {
    x: f32,
    y: f32,
    radius: (f32, f32),
    color: V3,
    /// Only where the ground shows: a reflection on a wet road.
    ground_only: bool,
}

/// Layers of one frame, in pixels.
#[derive(Debug)]
pub(crate) struct Effects {
    width: usize,
    height: usize,
    /// Red, green, blue and the shadow byte of each pixel.
    pub(crate) pixels: Vec<[u8; 4]>,
    backdrop: Vec<[u8; 4]>,
    /// Where actors keep the sun off the ground.
    sun: Vec<u8>,
    /// Where actors keep the sky's light off the ground.
    contact: Vec<u8>,
    /// Where headlamps light the ground.
    beam: Vec<u8>,
    /// Pixels with shadow or light on them, and pixels with glow.
    touched: Vec<Area>,
    glows: Vec<Glow>,
    glowed: Vec<Area>,
}

impl Effects {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let n = width * height;
        Self {
            width,
            height,
            pixels: vec![[0; 4]; n],
            backdrop: Vec::new(),
            sun: vec![0; n],
            contact: vec![0; n],
            beam: vec![0; n],
            touched: Vec::new(),
            glows: Vec::new(),
            glowed: Vec::new(),
        }
    }

    /// Darkens the samples of the backdrop where things that stand still cast their shadows.
    pub(crate) fn bake_shadows(&mut self, canvas: &mut Canvas, dirty: &[Area]) {
        let mut done = vec![false; self.width * self.height];
        let touched = std::mem::take(&mut self.touched);
        for area in touched.iter().chain(dirty.iter().map(Area::pixels).collect::<Vec<_>>().iter()) {
            let area = area.grown(SOFT, self.width, self.height);
            for y in area.top..area.bottom {
                for x in area.left..area.right {
                    if std::mem::replace(&mut done[y * self.width + x], true) {
                        continue;
                    }
                    let (sun, contact, _) = self.layers(x, y);
                    for i in samples(canvas.width, x, y) {
                        canvas.color[i] = shaded(canvas.color[i], sun, contact);
                    }
                }
            }
        }
        self.touched = touched;
        self.restart();
    }

    /// Remembers the resolved picture of the backdrop.
    pub(crate) fn keep_backdrop(&mut self, canvas: &Canvas) {
        for y in 0..self.height {
            for x in 0..self.width {
                self.pixels[y * self.width + x] = resolve(canvas, x, y);
            }
        }
        self.backdrop.clone_from(&self.pixels);
    }

    /// Takes the last frame's effects away.
    pub(crate) fn restart(&mut self) {
        for area in self.touched.drain(..) {
            for y in area.top..area.bottom {
                let span = y * self.width + area.left..y * self.width + area.right;
                self.sun[span.clone()].fill(0);
                self.contact[span.clone()].fill(0);
                self.beam[span].fill(0);
            }
        }
        for area in self.glowed.drain(..) {
            for y in area.top..area.bottom {
                let span = y * self.width + area.left..y * self.width + area.right;
                if let Some(clean) = self.backdrop.get(span.clone()) {
                    self.pixels[span].copy_from_slice(clean);
                }
            }
        }
        self.glows.clear();
    }

    /// The sun's shadow of a mesh.
    pub(crate) fn shadow(&mut self, camera: &Camera, light: &Light, mesh: &Mesh, sun: f32) {
        if light.sun == V3::default() || sun < 0.1 {
            return;
        }
        let value = (sun * 255.0) as u8;
        let slope = light.sun_dir * (1.0 / light.sun_dir.z);
        let (width, height) = (self.width, self.height);
        let mut area = Area::NONE;
        for tri in &mesh.tris {
            let face = (tri.at[1] - tri.at[0]).cross(tri.at[2] - tri.at[0]);
            if face.dot(light.sun_dir) <= 0.0 {
                continue;
            }
            let corners =
                tri.at.map(|p| Corner { at: p - slope * p.z, color: V3::default() });
            clip(camera, &corners, |corners| {
                let t = corners.map(|c| {
                    let mut p = camera.project(c.at);
                    p.x /= SAMPLES as f32;
                    p.y /= SAMPLES as f32;
                    p
                });
                scan(&t, width, height, |y, left, right| {
                    self.sun[y * width + left..y * width + right].fill(value);
                    area.add_span(y, left, right);
                });
            });
        }
        if !area.is_empty() {
            self.touched.push(area.grown(SOFT, width, height));
        }
    }

    /// The dark place below something that stands on the ground: a rectangle with the half sides `half` along and across
    /// its heading, fading over `soft` metres.
    pub(crate) fn contact(&mut self, camera: &Camera, at: V2, heading: V2, half: (f32, f32), soft: f32) {
        let reach = half.0 + soft;
        let wide = half.1 + soft;
        let layer = &mut self.contact;
        let (width, height) = (self.width, self.height);
        let area = on_ground(camera, (width, height), at, heading, [-reach, reach], wide, |i, along, across| {
            let (a, b) = ((along.abs() - half.0 + soft * 0.5).max(0.0), (across.abs() - half.1 + soft * 0.5).max(0.0));
            let dark = 1.0 - ((a * a + b * b).sqrt() / soft).min(1.0);
            let dark = (dark * dark * (3.0 - 2.0 * dark) * 190.0) as u8;
            layer[i] = layer[i].max(dark);
        });
        self.touch(area);
    }

    fn touch(&mut self, area: Area) {
        if !area.is_empty() {
            self.touched.push(area.grown(SOFT, self.width, self.height));
        }
    }

    /// Head and tail lamps: glow, light on the road, reflections on a wet one.
    pub(crate) fn vehicle_lamps(
        &mut self,
        camera: &Camera,
        canvas: &Canvas,
        light: &Light,
        actor: &Actor,
        lamps: [V3; 2],
        bright: bool,
    ) {
        let turn = (actor.heading.x, actor.heading.y);
        let power = light.dark * if bright { 1.0 } else { 0.35 };
        for (number, lamp) in lamps.into_iter().enumerate() {
            let out = if number == 0 { actor.heading } else { actor.heading * -1.0 };
            let (color, size) = match (number, actor.braking) {
                (0, _) => (v3(1.0, 0.93, 0.80) * (230.0 * power), 0.75),
                (_, true) => (v3(1.0, 0.10, 0.06) * (70.0 + 150.0 * power), 0.5),
                (_, false) => (v3(1.0, 0.10, 0.06) * (120.0 * power), 0.38),
            };
            if color.x < 8.0 {
                continue;
            }
            let sides: &[f32] = if lamp.y > 0.05 { &[1.0, -1.0] } else { &[0.0] };
            for side in sides {
                let offset = v3(lamp.x, lamp.y * side, lamp.z).turned(turn);
                let at = actor.at.at(0.0) + offset + out.at(0.0) * 0.06;
                let way = (camera.position - at).unit();
                let facing = way.flat().dot(out).max(0.0);
                if facing > 0.05 {
                    self.glow(camera, canvas, at, color * (facing * facing), size, light.wet > 0.0);
                }
            }
        }
        if power > 0.3 && light.wet == 0.0 {
            let (width, height) = (self.width, self.height);
            let start = lamps[0].x;
            let layer = &mut self.beam;
            let area =
                on_ground(camera, (width, height), actor.at, actor.heading, [start, start + BEAM], 3.6, |i, along, across| {
                    let d = along - start;
                    let spread = 0.9 + d * 0.16;
                    let side = (across / spread).abs();
                    let fall = step(0.0, 1.6, d) * step(BEAM, 2.0, d);
                    let lit = fall * step(1.0, 0.1, side) * power * 190.0;
                    layer[i] = layer[i].saturating_add(lit as u8);
                });
            self.touch(area);
        }
    }

    fn glow(&mut self, camera: &Camera, canvas: &Canvas, at: V3, color: V3, size: f32, wet: bool) {
        if camera.depth(at) < NEAR * 2.0 {
            return;
        }
        let p = camera.project(at);
        let inside = p.x >= 0.0 && p.y >= 0.0 && p.x < canvas.width as f32 && p.y < canvas.height as f32;
        if !inside || canvas.depth[p.y as usize * canvas.width + p.x as usize] > p.w * 1.03 {
            return;
        }
        let samples = SAMPLES as f32;
        let radius = (size * camera.focal * p.w / samples).max(1.6);
        let (x, y) = (p.x / samples, p.y / samples);
        self.glows.push(Glow { x, y, radius: (radius, radius), color, ground_only: false });
        if wet {
            let mirror = camera.project(v3(at.x, at.y, -at.z));
            let length = radius * 2.6;
            self.glows.push(Glow {
                x,
                y: mirror.y / samples + length * 0.3,
                radius: (radius * 0.55, length),
                color: color * 0.75,
                ground_only: true,
            });
        }
    }

    /// The lights of traffic signals.
    pub(crate) fn signals(&mut self, world: &World, camera: &Camera, canvas: &Canvas, light: &Light) {
        let signals = world.signals();
        for post in &world.layout.signals {
            let facing = post.facing.unit();
            let (head, color) = if signals.is_green(post.group) {
                (SIGNAL_HEADS[2], v3(0.1, 1.0, 0.55))
            } else if signals.amber == Some(post.group) {
                (SIGNAL_HEADS[1], v3(1.0, 0.65, 0.05))
            } else {
                (SIGNAL_HEADS[0], v3(1.0, 0.12, 0.08))
            };
            let at = (post.at + facing * 0.32).at(head);
            let seen = (camera.position - at).unit().flat().dot(facing);
            if seen > 0.1 {
                self.glow(camera, canvas, at, color * 235.0, 0.16, false);
                if light.dark > 0.5 {
                    self.glow(camera, canvas, at, color * 60.0, 0.6, light.wet > 0.0);
                }
            }
        }
    }

    /// Shadow, contact shadow and beam at a pixel, softened.
    fn layers(&self, x: usize, y: usize) -> (u32, u32, u32) {
        let i = y * self.width + x;
        let near = |layer: &[u8]| {
            let mut sum = 0;
            for dy in [-1isize, 0, 1] {
                let y = y.saturating_add_signed(dy).min(self.height - 1);
                for dx in [-1isize, 0, 1] {
                    let x = x.saturating_add_signed(dx).min(self.width - 1);
                    sum += u32::from(layer[y * self.width + x]);
                }
            }
            sum / 9
        };
        (near(&self.sun), u32::from(self.contact[i]), u32::from(self.beam[i]))
    }

    /// Puts the frame together: samples to pixels, then shadows, light and glow.
    pub(crate) fn finish(&mut self, camera: &Camera, canvas: &Canvas, light: &Light, dirty: &[Area]) {
        let headlight = encode(v3(0.20, 0.185, 0.16));
        let touched = std::mem::take(&mut self.touched);
        let areas = touched.iter().copied().chain(dirty.iter().map(Area::pixels));
        for area in areas {
            for y in area.top..area.bottom {
                for x in area.left..area.right {
                    let mut pixel = resolve(canvas, x, y);
                    if pixel[3] < 255 {
                        let (sun, contact, beam) = self.layers(x, y);
                        pixel = shaded(pixel, sun, contact);
                        if beam > 0 {
                            pixel = lit(pixel, beam, headlight);
                        }
                    }
                    self.pixels[y * self.width + x] = pixel;
                }
            }
            self.glowed.push(area);
        }
        self.touched = touched;
        for number in 0..self.glows.len() {
            let glow = self.glows[number];
            self.add_glow(&glow);
        }
        for lamp in &light.lamps {
            // Street lamps outshine their surroundings a little.
            let at = lamp.at + (camera.position - lamp.at).unit() * 0.4;
            if camera.depth(at) > NEAR * 2.0 {
                let p = camera.project(at);
                let (x, y) = (p.x / SAMPLES as f32, p.y / SAMPLES as f32);
                let visible = p.x >= 0.0 && p.y >= 0.0 && p.x < canvas.width as f32 && p.y < canvas.height as f32;
                if visible && canvas.depth[p.y as usize * canvas.width + p.x as usize] <= p.w * 1.03 {
                    let radius = (0.9 * camera.focal * p.w / SAMPLES as f32).max(2.0);
                    let color = v3(255.0, 200.0, 120.0) * (0.9 * light.dark);
                    self.add_glow(&Glow { x, y, radius: (radius, radius), color, ground_only: false });
                }
            }
        }
    }

    fn add_glow(&mut self, glow: &Glow) {
        let span = |center: f32, radius: f32, limit: usize| {
            let low = (center - radius).max(0.0) as usize;
            let high = (center + radius + 1.0).clamp(0.0, limit as f32) as usize;
            (low.min(limit), high)
        };
        let (left, right) = span(glow.x, glow.radius.0, self.width);
        let (top, bottom) = span(glow.y, glow.radius.1, self.height);
        for y in top..bottom {
            for x in left..right {
                let dx = (x as f32 + 0.5 - glow.x) / glow.radius.0;
                let dy = (y as f32 + 0.5 - glow.y) / glow.radius.1;
                let fall = (1.0 - dx * dx - dy * dy).max(0.0);
                let pixel = &mut self.pixels[y * self.width + x];
                if fall == 0.0 || (glow.ground_only && pixel[3] == 255) {
                    continue;
                }
                // A bright core with a wide, faint halo.
                let k = fall * fall * (0.28 + 0.72 * fall * fall * fall * fall);
                for (c, g) in pixel.iter_mut().zip([glow.color.x, glow.color.y, glow.color.z]) {
                    *c = (f32::from(*c) + g * k).min(255.0) as u8;
                }
            }
        }
        if left < right && top < bottom {
            self.glowed.push(Area { left, top, right, bottom });
        }
    }
}

/// Calls `at(pixel, along, across)` for every pixel that may show a rectangle on the ground, with its place in the
/// rectangle's own axes in metres, and returns the pixels' bounds.
fn on_ground(
    camera: &Camera,
    (width, height): (usize, usize),
    middle: V2,
    heading: V2,
    [back, front]: [f32; 2],
    wide: f32,
    mut at: impl FnMut(usize, f32, f32),
) -> Area {
    let samples = SAMPLES as f32;
    let (mut x0, mut y0, mut x1, mut y1) = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
    for (along, across) in [(back, -wide), (back, wide), (front, -wide), (front, wide)] {
        let p = (middle + heading * along + heading.left() * across).at(0.0);
        if camera.depth(p) < 0.5 {
            return Area::NONE;
        }
        let q = camera.project(p);
        (x0, y0) = (x0.min(q.x / samples), y0.min(q.y / samples));
        (x1, y1) = (x1.max(q.x / samples), y1.max(q.y / samples));
    }
    let clamp = |v: f32, limit: usize| v.clamp(0.0, limit as f32) as usize;
    let area = Area {
        left: clamp(x0, width),
        top: clamp(y0, height),
        right: clamp(x1 + 1.0, width),
        bottom: clamp(y1 + 1.0, height),
    };
    for y in area.top..area.bottom {
        for x in area.left..area.right {
            let Some(p) = camera.ground((x as f32 + 0.5) * samples, (y as f32 + 0.5) * samples) else { continue };
            let d = p - middle;
            let (along, across) = (d.dot(heading), d.dot(heading.left()));
            if along >= back && along <= front && across.abs() <= wide {
                at(y * width + x, along, across);
            }
        }
    }
    area
}

/// Indices of the samples of a pixel.
fn samples(width: usize, x: usize, y: usize) -> [usize; SAMPLES * SAMPLES] {
    let i = y * SAMPLES * width + x * SAMPLES;
    [i, i + 1, i + width, i + width + 1]
}

/// The mean of a pixel's samples.
fn resolve(canvas: &Canvas, x: usize, y: usize) -> [u8; 4] {
    let mut sum = [2u16; 4];
    for i in samples(canvas.width, x, y) {
        for (s, c) in sum.iter_mut().zip(canvas.color[i]) {
            *s += u16::from(c);
        }
    }
    sum.map(|s| (s / 4) as u8)
}

/// A ground colour in shadow: `sun` and `contact` in 0…255 say how much is kept off.
fn shaded(color: [u8; 4], sun: u32, contact: u32) -> [u8; 4] {
    let [r, g, b, left] = color;
    if left == super::canvas::NOT_GROUND || sun + contact == 0 {
        return color;
    }
    let left32 = u32::from(left);
    // In 1/65536: what the sun's shadow leaves, times what the contact shadow leaves of the rest.
    let after_sun = 255 * 255 - sun * (255 - left32);
    let keep = after_sun / 255 * (255 - contact) * 257 / 255;
    let dim = |c: u8| ((u32::from(c) * keep) >> 16) as u8;
    [dim(r), dim(g), dim(b), left]
}

/// A ground colour in the light of headlamps.
fn lit(color: [u8; 4], beam: u32, lamp: V3) -> [u8; 4] {
    let add = |c: u8, l: f32| {
        // The brighter the ground, the more it throws back.
        let gain = f32::from(c) * 0.9 + l * 0.35;
        (f32::from(c) + gain * beam as f32 / 255.0).min(255.0) as u8
    };
    [add(color[0], lamp.x), add(color[1], lamp.y), add(color[2], lamp.z), color[3]]
}
