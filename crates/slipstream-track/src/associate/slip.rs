//! Our own association. What it takes from where:
//!
//! * sure detections first, then the others for targets that are left: ByteTrack;
//! * boxes are grown before their overlap is taken, so that small and fast objects still have one: Yang et al., "Hard to
//!   Track Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering the Matching Space"
//!   (C-BIoU), WACV 2023;
//! * height and confidence as further cues: Yang et al., "Hybrid-SORT: Weak Cues Matter for Online Multi-Object
//!   Tracking", AAAI 2024; confidence on the overlap: Stanojević and Todorović, "BoostTrack", Machine Vision and
//!   Applications, 2024;
//! * direction, and recovery by the box seen last: OC-SORT;
//! * a look at embeddings where there are some: Aharon et al., "BoT-SORT", 2022.
//!
//! Ours: targets out of sight stand back a little behind those in sight; thresholds of confidence are relative to what
//! this detector is usually sure of; and an object whose class flickers keeps its track.

use slipstream_meta::Rect;

use super::{Candidate, Scene};
use crate::target::Target;
use crate::tracks::TrackState;

/// Settings of our own association.
#[derive(Debug, Clone, PartialEq)]
pub struct Slip {
    /// Least confidence of a detection that is matched first, as part of the detector's usual one.
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
    /// Least overlap of an object with a detection of another class that is taken for it.
    pub min_other_class: f32,
    /// Boxes are grown by this part of their sides on each side before their overlap is taken.
    pub buffer: f32,
    /// Weight of being of the same height: 0 for none; 1 makes the overlap count in proportion.
    pub height: f32,
    /// Weight of the detection's confidence: 0 for none; 1 makes the overlap count in proportion.
    pub confidence: f32,
    /// What a pair is worth less for each unit of confidence that target and detection are apart.
    pub confidence_gap: f32,
    /// Weight of going on in the same direction.
    pub inertia: f32,
    /// What a pair is worth less when the target is out of sight.
    pub shadow_penalty: f32,
    /// Looks that a target may have been missed to be continued by an unsure detection.
    pub second_misses: u32,
    /// Weight of looking the same, where there are embeddings.
    pub appearance: f32,
    /// Least similarity (cosine) at which a target out of sight is known by its looks alone.
    pub min_similarity: f32,
    /// Less similarity than this tells a target out of sight from a detection in its place (BoT-SORT's threshold).
    pub other: f32,
}

impl Default for Slip {
    fn default() -> Self {
        Self {
            high: 0.85,
            low: 0.1,
            min_first: 0.28,
            min_second: 0.42,
            min_recovery: 0.7,
            min_tentative: 0.1,
            min_other_class: 0.6,
            buffer: 0.15,
            height: 1.0,
            confidence: 0.5,
            confidence_gap: 0.37,
            inertia: 0.05,
            shadow_penalty: 0.0,
            second_misses: 9,
            appearance: 0.3,
            min_similarity: 0.75,
            other: 0.5,
        }
    }
}

impl Slip {
    pub(crate) fn associate(&self, scene: &mut Scene<'_>) {
        let is_high = |c: &Candidate| c.confidence >= self.high * c.level;
        let is_low = |c: &Candidate| c.confidence >= self.low && !is_high(c);
        let always = |_: &Target, _: &Candidate| true;
        let overlap = |t: &Target, c: &Candidate| grown_iou(&t.rect, &c.rect, self.buffer);
        let is_old = |t: &Target| t.state != TrackState::Tentative;
        let unless_other = |t: &Target, c: &Candidate, worth: f32| {
            if worth > 0.0 && !self.is_other(t, c) { worth } else { 0.0 }
        };

        scene.round(is_old, is_high, |t, c| unless_other(t, c, self.worth(t, c)), always);
        scene.round(
            |t| is_old(t) && t.misses < self.second_misses,
            is_low,
            |t, c| unless_other(t, c, overlap(t, c) - self.min_second),
            always,
        );
        scene.round(
            is_old,
            is_high,
            |t, c| unless_other(t, c, t.last_seen().iou(&c.rect) - self.min_recovery),
            always,
        );
        scene.rejoin(is_high, self.min_similarity);
        scene.round(
            |t| t.state == TrackState::Tentative,
            is_high,
            |t, c| overlap(t, c) - self.min_tentative,
            always,
        );
        if scene.check_class {
            scene.check_class = false;
            scene.round(
                is_old,
                is_high,
                |t, c| unless_other(t, c, t.rect.iou(&c.rect) - self.min_other_class),
                always,
            );
            scene.check_class = true;
        }
    }

    /// Whether a detection is told from a target by its looks: where something was out of sight, something else may come out.
    pub(crate) fn is_other(&self, t: &Target, c: &Candidate) -> bool {
        t.misses > 0 && t.similarity(c).is_some_and(|similarity| similarity < self.other)
    }

    /// What a pair is worth in the first round.
    fn worth(&self, t: &Target, c: &Candidate) -> f32 {
        let iou = grown_iou(&t.rect, &c.rect, self.buffer);
        if iou < self.min_first {
            return 0.0;
        }
        let (a, b) = (t.rect.height, c.rect.height);
        let height = a.min(b) / a.max(b);
        let weighted = |weight: f32, value: f32| 1.0 - weight + weight * value;
        let mut worth = iou * weighted(self.height, height) * weighted(self.confidence, c.confidence);
        worth += self.inertia * t.direction_consistency(&c.rect) * c.confidence;
        worth -= self.confidence_gap * (t.confidence - c.confidence).abs();
        if t.misses > 0 {
            worth -= self.shadow_penalty;
        }
        if let Some(similarity) = t.similarity(c) {
            worth += self.appearance * (similarity - self.min_similarity);
        }
        worth
    }
}

/// Overlap (IoU) of two boxes after each is grown.
fn grown_iou(a: &Rect, b: &Rect, by: f32) -> f32 {
    // Most pairs are far apart.
    let reach = 0.5 + by;
    let (from, to) = (a.center(), b.center());
    if (from.x - to.x).abs() > reach * (a.width + b.width)
        || (from.y - to.y).abs() > reach * (a.height + b.height)
    {
        return 0.0;
    }
    let grow = |r: &Rect| {
        let (x, y) = (r.width * by, r.height * by);
        Rect::new(r.left - x, r.top - y, r.width + 2.0 * x, r.height + 2.0 * y)
    };
    grow(a).iou(&grow(b))
}
