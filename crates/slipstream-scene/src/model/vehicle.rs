//! Cars, vans, buses and lorries.

use super::{Mesh, Paint, Palette, paint};
use crate::math::{Rng, V3, v3};

/// The vehicles that drive on the road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VehicleKind {
    Hatchback,
    Saloon,
    Estate,
    Suv,
    Van,
    Bus,
    Lorry,
}

impl VehicleKind {
    pub(crate) const ALL: [Self; 7] =
        [Self::Hatchback, Self::Saloon, Self::Estate, Self::Suv, Self::Van, Self::Bus, Self::Lorry];

    /// Length, width, height in metres, as such vehicles commonly measure.
    pub(crate) fn extent(self) -> V3 {
        match self {
            Self::Hatchback => v3(4.0, 1.76, 1.47),
            Self::Saloon => v3(4.7, 1.82, 1.44),
            Self::Estate => v3(4.7, 1.82, 1.48),
            Self::Suv => v3(4.55, 1.88, 1.68),
            Self::Van => v3(5.4, 2.0, 2.35),
            Self::Bus => v3(11.5, 2.5, 3.05),
            Self::Lorry => v3(9.6, 2.5, 3.6),
        }
    }

    /// Places of the lamps on the right half: (forward, sideways, up) at the front and at the back.
    pub(crate) fn lamps(self) -> [V3; 2] {
        let e = self.extent();
        let (front, back) = match self {
            Self::Van => (0.85, 1.0),
            Self::Bus => (0.75, 0.95),
            Self::Lorry => (0.7, 0.75),
            Self::Suv => (0.82, 1.0),
            _ => (0.66, 0.82),
        };
        [v3(e.x * 0.5, e.y * 0.38, front), v3(-e.x * 0.5, e.y * 0.40, back)]
    }

    /// The shape.
    pub(crate) fn mesh(self) -> Mesh {
        let mut mesh = Mesh::default();
        match self {
            Self::Hatchback => car(&mut mesh, self, &HATCHBACK),
            Self::Saloon => car(&mut mesh, self, &SALOON),
            Self::Estate => car(&mut mesh, self, &ESTATE),
            Self::Suv => car(&mut mesh, self, &SUV),
            Self::Van => car(&mut mesh, self, &VAN),
            Self::Bus => bus(&mut mesh),
            Self::Lorry => lorry(&mut mesh),
        }
        mesh
    }
}

/// A cut across a car body: where along its length (−1 back … 1 front), heights of shoulder and top as shares of the
/// car's height, half width at the shoulder and at the top as shares of the half width.
struct Station {
    x: f32,
    shoulder: f32,
    top: f32,
    width: f32,
    top_width: f32,
}

const fn st(x: f32, shoulder: f32, top: f32, width: f32, top_width: f32) -> Station {
    Station { x, shoulder, top, width, top_width }
}

/// What fills the strip between two stations above the shoulder.
#[derive(Clone, Copy, PartialEq)]
enum Strip {
    /// Sheet metal all over.
    Sheet,
    /// A window at the side, sheet metal on top.
    Side,
    /// Sheet metal at the side, a window on top (windscreen or rear window).
    Screen,
    /// Windows at the side and on top.
    Both,
}
use Strip::{Both, Screen, Sheet, Side};

/// A car body: stations and the strips between them, and where the axles are (shares of the half length).
struct Body {
    stations: &'static [Station],
    strips: &'static [Strip],
    axles: [f32; 2],
    wheel: f32,
}

