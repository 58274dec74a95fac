//! The ways that objects came.

use slipstream_meta::ObjectMeta;

use crate::plane::Painter;
use crate::style::class_color;

/// Shorter steps, in pixels, are the unrest of boxes rather than movement.
const SHORTEST_STEP: f32 = 4.0;
/// Opacity at the object; it falls to 0 towards the oldest position. The picture below stays visible.
const OPACITY: f32 = 225.0;

/// Draws where an object was in its class colour, fading towards the past.
pub(super) fn draw(painter: &mut Painter, object: &ObjectMeta, width: i32) {
    let [oldest @ .., newest] = object.trail.as_slice() else { return };
    let color = object.border_color.unwrap_or_else(|| class_color(object.class_id));
    let mut to = *newest;
    for (index, &from) in oldest.iter().enumerate().rev() {
        // Steps to nowhere (not a number) are not drawn either.
        if (to.x - from.x).hypot(to.y - from.y) >= SHORTEST_STEP {
            let alpha = OPACITY * (index + 1) as f32 / oldest.len() as f32;
            let ink = painter.ink(color.with_alpha(alpha as u8));
            painter.line(from, to, width as f32, &ink);
            to = from;
        }
    }
}
