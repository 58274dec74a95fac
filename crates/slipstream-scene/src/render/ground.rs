//! What the ground looks like.

use crate::math::{V2, V3, fractal, hash, noise, step, v3};
use crate::world::layout::{Cover, Layout, Mark};

/// The size of one sample on the ground, in metres along x and y.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// Share of a sample of size `f` at `v` that lies between `low` and `high`.
fn share(low: f32, high: f32, v: f32, f: f32) -> f32 {
    (((v + f * 0.5).min(high) - (v - f * 0.5).max(low)) / f).clamp(0.0, 1.0)
}

/// Colour of the ground (share of light thrown back).
pub(crate) fn albedo(layout: &Layout, p: V2, f: Footprint) -> V3 {
    let mut color = cover(layout, layout.base, p, f);
    for patch in &layout.patches {
        let k = share(patch.low.x, patch.high.x, p.x, f.x) * share(patch.low.y, patch.high.y, p.y, f.y);
        if k > 0.0 {
            color = color.mix(cover(layout, patch.cover, p, f), k);
        }
    }
    let mut paint = 0.0f32;
    for mark in &layout.marks {
        paint = paint.max(mark_share(mark, p, f));
    }
    if paint > 0.0 {
        // Worn by wheels.
        let worn = 0.72 + 0.28 * noise(p.x * 2.3, p.y * 2.3, 71)
            - 0.16 * step(0.55, 0.85, noise(p.x * 17.0, p.y * 17.0, 72)) * fine(0.1, f);
        color = color.mix(v3(0.60, 0.60, 0.58), paint * worn);
    }
    color
}

fn mark_share(mark: &Mark, p: V2, f: Footprint) -> f32 {
    let k = share(mark.low.x, mark.high.x, p.x, f.x) * share(mark.low.y, mark.high.y, p.y, f.y);
    let Some((dash, period)) = mark.dash else { return k };
    if k == 0.0 {
        return 0.0;
    }
    let along_y = mark.high.y - mark.low.y > mark.high.x - mark.low.x;
    let (at, f) = if along_y { (p.y - mark.low.y, f.y) } else { (p.x - mark.low.x, f.x) };
    if f > period {
        return k * dash / period;
    }
    let at = at - (at / period).floor() * period;
    k * (share(0.0, dash, at, f) + share(period, period + dash, at, f)).min(1.0)
}

/// Fades out detail of size `detail` metres where samples are larger than it.
fn fine(detail: f32, f: Footprint) -> f32 {
    (detail / f.x.max(f.y * 0.6)).min(1.0)
}

fn cover(layout: &Layout, cover: Cover, p: V2, f: Footprint) -> V3 {
    let broad = fractal(p.x * 0.23, p.y * 0.23, 11) - 0.5;
    let grain = (noise(p.x * 14.0, p.y * 14.0, 12) - 0.5) * fine(0.07, f);
    match cover {
        Cover::Asphalt => {
            let mut v = 0.098 * (1.0 + 0.34 * broad + 0.30 * grain);
            // Mended places and cracks.
            let (ix, iy) = ((p.x / 4.3).floor(), (p.y / 9.0).floor());
            if hash(ix as i32, iy as i32, 13) > 0.90 {
                let inside = share(0.7, 3.4, p.x - ix * 4.3, f.x) * share(1.2, 6.5, p.y - iy * 9.0, f.y);
                v *= 1.0 - 0.22 * inside;
            }
            let crack = (noise(p.x * 0.55, p.y * 0.55, 14) - 0.5).abs();
            v *= 1.0 - 0.14 * step(0.010, 0.0, crack) * fine(0.05, f);
            // Wheels polish two tracks, oil darkens the middle between them.
            for lane in &layout.lanes {
                let d = p - lane.start;
                let across = d.dot(lane.dir.left()).abs();
                if across < 1.5 {
                    let track = step(0.45, 0.0, (across - 0.78).abs());
                    let oil = step(0.4, 0.0, across);
                    v *= 1.0 - 0.10 * track - 0.07 * oil;
                }
            }
            v3(v, v * 0.99, v * 0.985)
        }
        Cover::CycleLane => v3(0.175, 0.085, 0.065) * (1.0 + 0.25 * broad + 0.25 * grain),
        Cover::Slabs => {
            let (ix, iy) = ((p.x / 0.6).floor(), (p.y / 0.6).floor());
            let tone = (hash(ix as i32, iy as i32, 15) - 0.5) * 0.16 * fine(0.5, f);
            let (ux, uy) = (p.x - ix * 0.6, p.y - iy * 0.6);
            let joint = share(0.0, 0.025, ux, f.x.max(0.01)).max(share(0.0, 0.025, uy, f.y.max(0.01)));
            v3(0.255, 0.245, 0.225) * (1.0 + tone + 0.35 * broad + 0.16 * grain - 0.4 * joint)
        }
        Cover::Cobbles => {
            let row = (p.y / 0.4).floor();
            let shifted = p.x + if row as i32 & 1 == 0 { 0.0 } else { 0.4 };
            let column = (shifted / 0.8).floor();
            let tone = (hash(column as i32, row as i32, 16) - 0.5) * 0.26 * fine(0.5, f);
            let joint = share(0.0, 0.03, shifted - column * 0.8, f.x.max(0.01)).max(share(
                0.0,
                0.03,
                p.y - row * 0.4,
                f.y.max(0.01),
            ));
            // Bands of darker stone every few metres.
            let band = share(0.0, 0.8, p.x - (p.x / 6.4).floor() * 6.4, f.x).max(share(
                0.0,
                0.8,
                p.y - (p.y / 6.4).floor() * 6.4,
                f.y,
            ));
            let stone = v3(0.30, 0.275, 0.24).mix(v3(0.17, 0.165, 0.16), band * 0.8);
            stone * (1.0 + tone + 0.4 * broad + 0.16 * grain - 0.35 * joint)
        }
        Cover::Grass => {
            let tuft = fractal(p.x * 3.1, p.y * 3.1, 17) - 0.5;
            let dry = step(0.45, 0.75, fractal(p.x * 0.12, p.y * 0.12, 18));
            v3(0.075, 0.125, 0.035).mix(v3(0.16, 0.15, 0.06), dry * 0.6)
                * (1.0 + 0.4 * broad + 0.9 * tuft * fine(0.3, f).max(0.25) + 0.5 * grain)
        }
        Cover::Kerb => V3::gray(0.33) * (1.0 + 0.3 * broad + 0.15 * grain),
    }
}
