//! People who walk, and the bodies of riders.

use std::f32::consts::PI;

use super::{Mesh, Palette, paint};
use crate::math::{Rng, V3, cos, sin, v3};

/// What a person looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build {
    /// Metres from sole to crown.
    height: f32,
    /// Breadth against the common build.
    breadth: f32,
    clothes: Clothes,
    long_hair: bool,
    bag: Bag,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Clothes {
    Shirt,
    Coat,
    Dress,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bag {
    None,
    Rucksack,
    Hand,
}

/// Height for which the measures below are written, in metres.
const NORM: f32 = 1.75;
/// Metres covered by one full cycle of both legs, at the norm height.
const STRIDE: f32 = 1.45;

impl Build {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let clothes =
            rng.pick(&[Clothes::Shirt, Clothes::Shirt, Clothes::Coat, Clothes::Dress], Clothes::Shirt);
        Self {
            height: if rng.chance(0.07) { rng.range(1.15, 1.45) } else { rng.range(1.58, 1.90) },
            breadth: rng.range(0.92, 1.14),
            clothes,
            long_hair: rng.chance(if clothes == Clothes::Dress { 0.9 } else { 0.3 }),
            bag: rng.pick(&[Bag::None, Bag::None, Bag::Rucksack, Bag::Hand], Bag::None),
        }
    }

    /// Phase of the legs, in radians, after `distance` metres.
    pub(crate) fn phase(&self, distance: f32) -> f32 {
        2.0 * PI * distance / (STRIDE * self.height / NORM)
    }

    /// The walking shape. `swing` is 0 for someone who stands and 1 for a brisk walk.
    pub(crate) fn walking(&self, mesh: &mut Mesh, phase: f32, swing: f32) {
        // Skirts and coats shorten the step.
        let swing = if self.clothes == Clothes::Shirt { swing } else { swing * 0.75 };
        let start = mesh.tris.len();
        let hip_height = 0.93 - 0.02 * swing * cos(2.0 * phase).abs();
        for side in [1.0, -1.0] {
            let angle = phase + if side > 0.0 { 0.0 } else { PI };
            let thigh = 0.48 * swing * sin(angle) + 0.04 * swing;
            // The knee bends while the leg comes forward.
            let bend = swing * (0.12 + 0.85 * cos(angle).max(0.0) * cos(angle).max(0.0));
            let hip = v3(0.0, side * 0.095, hip_height);
            leg(mesh, hip, thigh, bend);
            let arm = -0.50 * swing * sin(angle);
            let shoulder = v3(0.0, side * 0.185, hip_height + 0.475);
            self.arm(mesh, shoulder, arm, side);
            if self.bag == Bag::Hand && side < 0.0 {
                let hand = shoulder + v3(sin(arm) * 0.6, 0.0, -0.72);
                mesh.block_between(hand - v3(0.17, 0.06, 0.28), hand + v3(0.17, 0.06, 0.0), paint::BAG);
            }
        }
        self.torso(mesh, v3(0.0, 0.0, hip_height), 0.03 + 0.05 * swing);
        if self.clothes != Clothes::Shirt {
            let (hem, flare) = match self.clothes {
                Clothes::Coat => (0.62, 0.20),
                _ => (0.52, 0.25),
            };
            let lean = 0.06 * swing * sin(phase);
            mesh.stack(
                &[
                    // Wide enough for the legs below it.
                    (v3(lean, 0.0, hem), flare + 0.13 * swing, flare + 0.01),
                    (v3(0.0, 0.0, hip_height + 0.04), 0.135, 0.18),
                ],
                10,
                paint::SHIRT,
            );
        }
        self.scale(mesh, start);
    }

    /// The shape of a rider: seated at `seat`, leaning forward by `lean` radians, hands at `grip`, feet at the two
    /// `pedals` (left, right).
    pub(crate) fn riding(
        &self,
        mesh: &mut Mesh,
        seat: V3,
        lean: f32,
        grip: V3,
        pedals: [V3; 2],
        helmet: Option<u8>,
    ) {
        let up = v3(sin(lean), 0.0, cos(lean));
        let neck = seat + up * 0.58;
        mesh.stack(
            &[
                (seat - up * 0.06, 0.10, 0.15),
                (seat + up * 0.08, 0.13, 0.175),
                (seat + up * 0.25, 0.12, 0.16),
                (seat + up * 0.44, 0.13, 0.195),
                (seat + up * 0.54, 0.10, 0.19),
                (neck + up * 0.02, 0.05, 0.06),
            ],
            9,
            paint::SHIRT,
        );
        if self.bag == Bag::Rucksack {
            let back = seat + up * 0.33 - v3(cos(lean), 0.0, -sin(lean)) * 0.2;
            mesh.ellipsoid(back, v3(0.13, 0.16, 0.22), 8, 6, |_| paint::BAG);
        }
        self.head(mesh, neck + up * 0.10 + v3(0.02, 0.0, 0.09), helmet);
        mesh.bar(neck, neck + up * 0.12, 0.055, 0.05, 6, paint::SKIN);
        for (i, side) in [1.0, -1.0].into_iter().enumerate() {
            let y = v3(0.0, side, 0.0);
            let hip = seat + y * 0.10;
            let foot = pedals[i];
            let knee = joint(hip, foot + v3(-0.04, 0.0, 0.08), 0.45, 0.45, v3(1.0, side * 0.12, 0.4));
            mesh.bar(hip, knee, 0.085, 0.062, 7, paint::TROUSERS);
            mesh.bar(knee, foot + v3(-0.04, 0.0, 0.08), 0.062, 0.042, 7, paint::TROUSERS);
            shoe(mesh, foot, 0.0);
            let shoulder = seat + up * 0.52 + y * 0.20;
            let hand = grip + y * 0.24;
            let elbow = joint(shoulder, hand, 0.29, 0.29, v3(-0.3, side * 0.6, -1.0));
            mesh.bar(shoulder, elbow, 0.058, 0.045, 6, paint::SHIRT);
            mesh.bar(elbow, hand, 0.045, 0.036, 6, paint::SHIRT);
            mesh.ellipsoid(hand, v3(0.05, 0.045, 0.045), 5, 4, |_| paint::SKIN);
        }
    }

    fn torso(&self, mesh: &mut Mesh, hip: V3, lean: f32) {
        let at = |z: f32| hip + v3(lean * z, 0.0, z);
        let pelvis = if self.clothes == Clothes::Shirt { paint::TROUSERS } else { paint::SHIRT };
        mesh.stack(&[(at(-0.10), 0.10, 0.15), (at(0.02), 0.125, 0.172), (at(0.08), 0.12, 0.165)], 10, pelvis);
        mesh.stack(
            &[
                (at(0.03), 0.132, 0.178),
                (at(0.17), 0.115, 0.152),
                (at(0.38), 0.13, 0.185),
                (at(0.47), 0.11, 0.195),
                (at(0.53), 0.075, 0.12),
                (at(0.56), 0.05, 0.06),
            ],
            10,
            paint::SHIRT,
        );
        mesh.bar(at(0.53), at(0.63), 0.055, 0.05, 7, paint::SKIN);
        self.head(mesh, at(0.70) + v3(0.02, 0.0, 0.0), None);
        if self.bag == Bag::Rucksack {
            mesh.ellipsoid(at(0.33) - v3(0.20, 0.0, 0.0), v3(0.12, 0.15, 0.23), 8, 6, |_| paint::BAG);
        }
    }

    fn head(&self, mesh: &mut Mesh, at: V3, helmet: Option<u8>) {
        mesh.ellipsoid(at, v3(0.098, 0.08, 0.122), 10, 8, |n| {
            if n.z > 0.45 || (n.x < 0.0 && n.z > -0.35) || (n.y.abs() > 0.75 && n.z > 0.1) {
                paint::HAIR
            } else {
                paint::SKIN
            }
        });
        if let Some(color) = helmet {
            mesh.ellipsoid(at + v3(-0.01, 0.0, 0.03), v3(0.135, 0.115, 0.135), 10, 7, |n| {
                if n.x > 0.55 && n.z < 0.35 { paint::GLASS } else { color }
            });
        } else if self.long_hair {
            mesh.ellipsoid(at + v3(-0.055, 0.0, -0.08), v3(0.07, 0.09, 0.17), 8, 6, |_| paint::HAIR);
        }
    }

    fn arm(&self, mesh: &mut Mesh, shoulder: V3, angle: f32, side: f32) {
        let elbow = shoulder + v3(sin(angle) * 0.28, side * 0.045, -cos(angle) * 0.28);
        let fore = angle + 0.25 + 0.35 * angle.max(0.0);
        let hand = elbow + v3(sin(fore) * 0.25, 0.0, -cos(fore) * 0.25);
        let sleeve = if self.clothes == Clothes::Dress { paint::SKIN } else { paint::SHIRT };
        mesh.ellipsoid(shoulder, v3(0.062, 0.058, 0.07), 7, 4, |_| paint::SHIRT);
        mesh.bar(shoulder, elbow, 0.055, 0.045, 7, paint::SHIRT);
        mesh.bar(elbow, hand, 0.046, 0.036, 7, sleeve);
        mesh.ellipsoid(hand + v3(0.0, 0.0, -0.05), v3(0.045, 0.03, 0.075), 6, 4, |_| paint::SKIN);
    }

    fn scale(&self, mesh: &mut Mesh, start: usize) {
        let k = self.height / NORM;
        let size = v3(k * self.breadth, k * self.breadth, k);
        for tri in mesh.tris.iter_mut().skip(start) {
            tri.at = tri.at.map(|p| p.times(size));
        }
    }
}

