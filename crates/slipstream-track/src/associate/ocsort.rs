//! OC-SORT: Cao, Pang, Weng, Khirodkar and Kitani, "Observation-Centric SORT: Rethinking SORT for Robust Multi-Object
//! Tracking", CVPR 2023.

use std::f32::consts::{FRAC_PI_2, PI};

use slipstream_meta::{Point, Rect};

use super::Scene;

/// Settings of OC-SORT.
#[derive(Debug, Clone, PartialEq)]
pub struct OcSort {
    /// Least confidence of a detection.
    pub min_confidence: f32,
    /// Least overlap (IoU).
    pub min_iou: f32,
    /// Weight of moving on in the same direction.
    pub inertia: f32,
}

impl Default for OcSort {
    fn default() -> Self {
        Self { min_confidence: 0.6, min_iou: 0.3, inertia: 0.2 }
    }
}

impl OcSort {
    pub(crate) fn associate(&self, scene: &mut Scene<'_>) {
        let offers = |c: &super::Candidate| c.confidence > self.min_confidence;
        scene.round(
            |_| true,
            offers,
            |target, candidate| {
                let iou = target.rect.iou(&candidate.rect);
                if iou <= 0.0 {
                    return 0.0;
                }
                let direction = target.direction_consistency(&candidate.rect);
                iou + direction * self.inertia * candidate.confidence
            },
            |target, candidate| target.rect.iou(&candidate.rect) >= self.min_iou,
        );
        // Recovery: where the object was seen last, not where it is thought to be.
        scene.round(
            |_| true,
            offers,
            |target, candidate| target.last_seen().iou(&candidate.rect),
            |target, candidate| target.last_seen().iou(&candidate.rect) >= self.min_iou,
        );
    }
}

/// How well the way from `from` to `to` keeps to `direction`, from 0.5 (the same) to −0.5 (the opposite).
pub(crate) fn consistency(direction: Point, from: &Rect, to: &Rect) -> f32 {
    let way = unit(from, to);
    let cosine = (direction.x * way.x + direction.y * way.y).clamp(-1.0, 1.0);
    (FRAC_PI_2 - cosine.acos().abs()) / PI
}

/// Direction from the middle of one box to that of another, of length 1, or 0 where there is none.
pub(crate) fn unit(from: &Rect, to: &Rect) -> Point {
    let (a, b) = (from.center(), to.center());
    let (x, y) = (b.x - a.x, b.y - a.y);
    let length = x.hypot(y).max(1e-6);
    Point { x: x / length, y: y / length }
}
