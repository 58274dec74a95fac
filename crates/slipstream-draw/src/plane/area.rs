//! Areas of whole pixels.

use slipstream_meta::{Rect, Size};

/// Coordinates past this are cut off, so that sums of them cannot overflow.
const FARTHEST: f32 = (1 << 24) as f32;

/// An area of whole pixels: columns `x0..x1` and rows `y0..y1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x0: i32,
    pub(crate) y0: i32,
    pub(crate) x1: i32,
    pub(crate) y1: i32,
}

/// The whole number next to `value`, not past [`FARTHEST`]; 0 for NaN.
pub(crate) fn pixel(value: f32) -> i32 {
    value.clamp(-FARTHEST, FARTHEST).round() as i32
}

impl Area {
    /// The whole of a picture.
    pub(crate) fn of_size(size: Size) -> Self {
        let end = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
        Self { x0: 0, y0: 0, x1: end(size.width), y1: end(size.height) }
    }

    /// The pixels of a rectangle, its edges rounded, or `None` if that leaves none or it is not a number.
    pub(crate) fn of_rect(rect: Rect) -> Option<Self> {
        let edges = [rect.left, rect.top, rect.right(), rect.bottom()];
        if rect.is_empty() || edges.iter().any(|edge| edge.is_nan()) {
            return None;
        }
        let [x0, y0, x1, y1] = edges.map(pixel);
        let area = Self { x0, y0, x1, y1 };
        (!area.is_empty()).then_some(area)
    }

    /// The area with its edges at the nearest whole chroma samples, at least one of them wide and high.
    pub(crate) fn on_samples(self) -> Self {
        let even = |edge: i32| (edge + 1) & !1;
        let (x0, y0) = (even(self.x0), even(self.y0));
        Self { x0, y0, x1: even(self.x1).max(x0 + 2), y1: even(self.y1).max(y0 + 2) }
    }

    /// The area from its top left corner and size.
    pub(crate) fn at(x0: i32, y0: i32, width: i32, height: i32) -> Self {
        Self { x0, y0, x1: x0.saturating_add(width), y1: y0.saturating_add(height) }
    }

    pub(crate) fn width(self) -> i32 {
        self.x1 - self.x0
    }

    pub(crate) fn height(self) -> i32 {
        self.y1 - self.y0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.x1 <= self.x0 || self.y1 <= self.y0
    }

    /// The common part, empty if there is none.
    pub(crate) fn intersection(self, other: Self) -> Self {
        Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        }
    }

    /// The area without a border of `width` pixels.
    pub(crate) fn inset(self, width: i32) -> Self {
        Self { x0: self.x0 + width, y0: self.y0 + width, x1: self.x1 - width, y1: self.y1 - width }
    }
}