const HATCHBACK: Body = Body {
    stations: &[
        st(-1.0, 0.50, 0.53, 0.84, 0.70),
        st(-0.985, 0.63, 0.66, 0.93, 0.80),
        st(-0.95, 0.66, 0.69, 0.96, 0.80),
        st(-0.74, 0.67, 0.955, 0.98, 0.70),
        st(-0.40, 0.66, 0.99, 1.0, 0.71),
        st(-0.10, 0.65, 1.0, 1.0, 0.72),
        st(-0.05, 0.65, 1.0, 1.0, 0.72),
        st(0.16, 0.64, 0.97, 1.0, 0.71),
        st(0.54, 0.63, 0.66, 0.98, 0.84),
        st(0.86, 0.55, 0.58, 0.94, 0.78),
        st(0.97, 0.47, 0.50, 0.86, 0.72),
        st(1.0, 0.36, 0.40, 0.78, 0.66),
    ],
    strips: &[Sheet, Sheet, Screen, Side, Side, Sheet, Side, Both, Sheet, Sheet, Sheet],
    axles: [-0.62, 0.66],
    wheel: 0.31,
};

const SALOON: Body = Body {
    stations: &[
        st(-1.0, 0.52, 0.55, 0.84, 0.72),
        st(-0.98, 0.62, 0.66, 0.92, 0.80),
        st(-0.70, 0.65, 0.69, 0.97, 0.82),
        st(-0.36, 0.66, 0.965, 0.99, 0.69),
        st(-0.14, 0.65, 1.0, 1.0, 0.70),
        st(-0.08, 0.65, 1.0, 1.0, 0.70),
        st(0.10, 0.64, 0.975, 1.0, 0.69),
        st(0.46, 0.63, 0.66, 0.98, 0.84),
        st(0.84, 0.56, 0.59, 0.94, 0.80),
        st(0.97, 0.48, 0.51, 0.86, 0.72),
        st(1.0, 0.36, 0.40, 0.78, 0.66),
    ],
    strips: &[Sheet, Sheet, Both, Side, Sheet, Side, Both, Sheet, Sheet, Sheet],
    axles: [-0.60, 0.62],
    wheel: 0.32,
};

const ESTATE: Body = Body {
    stations: &[
        st(-1.0, 0.50, 0.53, 0.84, 0.72),
        st(-0.985, 0.63, 0.66, 0.93, 0.80),
        st(-0.95, 0.66, 0.69, 0.96, 0.80),
        st(-0.82, 0.67, 0.94, 0.98, 0.70),
        st(-0.50, 0.66, 0.99, 1.0, 0.71),
        st(-0.45, 0.66, 0.99, 1.0, 0.71),
        st(-0.12, 0.65, 1.0, 1.0, 0.72),
        st(-0.07, 0.65, 1.0, 1.0, 0.72),
        st(0.12, 0.64, 0.97, 1.0, 0.71),
        st(0.48, 0.63, 0.66, 0.98, 0.84),
        st(0.85, 0.56, 0.59, 0.94, 0.80),
        st(0.97, 0.48, 0.51, 0.86, 0.72),
        st(1.0, 0.36, 0.40, 0.78, 0.66),
    ],
    strips: &[Sheet, Sheet, Screen, Side, Sheet, Side, Sheet, Side, Both, Sheet, Sheet, Sheet],
    axles: [-0.60, 0.62],
    wheel: 0.32,
};

const SUV: Body = Body {
    stations: &[
        st(-1.0, 0.54, 0.57, 0.86, 0.74),
        st(-0.985, 0.64, 0.67, 0.94, 0.82),
        st(-0.95, 0.66, 0.70, 0.97, 0.82),
        st(-0.82, 0.67, 0.94, 0.99, 0.74),
        st(-0.48, 0.66, 0.99, 1.0, 0.76),
        st(-0.43, 0.66, 0.99, 1.0, 0.76),
        st(-0.10, 0.65, 1.0, 1.0, 0.76),
        st(-0.04, 0.65, 1.0, 1.0, 0.76),
        st(0.18, 0.65, 0.97, 1.0, 0.75),
        st(0.50, 0.65, 0.68, 0.99, 0.86),
        st(0.88, 0.60, 0.63, 0.96, 0.84),
        st(0.98, 0.54, 0.57, 0.90, 0.78),
        st(1.0, 0.40, 0.44, 0.84, 0.70),
    ],
    strips: &[Sheet, Sheet, Screen, Side, Sheet, Side, Sheet, Side, Both, Sheet, Sheet, Sheet],
    axles: [-0.60, 0.62],
    wheel: 0.37,
};

