//! Labels of objects.

use std::cmp::Reverse;
use std::fmt::Write;

use slipstream_meta::ObjectMeta;

use super::names::{ends_with_digit, initials};
use super::{OverlayStyle, Sizes, draw_line, outline, padding, places_text};
use crate::plane::{Area, Painter};
use crate::style::{class_color, ink_on};
use crate::text::Typesetter;

/// Buffers that are kept from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Labels {
    line: String,
    order: Vec<usize>,
    taken: Vec<Area>,
}

/// The number that the label is to say.
fn shown_id(object: &ObjectMeta) -> Option<u64> {
    object.tracking_id.filter(|_| object.display_tracking_id)
}

/// Writes what the label of an object says: its own text, or class, tracking id, what classifiers said and, if wanted,
/// confidence.
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
    if let Some(id) = shown_id(object) {
        let mark = if ends_with_digit(line) { "#" } else { "" };
        let _ = write!(line, "{}{mark}{id}", gap(line));
    }
    for attribute in object.classifications.iter().filter(|attribute| !attribute.label.is_empty()) {
        let _ = write!(line, "{}{}", gap(line), attribute.label);
    }
    if confidence && object.confidence.is_finite() {
        let percent = (object.confidence.clamp(0.0, 1.0) * 100.0).round();
        let _ = write!(line, "{}{percent}%", gap(line));
    }
}

/// Writes the label in as few letters as tell classes and objects apart. The text that an object brings has no such form.
fn write_short(line: &mut String, object: &ObjectMeta) -> bool {
    line.clear();
    if object.text.is_some() {
        return false;
    }
    line.push_str(&initials(&object.label, 1));
    if let Some(id) = shown_id(object) {
        let _ = write!(line, "{id}");
    }
    !line.is_empty()
}

