//! Non-maximum suppression.

use slipstream_meta::Rect;

use super::Detection;

/// The boxes of one class that overlap no better box by more than `threshold` (intersection over union). `boxes` come by
/// falling confidence.
pub(super) fn suppress(boxes: &[Detection], threshold: f32) -> Vec<Detection> {
    let mut kept: Vec<Detection> = Vec::new();
    let mut edges = Edges::default();
    for candidate in boxes {
        if !edges.overlap(&candidate.rect, threshold) {
            kept.push(*candidate);
            edges.push(&candidate.rect);
        }
    }
    kept
}

/// Boxes that are compared without a branch between them: enough to fill vector registers, few enough to stop early.
const TOGETHER: usize = 32;

/// Edges of the boxes that stay, each in a row of its own, so that many are compared at once.
#[derive(Default)]
struct Edges {
    left: Vec<f32>,
    top: Vec<f32>,
    right: Vec<f32>,
    bottom: Vec<f32>,
    area: Vec<f32>,
}

impl Edges {
    fn push(&mut self, rect: &Rect) {
        self.left.push(rect.left);
        self.top.push(rect.top);
        self.right.push(rect.right());
        self.bottom.push(rect.bottom());
        self.area.push(rect.area());
    }

    /// Whether one of them has more than `threshold` in common with `rect`, as [`Rect::iou`] has it.
    fn overlap(&self, rect: &Rect, threshold: f32) -> bool {
        let (right, bottom, area) = (rect.right(), rect.bottom(), rect.area());
        let columns = self.left.chunks(TOGETHER).zip(self.right.chunks(TOGETHER));
        let rows = self.top.chunks(TOGETHER).zip(self.bottom.chunks(TOGETHER));
        columns.zip(rows).zip(self.area.chunks(TOGETHER)).any(
            |(((lefts, rights), (tops, bottoms)), areas)| {
                let sides = lefts.iter().zip(rights).zip(tops.iter().zip(bottoms)).zip(areas);
                sides.fold(false, |any, (((&l, &r), (&t, &b)), &other)| {
                    let width = (r.min(right) - l.max(rect.left)).max(0.0);
                    let height = (b.min(bottom) - t.max(rect.top)).max(0.0);
                    let common = width * height;
                    any | (common / (area + other - common) > threshold)
                })
            },
        )
    }
}
