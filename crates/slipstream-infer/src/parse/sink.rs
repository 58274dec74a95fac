//! Where parsers put boxes: checked, scaled to the network's pixels, clipped to the picture.

use slipstream_meta::Rect;

use super::ParseContext;
use crate::cluster::Detection;

/// What coordinates are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Pixels of the network's input.
    Pixels,
    /// Fractions of the network's input.
    Fractions,
    /// Either, as the numbers of each image tell: see [`FRACTIONS_END`].
    Judged,
}

/// Boxes none of which has a coordinate beyond this are measured in fractions. Fractions overshoot the edges by far less,
/// and no detector finds only objects within two pixels of the corner.
const FRACTIONS_END: f32 = 2.0;

/// Collects the boxes of an image. Those of an image that turns out to be unreadable are gone with it.
pub(super) struct Sink<'a> {
    context: &'a ParseContext<'a>,
    boxes: &'a mut Vec<Detection>,
    /// Where the boxes of this image begin.
    start: usize,
    unit: Unit,
    /// The greatest coordinate.
    reach: f32,
    skipped: usize,
}

impl<'a> Sink<'a> {
    pub(super) fn new(context: &'a ParseContext<'a>, boxes: &'a mut Vec<Detection>, unit: Unit) -> Self {
        let start = boxes.len();
        Self { context, boxes, start, unit, reach: 0.0, skipped: 0 }
    }

    /// Takes a box with the edges left, top, right, bottom if its confidence reaches the class's threshold.
    pub(super) fn corners(&mut self, class_id: u32, confidence: f32, edges: [f32; 4]) {
        if !self.context.wants(class_id, confidence) {
            return;
        }
        if !confidence.is_finite() || edges.iter().any(|edge| !edge.is_finite()) {
            self.skipped += 1;
            return;
        }
        let [x1, y1, x2, y2] = edges;
        self.reach = self.reach.max(x2.abs()).max(y2.abs());
        self.boxes.push(Detection { class_id, confidence, rect: Rect::from_corners(x1, y1, x2, y2) });
    }

    /// The same for a box with a centre, a width and a height.
    pub(super) fn center(&mut self, class_id: u32, confidence: f32, [x, y, w, h]: [f32; 4]) {
        let (right, down) = (w / 2.0, h / 2.0);
        self.corners(class_id, confidence, [x - right, y - down, x + right, y + down]);
    }

    /// Notes a box with a number that is not finite.
    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Brings all boxes into the network's pixels and onto the picture. Returns how many were passed over because of a
    /// number that is not finite.
    pub(super) fn finish(mut self) -> usize {
        let network = self.context.network;
        let (x, y) = match self.unit {
            Unit::Pixels => (1.0, 1.0),
            Unit::Judged if self.reach > FRACTIONS_END => (1.0, 1.0),
            Unit::Fractions | Unit::Judged => (network.width as f32, network.height as f32),
        };
        let mut kept = self.start;
        for i in self.start..self.boxes.len() {
            let Some(mut found) = self.boxes.get(i).copied() else { continue };
            let Some(rect) = self.context.clip(&found.rect.scaled(x, y)) else { continue };
            found.rect = rect;
            if let Some(slot) = self.boxes.get_mut(kept) {
                *slot = found;
                kept += 1;
            }
        }
        self.start = kept;
        self.skipped
    }
}

impl Drop for Sink<'_> {
    fn drop(&mut self) {
        self.boxes.truncate(self.start);
    }
}

/// The greatest of a row of scores and its class; the first of equals.
pub(super) fn best(scores: &[f32]) -> Option<(u32, f32)> {
    let numbered = (0..).zip(scores.iter().copied());
    numbered.reduce(|best, next| if next.1 > best.1 || best.1.is_nan() { next } else { best })
}

/// Whether any of `scores` reaches `least`, at a glance: without branches.
pub(super) fn any_reaches(scores: &[f32], least: f32) -> bool {
    scores.iter().fold(false, |any, &score| any | super::reaches(score, least))
}

/// 1 / (1 + e⁻ˣ).
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The number whose [`sigmoid`] is `probability`.
pub(super) fn logit(probability: f32) -> f32 {
    let probability = probability.clamp(0.0, 1.0);
    (probability / (1.0 - probability)).ln()
}
