//! From raw boxes to one box per object: filtering, clustering within each class, `topk`.
//!
//! The cluster modes and their numbers, in both of DeepStream's schemes, are listed at [`ClusterMode`].

mod dbscan;
mod group;
mod nms;

use slipstream_meta::Rect;

use crate::config::{ClassAttrs, ClusterMode};

/// One object found in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Class of the object.
    pub class_id: u32,
    /// The detector's confidence, in 0…1.
    pub confidence: f32,
    /// Where it is: in pixels of the network's input while it is raw, of the picture once it is reported.
    pub rect: Rect,
}

/// Clusters with a larger area per box are dropped where boxes stem from a coverage grid: √area / boxes, in pixels of the
/// network's input. NVIDIA's clustering library applies it at this value.
pub const AREA_TO_HIT_RATIO: f32 = 60.0;

/// Replaces `boxes` by one box per object, ordered by class and, within a class, by falling confidence.
///
/// Boxes of classes from `classes` on, below their class's `pre_cluster_threshold`, or with no area are dropped first.
/// `coverage_grid` says that every cell of a grid votes with a box of its own, so that a large object has many:
/// see [`AREA_TO_HIT_RATIO`].
pub fn cluster<'a>(
    boxes: &mut Vec<Detection>,
    mode: ClusterMode,
    classes: u32,
    coverage_grid: bool,
    attrs: impl Fn(u32) -> &'a ClassAttrs,
) {
    boxes.retain(|b| {
        let sound = b.class_id < classes && !b.rect.is_empty();
        sound && b.confidence >= attrs(b.class_id).pre_cluster_threshold
    });
    // stable, so that of two equally confident boxes the first stays the first
    boxes.sort_by(|a, b| a.class_id.cmp(&b.class_id).then(b.confidence.total_cmp(&a.confidence)));
    let raw = std::mem::take(boxes);
    for class in raw.chunk_by(|a, b| a.class_id == b.class_id) {
        let Some(class_id) = class.first().map(|b| b.class_id) else { continue };
        let attrs = attrs(class_id);
        let mut found = match mode {
            ClusterMode::GroupRectangles => group::rectangles(class, attrs.group_threshold, attrs.eps),
            ClusterMode::Dbscan => dbscan::means(class, attrs, coverage_grid),
            ClusterMode::Nms => nms::suppress(class, attrs.nms_iou_threshold),
            ClusterMode::Hybrid => {
                nms::suppress(&dbscan::without_noise(class, attrs), attrs.nms_iou_threshold)
            }
            ClusterMode::None => class.to_vec(),
        };
        found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        match mode {
            ClusterMode::GroupRectangles => {}
            ClusterMode::None => found.truncate(attrs.topk.unwrap_or(usize::MAX)),
            ClusterMode::Nms | ClusterMode::Hybrid => {
                found.retain(|b| b.confidence > attrs.post_cluster_threshold);
                found.truncate(attrs.topk.unwrap_or(usize::MAX));
            }
            ClusterMode::Dbscan => {
                found.retain(|b| b.confidence >= attrs.post_cluster_threshold);
                found.truncate(attrs.topk.unwrap_or(usize::MAX));
            }
        }
        boxes.append(&mut found);
    }
}

#[cfg(test)]
mod tests;