fn leg(mesh: &mut Mesh, hip: V3, thigh: f32, bend: f32) {
    let knee = hip + v3(sin(thigh) * 0.44, 0.0, -cos(thigh) * 0.44);
    let shin = thigh - bend;
    let ankle = knee + v3(sin(shin) * 0.42, 0.0, -cos(shin) * 0.42);
    mesh.bar(hip + V3::UP * 0.04, knee, 0.088, 0.062, 8, paint::TROUSERS);
    mesh.bar(knee, ankle, 0.062, 0.045, 8, paint::TROUSERS);
    shoe(mesh, ankle + v3(0.05, 0.0, -0.045), shin);
}

fn shoe(mesh: &mut Mesh, at: V3, angle: f32) {
    let tip = v3(cos(angle), 0.0, sin(angle) * 0.6);
    let first = mesh.tris.len();
    mesh.ellipsoid(V3::default(), v3(0.135, 0.048, 0.05), 7, 4, |_| paint::SHOES);
    for tri in mesh.tris.iter_mut().skip(first) {
        tri.at = tri.at.map(|p| at + tip * p.x + v3(0.0, p.y, p.z));
    }
}

/// Where the middle joint of a limb of two bars lies that reaches from `a` to `b` and bends towards `toward`.
fn joint(a: V3, b: V3, upper: f32, lower: f32, toward: V3) -> V3 {
    let line = b - a;
    let reach = line.length().clamp(0.05, (upper + lower) * 0.995);
    let along = (upper * upper - lower * lower + reach * reach) / (2.0 * reach);
    let off = (upper * upper - along * along).max(0.0).sqrt();
    let axis = line.unit();
    let side = (toward - axis * toward.dot(axis)).unit();
    a + axis * along + side * off
}

