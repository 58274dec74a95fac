//! The sample buffers and the triangle rasteriser.

use crate::camera::{Camera, Projected};
use crate::math::V3;

/// Samples per pixel along each axis.
pub(crate) const SAMPLES: usize = 2;
/// Nothing nearer than this to the camera's plane is drawn, in metres.
pub(crate) const NEAR: f32 = 0.2;
/// Fourth byte of a sample's colour where shadows do not fall; on the ground it is the share of light left in shadow.
pub(crate) const NOT_GROUND: u8 = 255;

/// A rectangle of samples or pixels; right and bottom are excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) right: usize,
    pub(crate) bottom: usize,
}

impl Area {
    /// An area that holds nothing and grows.
    pub(crate) const NONE: Area = Area { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0 };

    pub(crate) fn is_empty(&self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }
    pub(crate) fn add_span(&mut self, y: usize, left: usize, right: usize) {
        self.left = self.left.min(left);
        self.right = self.right.max(right);
        self.top = self.top.min(y);
        self.bottom = self.bottom.max(y + 1);
    }
    /// Grown by `by` on every side, within `width` × `height`.
    pub(crate) fn grown(&self, by: usize, width: usize, height: usize) -> Area {
        Area {
            left: self.left.saturating_sub(by),
            top: self.top.saturating_sub(by),
            right: (self.right + by).min(width),
            bottom: (self.bottom + by).min(height),
        }
    }
    /// The pixels that hold the samples of this area.
    pub(crate) fn pixels(&self) -> Area {
        Area {
            left: self.left / SAMPLES,
            top: self.top / SAMPLES,
            right: self.right.div_ceil(SAMPLES),
            bottom: self.bottom.div_ceil(SAMPLES),
        }
    }
}

/// Colour, depth and owner of every sample.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Red, green, blue, and the shadow byte (see [`NOT_GROUND`]).
    pub(crate) color: Vec<[u8; 4]>,
    /// 1 / depth in 1/m: the greater, the nearer; 0 is the sky.
    pub(crate) depth: Vec<f32>,
    /// Which object owns the sample; 0 is the backdrop.
    pub(crate) slot: Vec<u16>,
}

/// Counts the samples that one object would cover if nothing stood before it.
#[derive(Debug)]
pub(crate) struct Silhouette {
    stamps: Vec<u32>,
    stamp: u32,
    /// Number of samples covered.
    pub(crate) count: usize,
    /// Their bounds.
    pub(crate) area: Area,
}

impl Silhouette {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { stamps: vec![0; width * height], stamp: 0, count: 0, area: Area::NONE }
    }
    /// Starts with the next object.
    pub(crate) fn restart(&mut self) {
        if self.stamp == u32::MAX {
            self.stamps.fill(0);
            self.stamp = 0;
        }
        self.stamp += 1;
        self.count = 0;
        self.area = Area::NONE;
    }
}

/// A corner of a triangle: place and colour 0…255.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corner {
    pub(crate) at: V3,
    pub(crate) color: V3,
}

/// The first sample whose centre lies beyond `v`, within 0…`limit`. (The cast rounds down: nothing here is negative.)
fn sample(v: f32, limit: usize) -> usize {
    (v + 0.5).clamp(0.0, limit as f32) as usize
}

/// Whether a triangle may cover the centre of any sample.
pub(crate) fn covers(t: &[Projected; 3], width: usize, height: usize) -> bool {
    let [a, b, c] = t;
    let columns = |v: f32| sample(v, width);
    let rows = |v: f32| sample(v, height);
    columns(a.x.min(b.x).min(c.x)) < columns(a.x.max(b.x).max(c.x))
        && rows(a.y.min(b.y).min(c.y)) < rows(a.y.max(b.y).max(c.y))
}

/// Calls `span(y, left, right)` for each row of samples whose centres a triangle covers (right excluded).
pub(crate) fn scan(
    t: &[Projected; 3],
    width: usize,
    height: usize,
    mut span: impl FnMut(usize, usize, usize),
) {
    let [a, b, c] = t;
    let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if !area.is_finite() || area == 0.0 {
        return;
    }
    let (b, c) = if area > 0.0 { (b, c) } else { (c, b) };
    let top = a.y.min(b.y).min(c.y);
    let bottom = a.y.max(b.y).max(c.y);
    let first = sample(top, height);
    let last = sample(bottom, height);
    for y in first..last {
        let cy = y as f32 + 0.5;
        let (mut low, mut high) = (0.0f32, width as f32);
        for (p, q) in [(a, b), (b, c), (c, a)] {
            let (dx, dy) = (q.x - p.x, q.y - p.y);
            // Inside is where dx·(y − p.y) − dy·(x − p.x) ≥ 0.
            if dy < 0.0 {
                low = low.max(p.x + (cy - p.y) * dx / dy);
            } else if dy > 0.0 {
                high = high.min(p.x + (cy - p.y) * dx / dy);
            } else if dx * (cy - p.y) < 0.0 {
                high = -1.0;
            }
        }
        let left = sample(low, width);
        let right = sample(high, width);
        if left < right {
            span(y, left, right);
        }
    }
}

