//! Shapes of what moves and of what stands by the road, in metres.
//!
//! A shape's own axes: x forward, y to the left, z up, origin on the ground below its middle.

pub(crate) mod cycle;
mod mesh;
pub(crate) mod person;
pub(crate) mod sign;
pub(crate) mod vehicle;

pub(crate) use mesh::Mesh;

use crate::math::{V3, v3};

/// What a surface is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paint {
    /// Share of light thrown back, linear.
    pub(crate) albedo: V3,
    /// Mirror share seen head-on, 0…1.
    pub(crate) gloss: f32,
    /// Light given off by day and by night, in units of the albedo.
    pub(crate) glow: (f32, f32),
}

impl Paint {
    pub(crate) const fn matt(r: f32, g: f32, b: f32) -> Self {
        Self { albedo: v3(r, g, b), gloss: 0.0, glow: (0.0, 0.0) }
    }
    pub(crate) const fn gloss(r: f32, g: f32, b: f32, gloss: f32) -> Self {
        Self { albedo: v3(r, g, b), gloss, glow: (0.0, 0.0) }
    }
    pub(crate) const fn lamp(r: f32, g: f32, b: f32, day: f32, night: f32) -> Self {
        Self { albedo: v3(r, g, b), gloss: 0.1, glow: (day, night) }
    }
}

/// The paints of one object; a triangle names one by its number.
pub(crate) type Palette = [Paint; paint::COUNT];

/// Numbers of the paints in a [`Palette`].
pub(crate) mod paint {
    use super::{Paint, Palette};

    pub(crate) const COUNT: usize = 20;
    pub(crate) const BODY: u8 = 0;
    pub(crate) const CARGO: u8 = 1;
    pub(crate) const GLASS: u8 = 2;
    pub(crate) const TYRE: u8 = 3;
    pub(crate) const METAL: u8 = 4;
    pub(crate) const BLACK: u8 = 5;
    pub(crate) const HEADLAMP: u8 = 6;
    pub(crate) const TAILLAMP: u8 = 7;
    pub(crate) const PLATE: u8 = 8;
    pub(crate) const SKIN: u8 = 9;
    pub(crate) const SHIRT: u8 = 10;
    pub(crate) const TROUSERS: u8 = 11;
    pub(crate) const SHOES: u8 = 12;
    pub(crate) const HAIR: u8 = 13;
    pub(crate) const BAG: u8 = 14;
    pub(crate) const WHITE: u8 = 15;
    pub(crate) const RED: u8 = 16;
    pub(crate) const BLUE: u8 = 17;
    pub(crate) const SEAM: u8 = 18;
    pub(crate) const AMBER: u8 = 19;

    /// The paints that all objects share; the coloured ones are set for each object.
    pub(crate) const COMMON: Palette = [
        Paint::gloss(0.5, 0.5, 0.5, 0.06),
        Paint::gloss(0.7, 0.7, 0.7, 0.02),
        Paint::gloss(0.012, 0.014, 0.016, 0.11),
        Paint::matt(0.016, 0.016, 0.017),
        Paint::gloss(0.32, 0.33, 0.35, 0.12),
        Paint::gloss(0.018, 0.018, 0.02, 0.02),
        Paint::lamp(0.75, 0.77, 0.8, 0.25, 6.0),
        Paint::lamp(0.45, 0.02, 0.02, 0.15, 2.6),
        Paint::matt(0.8, 0.79, 0.7),
        Paint::matt(0.5, 0.32, 0.24),
        Paint::matt(0.3, 0.3, 0.35),
        Paint::matt(0.05, 0.06, 0.1),
        Paint::matt(0.03, 0.025, 0.02),
        Paint::matt(0.03, 0.02, 0.015),
        Paint::matt(0.05, 0.04, 0.035),
        Paint::gloss(0.82, 0.82, 0.82, 0.02),
        Paint::gloss(0.62, 0.015, 0.02, 0.02),
        Paint::gloss(0.02, 0.09, 0.42, 0.02),
        Paint::matt(0.04, 0.04, 0.045),
        Paint::lamp(0.75, 0.3, 0.02, 0.1, 0.6),
    ];
}