/// Draws the labels of the objects that do not say themselves where their text is to stand.
///
/// A label lies on its class colour above the box, or inside where `room` ends above it, and is shifted or shortened to
/// stay inside `room`. Labels do not cover each other: where the first choice is taken, the label moves into the box,
/// shrinks to its initial and number, moves below the box, or is left out. Larger objects choose first, among those of
/// like size the one that has been followed longest, so that labels stay what they are from frame to frame.
pub(super) fn draw(
    painter: &mut Painter,
    typesetter: &mut Typesetter,
    labels: &mut Labels,
    objects: &[ObjectMeta],
    room: Area,
    sizes: Sizes,
    style: &OverlayStyle,
) {
    let Labels { line, order, taken } = labels;
    order.clear();
    order.extend(
        objects.iter().enumerate().filter(|(_, object)| !places_text(object)).map(|(index, _)| index),
    );
    let rank = |index: &usize| {
        objects.get(*index).map(|object| {
            // Twice the area is another size.
            let size = object.rect.area().log2() as i32;
            (object.text.is_none(), Reverse(size), object.tracking_id.unwrap_or(u64::MAX), *index)
        })
    };
    order.sort_unstable_by_key(rank);
    taken.clear();
    let size = sizes.label;
    let padding = padding(size);
    // As high as capitals need, with as much room above and below as beside them.
    let height = typesetter.cap_height(size) + 2 * padding.max(2);
    for object in order.iter().filter_map(|index| objects.get(*index)) {
        let Some((area, border)) = outline(object, sizes) else { continue };
        if area.intersection(room).is_empty() {
            continue;
        }
        let below_top = area.y0 + border;
        let mut forms = [true, false].into_iter();
        let place = forms.find_map(|full| {
            if full {
                write_label(line, object, style.display_confidence);
            } else if !write_short(line, object) {
                return None;
            }
            if typesetter.width(line, size) > (room.width() - 2 * padding) as f32 {
                *line = typesetter.shortened(line, size, (room.width() - 2 * padding) as f32).into_owned();
            }
            if line.is_empty() {
                return None;
            }
            let width = typesetter.width(line, size).ceil() as i32 + 2 * padding;
            let left = area.x0.min(room.x1 - width).max(room.x0);
            let at = |top: i32| Area::at(left, top, width, height).intersection(room);
            let first =
                at(if area.y0 - height >= room.y0 { area.y0 - height } else { below_top.max(room.y0) });
            let inside =
                (width + 2 * border <= area.width() && 2 * height <= area.height()).then(|| at(below_top));
            let below = (!full && area.y1 + height <= room.y1).then(|| at(area.y1));
            let free = |place: &Area| taken.iter().all(|other| other.intersection(*place).is_empty());
            let chosen = [Some(first), inside, below].into_iter().flatten().find(free);
            // What somebody wrote themselves is shown, come what may.
            chosen.or(object.text.as_ref().map(|_| first))
        });
        let Some(place) = place else { continue };
        taken.push(place);
        let color = object.border_color.unwrap_or_else(|| class_color(object.class_id)).with_alpha(u8::MAX);
        let ink = painter.ink(color);
        painter.fill(place, &ink);
        let ink = painter.ink(ink_on(color));
        draw_line(painter, typesetter, line, size, ((place.x0 + padding) as f32, place), &ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Scratch;
    use slipstream_meta::{
        Classification, Color, Colorimetry, PictureMut, PixelFormat, PlaneMut, Point, Rect, Size, Text,
    };

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
        assert_eq!(label(|o| (o.tracking_id, o.display_tracking_id) = (Some(17), false), false), "Person");
        assert_eq!(label(|o| o.label = "".into(), false), "class 2");
        assert_eq!(label(|o| (o.label, o.tracking_id) = ("".into(), Some(17)), false), "class 2 #17");
        assert_eq!(label(|o| (o.label, o.class_id) = ("".into(), -1), false), "");
        assert_eq!(label(|o| o.confidence = f32::NAN, true), "Person");
        let attribute = |label: &str| Classification {
            component_id: 2,
            classifier_type: None,
            attribute: 0,
            class_id: 0,
            label: label.into(),
            probability: 0.9,
        };
        let said = ["red", "", "walking"].map(attribute);
        assert_eq!(label(|o| o.classifications = said.clone().into(), true), "Person red walking 87%");
        assert_eq!(
            label(|o| (o.tracking_id, o.classifications) = (Some(4), said.into()), false),
            "Person 4 red walking"
        );
        let text = Text {
            content: "two\nlines".into(),
            position: Point::default(),
            size: 0.0,
            color: Color::WHITE,
            background: None,
        };
        assert_eq!(label(|o| o.text = Some(text), true), "two lines");
    }

    #[test]
    fn labels_keep_off_each_other_and_inside_the_room() {
        let size = Size::new(200, 120);
        let mut data = vec![0; 200 * 120];
        let planes = [PlaneMut { data: &mut data, stride: 200 }, PlaneMut::default(), PlaneMut::default()];
        let mut picture = PictureMut::new(PixelFormat::Gray8, size, Colorimetry::default(), planes).unwrap();
        let (whole, mut scratch) = (Area::of_size(size), Scratch::default());
        let mut painter = Painter::new(&mut picture, whole, &mut scratch);
        let (mut typesetter, mut labels) = (Typesetter::new(), Labels::default());
        let style = OverlayStyle::default();
        let room = Area { y0: 16, ..whole };
        // A crowd: 40 people all over the picture and beyond.
        let mut people: Vec<_> = (0..40u8)
            .map(|i| {
                let (x, y) = (f32::from(i) * 71.0 % 220.0 - 10.0, f32::from(i) * 37.0 % 130.0 - 5.0);
                let rect = Rect::new(x, y, 8.0 + f32::from(i), 20.0 + f32::from(i));
                let mut person = ObjectMeta::detected(2, "Person".into(), 0.9, rect);
                person.tracking_id = Some(u64::from(i));
                person
            })
            .collect();
        let mut placed = |people: &[ObjectMeta]| {
            let sizes = Sizes::new(whole, &style);
            draw(&mut painter, &mut typesetter, &mut labels, people, room, sizes, &style);
            labels.taken.clone()
        };
        let taken = placed(&people);
        assert!(taken.len() > 8, "{} labels", taken.len());
        for (index, place) in taken.iter().enumerate() {
            assert_eq!(place.intersection(room), *place);
            let others = taken.iter().skip(index + 1);
            assert!(others.into_iter().all(|other| other.intersection(*place).is_empty()));
        }
        // Those in view that somebody wrote a text for are all shown.
        for person in &mut people {
            let (content, color) = ("seen".into(), Color::WHITE);
            person.text =
                Some(Text { content, position: Point::default(), size: 0.0, color, background: None });
        }
        let in_view =
            people.iter().filter_map(|p| Area::of_rect(p.rect)).filter(|a| !a.intersection(room).is_empty());
        assert_eq!(placed(&people).len(), in_view.count());
    }
}
