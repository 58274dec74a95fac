//! OpenCV's `groupRectangles`: rectangles whose edges lie close together are one object.

use slipstream_meta::Rect;

use super::Detection;

/// A group that lies within another is dropped if the other has more members than this, or this group has fewer.
const STRONG_GROUP: usize = 3;

/// The mean rectangle of each group that has more than `group_threshold` members. With a threshold of 0 nothing is grouped.
///
/// Two rectangles are similar if all four edges are at most `eps · (least width + least height) / 2` apart; a group is what
/// chains of similar rectangles connect. A group that lies within a stronger one, `eps` of its size added on each side, is
/// dropped. Positions are not rounded to whole pixels. A group is as confident as its most confident member (DeepStream
/// reports −0.1 for "unknown").
///
/// Source: OpenCV documentation, `cv::groupRectangles`.
pub(super) fn rectangles(boxes: &[Detection], group_threshold: u32, eps: f32) -> Vec<Detection> {
    if group_threshold == 0 {
        return boxes.to_vec();
    }
    let mut groups: Vec<(Detection, usize)> = Vec::new();
    for members in partition(boxes, |a, b| similar(&a.rect, &b.rect, eps)) {
        let count = members.len();
        let share = 1.0 / count as f32;
        let mut sum = Rect::default();
        let mut best: Option<Detection> = None;
        for member in members {
            let Some(member) = boxes.get(member) else { continue };
            sum.left += member.rect.left * share;
            sum.top += member.rect.top * share;
            sum.width += member.rect.width * share;
            sum.height += member.rect.height * share;
            best = Some(best.filter(|best| best.confidence >= member.confidence).unwrap_or(*member));
        }
        if let Some(best) = best.filter(|_| count > group_threshold as usize) {
            groups.push((Detection { rect: sum, ..best }, count));
        }
    }
    let within = |inner: &Rect, outer: &Rect| {
        let (dx, dy) = (outer.width * eps, outer.height * eps);
        inner.left >= outer.left - dx
            && inner.top >= outer.top - dy
            && inner.right() <= outer.right() + dx
            && inner.bottom() <= outer.bottom() + dy
    };
    let stays = |i: usize, inner: &Detection, count: usize| {
        groups.iter().enumerate().all(|(j, (outer, others))| {
            let stronger = *others > count.max(STRONG_GROUP) || count < STRONG_GROUP;
            i == j || !stronger || !within(&inner.rect, &outer.rect)
        })
    };
    groups.iter().enumerate().filter(|(i, (b, count))| stays(*i, b, *count)).map(|(_, (b, _))| *b).collect()
}

fn similar(a: &Rect, b: &Rect, eps: f32) -> bool {
    let delta = eps * (a.width.min(b.width) + a.height.min(b.height)) * 0.5;
    let near = |a: f32, b: f32| (a - b).abs() <= delta;
    near(a.left, b.left) && near(a.top, b.top) && near(a.right(), b.right()) && near(a.bottom(), b.bottom())
}

/// Splits the positions of `items` into sets connected by `related` (union-find with path halving).
fn partition<T>(items: &[T], related: impl Fn(&T, &T) -> bool) -> Vec<Vec<usize>> {
    fn root(parents: &mut [usize], mut node: usize) -> usize {
        while parents[node] != node {
            parents[node] = parents[parents[node]];
            node = parents[node];
        }
        node
    }
    let mut parents: Vec<usize> = (0..items.len()).collect();
    for (i, a) in items.iter().enumerate() {
        for (j, b) in items.iter().enumerate().take(i) {
            if related(a, b) {
                let (a, b) = (root(&mut parents, i), root(&mut parents, j));
                parents[a.max(b)] = a.min(b);
            }
        }
    }
    let mut sets = vec![Vec::new(); items.len()];
    for i in 0..items.len() {
        let root = root(&mut parents, i);
        sets[root].push(i);
    }
    sets.retain(|set| !set.is_empty());
    sets
}