const VAN: Body = Body {
    stations: &[
        st(-1.0, 0.50, 0.95, 0.94, 0.84),
        st(-0.98, 0.50, 0.985, 0.98, 0.86),
        st(-0.2, 0.50, 1.0, 1.0, 0.87),
        st(0.22, 0.50, 1.0, 1.0, 0.87),
        st(0.26, 0.50, 0.99, 1.0, 0.87),
        st(0.46, 0.49, 0.95, 1.0, 0.84),
        st(0.78, 0.48, 0.53, 0.98, 0.90),
        st(0.95, 0.42, 0.45, 0.94, 0.86),
        st(1.0, 0.28, 0.31, 0.88, 0.80),
    ],
    strips: &[Sheet, Sheet, Sheet, Sheet, Side, Both, Sheet, Sheet],
    axles: [-0.58, 0.64],
    wheel: 0.34,
};

/// Height of a car's sill above the road in metres.
const SILL: f32 = 0.24;
/// Thickness by which lamps and plates stand out from the sheet metal, in metres.
const PROUD: f32 = 0.012;

fn car(mesh: &mut Mesh, kind: VehicleKind, body: &Body) {
    let e = kind.extent();
    let (half, wide, high) = (e.x * 0.5, e.y * 0.5, e.z);
    let rows: Vec<Vec<V3>> = body
        .stations
        .iter()
        .map(|s| {
            let (x, w, t) = (s.x * half, s.width * wide, s.top_width * wide);
            let (shoulder, top) = (s.shoulder * high, s.top * high);
            let left = [
                (w * 0.90, SILL),
                (w, SILL + (shoulder - SILL) * 0.55),
                (w * 0.965, shoulder),
                (t, top - 0.05 * (top - shoulder).min(0.6) - 0.01),
                (t * 0.72, top - 0.008),
            ];
            let mut row: Vec<V3> = left.iter().map(|&(y, z)| v3(x, y, z)).collect();
            row.push(v3(x, 0.0, top));
            row.extend(left.iter().rev().map(|&(y, z)| v3(x, -y, z)));
            row
        })
        .collect();
    mesh.skin(&rows, high * 0.42, |i, j| {
        let strip = body.strips.get(i).copied().unwrap_or(Sheet);
        // Columns run over the body from one sill to the other; fold the right half onto the left.
        match (j.min(9 - j), strip) {
            (2, Side | Both) | (3 | 4, Screen | Both) => paint::GLASS,
            _ => paint::BODY,
        }
    });
    for (row, out) in [(&rows[0], -1.0), (&rows[rows.len() - 1], 1.0)] {
        mesh.polygon(row, v3(out, 0.0, 0.0), paint::BODY);
    }
    let [front, back] = kind.lamps();
    for side in [1.0, -1.0] {
        let y = v3(0.0, side, 0.0);
        // The lamps wrap round the corners, so that they show from the side too.
        let low = v3(half * 0.93, side * wide * 0.93, front.z - 0.07);
        mesh.block_between(
            v3(half + PROUD, side * wide * 0.50, front.z - 0.07),
            low + V3::UP * 0.15,
            paint::HEADLAMP,
        );
        let low = v3(-half * 0.955, side * wide * 0.97, back.z - 0.10);
        mesh.block_between(
            v3(-half - PROUD, side * wide * 0.62, back.z - 0.10),
            low + V3::UP * 0.24,
            paint::TAILLAMP,
        );
        mesh.block_between(
            v3(half * 0.28, side * wide, high * 0.64),
            v3(half * 0.28 + 0.16, side * (wide + 0.17), high * 0.64 + 0.15),
            paint::BODY,
        );
        for axle in body.axles {
            let hub = v3(axle * half, side * (wide - 0.10), body.wheel);
            arch(mesh, hub, body.wheel * 1.16, side * (wide * 0.985 + PROUD), y);
            mesh.wheel(hub, body.wheel, 0.22 + 2.0 * PROUD, side, paint::TYRE, paint::METAL);
        }
        // The gaps of the doors and the dark strip along the sill.
        let door = |x: f32| v3(x * half, side * (wide * 0.992 + PROUD), 0.5 * high * 0.62 + 0.12);
        for x in [-0.34, -0.06, 0.36] {
            mesh.panel(door(x), v3(0.012, 0.0, 0.0), v3(0.0, 0.0, 0.24 * high), y, paint::SEAM);
        }
        let sill = v3(0.02 * half, side * (wide * 0.93 + PROUD), SILL + 0.03);
        mesh.panel(sill, v3(0.44 * half, 0.0, 0.0), v3(0.0, 0.0, 0.05), y, paint::BLACK);
    }
    let ahead = v3(1.0, 0.0, 0.0);
    let wide_panel = |w: f32| v3(0.0, w * wide, 0.0);
    let tall = |h: f32| v3(0.0, 0.0, h);
    mesh.panel(v3(half + PROUD, 0.0, SILL + 0.10), wide_panel(0.62), tall(0.09), ahead, paint::BLACK);
    mesh.panel(v3(half + PROUD, 0.0, front.z - 0.02), wide_panel(0.44), tall(0.055), ahead, paint::BLACK);
    mesh.panel(
        v3(half + 2.0 * PROUD, 0.0, SILL + 0.16),
        v3(0.0, 0.26, 0.0),
        tall(0.055),
        ahead,
        paint::PLATE,
    );
    mesh.panel(v3(-half - PROUD, 0.0, SILL + 0.07), wide_panel(0.66), tall(0.07), -ahead, paint::BLACK);
    mesh.panel(v3(-half - PROUD, 0.0, SILL + 0.30), v3(0.0, 0.26, 0.0), tall(0.055), -ahead, paint::PLATE);
    if kind == VehicleKind::Van {
        mesh.panel(v3(-half - PROUD, 0.0, high * 0.72), wide_panel(0.72), tall(0.24), -ahead, paint::GLASS);
        mesh.panel(
            v3(-half - 2.0 * PROUD, 0.0, high * 0.55),
            v3(0.0, 0.015, 0.0),
            tall(high * 0.38),
            -ahead,
            paint::SEAM,
        );
    }
}