/// Paints for one person.
pub(crate) fn dress(palette: &mut Palette, rng: &mut Rng) {
    let skin = rng.pick(
        &[
            v3(0.58, 0.37, 0.27),
            v3(0.62, 0.42, 0.32),
            v3(0.45, 0.27, 0.17),
            v3(0.26, 0.14, 0.08),
            v3(0.12, 0.065, 0.04),
        ],
        v3(0.58, 0.37, 0.27),
    );
    let shirt = rng.pick(
        &[
            v3(0.02, 0.022, 0.028),
            v3(0.05, 0.06, 0.09),
            v3(0.66, 0.66, 0.64),
            v3(0.27, 0.28, 0.30),
            v3(0.40, 0.03, 0.035),
            v3(0.03, 0.10, 0.30),
            v3(0.04, 0.15, 0.09),
            v3(0.55, 0.36, 0.05),
            v3(0.30, 0.20, 0.12),
            v3(0.50, 0.25, 0.30),
            v3(0.20, 0.36, 0.48),
        ],
        V3::gray(0.3),
    );
    let trousers = rng.pick(
        &[
            v3(0.02, 0.02, 0.025),
            v3(0.03, 0.05, 0.11),
            v3(0.06, 0.09, 0.17),
            v3(0.22, 0.18, 0.12),
            v3(0.15, 0.15, 0.16),
        ],
        V3::gray(0.05),
    );
    let hair = rng.pick(
        &[
            v3(0.012, 0.01, 0.009),
            v3(0.04, 0.022, 0.012),
            v3(0.11, 0.06, 0.03),
            v3(0.35, 0.25, 0.12),
            v3(0.36, 0.35, 0.34),
        ],
        V3::gray(0.02),
    );
    let bag = rng.pick(
        &[v3(0.03, 0.03, 0.03), v3(0.22, 0.11, 0.05), v3(0.05, 0.08, 0.20), v3(0.40, 0.06, 0.05)],
        V3::gray(0.03),
    );
    let shoes = rng.pick(&[V3::gray(0.02), V3::gray(0.5), v3(0.10, 0.05, 0.03)], V3::gray(0.02));
    for (number, color) in [
        (paint::SKIN, skin),
        (paint::SHIRT, shirt),
        (paint::TROUSERS, trousers),
        (paint::HAIR, hair),
        (paint::BAG, bag),
        (paint::SHOES, shoes),
    ] {
        palette[number as usize].albedo = color;
    }
}
