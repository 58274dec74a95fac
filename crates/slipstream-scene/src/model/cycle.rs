//! Bicycles and motorcycles with their riders.

use std::f32::consts::TAU;

use super::person::Build;
use super::{Mesh, Paint, Palette, paint};
use crate::math::{Rng, V3, cos, sin, v3};

/// What has two wheels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CycleKind {
    Bicycle,
    Motorcycle,
}

/// Metres from the middle to each axle.
const BICYCLE_AXLE: f32 = 0.53;
const BICYCLE_WHEEL: f32 = 0.345;
const MOTORCYCLE_AXLE: f32 = 0.70;
const MOTORCYCLE_WHEEL: f32 = 0.31;
/// Metres ridden in one turn of the pedals.
const GEAR: f32 = 5.0;

impl CycleKind {
    /// Length in metres.
    pub(crate) fn length(self) -> f32 {
        match self {
            Self::Bicycle => 2.0 * (BICYCLE_AXLE + BICYCLE_WHEEL),
            Self::Motorcycle => 2.0 * (MOTORCYCLE_AXLE + MOTORCYCLE_WHEEL),
        }
    }

    /// Places of the lamp at the front and at the back.
    pub(crate) fn lamps(self) -> [V3; 2] {
        match self {
            Self::Bicycle => [v3(0.62, 0.0, 0.85), v3(-0.60, 0.0, 0.70)],
            Self::Motorcycle => [v3(0.72, 0.0, 0.88), v3(-0.92, 0.0, 0.80)],
        }
    }

    /// The machine without its rider.
    pub(crate) fn mesh(self) -> Mesh {
        let mut mesh = Mesh::default();
        match self {
            Self::Bicycle => bicycle(&mut mesh),
            Self::Motorcycle => motorcycle(&mut mesh),
        }
        mesh
    }

    /// The rider after `distance` metres.
    pub(crate) fn rider(self, mesh: &mut Mesh, build: &Build, distance: f32) {
        match self {
            Self::Bicycle => {
                let angle = TAU * distance / GEAR;
                let crank = v3(-0.06, 0.0, 0.29);
                let pedal = |side: f32| {
                    crank + v3(cos(angle) * 0.17 * side, side * 0.13, -sin(angle) * 0.17 * side + 0.03)
                };
                let pedals = [pedal(1.0), pedal(-1.0)];
                build.riding(mesh, v3(-0.26, 0.0, 0.98), 0.38, v3(0.40, 0.0, 1.02), pedals, None);
            }
            Self::Motorcycle => {
                let pedals = [v3(-0.02, 0.2, 0.30), v3(-0.02, -0.2, 0.30)];
                build.riding(mesh, v3(-0.28, 0.0, 0.86), 0.22, v3(0.42, 0.0, 1.02), pedals, Some(paint::BAG));
            }
        }
    }
}

/// A spoked wheel: a ring of square section, wide enough to be seen from ahead.
fn ring(mesh: &mut Mesh, center: V3, radius: f32, thick: f32, width: f32) {
    const SIDES: usize = 20;
    let spoke = |i: usize| {
        let angle = TAU * i as f32 / SIDES as f32;
        v3(cos(angle), 0.0, sin(angle))
    };
    let y = v3(0.0, width * 0.5, 0.0);
    for i in 0..SIDES {
        let (n, m) = (spoke(i), spoke(i + 1));
        let outer = [center + n * radius, center + m * radius];
        let inner = [center + n * (radius - thick), center + m * (radius - thick)];
        mesh.smooth_quad([outer[0] + y, outer[1] + y, outer[1] - y, outer[0] - y], [n, m, m, n], paint::TYRE);
        mesh.smooth_quad(
            [inner[0] + y, inner[1] + y, inner[1] - y, inner[0] - y],
            [-n, -m, -m, -n],
            paint::METAL,
        );
        for side in [y, -y] {
            mesh.quad(
                [outer[0] + side, outer[1] + side, inner[1] + side, inner[0] + side],
                side,
                paint::TYRE,
            );
        }
        if i % 2 == 0 {
            mesh.bar(center, inner[0], 0.004, 0.004, 3, paint::METAL);
        }
    }
}

fn bicycle(mesh: &mut Mesh) {
    let back = v3(-BICYCLE_AXLE, 0.0, BICYCLE_WHEEL);
    let front = v3(BICYCLE_AXLE, 0.0, BICYCLE_WHEEL);
    for hub in [back, front] {
        ring(mesh, hub, BICYCLE_WHEEL, 0.045, 0.045);
    }
    let crank = v3(-0.06, 0.0, 0.29);
    let seat = v3(-0.22, 0.0, 0.86);
    let head = v3(0.36, 0.0, 0.86);
    let bars = v3(0.38, 0.0, 1.02);
    let tubes = [
        (crank, seat),
        (crank, head),
        (seat - v3(-0.03, 0.0, 0.12), head - V3::UP * 0.08),
        (head, front),
        (head, bars),
    ];
    for (a, b) in tubes {
        mesh.bar(a, b, 0.02, 0.02, 6, paint::BODY);
    }
    for side in [0.04, -0.04] {
        let y = v3(0.0, side, 0.0);
        mesh.bar(crank + y, back + y, 0.012, 0.012, 4, paint::BODY);
        mesh.bar(seat + y - V3::UP * 0.1, back + y, 0.012, 0.012, 4, paint::BODY);
    }
    mesh.bar(bars - v3(0.0, 0.28, 0.0), bars + v3(0.0, 0.28, 0.0), 0.016, 0.016, 5, paint::BLACK);
    mesh.ellipsoid(seat + v3(-0.02, 0.0, 0.05), v3(0.14, 0.07, 0.035), 8, 4, |_| paint::BLACK);
    mesh.bar(crank - v3(0.0, 0.05, 0.0), crank + v3(0.0, 0.05, 0.0), 0.09, 0.09, 10, paint::METAL);
    // Mudguard, lamp and rack.
    mesh.bar(v3(-0.80, 0.0, 0.66), v3(-0.30, 0.0, 0.72), 0.02, 0.03, 4, paint::BLACK);
    let [lamp, tail] = CycleKind::Bicycle.lamps();
    mesh.ellipsoid(lamp - v3(0.16, 0.0, 0.0), v3(0.05, 0.04, 0.04), 6, 4, |_| paint::HEADLAMP);
    mesh.ellipsoid(tail - v3(0.2, 0.0, 0.02), v3(0.03, 0.04, 0.04), 6, 4, |_| paint::TAILLAMP);
}