/// The dark opening above a wheel.
fn arch(mesh: &mut Mesh, hub: V3, radius: f32, y: f32, out: V3) {
    const STEPS: usize = 8;
    let rim: Vec<V3> = (0..=STEPS)
        .map(|i| {
            let angle = std::f32::consts::PI * i as f32 / STEPS as f32;
            v3(hub.x + crate::math::cos(angle) * radius, y, hub.z + crate::math::sin(angle) * radius)
        })
        .collect();
    mesh.polygon(&rim, out, paint::BLACK);
}

fn bus(mesh: &mut Mesh) {
    let e = VehicleKind::Bus.extent();
    let (half, wide, high) = (e.x * 0.5, e.y * 0.5, e.z);
    let row = |x: f32, w: f32, top: f32| -> Vec<V3> {
        let left = [(w * 0.98, 0.32), (w, 1.0), (w, top - 0.28), (w * 0.86, top)];
        let mut row: Vec<V3> = left.iter().map(|&(y, z)| v3(x, y, z)).collect();
        row.push(v3(x, 0.0, top + 0.03));
        row.extend(left.iter().rev().map(|&(y, z)| v3(x, -y, z)));
        row
    };
    let rows = [
        row(-half, wide * 0.95, high - 0.1),
        row(-half * 0.98, wide, high),
        row(half * 0.97, wide, high),
        row(half, wide * 0.94, high - 0.12),
    ];
    mesh.skin(&rows, 1.4, |_, j| if j.min(7 - j) == 0 { paint::CARGO } else { paint::BODY });
    for (row, out) in [(&rows[0], -1.0), (&rows[3], 1.0)] {
        mesh.polygon(row, v3(out, 0.0, 0.0), paint::BODY);
    }
    let (ahead, tall) = (v3(1.0, 0.0, 0.0), |h: f32| v3(0.0, 0.0, h));
    mesh.panel(v3(half + PROUD, 0.0, 1.85), v3(0.0, wide * 0.84, 0.0), tall(0.62), ahead, paint::GLASS);
    mesh.panel(v3(half + PROUD, 0.0, 2.70), v3(0.0, wide * 0.62, 0.0), tall(0.13), ahead, paint::BLACK);
    mesh.panel(v3(half + 2.0 * PROUD, 0.0, 2.70), v3(0.0, wide * 0.40, 0.0), tall(0.07), ahead, paint::AMBER);
    mesh.panel(v3(half + PROUD, 0.0, 0.50), v3(0.0, wide * 0.9, 0.0), tall(0.14), ahead, paint::BLACK);
    mesh.panel(v3(half + 2.0 * PROUD, 0.0, 0.52), v3(0.0, 0.26, 0.0), tall(0.06), ahead, paint::PLATE);
    mesh.panel(v3(-half - PROUD, 0.0, 2.1), v3(0.0, wide * 0.78, 0.0), tall(0.42), -ahead, paint::GLASS);
    mesh.panel(v3(-half - PROUD, 0.0, 1.2), v3(0.0, wide * 0.6, 0.0), tall(0.26), -ahead, paint::BLACK);
    mesh.panel(v3(-half - PROUD, 0.0, 0.52), v3(0.0, 0.26, 0.0), tall(0.06), -ahead, paint::PLATE);
    lamps(mesh, VehicleKind::Bus, 0.17);
    for side in [1.0, -1.0] {
        let y = v3(0.0, side, 0.0);
        let at = |x: f32, z: f32| v3(x, side * (wide + PROUD), z);
        mesh.panel(at(0.0, 1.85), v3(half * 0.95, 0.0, 0.0), tall(0.52), y, paint::BLACK);
        const PANES: usize = 7;
        for i in 0..PANES {
            let x = half * 0.95 * ((2 * i + 1) as f32 / PANES as f32 - 1.0);
            let pane = at(x, 1.86) + y * PROUD;
            mesh.panel(pane, v3(half * 0.95 / PANES as f32 - 0.05, 0.0, 0.0), tall(0.46), y, paint::GLASS);
        }
        for x in [-0.1, 0.86] {
            let door = at(x * half, 1.35) + y * (2.0 * PROUD);
            if side < 0.0 {
                mesh.panel(door, v3(0.55, 0.0, 0.0), tall(0.98), y, paint::GLASS);
                mesh.panel(door + y * PROUD, v3(0.03, 0.0, 0.0), tall(0.98), y, paint::BLACK);
            }
        }
        mirror(mesh, half, side * wide, 2.1);
        for axle in [-0.48, 0.54] {
            let hub = v3(axle * half, side * (wide - 0.13), 0.48);
            arch(mesh, hub, 0.56, side * (wide + PROUD), y);
            mesh.wheel(hub, 0.48, 0.27 + 4.0 * PROUD, side, paint::TYRE, paint::METAL);
        }
    }
}

