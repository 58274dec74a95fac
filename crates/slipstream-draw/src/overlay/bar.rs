//! The statistics bar of a frame.

use std::borrow::Cow;
use std::fmt::Write;

use slipstream_meta::{Color, FrameMeta, ObjectMeta};

use super::names::{ends_with_digit, initials};
use super::{draw_line, padding};
use crate::plane::{Area, Painter};
use crate::text::Typesetter;

/// Behind the text: lets the picture be seen and the text be read.
const BACKGROUND: Color = Color { red: 0, green: 0, blue: 0, alpha: 150 };
const NAME: Color = Color::WHITE;
/// Quieter than the name.
const COUNTS: Color = Color::rgb(222, 226, 230);
/// Room between name and counts, in line heights.
const GAP: f32 = 0.9;
/// A name is shortened to no less than this many line heights; below it is left out.
const NAME_LEAST: f32 = 2.5;
/// Viewports of fewer lines have no bar: it would hide the picture.
const LINES_LEAST: i32 = 3;

/// How much the counts say, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `Frame 1234   Objects 5   Vehicle 2   Person 3`
    Full,
    /// `#1234  5: 2 Vehicle 3 Person`
    Numbered,
    /// `5: 2 Vehicle 3 Person`
    Named,
    /// `5: 2V 3P`
    Initials,
    /// `5`
    Total,
}

const FORMS: [Form; 5] = [Form::Full, Form::Numbered, Form::Named, Form::Initials, Form::Total];

/// How many objects of one class a frame has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Count<'a> {
    class_id: i32,
    label: &'a str,
    objects: usize,
}

fn count(objects: &[ObjectMeta]) -> Vec<Count<'_>> {
    let mut counts: Vec<Count> = Vec::new();
    for object in objects {
        let (class_id, label) = (object.class_id, &*object.label);
        match counts.iter_mut().find(|count| count.class_id == class_id && count.label == label) {
            Some(count) => count.objects += 1,
            None => counts.push(Count { class_id, label, objects: 1 }),
        }
    }
    counts.sort_unstable();
    counts
}

/// The label of a class, or its number.
fn name<'a>(count: &Count<'a>) -> Cow<'a, str> {
    match (count.label.is_empty(), count.class_id) {
        (false, _) => Cow::Borrowed(count.label),
        (true, 0..) => Cow::Owned(format!("class {}", count.class_id)),
        (true, _) => Cow::Borrowed("other"),
    }
}

/// The fewest first letters, up to three, that tell a name from the others.
fn telling_initials(index: usize, names: &[Cow<str>]) -> String {
    const MOST: usize = 3;
    let Some(own) = names.get(index) else { return String::new() };
    let unique = |length: &usize| {
        let own = initials(own, *length);
        let mut others = names.iter().enumerate().filter(|(other, _)| *other != index);
        others.all(|(_, other)| !initials(other, *length).eq_ignore_ascii_case(&own))
    };
    initials(own, (1..=MOST).find(unique).unwrap_or(MOST))
}

/// The counts in one form.
fn counts_line(frame: &FrameMeta, counts: &[Count], form: Form) -> String {
    let names: Vec<_> = counts.iter().map(name).collect();
    let total = frame.objects.len();
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = match form {
        Form::Full => write!(line, "Frame {}   Objects {total}", frame.frame_number),
        Form::Numbered => write!(line, "#{}  ", frame.frame_number),
        Form::Named | Form::Initials | Form::Total => Ok(()),
    };
    // The count of the only class is the total.
    let _ = match (form, counts.len()) {
        (Form::Full, _) => Ok(()),
        (Form::Total, _) | (_, 0) => write!(line, "{total}"),
        (_, 1) => Ok(()),
        _ => write!(line, "{total}: "),
    };
    for (index, (count, name)) in counts.iter().zip(&names).enumerate() {
        let objects = count.objects;
        let gap = if index > 0 { " " } else { "" };
        let _ = match form {
            Form::Full if ends_with_digit(name) => write!(line, "   {name}: {objects}"),
            Form::Full => write!(line, "   {name} {objects}"),
            Form::Numbered | Form::Named => write!(line, "{gap}{objects} {name}"),
            Form::Initials => write!(line, "{gap}{objects}{}", telling_initials(index, &names)),
            Form::Total => Ok(()),
        };
    }
    line
}

/// Height of the bar of a viewport, 0 if it is to have none.
pub(super) fn height(viewport: Area, line: i32) -> i32 {
    if viewport.height() < LINES_LEAST * line { 0 } else { line + 2 * (padding(line) / 2) }
}

