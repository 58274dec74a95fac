//! Shadows on the ground, light cones, glow around lamps: what is laid over the samples, pixel by pixel.

use super::backdrop::SIGNAL_HEADS;
use super::canvas::{Area, Canvas, Corner, NEAR, NOT_GROUND, SAMPLES, clip, scan};
use super::light::{Light, encode};
use crate::camera::{Camera, Projected};
use crate::math::{V2, V3, step, v3};
use crate::model::Mesh;
use crate::world::{Actor, World};

/// Side of a tile in pixels.
const TILE: usize = 16;
/// Side of a cell of the light of headlamps in pixels: it has no edges that would need more.
const COARSE: usize = 2;
/// Pixels by which soft edges spread.
const SOFT: usize = 2;
/// A lamp counts as hidden by what is nearer by this ratio: its own housing may stand a little before it.
const HIDDEN: f32 = 1.03;
/// How far headlamps light the road, in metres.
const BEAM: f32 = 15.0;
/// Half the width of the road that they light, in metres.
const BEAM_WIDTH: f32 = 2.8;

/// A round light to be added to the picture.
#[derive(Debug, Clone, Copy)]
struct Glow {
    x: f32,
    y: f32,
    radius: (f32, f32),
    color: V3,
    /// Where its source is in the samples, with 1 / depth: hidden if something nearer is there.
    source: Projected,
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
    /// Where headlamps light the ground, in cells of [`COARSE`] pixels each way.
    beam: Vec<u8>,
    /// Tiles of pixels that differ from the backdrop.
    tiles: Tiles,
    glows: Vec<Glow>,
}

/// Which tiles of the picture have to be put together anew; keeps areas that overlap from being done twice.
#[derive(Debug)]
struct Tiles {
    columns: usize,
    marked: Vec<u8>,
}

/// The tile has light or contact shadows on it.
const TOUCHED: u8 = 1;
/// The sun's shadows fall on the tile.
const SHADOWED: u8 = 2;
/// Actors are drawn on the tile: its samples differ from the backdrop's.
const DRAWN: u8 = 4;