fn lorry(mesh: &mut Mesh) {
    let e = VehicleKind::Lorry.extent();
    let (half, wide, high) = (e.x * 0.5, e.y * 0.5, e.z);
    let cab = half - 2.0;
    // The box, the gap, and the chassis below.
    mesh.block(v3(-half, -wide, 1.05), v3(cab - 0.35, wide, high), paint::CARGO);
    mesh.block(v3(-half + 0.2, -wide * 0.7, 0.55), v3(cab, wide * 0.7, 1.05), paint::BLACK);
    let row = |x: f32, w: f32, top: f32| -> Vec<V3> {
        let left = [(w, 0.42), (w, 1.45), (w * 0.97, top - 0.18), (w * 0.85, top)];
        let mut row: Vec<V3> = left.iter().map(|&(y, z)| v3(x, y, z)).collect();
        row.push(v3(x, 0.0, top + 0.02));
        row.extend(left.iter().rev().map(|&(y, z)| v3(x, -y, z)));
        row
    };
    let w = wide * 0.96;
    let rows = [
        row(cab, w, 3.1),
        row(half - 0.55, w, 3.05),
        row(half - 0.16, w, 2.75),
        row(half - 0.04, w, 1.5),
        row(half, w * 0.96, 1.45),
    ];
    mesh.skin(&rows, 1.4, |_, _| paint::BODY);
    mesh.polygon(&rows[0], v3(-1.0, 0.0, 0.0), paint::BODY);
    mesh.polygon(&rows[4], v3(1.0, 0.0, 0.0), paint::BODY);
    let (ahead, tall) = (v3(1.0, 0.0, 0.0), |h: f32| v3(0.0, 0.0, h));
    // The windscreen follows the sloping front between the two foremost rows.
    mesh.quad(
        [
            v3(half - 0.02, w * 0.90, 1.62),
            v3(half - 0.02, -w * 0.90, 1.62),
            v3(half - 0.13, -w * 0.88, 2.55),
            v3(half - 0.13, w * 0.88, 2.55),
        ],
        ahead,
        paint::GLASS,
    );
    mesh.panel(v3(half + PROUD, 0.0, 1.16), v3(0.0, w * 0.66, 0.0), tall(0.2), ahead, paint::BLACK);
    mesh.panel(v3(half + PROUD, 0.0, 0.58), v3(0.0, w * 0.92, 0.0), tall(0.14), ahead, paint::BLACK);
    mesh.panel(v3(half + 2.0 * PROUD, 0.0, 0.6), v3(0.0, 0.26, 0.0), tall(0.06), ahead, paint::PLATE);
    mesh.panel(v3(-half - PROUD, 0.0, 2.3), v3(0.0, 0.02, 0.0), tall(1.2), -ahead, paint::SEAM);
    mesh.panel(v3(-half - PROUD, 0.0, 0.8), v3(0.0, wide * 0.95, 0.0), tall(0.16), -ahead, paint::BLACK);
    mesh.panel(v3(-half - 2.0 * PROUD, 0.0, 0.8), v3(0.0, 0.26, 0.0), tall(0.06), -ahead, paint::PLATE);
    lamps(mesh, VehicleKind::Lorry, 0.15);
    for side in [1.0, -1.0] {
        let y = v3(0.0, side, 0.0);
        mesh.panel(v3(half - 0.85, side * (w + PROUD), 2.0), v3(0.42, 0.0, 0.0), tall(0.42), y, paint::GLASS);
        mesh.panel(
            v3(-0.6, side * (wide + PROUD), 1.12),
            v3(half * 0.78, 0.0, 0.0),
            tall(0.05),
            y,
            paint::METAL,
        );
        mirror(mesh, half - 0.3, side * w, 2.1);
        for axle in [-0.66, -0.40, 0.70] {
            let hub = v3(axle * half, side * (wide - 0.17), 0.5);
            mesh.wheel(hub, 0.5, 0.3, side, paint::TYRE, paint::METAL);
        }
        mesh.panel(
            v3(0.1 * half, side * (wide - 0.06), 0.75),
            v3(0.28 * half, 0.0, 0.0),
            tall(0.2),
            y,
            paint::METAL,
        );
    }
}

