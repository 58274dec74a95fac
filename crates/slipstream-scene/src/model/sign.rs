//! Road signs.

use std::f32::consts::{PI, TAU};

use super::{Mesh, paint};
use crate::math::{V3, cos, sin, v3};

/// Faces of signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignKind {
    Stop,
    SpeedLimit(u32),
    Yield,
    NoEntry,
    Crossing,
    Warning,
}

/// Height of a sign's middle above the ground in metres.
pub(crate) const SIGN_HEIGHT: f32 = 2.45;
/// Half the width of a common sign in metres.
const HALF: f32 = 0.42;
/// Distance between the layers of a sign's face in metres.
const LAYER: f32 = 0.012;

/// The strokes of the seven segments: from and to, in half widths and half heights.
const SEGMENTS: [[(f32, f32); 2]; 7] = [
    [(-1.0, 1.0), (1.0, 1.0)],
    [(1.0, 1.0), (1.0, 0.0)],
    [(1.0, 0.0), (1.0, -1.0)],
    [(-1.0, -1.0), (1.0, -1.0)],
    [(-1.0, 0.0), (-1.0, -1.0)],
    [(-1.0, 1.0), (-1.0, 0.0)],
    [(-1.0, 0.0), (1.0, 0.0)],
];
/// Which segments make a digit, one bit each.
const DIGITS: [u8; 10] = [0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F];
/// The letters S, T, O, P as strokes.
const STOP: [&[[(f32, f32); 2]]; 4] = [
    &[
        [(1.0, 1.0), (-1.0, 1.0)],
        [(-1.0, 1.0), (-1.0, 0.0)],
        [(-1.0, 0.0), (1.0, 0.0)],
        [(1.0, 0.0), (1.0, -1.0)],
        [(1.0, -1.0), (-1.0, -1.0)],
    ],
    &[[(-1.0, 1.0), (1.0, 1.0)], [(0.0, 1.0), (0.0, -1.0)]],
    &[
        [(-1.0, 1.0), (1.0, 1.0)],
        [(1.0, 1.0), (1.0, -1.0)],
        [(1.0, -1.0), (-1.0, -1.0)],
        [(-1.0, -1.0), (-1.0, 1.0)],
    ],
    &[
        [(-1.0, -1.0), (-1.0, 1.0)],
        [(-1.0, 1.0), (1.0, 1.0)],
        [(1.0, 1.0), (1.0, 0.0)],
        [(1.0, 0.0), (-1.0, 0.0)],
    ],
];

struct Face<'a> {
    mesh: &'a mut Mesh,
    layer: u32,
    size: f32,
}

impl Face<'_> {
    /// A point of the face: y to the viewer's right, z up, in half widths of the sign.
    fn point(&self, x: f32, z: f32) -> V3 {
        v3(self.layer as f32 * LAYER, x * self.size, SIGN_HEIGHT + z * self.size)
    }
    fn shape(&mut self, rim: &[(f32, f32)], color: u8) {
        self.layer += 1;
        let rim: Vec<V3> = rim.iter().map(|&(x, z)| self.point(x, z)).collect();
        self.mesh.polygon(&rim, v3(1.0, 0.0, 0.0), color);
    }
    fn regular(&mut self, corners: usize, turn: f32, radius: f32, color: u8) {
        let rim: Vec<_> = (0..corners)
            .map(|i| {
                let a = TAU * i as f32 / corners as f32 + turn;
                (cos(a) * radius, sin(a) * radius)
            })
            .collect();
        self.shape(&rim, color);
    }
    /// Strokes of `width`, in a cell of half size (w, h) about (x, z).
    fn strokes(
        &mut self,
        lines: &[[(f32, f32); 2]],
        (x, z): (f32, f32),
        (w, h): (f32, f32),
        width: f32,
        color: u8,
    ) {
        self.layer += 1;
        for [a, b] in lines {
            let (ax, az, bx, bz) = (x + a.0 * w, z + a.1 * h, x + b.0 * w, z + b.1 * h);
            let length = ((bx - ax) * (bx - ax) + (bz - az) * (bz - az)).sqrt().max(1e-6);
            let (dx, dz) = ((bx - ax) / length * width * 0.5, (bz - az) / length * width * 0.5);
            let corners = [
                self.point(ax - dx - dz, az - dz + dx),
                self.point(bx + dx - dz, bz + dz + dx),
                self.point(bx + dx + dz, bz + dz - dx),
                self.point(ax - dx + dz, az - dz - dx),
            ];
            self.mesh.quad(corners, v3(1.0, 0.0, 0.0), color);
        }
    }
}

