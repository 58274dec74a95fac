//! Scores of a tracker: HOTA (Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", 2020),
//! IDF1 (Ristani et al., 2016), MOTA and identity switches (Bernardin and Stiefelhagen, 2008), as TrackEval defines
//! them.

use std::collections::HashMap;

use slipstream_meta::Rect;
use slipstream_track::assign::{Assignment, Edge};

/// A box with the number of its object.
pub(crate) type Box = (u64, Rect);

/// One frame: what is there, and what the tracker says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pair {
    pub(crate) truth: Vec<Box>,
    pub(crate) tracks: Vec<Box>,
}

/// HOTA's thresholds of overlap: 0.05, 0.10, … 0.95.
const ALPHAS: usize = 19;

/// Counts of a sequence; add them up for several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    tp: [f64; ALPHAS],
    r#fn: [f64; ALPHAS],
    fp: [f64; ALPHAS],
    /// Sum over true positives of how much their track and their object have in common.
    association: [f64; ALPHAS],
    idtp: f64,
    truth: f64,
    tracks: f64,
    matched: f64,
    pub(crate) switches: f64,
}

impl Score {
    pub(crate) fn hota(&self) -> f64 {
        self.mean(|a| (self.detection(a) * self.per_alpha_association(a)).sqrt())
    }

    pub(crate) fn det_a(&self) -> f64 {
        self.mean(|a| self.detection(a))
    }

    pub(crate) fn ass_a(&self) -> f64 {
        self.mean(|a| self.per_alpha_association(a))
    }

    pub(crate) fn idf1(&self) -> f64 {
        100.0 * 2.0 * self.idtp / (self.truth + self.tracks).max(1.0)
    }

    pub(crate) fn mota(&self) -> f64 {
        let (misses, false_alarms) = (self.truth - self.matched, self.tracks - self.matched);
        100.0 * (1.0 - (misses + false_alarms + self.switches) / self.truth.max(1.0))
    }

    pub(crate) fn fp(&self) -> f64 {
        self.tracks - self.matched
    }

    pub(crate) fn misses(&self) -> f64 {
        self.truth - self.matched
    }