fn lamps(mesh: &mut Mesh, kind: VehicleKind, size: f32) {
    let [front, back] = kind.lamps();
    for (lamp, out, color) in [(front, 1.0, paint::HEADLAMP), (back, -1.0, paint::TAILLAMP)] {
        for side in [1.0, -1.0] {
            let at = v3(lamp.x + out * 2.0 * PROUD, lamp.y * side, lamp.z);
            mesh.panel(at, v3(0.0, size, 0.0), v3(0.0, 0.0, size * 0.7), v3(out, 0.0, 0.0), color);
        }
    }
}

fn mirror(mesh: &mut Mesh, x: f32, y: f32, z: f32) {
    let out = y.signum();
    mesh.block_between(v3(x - 0.1, y, z - 0.25), v3(x + 0.05, y + out * 0.25, z + 0.2), paint::BLACK);
}

impl Mesh {
    /// A block between two opposite corners given in any order.
    pub(crate) fn block_between(&mut self, a: V3, b: V3, paint: u8) {
        let low = v3(a.x.min(b.x), a.y.min(b.y), a.z.min(b.z));
        let high = v3(a.x.max(b.x), a.y.max(b.y), a.z.max(b.z));
        self.block(low, high, paint);
    }
}

/// Colours of cars with their weights: white, black and greys rule the roads.
const CAR_COLORS: [(V3, u32); 12] = [
    (v3(0.76, 0.77, 0.78), 20),
    (v3(0.012, 0.012, 0.014), 16),
    (v3(0.09, 0.095, 0.10), 14),
    (v3(0.36, 0.37, 0.39), 14),
    (v3(0.02, 0.05, 0.17), 9),
    (v3(0.38, 0.015, 0.02), 9),
    (v3(0.03, 0.16, 0.36), 5),
    (v3(0.48, 0.43, 0.33), 4),
    (v3(0.02, 0.09, 0.05), 3),
    (v3(0.62, 0.40, 0.03), 3),
    (v3(0.50, 0.13, 0.02), 2),
    (v3(0.14, 0.07, 0.04), 3),
];

