//! Which detection belongs to which target.

mod byte;
pub(crate) mod ocsort;
mod slip;
mod sort;
mod weighted;

pub use byte::Byte;
pub use ocsort::OcSort;
pub use slip::Slip;
pub use sort::Sort;
pub use weighted::{Matcher, Similarity, Weighted};

use std::sync::Arc;

use slipstream_meta::Rect;

use crate::assign::{Assignment, Edge};
use crate::target::Target;
use crate::tracks::TrackState;

/// How detections and targets are matched.
#[derive(Debug, Clone, PartialEq)]
pub enum Association {
    /// DeepStream's data associator: a weighted sum of similarities.
    Weighted(Weighted),
    /// SORT.
    Sort(Sort),
    /// ByteTrack.
    Byte(Byte),
    /// OC-SORT.
    OcSort(OcSort),
    /// Our own.
    Slip(Slip),
}

impl Association {
    /// Whether a detection in a target's place is something else by its looks.
    pub(crate) fn tells_apart(&self, target: &Target, candidate: &Candidate) -> bool {
        matches!(self, Self::Slip(slip) if slip.is_other(target, candidate))
    }
}

/// A detection that may be matched.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Index in the frame's detections.
    pub(crate) index: usize,
    pub(crate) rect: Rect,
    /// 0…1.
    pub(crate) confidence: f32,
    pub(crate) class_id: i32,
    pub(crate) embedding: Option<Arc<[f32]>>,
    /// What 1 stands for in thresholds of its confidence.
    pub(crate) level: f32,
    /// Index of the target matched.
    pub(crate) target: Option<usize>,
}

/// What matching works on.
pub(crate) struct Scene<'a> {
    pub(crate) targets: &'a [Target],
    /// For each target, the index of the candidate matched.
    pub(crate) matched: &'a mut Vec<Option<usize>>,
    pub(crate) candidates: &'a mut Vec<Candidate>,
    pub(crate) scratch: &'a mut Scratch,
    /// Whether only objects of one class are matched.
    pub(crate) check_class: bool,
}

/// An object out of sight is looked for within so many of its own heights for each look that missed it, where it is
/// known by its looks.
const REACH_PER_MISS: f32 = 0.5;
/// And never further away than this.
const MOST_REACH: f32 = 5.0;

#[derive(Debug, Default)]
pub(crate) struct Scratch {
    edges: Vec<Edge>,
    assignment: Assignment,
}

impl Scene<'_> {
    /// Matches the best that is left: of targets that `wants` takes and candidates that `offers` takes, pairs with the
    /// greatest sum of `worth`, which is 0 or less for those that do not fit. Pairs that are not `good` are then left
    /// unmatched.
    pub(crate) fn round(
        &mut self,
        wants: impl Fn(&Target) -> bool,
        offers: impl Fn(&Candidate) -> bool,
        worth: impl Fn(&Target, &Candidate) -> f32,
        good: impl Fn(&Target, &Candidate) -> bool,
    ) {
        self.collect(wants, offers, worth);
        for &(row, column) in self.scratch.assignment.solve(&self.scratch.edges) {
            let (Some(target), Some(candidate)) = (self.targets.get(row), self.candidates.get_mut(column))
            else {
                continue;
            };
            if let Some(matched) = self.matched.get_mut(row).filter(|_| good(target, candidate)) {
                *matched = Some(column);
                candidate.target = Some(row);
            }
        }
    }

    /// Matches targets out of sight with candidates near them that look the same: a cosine of `least` or more.
    pub(crate) fn rejoin(&mut self, offers: impl Fn(&Candidate) -> bool, least: f32) {
        self.round(
            |t| t.state != TrackState::Tentative && t.misses > 0 && t.embedding.is_some(),
            |c| offers(c) && c.embedding.is_some(),
            |t, c| {
                let (from, to) = (t.rect.center(), c.rect.center());
                let reach = (REACH_PER_MISS * t.misses as f32).min(MOST_REACH) * t.rect.height;
                let is_near = (from.x - to.x).hypot(from.y - to.y) <= reach;
                let similarity = if is_near { t.similarity(c) } else { None };
                similarity.map_or(0.0, |similarity| similarity - least)
            },
            |_, _| true,
        );
    }

    /// Like `round`, but takes the best pair first, then the best of those left.
    pub(crate) fn greedy_round(
        &mut self,
        wants: impl Fn(&Target) -> bool,
        offers: impl Fn(&Candidate) -> bool,
        worth: impl Fn(&Target, &Candidate) -> f32,
    ) {
        self.collect(wants, offers, worth);
        let edges = &mut self.scratch.edges;
        edges.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        for edge in edges {
            let (Some(matched), Some(candidate)) =
                (self.matched.get_mut(edge.row), self.candidates.get_mut(edge.column))
            else {
                continue;
            };
            if matched.is_none() && candidate.target.is_none() {
                *matched = Some(edge.column);
                candidate.target = Some(edge.row);
            }
        }
    }

    fn collect(
        &mut self,
        wants: impl Fn(&Target) -> bool,
        offers: impl Fn(&Candidate) -> bool,
        worth: impl Fn(&Target, &Candidate) -> f32,
    ) {
        let edges = &mut self.scratch.edges;
        edges.clear();
        for (row, (target, matched)) in self.targets.iter().zip(self.matched.iter()).enumerate() {
            if matched.is_some() || !wants(target) {
                continue;
            }
            for (column, candidate) in self.candidates.iter().enumerate() {
                if candidate.target.is_some()
                    || (self.check_class && candidate.class_id != target.class_id)
                    || !offers(candidate)
                {
                    continue;
                }
                let weight = worth(target, candidate);
                if weight > 0.0 {
                    edges.push(Edge { row, column, weight });
                }
            }
        }
    }
}
