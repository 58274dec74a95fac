//! The card of a source without a picture.

use slipstream_meta::Color;

use super::padding;
use crate::plane::{Area, Painter, SHADE};
use crate::text::{Typesetter, line_height};

const NAME: Color = Color::WHITE;
/// Amber: something to look after, no alarm.
const STATUS: Color = Color::rgb(255, 196, 84);
/// Size of the name, in line heights of the viewport.
const NAME_SIZE: f32 = 1.6;
/// Room between name and status, in line heights.
const GAP: f32 = 0.35;
/// Most lines of status text; the last is shortened.
const MOST_LINES: usize = 3;

/// Breaks text into lines of at most `width` pixels, between words where it can.
fn wrapped<'a>(
    typesetter: &mut Typesetter,
    text: &'a str,
    size: i32,
    width: f32,
    most: usize,
) -> Vec<&'a str> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && lines.len() + 1 < most {
        let ends = rest.match_indices(char::is_whitespace).map(|(end, _)| end).chain([rest.len()]);
        let mut kept = None;
        for end in ends {
            if typesetter.width(&rest[..end], size) > width {
                break;
            }
            kept = Some(end);
        }
        let Some(end) = kept else { break };
        lines.push(rest[..end].trim_end());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

pub(super) fn draw(
    painter: &mut Painter,
    typesetter: &mut Typesetter,
    name: &str,
    status: &str,
    viewport: Area,
    line: i32,
) {
    let shade = painter.ink(SHADE);
    painter.fill(viewport, &shade);
    let width = (viewport.width() - 4 * padding(line)) as f32;
    let name_line = line_height(line as f32 * NAME_SIZE);
    let gap = (line as f32 * GAP).round() as i32;
    let fitting = (viewport.height() - name_line - gap) / line;
    let status = wrapped(typesetter, status, line, width, MOST_LINES.min(fitting.max(0) as usize));
    let height = name_line + gap + line * status.len() as i32;
    let mut top = viewport.y0 + (viewport.height() - height) / 2;
    let mut centred = |text: &str, size: i32, top: i32, color: Color| {
        let text = typesetter.shortened(text, size, width);
        let left = viewport.x0 as f32 + (viewport.width() as f32 - typesetter.width(&text, size)) / 2.0;
        let ink = painter.ink(color);
        let baseline = top + typesetter.ascent(size);
        typesetter.draw(painter, &text, size, (left.round(), baseline), &ink);
    };
    centred(name, name_line, top, NAME);
    top += name_line + gap;
    for text in status {
        centred(text, line, top, STATUS);
        top += line;
    }
}