/// Paints for one vehicle.
pub(crate) fn palette(kind: VehicleKind, rng: &mut Rng) -> Palette {
    let mut palette = paint::COMMON;
    let total: u32 = CAR_COLORS.iter().map(|c| c.1).sum();
    let mut ticket = rng.below(total as usize) as u32;
    let mut color = CAR_COLORS[0].0;
    for (choice, weight) in CAR_COLORS {
        if ticket < weight {
            color = choice;
            break;
        }
        ticket -= weight;
    }
    let body = &mut palette[paint::BODY as usize];
    let cargo = match kind {
        VehicleKind::Bus => {
            color = rng.pick(
                &[
                    v3(0.55, 0.02, 0.02),
                    v3(0.03, 0.14, 0.42),
                    v3(0.70, 0.70, 0.68),
                    v3(0.60, 0.38, 0.02),
                    v3(0.04, 0.28, 0.10),
                ],
                color,
            );
            rng.pick(&[color, v3(0.7, 0.7, 0.7), v3(0.08, 0.08, 0.1)], color)
        }
        VehicleKind::Van if rng.chance(0.6) => {
            color = V3::gray(0.74);
            color
        }
        _ => rng.pick(
            &[
                V3::gray(0.75),
                V3::gray(0.72),
                v3(0.30, 0.32, 0.34),
                v3(0.05, 0.13, 0.35),
                v3(0.45, 0.05, 0.03),
                v3(0.55, 0.42, 0.08),
            ],
            color,
        ),
    };
    let shade = rng.range(0.85, 1.1);
    *body = Paint { albedo: color * shade, gloss: 0.07, glow: (0.0, 0.0) };
    palette[paint::CARGO as usize].albedo = cargo * shade;
    palette
}
