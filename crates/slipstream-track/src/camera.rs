//! The camera's own motion, from what all objects have in common.

use slipstream_meta::{Point, Rect};

/// Greatest change of a side from one frame to the next.
const SIMILAR_SIDE: f32 = 0.8;
/// Greatest distance of an object from where it is expected, in sides of its box.
const REACH: f32 = 1.0;
/// Distance from the common motion within which an object takes part in it, in sides of its box.
const TOLERANCE: f32 = 0.15;
/// Hypotheses that are tried.
const MOST_HYPOTHESES: usize = 32;
/// Fewer objects have no common motion.
const LEAST_OBJECTS: usize = 3;
/// Least part of the objects that take part in it.
const LEAST_PART: f32 = 0.5;

/// How far the picture moved beyond what was expected: what most objects agree on, or `None` where they do not.
pub(crate) fn common_motion(
    expected: &[Rect],
    found: &[Rect],
    ways: &mut Vec<(usize, Point, f32)>,
) -> Option<Point> {
    ways.clear();
    for (index, a) in expected.iter().enumerate() {
        for b in found {
            let similar = |x: f32, y: f32| x.min(y) >= SIMILAR_SIDE * x.max(y);
            let (from, to) = (a.center(), b.center());
            let way = Point { x: to.x - from.x, y: to.y - from.y };
            if similar(a.height, b.height)
                && similar(a.width, b.width)
                && way.x.abs() <= REACH * a.width
                && way.y.abs() <= REACH * a.height
            {
                ways.push((index, way, TOLERANCE * a.width.min(a.height)));
            }
        }
    }
    let support = |way: Point| {
        let mut last = None;
        let mut sum = Point::default();
        let mut count = 0usize;
        for &(index, other, tolerance) in ways.iter() {
            let near = (other.x - way.x).abs() <= tolerance && (other.y - way.y).abs() <= tolerance;
            if near && last != Some(index) {
                last = Some(index);
                count += 1;
                sum = Point { x: sum.x + other.x, y: sum.y + other.y };
            }
        }
        (count, sum)
    };
    let step = ways.len().div_ceil(MOST_HYPOTHESES).max(1);
    let best = ways.iter().step_by(step).map(|(_, way, _)| support(*way)).max_by_key(|(count, _)| *count)?;
    let (count, sum) = best;
    let enough = count >= LEAST_OBJECTS && count as f32 >= LEAST_PART * expected.len() as f32;
    let (still, _) = support(Point::default());
    (enough && count > still).then(|| Point { x: sum.x / count as f32, y: sum.y / count as f32 })
}
