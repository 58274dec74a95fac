//! What house fronts look like.

use super::light::{Light, Local};
use crate::math::{V3, fractal, hash, noise, step, v3};
use crate::model::Paint;
use crate::world::layout::Building;

/// Height of a storey and of the ground floor, in metres.
const STOREY: f32 = 3.1;
const GROUND_FLOOR: f32 = 3.9;

/// Light from the point `p` of a house front that faces `n` towards `view`.
pub(crate) fn shade(house: &Building, p: V3, n: V3, view: V3, size: f32, light: &Light, local: &Local) -> V3 {
    let u = if n.x.abs() > 0.5 { p.y - house.low.y } else { p.x - house.low.x };
    let width = if n.x.abs() > 0.5 { house.high.y - house.low.y } else { house.high.x - house.low.x };
    let side = if n.x.abs() > 0.5 { 1 } else { 2 } + if n.x + n.y > 0.0 { 10 } else { 0 };
    let salt = house.style.wrapping_add(side);
    let wall = wall_color(house, u, p.z);
    let matt = |albedo: V3| light.shade(&Paint { albedo, gloss: 0.0, glow: (0.0, 0.0) }, n, view, local);
    if house.shops && p.z < GROUND_FLOOR {
        return shop(house, u, p, n, view, salt, light, local);
    }
    let base = if house.shops { GROUND_FLOOR } else { 0.9 };
    let storeys = ((house.height - base - 0.5) / STOREY).floor().max(1.0);
    let level = ((p.z - base) / STOREY).floor();
    let cornice = step(house.height - 0.55, house.height - 0.5, p.z);
    if p.z < base || level >= storeys || cornice > 0.0 {
        let ledge = if cornice > 0.0 { V3::gray(0.42) } else { wall * 0.92 };
        return matt(ledge);
    }
    let bays = (width / [1.9, 2.3, 2.8][house.style as usize % 3]).floor().max(1.0);
    let bay = width / bays;
    let column = (u / bay).floor();
    let (x, z) = (u - column * bay - bay * 0.5, p.z - base - level * STOREY);
    let (half, low, high) = match (house.style >> 3) % 3 {
        0 => (0.52, 0.75, 2.35),
        1 => (0.62, 0.35, 2.45),
        _ => (bay * 0.5 - 0.32, 0.85, 2.3),
    };
    // How far inside the window's opening the point is, in metres; negative on the wall.
    let inside = (half - x.abs()).min(z - low).min(high - z);
    if inside < 0.0 {
        let sill = z > low - 0.14 && z < low && x.abs() < half + 0.1;
        let band = z < 0.12 && (house.style >> 6) & 1 == 1;
        // Lintels cast a little shade, edges gather dirt.
        let albedo =
            if sill || band { V3::gray(0.45) } else { wall * (1.0 - 0.12 * step(0.3, 0.0, -inside)) };
        return matt(albedo);
    }
    let frame =
        inside < 0.07 || (x.abs() < 0.03 && size < 0.12) || ((z - high + 0.5).abs() < 0.03 && size < 0.12);
    let cell = (column as i32, level as i32);
    if frame {
        let tone = if (house.style >> 7) & 3 == 0 { 0.08 } else { 0.62 };
        return matt(V3::gray(tone));
    }
    let dice = hash(cell.0, cell.1, salt);
    let depth = 0.6 + 0.4 * step(0.0, 0.5, high - z);
    let curtain = hash(cell.0, cell.1, salt + 3);
    let glass = Paint {
        albedo: V3::gray(if curtain > 0.62 { 0.20 } else { 0.03 }) * depth,
        gloss: 0.13,
        glow: (0.0, 0.0),
    };
    let mut out = light.shade(&glass, n, view, local);
    // A distorted picture of the other side of the street.
    out = out * (0.75 + 0.5 * noise(p.z * 0.8 + dice * 9.0, u * 0.8, salt));
    if dice < 0.42 * light.dark {
        let warm = v3(0.95, 0.62, 0.30).mix(v3(0.85, 0.82, 0.70), hash(cell.0, cell.1, salt + 5));
        out += warm * (0.35 + 0.5 * hash(cell.0, cell.1, salt + 6)) * depth;
    }
    out
}

fn wall_color(house: &Building, u: f32, z: f32) -> V3 {
    let stain = fractal(u * 0.35, z * 0.35, house.style);
    let fine = noise(u * 6.0, z * 11.0, house.style.wrapping_add(1));
    let low = step(1.6, 0.0, z);
    house.wall * (0.86 + 0.22 * stain + 0.10 * fine - 0.18 * low)
}

#[allow(clippy::too_many_arguments)]
fn shop(house: &Building, u: f32, p: V3, n: V3, view: V3, salt: u32, light: &Light, local: &Local) -> V3 {
    const FRONT: f32 = 5.2;
    let number = (u / FRONT).floor();
    let x = u - number * FRONT;
    let dice = |k: u32| hash(number as i32, k as i32, salt);
    let color =
        v3(0.05 + 0.4 * dice(1) * dice(1), 0.05 + 0.3 * dice(2) * dice(2), 0.05 + 0.34 * dice(3) * dice(3));
    let matt = |albedo: V3| light.shade(&Paint { albedo, gloss: 0.0, glow: (0.0, 0.0) }, n, view, local);
    if p.z > 3.0 {
        let board = p.z < 3.65 && x > 0.25 && x < FRONT - 0.25;
        let letters = board
            && (3.17..3.5).contains(&p.z)
            && (x - FRONT * 0.5).abs() < 1.5 * (0.4 + 0.6 * dice(4))
            && noise(x * 7.0, (p.z * 3.0).floor(), salt) > 0.47;
        let mut out = matt(if letters {
            V3::gray(0.7)
        } else if board {
            color
        } else {
            wall_color(house, u, p.z)
        });
        if board && dice(5) > 0.4 {
            out += (if letters { v3(0.9, 0.85, 0.7) } else { color }) * (0.7 * light.dark);
        }
        return out;
    }
    let door = (x - 0.95).abs() < 0.5;
    let pane = (0.25..FRONT - 0.25).contains(&x) && p.z > if door { 0.12 } else { 0.55 };
    let bar = [0.4f32, 1.5, 3.2, 4.9].iter().any(|b| (x - b).abs() < 0.05) || p.z > 2.92;
    if !pane || bar {
        return matt(if pane { color * 0.6 } else { wall_color(house, u, p.z) * 0.8 });
    }
    // Goods behind the glass.
    let goods = noise(x * 2.6, p.z * 2.2, salt.wrapping_add(7));
    let hue =
        v3(noise(x * 1.9, p.z, salt + 8), noise(x * 1.9, p.z, salt + 9), noise(x * 1.9, p.z, salt + 11));
    let inner =
        V3::gray(0.04).mix((hue + V3::gray(0.5)) * 0.15, step(0.45, 0.75, goods) * step(2.4, 1.2, p.z));
    let mut out = light.shade(&Paint { albedo: inner, gloss: 0.12, glow: (0.0, 0.0) }, n, view, local);
    if dice(6) > 0.25 {
        out += (inner * 1.4 + v3(0.32, 0.26, 0.17) * (0.5 + 0.5 * step(0.3, 2.6, p.z))) * light.dark;
    }
    out
}
