//! Vectors, random numbers and noise.
//!
//! The transcendental functions come from the pure Rust `libm`, not from the system's C library, whose last bits differ
//! between versions and processors: the same seed is to give the same frames everywhere.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

pub(crate) use libm::{atan2f as atan2, cosf as cos, expf as exp, logf as ln, sinf as sin};

/// A point or direction in metres: x to the right, y away from the camera, z up. Also a colour in linear light.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct V3 {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

pub(crate) const fn v3(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

impl V3 {
    pub(crate) const UP: V3 = v3(0.0, 0.0, 1.0);

    pub(crate) const fn gray(v: f32) -> V3 {
        v3(v, v, v)
    }
    pub(crate) fn dot(self, o: V3) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }
    pub(crate) fn cross(self, o: V3) -> V3 {
        v3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }
    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
    /// The direction of the vector; a null vector points up.
    pub(crate) fn unit(self) -> V3 {
        let length = self.length();
        if length > 1e-12 { self * (1.0 / length) } else { V3::UP }
    }
    /// Product of the parts: light on a surface of a colour.
    pub(crate) fn times(self, o: V3) -> V3 {
        v3(self.x * o.x, self.y * o.y, self.z * o.z)
    }
    pub(crate) fn mix(self, o: V3, t: f32) -> V3 {
        self + (o - self) * t
    }
    /// Turned by an angle about the vertical, given as its cosine and sine.
    pub(crate) fn turned(self, (cos, sin): (f32, f32)) -> V3 {
        v3(self.x * cos - self.y * sin, self.x * sin + self.y * cos, self.z)
    }
    pub(crate) fn flat(self) -> V2 {
        v2(self.x, self.y)
    }
}

impl Add for V3 {
    type Output = V3;
    fn add(self, o: V3) -> V3 {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}
impl AddAssign for V3 {
    fn add_assign(&mut self, o: V3) {
        *self = *self + o;
    }
}
impl Sub for V3 {
    type Output = V3;
    fn sub(self, o: V3) -> V3 {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}
impl Mul<f32> for V3 {
    type Output = V3;
    fn mul(self, k: f32) -> V3 {
        v3(self.x * k, self.y * k, self.z * k)
    }
}
impl Neg for V3 {
    type Output = V3;
    fn neg(self) -> V3 {
        self * -1.0
    }
}

/// A position on the ground in metres.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct V2 {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

pub(crate) const fn v2(x: f32, y: f32) -> V2 {
    V2 { x, y }
}

impl V2 {
    pub(crate) fn dot(self, o: V2) -> f32 {
        self.x * o.x + self.y * o.y
    }
    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
    pub(crate) fn unit(self) -> V2 {
        let length = self.length();
        if length > 1e-12 { self * (1.0 / length) } else { v2(1.0, 0.0) }
    }
    /// A quarter turn to the left.
    pub(crate) fn left(self) -> V2 {
        v2(-self.y, self.x)
    }
    pub(crate) fn at(self, z: f32) -> V3 {
        v3(self.x, self.y, z)
    }
}

impl Add for V2 {
    type Output = V2;
    fn add(self, o: V2) -> V2 {
        v2(self.x + o.x, self.y + o.y)
    }
}
impl Sub for V2 {
    type Output = V2;
    fn sub(self, o: V2) -> V2 {
        v2(self.x - o.x, self.y - o.y)
    }
}
impl Mul<f32> for V2 {
    type Output = V2;
    fn mul(self, k: f32) -> V2 {
        v2(self.x * k, self.y * k)
    }
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// Uniform in 0…1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }
    pub(crate) fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    /// One of the choices; `fallback` if there are none.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T], fallback: T) -> T {
        choices.get(self.below(choices.len())).copied().unwrap_or(fallback)
    }
    /// Waiting time until the next event of a Poisson process of `rate` per second.
    pub(crate) fn wait(&mut self, rate: f32) -> f32 {
        -ln(1.0 - self.unit()) / rate.max(1e-6)
    }
}

/// A fixed random number in 0…1 for a cell of a grid.
pub(crate) fn hash(x: i32, y: i32, salt: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x85EB_CA6B)
        ^ (y as u32).wrapping_mul(0xC2B2_AE35)
        ^ salt.wrapping_mul(0x27D4_EB2F);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    h = h.wrapping_mul(0x297A_2D39);
    h ^= h >> 15;
    (h >> 8) as f32 / (1u32 << 24) as f32
}

/// The greatest whole number not above `v`; without the call into the C library that `f32::floor` is on plain x86-64.
pub(crate) fn floor(v: f32) -> i32 {
    let whole = v as i32;
    whole - i32::from(v < whole as f32)
}

/// Smooth random field in 0…1 with features of size 1.
pub(crate) fn noise(x: f32, y: f32, salt: u32) -> f32 {
    let (ix, iy) = (floor(x), floor(y));
    let (fx, fy) = (ix as f32, iy as f32);
    let (tx, ty) = (ease(x - fx), ease(y - fy));
    let near = |dx: i32, dy: i32| hash(ix.wrapping_add(dx), iy.wrapping_add(dy), salt);
    let top = near(0, 0) + (near(1, 0) - near(0, 0)) * tx;
    let bottom = near(0, 1) + (near(1, 1) - near(0, 1)) * tx;
    top + (bottom - top) * ty
}

/// Three octaves of [`noise`], in 0…1.
pub(crate) fn fractal(x: f32, y: f32, salt: u32) -> f32 {
    noise(x, y, salt) * 0.55
        + noise(x * 2.1, y * 2.1, salt.wrapping_add(1)) * 0.28
        + noise(x * 4.3, y * 4.3, salt.wrapping_add(2)) * 0.17
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(crate) fn step(low: f32, high: f32, v: f32) -> f32 {
    ease(((v - low) / (high - low)).clamp(0.0, 1.0))
}
