//! Light: sun, sky, street lamps, haze, and how a camera turns it into numbers.

use crate::Lighting;
use crate::math::{V3, exp, step, v3};
use crate::model::Paint;

/// A street lamp that shines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lamp {
    pub(crate) at: V3,
    pub(crate) color: V3,
}

/// The light of a scene. Colours are linear; 1 is about what the camera shows as white.
#[derive(Debug, Clone)]
pub(crate) struct Light {
    /// Towards the sun.
    pub(crate) sun_dir: V3,
    pub(crate) sun: V3,
    /// Light from above and, thrown back by the ground, from below.
    pub(crate) sky: V3,
    pub(crate) bounce: V3,
    pub(crate) zenith: V3,
    pub(crate) horizon: V3,
    pub(crate) clouds: f32,
    /// Share of the view lost to haze per metre.
    pub(crate) haze: f32,
    /// How far lamps on vehicles and in windows are on, 0…1.
    pub(crate) dark: f32,
    /// How wet the ground is, 0…1.
    pub(crate) wet: f32,
    /// Standard deviation of the camera's noise in code values.
    pub(crate) grain: f32,
    pub(crate) lamps: Vec<Lamp>,
}

/// What light reaches one actor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local {
    /// Share of the sun that is not hidden.
    pub(crate) sun: f32,
    /// Light of the street lamps.
    pub(crate) lamps: V3,
    /// Share of its light that haze takes on the way to the camera.
    pub(crate) air: f32,
}

impl Light {
    /// `turn` chooses where the sun stands, 0…1.
    pub(crate) fn new(lighting: Lighting, turn: f32) -> Self {
        let azimuth = 1.2 + 3.4 * turn;
        let height = match lighting {
            Lighting::Dusk => 0.22,
            _ => 0.98 - 0.25 * turn,
        };
        let sun_dir = v3(crate::math::sin(azimuth), crate::math::cos(azimuth) * 0.8, height).unit();
        let base = Self {
            sun_dir,
            sun: v3(1.60, 1.50, 1.32),
            sky: v3(0.62, 0.70, 0.84),
            bounce: v3(0.34, 0.32, 0.29),
            zenith: v3(0.20, 0.38, 0.72),
            horizon: v3(0.72, 0.80, 0.90),
            clouds: 0.75,
            haze: 0.0016,
            dark: 0.0,
            wet: 0.0,
            grain: 1.8,
            lamps: Vec::new(),
        };
        match lighting {
            Lighting::Day => base,
            Lighting::Dusk => Self {
                sun: v3(0.85, 0.50, 0.25),
                sky: v3(0.34, 0.37, 0.50),
                bounce: v3(0.20, 0.17, 0.16),
                zenith: v3(0.14, 0.19, 0.38),
                horizon: v3(0.86, 0.50, 0.30),
                clouds: 0.8,
                haze: 0.0018,
                dark: 0.55,
                grain: 2.4,
                ..base
            },
            Lighting::Night => Self {
                sun: V3::default(),
                sky: v3(0.095, 0.105, 0.14),
                bounce: v3(0.055, 0.052, 0.055),
                zenith: v3(0.008, 0.010, 0.020),
                horizon: v3(0.050, 0.042, 0.040),
                clouds: 0.4,
                haze: 0.0015,
                dark: 1.0,
                grain: 3.6,
                ..base
            },
            Lighting::Rain => Self {
                sun: V3::default(),
                sky: v3(0.66, 0.69, 0.75),
                bounce: v3(0.22, 0.22, 0.23),
                zenith: v3(0.34, 0.37, 0.42),
                horizon: v3(0.50, 0.54, 0.58),
                clouds: 0.3,
                haze: 0.0034,
                dark: 0.4,
                wet: 1.0,
                grain: 2.6,
                ..base
            },
        }
    }

    /// Light that falls on a surface that faces `n`, without the sun.
    pub(crate) fn ambient(&self, n: V3) -> V3 {
        self.bounce.mix(self.sky, 0.5 + 0.5 * n.z)
    }

    /// Light of all street lamps at a point on a surface that faces `n`.
    pub(crate) fn lamplight(&self, p: V3, n: V3) -> V3 {
        let mut sum = V3::default();
        for lamp in &self.lamps {
            let way = lamp.at - p;
            let square = way.dot(way);
            if square < 900.0 {
                let distance = square.sqrt();
                let facing = (way.dot(n) / distance * 0.8 + 0.2).max(0.0);
                // The shade keeps light from rising and from spreading level.
                let down = step(0.05, 0.75, way.z / distance);
                sum += lamp.color * (facing * down / (4.0 + square));
            }
        }
        sum
    }

    /// What is seen in a direction of the sky, without clouds.
    pub(crate) fn sky_color(&self, dir: V3) -> V3 {
        if dir.z < 0.0 {
            // The ground, as a mirror sees it.
            return self.horizon.mix(self.bounce * 0.35, step(0.0, 0.18, -dir.z));
        }
        let up = 1.0 - (1.0 - dir.z.min(1.0)) * (1.0 - dir.z.min(1.0)) * (1.0 - dir.z.min(1.0));
        self.horizon.mix(self.zenith, up)
    }

    /// Light that a painted surface sends along `view`, the unit vector towards the camera.
    pub(crate) fn shade(&self, paint: &Paint, n: V3, view: V3, local: &Local) -> V3 {
        let sun = self.sun * (n.dot(self.sun_dir).max(0.0) * local.sun);
        let lamps = local.lamps * (0.55 + 0.45 * n.z);
        let mut out = paint.albedo.times(self.ambient(n) + sun + lamps);
        if paint.gloss > 0.0 {
            let cosine = n.dot(view).max(0.0);
            let graze = 1.0 - cosine;
            let mirror = paint.gloss + (0.75 - paint.gloss) * graze * graze * graze * graze * graze;
            let seen = n * (2.0 * n.dot(view)) - view;
            out += (self.sky_color(seen) + local.lamps * 0.15) * mirror;
            let glint = seen.dot(self.sun_dir).max(0.0);
            let sharp = glint * glint;
            let sharp = sharp * sharp * sharp;
            let sharp = sharp * sharp * sharp;
            out += self.sun * (sharp * sharp * local.sun * paint.gloss * 5.0);
        }
        let glow = paint.glow.0 + (paint.glow.1 - paint.glow.0) * self.dark;
        out + paint.albedo * glow
    }

    /// What remains of a colour after `distance` metres of air.
    pub(crate) fn through_air(&self, color: V3, distance: f32) -> V3 {
        color.mix(self.horizon, self.air(distance))
    }

    /// Share of light that is lost to haze over `distance` metres.
    pub(crate) fn air(&self, distance: f32) -> f32 {
        1.0 - exp(-distance * self.haze)
    }
}

/// The camera's tone curve: linear light to code values 0…255.
pub(crate) fn encode(c: V3) -> V3 {
    let tone = |v: f32| {
        let v = v.max(0.0);
        // A soft shoulder, so that bright things keep their colour.
        let v = v * (1.0 + 0.12 * v) / (1.0 + 0.55 * v) * 1.28;
        (v.min(1.0).sqrt() * 254.0).clamp(0.0, 254.0)
    };
    v3(tone(c.x), tone(c.y), tone(c.z))
}