/// A quantity that changes evenly over a triangle: its value at the picture's corner and its slopes.
#[derive(Clone, Copy)]
pub(crate) struct Plane {
    base: f32,
    pub(crate) dx: f32,
    dy: f32,
    x: f32,
    y: f32,
}

impl Plane {
    pub(crate) fn new(t: &[Projected; 3], values: [f32; 3]) -> Self {
        let [a, b, c] = t;
        let (x1, y1, x2, y2) = (b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y);
        let (v1, v2) = (values[1] - values[0], values[2] - values[0]);
        let k = 1.0 / (x1 * y2 - x2 * y1);
        Self { base: values[0], dx: (v1 * y2 - v2 * y1) * k, dy: (v2 * x1 - v1 * x2) * k, x: a.x, y: a.y }
    }
    pub(crate) fn at(&self, x: usize, y: usize) -> f32 {
        self.base + (x as f32 + 0.5 - self.x) * self.dx + (y as f32 + 0.5 - self.y) * self.dy
    }
}

/// Cuts a triangle at the near plane and hands on the one or two that remain.
pub(crate) fn clip(camera: &Camera, corners: &[Corner; 3], mut triangle: impl FnMut(&[Corner; 3])) {
    let depth = corners.map(|c| camera.depth(c.at));
    if depth.iter().all(|&d| d >= NEAR) {
        return triangle(corners);
    }
    if depth.iter().all(|&d| d < NEAR) {
        return;
    }
    let mut kept = [corners[0]; 4];
    let mut n = 0;
    for i in 0..3 {
        let j = (i + 1) % 3;
        if depth[i] >= NEAR {
            kept[n] = corners[i];
            n += 1;
        }
        if (depth[i] >= NEAR) != (depth[j] >= NEAR) {
            let t = (NEAR - depth[i]) / (depth[j] - depth[i]);
            // A hair further, so that rounding cannot put the new corner behind the plane.
            kept[n] = Corner {
                at: corners[i].at.mix(corners[j].at, t) + camera.forward * (NEAR * 1e-3),
                color: corners[i].color.mix(corners[j].color, t),
            };
            n += 1;
        }
    }
    for k in 1..n - 1 {
        triangle(&[kept[0], kept[k], kept[k + 1]]);
    }
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let n = width * height;
        Self { width, height, color: vec![[0, 0, 0, NOT_GROUND]; n], depth: vec![0.0; n], slot: vec![0; n] }
    }

    /// Draws a triangle with the owner `slot`, where it is nearer than what is there.
    pub(crate) fn triangle(
        &mut self,
        camera: &Camera,
        corners: &[Corner; 3],
        slot: u16,
        silhouette: &mut Silhouette,
    ) {
        clip(camera, corners, |corners| {
            let t = corners.map(|c| camera.project(c.at));
            let w = Plane::new(&t, t.map(|p| p.w));
            let channels =
                [corners.map(|c| c.color.x), corners.map(|c| c.color.y), corners.map(|c| c.color.z)]
                    .map(|values| Plane::new(&t, values));
            scan(&t, self.width, self.height, |y, left, right| {
                let row = y * self.width;
                silhouette.area.add_span(y, left, right);
                let mut depth = w.at(left, y);
                let mut value = channels.map(|c| c.at(left, y));
                let span = row + left..row + right;
                let samples = self.depth[span.clone()]
                    .iter_mut()
                    .zip(&mut self.color[span.clone()])
                    .zip(&mut self.slot[span.clone()])
                    .zip(&mut silhouette.stamps[span]);
                for (((nearest, color), owner), stamp) in samples {
                    if *stamp != silhouette.stamp {
                        *stamp = silhouette.stamp;
                        silhouette.count += 1;
                    }
                    if depth > *nearest {
                        *nearest = depth;
                        *color = [value[0] as u8, value[1] as u8, value[2] as u8, NOT_GROUND];
                        *owner = slot;
                    }
                    depth += w.dx;
                    value[0] += channels[0].dx;
                    value[1] += channels[1].dx;
                    value[2] += channels[2].dx;
                }
            });
        });
    }

    /// Copies an area from a canvas of the same size.
    pub(crate) fn restore(&mut self, from: &Canvas, area: &Area) {
        for y in area.top..area.bottom {
            let span = y * self.width + area.left..y * self.width + area.right;
            self.color[span.clone()].copy_from_slice(&from.color[span.clone()]);
            self.depth[span.clone()].copy_from_slice(&from.depth[span.clone()]);
            self.slot[span.clone()].copy_from_slice(&from.slot[span]);
        }
    }
}
