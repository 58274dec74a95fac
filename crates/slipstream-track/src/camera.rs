//! The camera's own motion, from what all objects have in common.
//!
//! On a camera that shakes or turns, all boxes move by the same way beyond what was expected of them. Each pair of an
//! expected and a found box that are similar votes for the way between them; the way that most objects agree on is taken
//! (a small Hough transform).

use slipstream_meta::{Point, Rect};

/// Least ratio of the sides of boxes that may be one object.
const SIMILAR: f32 = 0.8;
/// Greatest distance of an object from where it is expected, in sides of its box.
const REACH: f32 = 1.0;
/// Distance from the common way within which an object takes part in it, in the shorter side of its box.
const TOLERANCE: f32 = 0.15;
/// Ways that are tried.
const MOST_TRIED: usize = 32;
/// Fewer objects have nothing in common.
const LEAST_OBJECTS: usize = 3;
/// Least part of the objects that agree.
const LEAST_PART: f32 = 0.5;

/// Finds the common motion; keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct CommonMotion {
    found: Vec<Rect>,
    votes: Vec<Vote>,
}

#[derive(Debug, Clone, Copy)]
struct Vote {
    object: usize,
    way: Point,
    tolerance: f32,
}

impl CommonMotion {
    /// How far the picture moved beyond what was expected, or `None` where most objects agree on nothing, or on no motion.
    pub(crate) fn estimate(
        &mut self,
        expected: impl Iterator<Item = Rect>,
        found: impl Iterator<Item = Rect>,
    ) -> Option<Point> {
        self.found.clear();
        self.found.extend(found);
        self.votes.clear();
        let mut objects = 0;
        for (object, a) in expected.enumerate() {
            objects = object + 1;
            let (from, tolerance) = (a.center(), TOLERANCE * a.width.min(a.height));
            for b in &self.found {
                let to = b.center();
                let way = Point { x: to.x - from.x, y: to.y - from.y };
                let similar = |x: f32, y: f32| x.min(y) >= SIMILAR * x.max(y);
                if way.x.abs() <= REACH * a.width
                    && way.y.abs() <= REACH * a.height
                    && similar(a.height, b.height)
                    && similar(a.width, b.width)
                {
                    self.votes.push(Vote { object, way, tolerance });
                }
            }
        }
        let step = self.votes.len().div_ceil(MOST_TRIED).max(1);
        let tried = self.votes.iter().step_by(step).map(|vote| self.support(vote.way));
        let (count, sum) = tried.max_by_key(|(count, _)| *count)?;
        let (still, _) = self.support(Point::default());
        let is_common = count >= LEAST_OBJECTS && count as f32 >= LEAST_PART * objects as f32;
        (is_common && count > still).then(|| Point { x: sum.x / count as f32, y: sum.y / count as f32 })
    }

    /// How many objects agree on `way`, and the sum of theirs.
    fn support(&self, way: Point) -> (usize, Point) {
        let (mut count, mut sum, mut last) = (0, Point::default(), None);
        for vote in &self.votes {
            let is_near =
                (vote.way.x - way.x).abs() <= vote.tolerance && (vote.way.y - way.y).abs() <= vote.tolerance;
            if is_near && last != Some(vote.object) {
                last = Some(vote.object);
                count += 1;
                sum = Point { x: sum.x + vote.way.x, y: sum.y + vote.way.y };
            }
        }
        (count, sum)
    }
}
