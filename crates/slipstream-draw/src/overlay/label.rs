//! Labels of objects.

use std::fmt::Write;

use slipstream_meta::ObjectMeta;

use super::{OverlayStyle, Sizes, draw_line, padding, stroke};
use crate::plane::{Area, Painter};
use crate::style::{class_color, ink_on};
use crate::text::Typesetter;

/// Writes what the label of an object says: its own text, or class, tracking id and, if wanted, confidence.
fn write_label(line: &mut String, object: &ObjectMeta, confidence: bool) {
    line.clear();
    if let Some(text) = &object.text {
        line.extend(text.content.chars().map(|c| if c.is_control() { ' ' } else { c }));
        return;
    }
    // Writing to a string cannot fail.
    let _ = match (object.label.is_empty(), object.class_id) {
        (false, _) => write!(line, "{}", object.label),
        (true, 0..) => write!(line, "class {}", object.class_id),
        (true, _) => Ok(()),
    };
    let gap = |line: &String| if line.is_empty() { "" } else { " " };
    if let Some(id) = object.tracking_id {
        let _ = write!(line, "{}{id}", gap(line));
    }
    if confidence && object.confidence.is_finite() {
        let percent = (object.confidence.clamp(0.0, 1.0) * 100.0).round();
        let _ = write!(line, "{}{percent}%", gap(line));
    }
}

/// Draws the label of an object on its class colour: above its box, or inside where `room` ends above it, and shifted
/// or shortened to stay inside `room`.
pub(super) fn draw(
    painter: &mut Painter,
    type_: &mut Typesetter,
    line: &mut String,
    object: &ObjectMeta,
    room: Area,
    sizes: Sizes,
    style: &OverlayStyle,
) {
    let Some(area) = Area::of_rect(object.rect) else { return };
    if area.intersection(room).is_empty() {
        return;
    }
    write_label(line, object, style.display_confidence);
    let padding = padding(sizes.line);
    let text = type_.shortened(line, sizes.line, (room.width() - 2 * padding) as f32);
    if text.is_empty() {
        return;
    }
    let width = type_.width(&text, sizes.line).ceil() as i32 + 2 * padding;
    let border = object.border_width.map_or(sizes.border, stroke);
    // As high as capitals need, with as much room above and below as beside them.
    let height = type_.cap_height(sizes.line) + 2 * padding.max(2);
    let top = if area.y0 - height >= room.y0 { area.y0 - height } else { (area.y0 + border).max(room.y0) };
    let left = area.x0.min(room.x1 - width).max(room.x0);
    let place = Area::at(left, top, width, height).intersection(room);
    let color = object.border_color.unwrap_or_else(|| class_color(object.class_id)).with_alpha(u8::MAX);
    let ink = painter.ink(color);
    painter.fill(place, &ink);
    let ink = painter.ink(ink_on(color));
    draw_line(painter, type_, &text, sizes.line, ((left + padding) as f32, place), &ink);
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipstream_meta::{Point, Rect, Text};
    use slipstream_meta::Color;

    fn label(change: impl FnOnce(&mut ObjectMeta), confidence: bool) -> String {
        let mut object = ObjectMeta::detected(2, "Person".into(), 0.867, Rect::new(0.0, 0.0, 9.0, 9.0));
        change(&mut object);
        let mut line = "left over".to_owned();
        write_label(&mut line, &object, confidence);
        line
    }

    #[test]
    fn labels_say_class_id_and_confidence() {
        assert_eq!(label(|_| (), false), "Person");
        assert_eq!(label(|o| o.tracking_id = Some(17), false), "Person 17");
        assert_eq!(label(|o| o.tracking_id = Some(17), true), "Person 17 87%");
        assert_eq!(label(|o| o.label = "".into(), false), "class 2");
        assert_eq!(label(|o| (o.label, o.class_id) = ("".into(), -1), false), "");
        assert_eq!(label(|o| o.confidence = f32::NAN, true), "Person");
        let text = Text {
            content: "two\nlines".into(),
            position: Point::default(),
            size: 0.0,
            color: Color::WHITE,
            background: None,
        };
        assert_eq!(label(|o| o.text = Some(text), true), "two lines");
    }
}
