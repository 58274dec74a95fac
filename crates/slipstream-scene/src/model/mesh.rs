//! Building blocks of shapes.

use std::f32::consts::{PI, TAU};

use crate::math::{V3, cos, sin, v3};

/// A triangle with a normal at each corner; its corners run so that the cross product of the sides points outwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tri {
    pub(crate) at: [V3; 3],
    pub(crate) normal: [V3; 3],
    pub(crate) paint: u8,
}

/// A heap of triangles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mesh {
    pub(crate) tris: Vec<Tri>,
    /// Round things get fewer sides.
    pub(crate) coarse: bool,
}

/// Cosine between two faces from which on the edge between them is drawn round.
const ROUND: f32 = 0.72;

impl Mesh {
    fn sides(&self, sides: usize) -> usize {
        if self.coarse { (sides * 2 / 3).max(4) } else { sides }
    }

    /// A triangle; its corners may come in any order, the normals say which side is out.
    pub(crate) fn tri(&mut self, at: [V3; 3], normal: [V3; 3], paint: u8) {
        let face = (at[1] - at[0]).cross(at[2] - at[0]);
        if face.dot(face) < 1e-12 {
            return;
        }
        let outwards = face.dot(normal[0] + normal[1] + normal[2]) >= 0.0;
        let order = if outwards { [0, 1, 2] } else { [0, 2, 1] };
        self.tris.push(Tri { at: order.map(|i| at[i]), normal: order.map(|i| normal[i]), paint });
    }

    /// A quadrilateral with a normal at each corner.
    pub(crate) fn smooth_quad(&mut self, at: [V3; 4], normal: [V3; 4], paint: u8) {
        self.tri([at[0], at[1], at[2]], [normal[0], normal[1], normal[2]], paint);
        self.tri([at[0], at[2], at[3]], [normal[0], normal[2], normal[3]], paint);
    }

    /// A flat quadrilateral that faces about `out`.
    pub(crate) fn quad(&mut self, at: [V3; 4], out: V3, paint: u8) {
        let face = (at[2] - at[0]).cross(at[3] - at[1]).unit();
        let normal = if face.dot(out) >= 0.0 { face } else { -face };
        self.smooth_quad(at, [normal; 4], paint);
    }

    /// A rectangle in a plane: its middle, two half sides and the outward direction.
    pub(crate) fn panel(&mut self, center: V3, u: V3, v: V3, out: V3, paint: u8) {
        self.quad([center - u - v, center + u - v, center + u + v, center - u + v], out, paint);
    }

    /// A flat polygon about its middle.
    pub(crate) fn polygon(&mut self, rim: &[V3], out: V3, paint: u8) {
        let middle = rim.iter().fold(V3::default(), |sum, &p| sum + p) * (1.0 / rim.len().max(1) as f32);
        for (i, &p) in rim.iter().enumerate() {
            self.tri([middle, p, rim[(i + 1) % rim.len()]], [out; 3], paint);
        }
    }

    /// A block with its sides along the axes, without the underside.
    pub(crate) fn block(&mut self, low: V3, high: V3, paint: u8) {
        let c = (low + high) * 0.5;
        let h = (high - low) * 0.5;
        let (x, y, z) = (v3(h.x, 0.0, 0.0), v3(0.0, h.y, 0.0), v3(0.0, 0.0, h.z));
        for (n, u, v) in [(x, y, z), (-x, y, z), (y, x, z), (-y, x, z), (z, x, y)] {
            self.panel(c + n, u, v, n, paint);
        }
    }

    /// A round bar from `a` to `b` with the radii `ra` and `rb`.
    pub(crate) fn bar(&mut self, a: V3, b: V3, ra: f32, rb: f32, sides: usize, paint: u8) {
        let sides = self.sides(sides);
        let axis = (b - a).unit();
        let side = if axis.z.abs() < 0.9 { axis.cross(V3::UP) } else { axis.cross(v3(1.0, 0.0, 0.0)) }.unit();
        let other = axis.cross(side);
        let spoke = |i: usize| {
            let angle = TAU * i as f32 / sides as f32;
            side * cos(angle) + other * sin(angle)
        };
        for i in 0..sides {
            let (n, m) = (spoke(i), spoke(i + 1));
            self.smooth_quad([a + n * ra, a + m * ra, b + m * rb, b + n * rb], [n, m, m, n], paint);
        }
    }

