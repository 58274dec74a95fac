//! ByteTrack: Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022.

use super::{Candidate, Scene};
use crate::target::Target;
use crate::tracks::TrackState;

/// Settings of ByteTrack.
#[derive(Debug, Clone, PartialEq)]
pub struct Byte {
    /// Least confidence of a detection that is matched first.
    pub high: f32,
    /// Least confidence of a detection that is matched second.
    pub low: f32,
    /// Least overlap, times confidence, in the first round.
    pub min_first: f32,
    /// Least overlap in the second round.
    pub min_second: f32,
    /// Least overlap, times confidence, with targets that are not confirmed.
    pub min_tentative: f32,
}

impl Default for Byte {
    fn default() -> Self {
        Self { high: 0.6, low: 0.1, min_first: 0.1, min_second: 0.5, min_tentative: 0.3 }
    }
}

impl Byte {
    pub(crate) fn associate(&self, scene: &mut Scene<'_>) {
        let is_high = |candidate: &Candidate| candidate.confidence >= self.high;
        let is_low =
            |candidate: &Candidate| candidate.confidence >= self.low && candidate.confidence < self.high;
        let fused =
            |target: &Target, candidate: &Candidate| target.rect.iou(&candidate.rect) * candidate.confidence;
        let always = |_: &Target, _: &Candidate| true;
        scene.round(
            |t| t.state != TrackState::Tentative,
            is_high,
            |t, c| fused(t, c) - self.min_first,
            always,
        );
        scene.round(
            |t| t.state == TrackState::Confirmed,
            is_low,
            |t, c| t.rect.iou(&c.rect) - self.min_second,
            always,
        );
        scene.round(
            |t| t.state == TrackState::Tentative,
            is_high,
            |t, c| fused(t, c) - self.min_tentative,
            always,
        );
    }
}