impl SignKind {
    /// The plate, which looks along x; `scale` 1 is a common sign of 84 cm.
    pub(crate) fn plate(self, scale: f32) -> Mesh {
        let mut mesh = Mesh::default();
        let mut face = Face { mesh: &mut mesh, layer: 0, size: HALF * scale };
        let down = -PI / 2.0;
        match self {
            Self::Stop => {
                face.regular(8, PI / 8.0, 1.08, paint::WHITE);
                face.regular(8, PI / 8.0, 1.0, paint::RED);
                for (i, letter) in STOP.iter().enumerate() {
                    let x = (i as f32 - 1.5) * 0.42;
                    face.strokes(letter, (x, 0.0), (0.125, 0.25), 0.095, paint::WHITE);
                }
            }
            Self::SpeedLimit(limit) => {
                face.regular(28, 0.0, 1.0, paint::RED);
                face.regular(28, 0.0, 0.76, paint::WHITE);
                let digits = limit.to_string();
                let n = digits.len() as f32;
                for (i, digit) in digits.bytes().enumerate() {
                    let bits = DIGITS.get(usize::from(digit.wrapping_sub(b'0'))).copied().unwrap_or(0);
                    let lines: Vec<_> = (0..7).filter(|&s| bits >> s & 1 == 1).map(|s| SEGMENTS[s]).collect();
                    let x = (i as f32 - (n - 1.0) * 0.5) * 0.52;
                    face.strokes(&lines, (x, 0.0), (0.15, 0.31), 0.13, paint::BLACK);
                }
            }
            Self::Yield => {
                face.regular(3, down, 1.15, paint::RED);
                face.regular(3, down, 0.72, paint::WHITE);
            }
            Self::Warning => {
                face.regular(3, -down, 1.15, paint::RED);
                face.regular(3, -down, 0.76, paint::WHITE);
                face.strokes(&[[(0.0, 0.3), (0.0, -0.05)]], (0.0, 0.0), (1.0, 1.0), 0.12, paint::BLACK);
                face.strokes(&[[(0.0, -0.2), (0.0, -0.22)]], (0.0, 0.0), (1.0, 1.0), 0.12, paint::BLACK);
            }
            Self::NoEntry => {
                face.regular(28, 0.0, 1.04, paint::WHITE);
                face.regular(28, 0.0, 0.98, paint::RED);
                face.shape(&[(-0.7, 0.17), (0.7, 0.17), (0.7, -0.17), (-0.7, -0.17)], paint::WHITE);
            }
            Self::Crossing => {
                face.shape(&[(-0.9, 0.9), (0.9, 0.9), (0.9, -0.9), (-0.9, -0.9)], paint::WHITE);
                face.shape(&[(-0.84, 0.84), (0.84, 0.84), (0.84, -0.84), (-0.84, -0.84)], paint::BLUE);
                face.shape(&[(0.0, 0.72), (0.70, -0.55), (-0.70, -0.55)], paint::WHITE);
                let walker = [
                    [(0.0, 0.18), (-0.02, -0.12)],
                    [(-0.02, -0.12), (0.18, -0.42)],
                    [(-0.02, -0.12), (-0.16, -0.42)],
                    [(0.0, 0.12), (0.2, -0.06)],
                    [(0.0, 0.12), (-0.18, -0.04)],
                    [(0.02, 0.30), (0.02, 0.33)],
                ];
                face.strokes(&walker, (0.0, 0.0), (1.0, 1.0), 0.1, paint::BLACK);
            }
        }
        // The back of the plate: the outermost shape once more, seen from behind.
        let front: Vec<_> = mesh.tris.iter().filter(|t| t.at[0].x < LAYER * 1.5).copied().collect();
        for tri in front {
            mesh.tri(tri.at, [v3(-1.0, 0.0, 0.0); 3], paint::METAL);
        }
        mesh
    }

    /// The pole, up to the sign's top.
    pub(crate) fn pole() -> Mesh {
        let mut mesh = Mesh::default();
        mesh.bar(v3(-0.04, 0.0, 0.0), v3(-0.04, 0.0, SIGN_HEIGHT + HALF), 0.035, 0.035, 7, paint::METAL);
        mesh
    }
}