/// Name and counts for a bar of `room` pixels: the fullest form that leaves room for the whole name, else the fullest
/// that has room beside what can be kept of the name.
fn choose<'a>(
    typesetter: &mut Typesetter,
    frame: &'a FrameMeta,
    line: i32,
    room: f32,
) -> (Cow<'a, str>, String) {
    let counts = count(&frame.objects);
    let forms = FORMS.map(|form| counts_line(frame, &counts, form));
    let gap = GAP * line as f32;
    let whole = if frame.name.is_empty() { 0.0 } else { typesetter.width(&frame.name, line) + gap };
    let widths =
        [0, 1, 2, 3, 4].map(|form| forms.get(form).map_or(0.0, |text: &String| typesetter.width(text, line)));
    // The total alone is too little to give up the counts for the name.
    let beside = widths.iter().take(FORMS.len() - 1).position(|width| whole + width <= room);
    let chosen = beside.or_else(|| widths.iter().position(|width| *width <= room));
    let Some(chosen) = chosen else { return (Cow::Borrowed(""), String::new()) };
    let left = room - gap - widths.get(chosen).copied().unwrap_or_default();
    let name = if left < NAME_LEAST * line as f32 && beside.is_none() {
        Cow::Borrowed("")
    } else {
        typesetter.shortened(&frame.name, line, left)
    };
    (name, forms.into_iter().nth(chosen).unwrap_or_default())
}

/// Draws the bar at the top of the viewport.
pub(super) fn draw(
    painter: &mut Painter,
    typesetter: &mut Typesetter,
    frame: &FrameMeta,
    viewport: Area,
    line: i32,
) {
    let area = Area { y1: viewport.y0 + height(viewport, line), ..viewport };
    let background = painter.ink(BACKGROUND);
    painter.fill(area, &background);
    let padding = (2 * padding(line)) as f32;
    let (name, counts) = choose(typesetter, frame, line, area.width() as f32 - 2.0 * padding);
    let mut left = area.x0 as f32 + padding;
    if !name.is_empty() {
        let ink = painter.ink(NAME);
        draw_line(painter, typesetter, &name, line, (left, area), &ink);
        left += typesetter.width(&name, line) + GAP * line as f32;
    }
    let ink = painter.ink(COUNTS);
    draw_line(painter, typesetter, &counts, line, (left, area), &ink);
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipstream_meta::{Rect, Size};

    fn frame(name: &str, labels: &[(i32, &str)]) -> FrameMeta {
        let mut frame = FrameMeta::new(0, name.into(), 1234, Size::new(640, 360));
        frame.objects = labels
            .iter()
            .map(|&(class, label)| {
                ObjectMeta::detected(class, label.into(), 0.5, Rect::new(0.0, 0.0, 9.0, 9.0))
            })
            .collect();
        frame
    }

    const STREET: [(i32, &str); 5] =
        [(2, "Person"), (0, "Vehicle"), (2, "Person"), (0, "Vehicle"), (2, "Person")];

    #[test]
    fn every_form_counts_by_class() {
        let frame = frame("", &STREET);
        let counts = count(&frame.objects);
        let lines = FORMS.map(|form| counts_line(&frame, &counts, form));
        assert_eq!(
            lines,
            [
                "Frame 1234   Objects 5   Vehicle 2   Person 3",
                "#1234  5: 2 Vehicle 3 Person",
                "5: 2 Vehicle 3 Person",
                "5: 2V 3P",
                "5"
            ]
        );
    }

    #[test]
    fn a_frame_without_objects_has_a_bar_too() {
        let frame = frame("", &[]);
        let lines = FORMS.map(|form| counts_line(&frame, &[], form));
        assert_eq!(lines, ["Frame 1234   Objects 0", "#1234  0", "0", "0", "0"]);
    }

    #[test]
    fn the_only_class_is_the_total() {
        let frame = frame("", &[(0, "Vehicle"), (0, "Vehicle")]);
        let lines = FORMS.map(|form| counts_line(&frame, &count(&frame.objects), form));
        let expected = ["Frame 1234   Objects 2   Vehicle 2", "#1234  2 Vehicle", "2 Vehicle", "2V", "2"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn initials_differ_as_long_as_labels_do() {
        let frame = frame("", &[(0, "car"), (1, "cat"), (2, ""), (3, "Dog"), (-1, ""), (5, "car")]);
        let line = counts_line(&frame, &count(&frame.objects), Form::Initials);
        // "car" of class 0 and of class 5 cannot be told apart by letters.
        assert_eq!(line, "6: 1O 1Car 1Cat 1Cl 1D 1Car");
    }

    #[test]
    fn narrower_bars_say_less() {
        let mut typesetter = Typesetter::new();
        let frame = frame("Yard", &STREET);
        let mut seen: Vec<(String, String)> = Vec::new();
        for room in (0..600).rev() {
            let (name, counts) = choose(&mut typesetter, &frame, 14, room as f32);
            let gap = if name.is_empty() { 0.0 } else { GAP * 14.0 };
            let used = typesetter.width(&name, 14) + typesetter.width(&counts, 14) + gap;
            assert!(used <= room as f32, "{name} {counts} in {room}");
            let chosen = (name.into_owned(), counts);
            if seen.last() != Some(&chosen) {
                seen.push(chosen);
            }
        }
        let seen: Vec<_> = seen.iter().map(|(name, counts)| (name.as_str(), counts.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("Yard", "Frame 1234   Objects 5   Vehicle 2   Person 3"),
                ("Yard", "#1234  5: 2 Vehicle 3 Person"),
                ("Yard", "5: 2 Vehicle 3 Person"),
                ("Yard", "5: 2V 3P"),
                ("", "5: 2V 3P"),
                ("", "5"),
                ("", ""),
            ]
        );
    }
}