    /// An ellipsoid; `paint` chooses by the direction from its middle.
    pub(crate) fn ellipsoid(
        &mut self,
        center: V3,
        radii: V3,
        sides: usize,
        rings: usize,
        paint: impl Fn(V3) -> u8,
    ) {
        let (sides, rings) = (self.sides(sides), self.sides(rings));
        let unit = |i: usize, j: usize| {
            let (a, b) = (TAU * i as f32 / sides as f32, PI * j as f32 / rings as f32);
            v3(cos(a) * sin(b), sin(a) * sin(b), cos(b))
        };
        for j in 0..rings {
            for i in 0..sides {
                let n = [unit(i, j), unit(i + 1, j), unit(i + 1, j + 1), unit(i, j + 1)];
                let middle = (n[0] + n[1] + n[2] + n[3]).unit();
                self.smooth_quad(n.map(|n| center + n.times(radii)), n, paint(middle));
            }
        }
    }

    /// A stack of level ellipses, each given by its middle and its two radii.
    pub(crate) fn stack(&mut self, rings: &[(V3, f32, f32)], sides: usize, paint: u8) {
        let sides = self.sides(sides);
        let spoke = |i: usize| {
            let angle = TAU * i as f32 / sides as f32;
            v3(cos(angle), sin(angle), 0.0)
        };
        for pair in rings.windows(2) {
            let [(a, ax, ay), (b, bx, by)] = [pair[0], pair[1]];
            for i in 0..sides {
                let (n, m) = (spoke(i), spoke(i + 1));
                let (ra, rb) = (v3(ax, ay, 0.0), v3(bx, by, 0.0));
                self.smooth_quad(
                    [a + n.times(ra), a + m.times(ra), b + m.times(rb), b + n.times(rb)],
                    [n, m, m, n],
                    paint,
                );
            }
        }
    }

    /// A skin over a grid of points, `rows[i][j]`, that faces away from the line (x of the row, 0, `core`). Edges between
    /// nearly level faces are rounded. `paint(i, j)` gives the paint of the face between rows i, i + 1 and columns
    /// j, j + 1.
    pub(crate) fn skin(&mut self, rows: &[Vec<V3>], core: f32, paint: impl Fn(usize, usize) -> u8) {
        let columns = rows.iter().map(Vec::len).min().unwrap_or(0);
        if rows.len() < 2 || columns < 2 {
            return;
        }
        let corners = |i: usize, j: usize| [rows[i][j], rows[i + 1][j], rows[i + 1][j + 1], rows[i][j + 1]];
        let mut faces = vec![vec![V3::default(); columns - 1]; rows.len() - 1];
        for (i, row) in faces.iter_mut().enumerate() {
            for (j, face) in row.iter_mut().enumerate() {
                let c = corners(i, j);
                let middle = (c[0] + c[1] + c[2] + c[3]) * 0.25;
                let n = (c[2] - c[0]).cross(c[3] - c[1]).unit();
                let out = middle - v3(middle.x, 0.0, core);
                *face = if n.dot(out) >= 0.0 { n } else { -n };
            }
        }
        for i in 0..faces.len() {
            for j in 0..columns - 1 {
                let own = faces[i][j];
                let round = |ci: usize, cj: usize| {
                    let mut sum = V3::default();
                    for row in faces.iter().take(ci + 1).skip(ci.saturating_sub(1)) {
                        for n in row.iter().take(cj + 1).skip(cj.saturating_sub(1)) {
                            if n.dot(own) > ROUND {
                                sum += *n;
                            }
                        }
                    }
                    sum.unit()
                };
                let normals = [round(i, j), round(i + 1, j), round(i + 1, j + 1), round(i, j + 1)];
                self.smooth_quad(corners(i, j), normals, paint(i, j));
            }
        }
    }

    /// A wheel that stands across the y axis: tread, side wall, rim and hub, seen from the side `out` (±1).
    pub(crate) fn wheel(&mut self, center: V3, radius: f32, width: f32, out: f32, tyre: u8, rim: u8) {
        const SIDES: usize = 14;
        let spoke = |i: usize| {
            let angle = TAU * i as f32 / SIDES as f32;
            v3(cos(angle), 0.0, sin(angle))
        };
        let y = v3(0.0, out, 0.0);
        let face = center + y * (width * 0.5);
        let back = center - y * (width * 0.5);
        for i in 0..SIDES {
            let (n, m) = (spoke(i), spoke(i + 1));
            self.smooth_quad(
                [face + n * radius, face + m * radius, back + m * radius, back + n * radius],
                [n, m, m, n],
                tyre,
            );
            let inner = radius * 0.66;
            self.quad([face + n * radius, face + m * radius, face + m * inner, face + n * inner], y, tyre);
            let hub = face - y * 0.03;
            let dish = if i % 3 == 0 { tyre } else { rim };
            self.tri([hub, hub + n * inner, hub + m * inner], [y; 3], dish);
        }
    }
}