    fn mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        100.0 * (0..ALPHAS).map(of).sum::<f64>() / ALPHAS as f64
    }

    fn detection(&self, a: usize) -> f64 {
        self.tp[a] / (self.tp[a] + self.r#fn[a] + self.fp[a]).max(1.0)
    }

    fn per_alpha_association(&self, a: usize) -> f64 {
        self.association[a] / self.tp[a].max(1.0)
    }

    /// The scores of several sequences together.
    pub(crate) fn sum<'a>(scores: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for score in scores {
            for a in 0..ALPHAS {
                sum.tp[a] += score.tp[a];
                sum.r#fn[a] += score.r#fn[a];
                sum.fp[a] += score.fp[a];
                sum.association[a] += score.association[a];
            }
            sum.idtp += score.idtp;
            sum.truth += score.truth;
            sum.tracks += score.tracks;
            sum.matched += score.matched;
            sum.switches += score.switches;
        }
        sum
    }

    /// Scores a sequence.
    pub(crate) fn of(frames: &[Pair]) -> Self {
        let mut score = Self::default();
        let mut solver = Assignment::default();
        let mut edges: Vec<Edge> = Vec::new();
        let overlaps: Vec<Vec<(usize, usize, f64)>> = frames.iter().map(overlaps).collect();

        let (mut truth_frames, mut track_frames) = (HashMap::new(), HashMap::new());
        let mut potential: HashMap<(u64, u64), f64> = HashMap::new();
        let mut together: HashMap<(u64, u64), f64> = HashMap::new();
        for (frame, overlaps) in frames.iter().zip(&overlaps) {
            for (id, _) in &frame.truth {
                *truth_frames.entry(*id).or_insert(0.0) += 1.0;
            }
            for (id, _) in &frame.tracks {
                *track_frames.entry(*id).or_insert(0.0) += 1.0;
            }
            let (mut rows, mut columns) = (vec![0.0; frame.truth.len()], vec![0.0; frame.tracks.len()]);
            for &(t, k, iou) in overlaps {
                rows[t] += iou;
                columns[k] += iou;
            }
            for &(t, k, iou) in overlaps {
                let pair = (frame.truth[t].0, frame.tracks[k].0);
                *potential.entry(pair).or_insert(0.0) += iou / (rows[t] + columns[k] - iou);
                if iou >= 0.5 {
                    *together.entry(pair).or_insert(0.0) += 1.0;
                }
            }
        }
        score.truth = truth_frames.values().sum();
        score.tracks = track_frames.values().sum();

        // Identities: the one-to-one matching of objects and tracks with the most frames in common.
        let mut number = HashMap::new();
        let mut index = |key: (bool, u64)| {
            let next = number.len();
            *number.entry(key).or_insert(next)
        };
        edges.extend(together.iter().map(|(&(truth, track), &frames)| Edge {
            row: index((false, truth)),
            column: index((true, track)),
            weight: frames as f32,
        }));
        let weights: HashMap<_, _> = edges.iter().map(|e| ((e.row, e.column), f64::from(e.weight))).collect();
        score.idtp = solver.solve(&edges).iter().map(|pair| weights[pair]).sum();

        // HOTA.
        let mut common: Vec<HashMap<(u64, u64), f64>> = vec![HashMap::new(); ALPHAS];
        for (frame, overlaps) in frames.iter().zip(&overlaps) {
            edges.clear();
            edges.extend(overlaps.iter().map(|&(t, k, iou)| {
                let pair = (frame.truth[t].0, frame.tracks[k].0);
                let aligned =
                    potential[&pair] / (truth_frames[&pair.0] + track_frames[&pair.1] - potential[&pair]);
                Edge { row: t, column: k, weight: (aligned * iou) as f32 }
            }));
            let iou_of: HashMap<_, _> = overlaps.iter().map(|&(t, k, iou)| ((t, k), iou)).collect();
            let pairs = solver.solve(&edges);
            for (a, common) in common.iter_mut().enumerate() {
                let alpha = 0.05 * (a + 1) as f64;
                let mut found = 0.0;
                for &(t, k) in pairs {
                    if iou_of[&(t, k)] >= alpha - f64::EPSILON {
                        found += 1.0;
                        *common.entry((frame.truth[t].0, frame.tracks[k].0)).or_insert(0.0) += 1.0;
                    }
                }
                score.tp[a] += found;
                score.r#fn[a] += frame.truth.len() as f64 - found;
                score.fp[a] += frame.tracks.len() as f64 - found;
            }
        }
        for (a, common) in common.iter().enumerate() {
            let parts = common
                .iter()
                .map(|((truth, track), &n)| n * n / (truth_frames[truth] + track_frames[track] - n).max(1.0));
            score.association[a] = parts.sum();
        }

        // CLEAR: pairs of the frame before stay together while they overlap.
        let mut before: HashMap<u64, u64> = HashMap::new();
        let mut last: HashMap<u64, u64> = HashMap::new();
        for (frame, overlaps) in frames.iter().zip(&overlaps) {
            edges.clear();
            edges.extend(overlaps.iter().filter(|o| o.2 >= 0.5 - f64::EPSILON).map(|&(t, k, iou)| {
                let stays = before.get(&frame.truth[t].0) == Some(&frame.tracks[k].0);
                Edge { row: t, column: k, weight: iou as f32 + if stays { 1000.0 } else { 0.0 } }
            }));
            before.clear();
            for &(t, k) in solver.solve(&edges) {
                let (truth, track) = (frame.truth[t].0, frame.tracks[k].0);
                score.matched += 1.0;
                if last.insert(truth, track).is_some_and(|earlier| earlier != track) {
                    score.switches += 1.0;
                }
                before.insert(truth, track);
            }
        }
        score
    }
}

/// Pairs of boxes that overlap: index of the truth, index of the track, IoU.
fn overlaps(frame: &Pair) -> Vec<(usize, usize, f64)> {
    let mut overlaps = Vec::new();
    for (t, (_, truth)) in frame.truth.iter().enumerate() {
        for (k, (_, track)) in frame.tracks.iter().enumerate() {
            let iou = f64::from(truth.iou(track));
            if iou > 0.0 {
                overlaps.push((t, k, iou));
            }
        }
    }
    overlaps
}
