//! Objects that the picture's border cuts.
//!
//! A detector gives what is to be seen of them. Taken for the whole object, such a box makes one that leaves the picture seem to slow
//! down and to shrink. So the edge at the border counts for nothing: the filter is told of the whole object, and what is said
//! of it is cut again.

use slipstream_meta::{Rect, Size};

/// An edge as near to the border as this, in sides of the box, lies on it: detectors are no more exact.
const TOLERANCE: f32 = 0.05;
/// The same in pixels, for small boxes.
const LEAST_TOLERANCE: f32 = 2.0;
/// A box that is larger than expected by this factor has come further into the picture: there may be more of it outside.
const GROWTH: f32 = 1.1;

/// What the border does to one edge of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Edge {
    /// It lies in the picture.
    #[default]
    Free,
    /// It lies on the border, and how far the object reaches beyond is known.
    Cut,
    /// It lies on the border, and nobody knows how far the object reaches beyond.
    Open,
}

/// What the border does to a box: left and right edge, upper and lower edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Border {
    x: [Edge; 2],
    y: [Edge; 2],
}

impl Border {
    /// A detection in a picture of `size` (0 × 0 has no border), of an object that was expected to be as large as `known`,
    /// if it was known at all.
    pub(crate) fn of(rect: &Rect, size: Size, known: Option<&Rect>) -> Self {
        let axis = |low: f32, high: f32, side: u32, known: Option<f32>| {
            if side == 0 {
                return [Edge::Free; 2];
            }
            let tolerance = (TOLERANCE * (high - low)).max(LEAST_TOLERANCE);
            let is_more = known.is_none_or(|known| high - low > GROWTH * known);
            let edge = |is_on_it: bool| match (is_on_it, is_more) {
                (false, _) => Edge::Free,
                (true, false) => Edge::Cut,
                (true, true) => Edge::Open,
            };
            [edge(low <= tolerance), edge(high >= side as f32 - tolerance)]
        };
        Self {
            x: axis(rect.left, rect.right(), size.width, known.map(|known| known.width)),
            y: axis(rect.top, rect.bottom(), size.height, known.map(|known| known.height)),
        }
    }

    /// The whole object, of which `rect` was found, and which was expected to be as large as `known`.
    pub(crate) fn whole(&self, rect: &Rect, known: &Rect) -> Rect {
        let axis = |edges: [Edge; 2], low: f32, length: f32, known: f32| match edges {
            [Edge::Cut, Edge::Free] => (low + length - known.max(length), known.max(length)),
            [Edge::Free, Edge::Cut] => (low, known.max(length)),
            _ => (low, length),
        };
        let (left, width) = axis(self.x, rect.left, rect.width, known.width);
        let (top, height) = axis(self.y, rect.top, rect.height, known.height);
        Rect::new(left, top, width, height)
    }

    /// What is to be seen of an object at `whole` in a picture of `size`.
    pub(crate) fn visible(&self, whole: &Rect, size: Size) -> Rect {
        let axis = |[first, last]: [Edge; 2], low: f32, high: f32, side: u32| {
            let side = side as f32;
            // What has left altogether stays what it is.
            if high <= 0.0 || low >= side {
                return (low, high);
            }
            let low = match first {
                Edge::Free => low,
                Edge::Cut => low.max(0.0),
                Edge::Open => 0.0,
            };
            let high = match last {
                Edge::Free => high,
                Edge::Cut => high.min(side),
                Edge::Open => side,
            };
            (low, high)
        };
        let (left, right) = axis(self.x, whole.left, whole.right(), size.width);
        let (top, bottom) = axis(self.y, whole.top, whole.bottom(), size.height);
        Rect::from_corners(left, top, right, bottom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(640, 360);

    #[test]
    fn an_object_that_leaves_keeps_its_size() {
        let known = Rect::new(560.0, 100.0, 70.0, 40.0);
        let found = Rect::new(600.0, 100.0, 40.0, 40.0);
        let border = Border::of(&found, SIZE, Some(&known));
        let whole = border.whole(&found, &known);
        assert_eq!(whole, Rect::new(600.0, 100.0, 70.0, 40.0));
        assert_eq!(border.visible(&whole.shifted(10.0, 0.0), SIZE), Rect::new(610.0, 100.0, 30.0, 40.0));
    }

    #[test]
    fn an_object_that_enters_reaches_to_the_border() {
        let found = Rect::new(0.0, 100.0, 20.0, 40.0);
        let border = Border::of(&found, SIZE, None);
        assert_eq!(border.whole(&found, &found), found);
        assert_eq!(border.visible(&found.shifted(8.0, 0.0), SIZE), Rect::new(0.0, 100.0, 28.0, 40.0));
    }

    #[test]
    fn boxes_in_the_picture_and_pictures_of_unknown_size_are_let_alone() {
        let found = Rect::new(200.0, 100.0, 20.0, 40.0);
        for (rect, size) in [(found, SIZE), (Rect::new(0.0, 0.0, 9.0, 9.0), Size::default())] {
            let border = Border::of(&rect, size, Some(&Rect::new(0.0, 0.0, 90.0, 90.0)));
            assert_eq!(border, Border::default());
            assert_eq!(border.whole(&rect, &Rect::new(0.0, 0.0, 90.0, 90.0)), rect);
            assert_eq!(border.visible(&rect.shifted(-100.0, 0.0), size), rect.shifted(-100.0, 0.0));
        }
    }
}