impl Tiles {
    fn new(width: usize, height: usize) -> Self {
        let columns = width.div_ceil(TILE);
        Self { columns, marked: vec![0; columns * height.div_ceil(TILE)] }
    }
    fn mark(&mut self, area: &Area, why: u8) {
        if area.is_empty() {
            return;
        }
        for row in area.top / TILE..area.bottom.div_ceil(TILE) {
            let row = row * self.columns;
            for mark in &mut self.marked[row + area.left / TILE..row + area.right.div_ceil(TILE)] {
                *mark |= why;
            }
        }
    }
    /// The pixels of the marked tiles, and why they are marked.
    fn areas(&self, width: usize, height: usize) -> impl Iterator<Item = (Area, u8)> {
        self.marked.iter().enumerate().filter(|(_, mark)| **mark != 0).map(move |(i, &mark)| {
            let (left, top) = (i % self.columns * TILE, i / self.columns * TILE);
            (Area { left, top, right: (left + TILE).min(width), bottom: (top + TILE).min(height) }, mark)
        })
    }
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
            beam: vec![0; width.div_ceil(COARSE) * height.div_ceil(COARSE)],
            tiles: Tiles::new(width, height),
            glows: Vec::new(),
        }
    }

    /// Darkens the samples of the backdrop where things that stand still cast their shadows.
    pub(crate) fn bake_shadows(&mut self, canvas: &mut Canvas) {
        for (area, mark) in self.tiles.areas(self.width, self.height) {
            for y in area.top..area.bottom {
                for x in area.left..area.right {
                    let (sun, contact, _) = self.layers(x, y, mark);
                    for i in samples(canvas.width, x, y) {
                        canvas.color[i] = shaded(canvas.color[i], sun, contact);
                    }
                }
            }
        }
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
        self.pixels.copy_from_slice(&self.backdrop);
        for layer in [&mut self.sun, &mut self.contact, &mut self.beam] {
            layer.fill(0);
        }
        self.tiles.marked.fill(0);
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
            let corners = tri.at.map(|p| Corner { at: p - slope * p.z, color: V3::default() });
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
        self.touch(&area, SHADOWED);
    }

    /// The dark place below something that stands on the ground: a rectangle with the half sides `half` along and across
    /// its heading, fading over `soft` metres; `strength` is the share of light it takes in its middle.
    pub(crate) fn contact(
        &mut self,
        camera: &Camera,
        at: V2,
        heading: V2,
        half: (f32, f32),
        (soft, strength): (f32, f32),
    ) {
        let reach = half.0 + soft;
        let wide = half.1 + soft;
        let layer = &mut self.contact;
        let (width, height) = (self.width, self.height);
        let area =
            on_ground(camera, (width, height), 1, at, heading, [-reach, reach], wide, |i, along, across| {
                let (a, b) = (
                    (along.abs() - half.0 + soft * 0.5).max(0.0),
                    (across.abs() - half.1 + soft * 0.5).max(0.0),
                );
                let dark = 1.0 - ((a * a + b * b).sqrt() / soft).min(1.0);
                let dark = (dark * dark * (3.0 - 2.0 * dark) * strength * 255.0) as u8;
                layer[i] = layer[i].max(dark);
            });
        self.touch(&area, TOUCHED);
    }

    fn touch(&mut self, area: &Area, why: u8) {
        if !area.is_empty() {
            self.tiles.mark(&area.grown(SOFT, self.width, self.height), why);
        }
    }

    /// Head and tail lamps: glow, light on the road, reflections on a wet one.
    pub(crate) fn vehicle_lamps(
        &mut self,
        camera: &Camera,
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
                    self.glow(camera, at, color * (facing * facing), size, light.wet > 0.0);
                }
            }
        }
        if power > 0.3 && light.wet == 0.0 {
            let (width, height) = (self.width.div_ceil(COARSE), self.height.div_ceil(COARSE));
            let start = lamps[0].x;
            let layer = &mut self.beam;
            let area = on_ground(
                camera,
                (width, height),
                COARSE,
                actor.at,
                actor.heading,
                [start, start + BEAM],
                BEAM_WIDTH,
                |i, along, across| {
                    let d = along - start;
                    let spread = 0.9 + d * 0.16;
                    let side = (across / spread).abs();
                    let fall = step(0.0, 1.6, d) * step(BEAM, 2.0, d);
                    let lit = fall * step(1.0, 0.1, side) * power * 190.0;
                    layer[i] = layer[i].max(lit as u8);
                },
            );
            self.touch(&area, TOUCHED);
        }
    }

    fn glow(&mut self, camera: &Camera, at: V3, color: V3, size: f32, wet: bool) {
        if camera.depth(at) < NEAR * 2.0 {
            return;
        }
        let p = camera.project(at);
        let samples = SAMPLES as f32;
        let radius = (size * camera.focal * p.w / samples).max(1.6);
        let (x, y) = (p.x / samples, p.y / samples);
        self.glows.push(Glow { x, y, radius: (radius, radius), color, source: p, ground_only: false });
        if wet {
            let mirror = camera.project(v3(at.x, at.y, -at.z));
            let length = radius * 2.6;
            self.glows.push(Glow {
                x,
                y: mirror.y / samples + length * 0.3,
                radius: (radius * 0.55, length),
                color: color * 0.75,
                source: p,
                ground_only: true,
            });
        }
    }

    /// The lights of traffic signals.
    pub(crate) fn signals(&mut self, world: &World, camera: &Camera, light: &Light) {
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
                self.glow(camera, at, color * 235.0, 0.16, false);
                if light.dark > 0.5 {
                    self.glow(camera, at, color * 60.0, 0.6, light.wet > 0.0);
                }
            }
        }
    }

    /// Shadow, contact shadow and beam at a pixel, softened.
    fn layers(&self, x: usize, y: usize, mark: u8) -> (u32, u32, u32) {
        let i = y * self.width + x;
        let near = |layer: &[u8]| {
            let inside = x > 0 && y > 0 && x + 1 < self.width && y + 1 < self.height;
            if inside {
                let w = self.width;
                return [i - w, i, i + w]
                    .map(|i| layer[i - 1..i + 2].iter().map(|&v| u32::from(v)).sum::<u32>())
                    .iter()
                    .sum::<u32>()
                    / 9;
            }
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
        let sun = if mark & SHADOWED != 0 { near(&self.sun) } else { 0 };
        let beam = self.beam[y / COARSE * self.width.div_ceil(COARSE) + x / COARSE];
        (sun, u32::from(self.contact[i]), u32::from(beam))
    }

    /// Puts the frame together: samples to pixels, then shadows, light and glow.
    pub(crate) fn finish(&mut self, camera: &Camera, canvas: &Canvas, light: &Light, dirty: &[Area]) {
        let headlight = encode(v3(0.20, 0.185, 0.16));
        for area in dirty {
            self.tiles.mark(&area.pixels(), DRAWN);
        }
        for (area, mark) in self.tiles.areas(self.width, self.height) {
            for y in area.top..area.bottom {
                for x in area.left..area.right {
                    let i = y * self.width + x;
                    let mut pixel = if mark & DRAWN != 0 { resolve(canvas, x, y) } else { self.backdrop[i] };
                    if pixel[3] < NOT_GROUND {
                        let (sun, contact, beam) = self.layers(x, y, mark);
                        pixel = shaded(pixel, sun, contact);
                        if beam > 0 {
                            pixel = lit(pixel, beam, headlight);
                        }
                    }
                    self.pixels[i] = pixel;
                }
            }
        }
        for lamp in &light.lamps {
            // Street lamps outshine their surroundings a little.
            let at = lamp.at + (camera.position - lamp.at).unit() * 0.4;
            self.glow(camera, at, v3(230.0, 180.0, 108.0) * light.dark, 0.9, false);
        }
        for number in 0..self.glows.len() {
            let glow = self.glows[number];
            let Projected { x, y, w } = glow.source;
            let inside = x >= 0.0 && y >= 0.0 && x < canvas.width as f32 && y < canvas.height as f32;
            if inside && canvas.depth[y as usize * canvas.width + x as usize] <= w * HIDDEN {
                self.add_glow(&glow);
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
    }
}

/// Calls `at(cell, along, across)` for every cell of `cell` × `cell` pixels that shows a rectangle on the ground, with its
/// place in the rectangle's own axes in metres, and returns the bounds in pixels. `width` and `height` are in cells.
#[allow(clippy::too_many_arguments)]
fn on_ground(
    camera: &Camera,
    (width, height): (usize, usize),
    cell: usize,
    middle: V2,
    heading: V2,
    [back, front]: [f32; 2],
    wide: f32,
    mut at: impl FnMut(usize, f32, f32),
) -> Area {
    let corner = |along: f32, across: f32| {
        let at = (middle + heading * along + heading.left() * across).at(0.0);
        Corner { at, color: V3::default() }
    };
    let [a, b, c, d] = [corner(back, -wide), corner(front, -wide), corner(front, wide), corner(back, wide)];
    let samples = (SAMPLES * cell) as f32;
    let mut area = Area::NONE;
    for half in [[a, b, c], [a, c, d]] {
        clip(camera, &half, |corners| {
            let t = corners.map(|c| {
                let p = camera.project(c.at);
                Projected { x: p.x / samples, y: p.y / samples, w: p.w }
            });
            scan(&t, width, height, |y, left, right| {
                area.add_span(y, left, right);
                for x in left..right {
                    let place = camera.ground((x as f32 + 0.5) * samples, (y as f32 + 0.5) * samples);
                    if let Some(p) = place {
                        let d = p - middle;
                        at(y * width + x, d.dot(heading), d.dot(heading.left()));
                    }
                }
            });
        });
    }
    if area.is_empty() {
        return area;
    }
    Area {
        left: area.left * cell,
        top: area.top * cell,
        right: area.right * cell,
        bottom: area.bottom * cell,
    }
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
    if left == NOT_GROUND || sun + contact == 0 {
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
