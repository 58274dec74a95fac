//! Non-maximum suppression.

use super::Detection;

/// The boxes of one class that overlap no better box by more than `threshold` (intersection over union). `boxes` come by
/// falling confidence.
pub(super) fn suppress(boxes: &[Detection], threshold: f32) -> Vec<Detection> {
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in boxes {
        if kept.iter().all(|better| better.rect.iou(&candidate.rect) <= threshold) {
            kept.push(*candidate);
        }
    }
    kept
}