fn motorcycle(mesh: &mut Mesh) {
    let back = v3(-MOTORCYCLE_AXLE, 0.0, MOTORCYCLE_WHEEL);
    let front = v3(MOTORCYCLE_AXLE, 0.0, MOTORCYCLE_WHEEL);
    for hub in [back, front] {
        for side in [1.0, -1.0] {
            mesh.wheel(hub, MOTORCYCLE_WHEEL, 0.15, side, paint::TYRE, paint::METAL);
        }
    }
    let head = v3(0.42, 0.0, 0.92);
    for side in [0.09, -0.09] {
        let y = v3(0.0, side, 0.0);
        mesh.bar(head + y, front + y, 0.035, 0.03, 6, paint::METAL);
        mesh.bar(v3(-0.2, side, 0.42), back + y, 0.035, 0.03, 5, paint::BLACK);
        mesh.bar(v3(-0.1, side * 1.9, 0.30), v3(-0.86, side * 2.1, 0.42), 0.045, 0.06, 7, paint::METAL);
    }
    mesh.ellipsoid(v3(0.02, 0.0, 0.48), v3(0.32, 0.16, 0.20), 9, 6, |_| paint::BLACK);
    mesh.ellipsoid(v3(0.14, 0.0, 0.82), v3(0.32, 0.16, 0.15), 10, 6, |_| paint::BODY);
    mesh.ellipsoid(v3(-0.36, 0.0, 0.78), v3(0.38, 0.15, 0.09), 10, 5, |_| paint::BLACK);
    mesh.ellipsoid(v3(-0.66, 0.0, 0.76), v3(0.26, 0.10, 0.10), 8, 5, |_| paint::BODY);
    mesh.ellipsoid(v3(0.56, 0.0, 0.92), v3(0.17, 0.15, 0.17), 9, 6, |n| {
        if n.x > 0.75 { paint::HEADLAMP } else { paint::BODY }
    });
    mesh.ellipsoid(v3(0.66, 0.0, 0.55), v3(0.30, 0.08, 0.10), 8, 5, |n| {
        if n.z > 0.0 { paint::BODY } else { paint::BLACK }
    });
    mesh.bar(v3(0.40, -0.34, 1.03), v3(0.40, 0.34, 1.03), 0.02, 0.02, 5, paint::BLACK);
    mesh.panel(
        v3(0.54, 0.0, 1.14),
        v3(0.0, 0.13, 0.0),
        v3(-0.07, 0.0, 0.11),
        v3(1.0, 0.0, 0.4),
        paint::GLASS,
    );
    mesh.ellipsoid(v3(-0.90, 0.0, 0.80), v3(0.04, 0.09, 0.05), 6, 4, |_| paint::TAILLAMP);
    mesh.panel(
        v3(-0.95, 0.0, 0.60),
        v3(0.0, 0.09, 0.0),
        v3(0.0, 0.0, 0.07),
        v3(-1.0, 0.0, 0.0),
        paint::PLATE,
    );
    mesh.bar(v3(-0.9, 0.0, 0.74), v3(-0.95, 0.0, 0.52), 0.04, 0.03, 4, paint::BLACK);
    for side in [0.32, -0.32] {
        mesh.ellipsoid(v3(0.42, side, 1.18), v3(0.03, 0.07, 0.045), 6, 4, |_| paint::BLACK);
        mesh.bar(v3(0.40, side * 0.9, 1.03), v3(0.42, side, 1.17), 0.01, 0.01, 3, paint::BLACK);
    }
}

/// Colours the machine; the helmet of who rides it takes the place of a bag.
pub(crate) fn palette(kind: CycleKind, palette: &mut Palette, rng: &mut Rng) {
    if kind == CycleKind::Motorcycle {
        let helmets =
            [V3::gray(0.015), V3::gray(0.7), v3(0.5, 0.02, 0.02), v3(0.03, 0.1, 0.4), V3::gray(0.2)];
        palette[paint::BAG as usize] =
            Paint { albedo: rng.pick(&helmets, helmets[0]), gloss: 0.08, glow: (0.0, 0.0) };
    }
    palette[paint::BODY as usize].albedo = rng.pick(
        &[
            v3(0.45, 0.02, 0.02),
            v3(0.02, 0.02, 0.022),
            v3(0.03, 0.10, 0.35),
            v3(0.55, 0.55, 0.55),
            v3(0.05, 0.25, 0.10),
            v3(0.60, 0.35, 0.03),
        ],
        V3::gray(0.1),
    );
}
