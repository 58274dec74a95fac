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
    /// Weight of the detection's confidence.
    pub confidence: f32,
    /// Boxes are grown by this part of their sides on each side before their overlap is taken.
    pub buffer: f32,
    /// The same for the recovery.
    pub buffer_recovery: f32,
    /// x
    pub shadow_penalty: f32,
    /// x
    pub tentative_first: bool,
}

impl Default for Slip {
    fn default() -> Self {
        Self {
            high: 0.6,
            low: 0.1,
            min_first: 0.2,
            min_second: 0.5,
            min_recovery: 0.3,
            min_tentative: 0.3,
            inertia: 0.2,
            height: 0.0,
            confidence: 0.0,
            buffer: 0.0,
            buffer_recovery: 0.0,
            shadow_penalty: 0.0,
            tentative_first: false,
        }
    }
}

impl Slip {
    pub(crate) fn associate(&self, scene: &mut Scene<'_>) {
        let is_high = |c: &Candidate| c.confidence >= self.high;
        let is_low = |c: &Candidate| c.confidence >= self.low && c.confidence < self.high;
        let always = |_: &Target, _: &Candidate| true;
        let overlap = |t: &Target, c: &Candidate| grown_iou(&t.rect, &c.rect, self.buffer);
        scene.round(
            |t| self.tentative_first || t.state != TrackState::Tentative,
            is_high,
            |t, c| {
                let iou = overlap(t, c);
                if iou < self.min_first {
                    return 0.0;
                }
                let height = t.rect.height.min(c.rect.height) / t.rect.height.max(c.rect.height);
                let shadow = if t.lost > 1 { self.shadow_penalty } else { 0.0 };
                iou * (1.0 - self.height + self.height * height)
                    * (1.0 - self.confidence + self.confidence * c.confidence)
                    + self.inertia * t.direction_consistency(&c.rect) * c.confidence
                    - shadow
            },
            always,
        );
        scene.round(
            |t| t.state == TrackState::Confirmed || (t.state == TrackState::Shadow && t.lost < 2),
            is_low,
            |t, c| overlap(t, c) - self.min_second,
            always,
        );
        scene.round(
            |t| t.state != TrackState::Tentative,
            is_high,
            |t, c| grown_iou(&t.last_seen(), &c.rect, self.buffer_recovery) - self.min_recovery,
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
