//! DeepStream's data associator: pairs are worth a weighted sum of similarities, and each similarity has a minimum.

use slipstream_meta::Rect;

use super::{Candidate, Scene};
use crate::target::Target;
use crate::tracks::TrackState;

/// Settings of the data associator; the names in brackets are those of DeepStream's files.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// Greedy or in a cascade of optimal assignments (`associationMatcherType`).
    pub matcher: Matcher,
    /// Least weighted sum (`minMatchingScore4Overall`).
    pub min_overall: f32,
    /// Overlap of the boxes (`…4Iou`).
    pub iou: Similarity,
    /// Area of the smaller box over that of the larger one (`…4SizeSimilarity`).
    pub size: Similarity,
    /// Cosine of the embeddings (`…4ReidSimilarity`).
    pub reid: Similarity,
    /// Detections of less confidence are tentative: they only continue tracks (`tentativeDetectorConfidence`).
    pub tentative_confidence: f32,
    /// Least overlap with a tentative detection (`minMatchingScore4TentativeIou`).
    pub min_tentative_iou: f32,
    /// Whether the place counts where a target is expected now, or where it was a frame ago (`usePrediction4Assoc`).
    pub use_prediction: bool,
    /// Least cosine of the embeddings at which a target out of sight is known again by its looks alone (`enableReAssoc`,
    /// `minMatchingScore4ReidSimilarity` of `TrajectoryManagement`); `None` for never.
    pub min_rejoin: Option<f32>,
}

/// One similarity's part in the sum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Similarity {
    /// Least value of a pair (`minMatchingScore…`).
    pub min: f32,
    /// Weight in the sum (`matchingScoreWeight…`).
    pub weight: f32,
}

/// How pairs are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matcher {
    /// The best pair first, then the best of those left.
    Greedy,
    /// Optimal assignments: sure detections with confirmed targets; tentative detections with what is left of those;
    /// sure detections that are left with tentative targets.
    Cascaded,
}

impl Default for Weighted {
    fn default() -> Self {
        Self {
            matcher: Matcher::Greedy,
            min_overall: 0.0,
            iou: Similarity { min: 0.0, weight: 1.0 },
            size: Similarity::default(),
            reid: Similarity::default(),
            tentative_confidence: 0.5,
            min_tentative_iou: 0.0,
            use_prediction: false,
            min_rejoin: None,
        }
    }
}

impl Weighted {
    pub(crate) fn associate(&self, scene: &mut Scene<'_>) {
        self.associate_by_place(scene);
        if let Some(least) = self.min_rejoin {
            scene.rejoin(|candidate| candidate.confidence >= self.tentative_confidence, least);
        }
    }

    fn associate_by_place(&self, scene: &mut Scene<'_>) {
        let is_sure = |candidate: &Candidate| candidate.confidence >= self.tentative_confidence;
        let worth = |target: &Target, candidate: &Candidate| self.worth(target, candidate);
        if self.matcher == Matcher::Greedy {
            scene.greedy_round(|_| true, |_| true, worth);
            return;
        }
        let is_old = |target: &Target| target.state != TrackState::Tentative;
        let always = |_: &Target, _: &Candidate| true;
        let overlap = |target: &Target, candidate: &Candidate| {
            let iou = self.place(target).iou(&candidate.rect);
            if iou >= self.min_tentative_iou { iou } else { 0.0 }
        };
        scene.round(is_old, is_sure, worth, always);
        scene.round(is_old, |candidate| !is_sure(candidate), overlap, always);
        scene.round(
            |target| !is_old(target),
            is_sure,
            |target, candidate| {
                let iou = self.place(target).iou(&candidate.rect);
                if iou >= self.iou.min { iou } else { 0.0 }
            },
            always,
        );
    }

    /// The box that detections are compared with.
    fn place(&self, target: &Target) -> Rect {
        if self.use_prediction { target.rect } else { target.before }
    }

    fn worth(&self, target: &Target, candidate: &Candidate) -> f32 {
        // Where one of the two has no embedding, looks neither count nor decide.
        let (reid, similarity) = match target.similarity(candidate) {
            Some(similarity) => (self.reid, similarity),
            None => (Similarity { min: 0.0, weight: 0.0 }, 0.0),
        };
        let place = self.place(target);
        let parts = [
            (self.iou, place.iou(&candidate.rect)),
            (self.size, size_similarity(&place, &candidate.rect)),
            (reid, similarity),
        ];
        let mut sum = 0.0;
        for (part, value) in parts {
            if value < part.min {
                return 0.0;
            }
            sum += part.weight * value;
        }
        if sum >= self.min_overall { sum } else { 0.0 }
    }
}

fn size_similarity(a: &Rect, b: &Rect) -> f32 {
    let (a, b) = (a.area(), b.area());
    a.min(b) / a.max(b).max(f32::MIN_POSITIVE)
}
