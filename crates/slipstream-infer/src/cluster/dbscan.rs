//! Density-based clustering of boxes (DBSCAN; Ester, Kriegel, Sander, Xu, KDD 1996), weighted by confidence as NVIDIA
//! publishes it with its training toolkit for the networks that it is made for.
//!
//! The distance of two boxes is 1 − IoU. Neighbours of a box are those at most `eps` away, the box itself included. It is a
//! core box if it has at least `minBoxes` neighbours whose confidences sum to at least `dbscan-min-score`. Core boxes that
//! are neighbours belong to one cluster, and so do all neighbours of a core box; what belongs to none is noise.

use slipstream_meta::Rect;

use super::{AREA_TO_HIT_RATIO, Detection};
use crate::config::ClassAttrs;

/// Keeps IoU defined for boxes without area.
const IOU_EPSILON: f32 = 1e-5;

/// One box per cluster: corners and confidence are means weighted by confidence. `minBoxes` of 0 clusters nothing.
///
/// The confidence stays within that of the members (Σc² / Σc), whereas a sum would depend on how many there are.
pub(super) fn means(boxes: &[Detection], attrs: &ClassAttrs, coverage_grid: bool) -> Vec<Detection> {
    if attrs.min_boxes == 0 {
        return boxes.to_vec();
    }
    let clusters = clusters(boxes, attrs);
    let count = clusters.iter().flatten().max().map_or(0, |&last| last + 1);
    let mut sums = vec![Sum::default(); count];
    for (b, cluster) in boxes.iter().zip(clusters) {
        if let Some(sum) = cluster.and_then(|cluster| sums.get_mut(cluster)) {
            sum.add(b);
        }
    }
    let sparse = |mean: &Detection, members: f32| mean.rect.area().sqrt() / members > AREA_TO_HIT_RATIO;
    let means = sums.iter().filter_map(|sum| Some((sum.mean()?, sum.members)));
    means.filter(|(mean, members)| !(coverage_grid && sparse(mean, *members))).map(|(mean, _)| mean).collect()
}

/// The boxes that belong to a cluster, in the order given. `minBoxes` of 0 takes none away.
pub(super) fn without_noise(boxes: &[Detection], attrs: &ClassAttrs) -> Vec<Detection> {
    if attrs.min_boxes == 0 {
        return boxes.to_vec();
    }
    boxes
        .iter()
        .zip(clusters(boxes, attrs))
        .filter(|(_, cluster)| cluster.is_some())
        .map(|(b, _)| *b)
        .collect()
}

#[derive(Clone, Default)]
struct Sum {
    class_id: u32,
    members: f32,
    weight: f32,
    /// Left, top, right, bottom, confidence, each times confidence.
    values: [f32; 5],
}

impl Sum {
    fn add(&mut self, b: &Detection) {
        self.class_id = b.class_id;
        self.members += 1.0;
        self.weight += b.confidence;
        let values = [b.rect.left, b.rect.top, b.rect.right(), b.rect.bottom(), b.confidence];
        self.values.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * b.confidence);
    }

    fn mean(&self) -> Option<Detection> {
        let [left, top, right, bottom, confidence] = self.values.map(|sum| sum / self.weight);
        let rect = Rect::from_corners(left, top, right, bottom);
        (self.weight > 0.0).then_some(Detection { class_id: self.class_id, confidence, rect })
    }
}

/// The cluster of each box, numbered from 0; `None` for noise.
fn clusters(boxes: &[Detection], attrs: &ClassAttrs) -> Vec<Option<usize>> {
    let near = |a: &Rect, b: &Rect| 1.0 - iou(a, b) <= attrs.eps;
    let neighbours = |i: usize| -> Vec<usize> {
        let Some(this) = boxes.get(i) else { return Vec::new() };
        let all = boxes.iter().enumerate();
        all.filter(|(j, other)| *j == i || near(&this.rect, &other.rect)).map(|(j, _)| j).collect()
    };
    let is_core = |neighbours: &[usize]| {
        let score: f32 = neighbours.iter().filter_map(|&i| boxes.get(i)).map(|b| b.confidence).sum();
        neighbours.len() >= attrs.min_boxes as usize && score >= attrs.dbscan_min_score
    };
    let mut clusters = vec![None; boxes.len()];
    let mut next = 0;
    for start in 0..boxes.len() {
        if clusters[start].is_some() {
            continue;
        }
        let mut reached = neighbours(start);
        if !is_core(&reached) {
            continue;
        }
        clusters[start] = Some(next);
        while let Some(i) = reached.pop() {
            if i == start || clusters[i].is_none() {
                clusters[i] = Some(next);
                let further = neighbours(i);
                if i != start && is_core(&further) {
                    reached.extend(further.into_iter().filter(|&j| clusters[j].is_none()));
                }
            }
        }
        next += 1;
    }
    clusters
}

fn iou(a: &Rect, b: &Rect) -> f32 {
    let common = a.intersection(b).map_or(0.0, |common| common.area());
    common / (a.area() + b.area() - common + IOU_EPSILON)
}
