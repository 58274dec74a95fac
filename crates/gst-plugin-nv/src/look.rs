//! How DeepStream's elements draw what they describe.

use slipstream_meta::{Color, Point, Text};

/// Width of borders in pixels.
pub(crate) const BORDER_WIDTH: f32 = 3.0;
/// Colour of borders where no config names one.
pub(crate) const RED: Color = Color::rgb(255, 0, 0);
/// DeepStream gives font sizes in points; at 96 pixels to the inch, as Pango has it, a point is so many pixels.
pub(crate) const PIXELS_PER_POINT: f32 = 96.0 / 72.0;

/// White text on black, in a size in points.
pub(crate) fn text(content: String, position: Point, points: f32) -> Text {
    let (color, background) = (Color::WHITE, Some(Color::BLACK));
    Text { content, position, size: points * PIXELS_PER_POINT, color, background }
}
