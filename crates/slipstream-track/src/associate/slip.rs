//! Our own.

use slipstream_meta::Rect;

use super::{Candidate, Scene};
use crate::target::Target;
use crate::tracks::TrackState;

/// Settings of our own association.
#[derive(Debug, Clone, PartialEq)]
pub struct Slip {
    /// Least confidence of a detection that is matched first.
    pub high: f32,
    /// Least confidence of a detection that is matched second.
    pub low: f32,
    /// Least overlap in the first round.
    pub min_first: f32,
    /// Least overlap in the second round.
    pub min_second: f32,
    /// Least overlap with the box seen last.
    pub min_recovery: f32,
    /// Least overlap with targets that are not confirmed.
    pub min_tentative: f32,
    /// Weight of moving on in the same direction.
    pub inertia: f32,
    /// Weight of being of the same height.
    pub height: f32,
    /// Weight of the vertical overlap.
    pub vertical: f32,
    /// Weight of the detection's confidence.
    pub confidence: f32,
    /// Weight of conf similarity
    pub same_confidence: f32,
    /// Weight of Mahalanobis
    pub mahalanobis: f32,
    /// Boxes are grown by this part of their sides on each side before their overlap is taken.
    pub buffer: f32,
    /// grown by uncertainty
    pub buffer_gain: f32,
    /// What a pair is worth less when the target is out of sight.
    pub shadow_penalty: f32,
    /// uncertainty penalty
    pub uncertainty_penalty: f32,
    /// Tentative targets take part in the first round, and are worth so much less.
    pub tentative_penalty: f32,
    /// Least frames ... shadow second
    pub second_lost: u32,
    /// recovery
    pub recovery_lost: u32,
}

impl Default for Slip {
    fn default() -> Self {
        Self {
            high: 0.6,
            low: 0.1,
            min_first: 0.2,
            min_second: 0.3,
            min_recovery: 0.5,
            min_tentative: 0.3,
            inertia: 0.2,
            height: 0.0,
            vertical: 0.0,
            confidence: 0.2,
            same_confidence: 0.0,
            mahalanobis: 0.0,
            buffer: 0.1,
            buffer_gain: 0.0,
            shadow_penalty: 0.15,
            uncertainty_penalty: 0.0,
            tentative_penalty: 1.0,
            second_lost: 4,
            recovery_lost: 30,
        }
    }
}

/// x
const MOST: f32 = 0.5;

impl Slip {
    pub(crate) fn associate(&self, scene: &mut Scene<'_>) {
        let is_high = |c: &Candidate| c.confidence >= self.high;
        let is_low = |c: &Candidate| c.confidence >= self.low && c.confidence < self.high;
        let always = |_: &Target, _: &Candidate| true;
        let overlap = |t: &Target, c: &Candidate| {
            let by = (self.buffer + self.buffer_gain * t.uncertainty).min(MOST);
            grown_iou(&t.rect, &c.rect, by)
        };
        scene.round(
            |t| self.tentative_penalty < 1.0 || t.state != TrackState::Tentative,
            is_high,
            |t, c| {
                let iou = overlap(t, c);
                if iou < self.min_first {
                    return 0.0;
                }
                let height = t.rect.height.min(c.rect.height) / t.rect.height.max(c.rect.height);
                let vertical = (t.rect.bottom().min(c.rect.bottom()) - t.rect.top.max(c.rect.top)).max(0.0)
                    / (t.rect.bottom().max(c.rect.bottom()) - t.rect.top.min(c.rect.top));
                let penalty = match (t.state, t.misses) {
                    (TrackState::Tentative, _) => self.tentative_penalty,
                    (_, 0) => 0.0,
                    (_, _) => self.shadow_penalty,
                };
                let mut worth = iou
                    * (1.0 - self.height + self.height * height)
                    * (1.0 - self.vertical + self.vertical * vertical)
                    * (1.0 - self.confidence + self.confidence * c.confidence);
                worth += self.inertia * t.direction_consistency(&c.rect) * c.confidence;
                if self.mahalanobis > 0.0 {
                    worth += self.mahalanobis * (-0.5 * t.distance2(&c.rect)).exp();
                }
                worth -= self.same_confidence * (t.confidence - c.confidence).abs();
                worth - penalty - self.uncertainty_penalty * t.uncertainty
            },
            always,
        );
        scene.round(
            |t| {
                t.state == TrackState::Confirmed
                    || (t.state == TrackState::Shadow && t.misses < self.second_lost)
            },
            is_low,
            |t, c| overlap(t, c) - self.min_second,
            always,
        );
        scene.round(
            |t| t.state != TrackState::Tentative && t.misses <= self.recovery_lost,
            is_high,
            |t, c| t.last_seen().iou(&c.rect) - self.min_recovery,
            always,
        );
        scene.round(
            |t| t.state == TrackState::Tentative,
            is_high,
            |t, c| overlap(t, c) - self.min_tentative,
            always,
        );
    }
}

/// Overlap (IoU) of two boxes after each is grown.
pub(crate) fn grown_iou(a: &Rect, b: &Rect, by: f32) -> f32 {
    let grow = |r: &Rect| {
        let (x, y) = (r.width * by, r.height * by);
        Rect::new(r.left - x, r.top - y, r.width + 2.0 * x, r.height + 2.0 * y)
    };
    grow(a).iou(&grow(b))
}
