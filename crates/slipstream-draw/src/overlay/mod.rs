//! What is drawn over the frames of a picture.

mod bar;
mod card;
mod label;
mod mask;
mod names;
mod trail;

pub use mask::MapStyle;

use slipstream_meta::{BatchMeta, DisplayItem, FrameMeta, ObjectMeta, PictureMut, SourceMeta, Text};

use crate::plane::{Area, Ink, Painter, Scratch, pixel};
use crate::style::class_color;
use crate::text::{Typesetter, line_height};

/// Widest border and line in pixels, as in DeepStream.
const WIDEST: f32 = 32.0;

/// What to draw, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayStyle {
    /// Whether to draw labels and text items.
    pub display_text: bool,
    /// Whether to draw the boxes of objects.
    pub display_boxes: bool,
    /// Whether to colour the pixels of masks and class maps.
    pub display_masks: bool,
    /// Whether to draw the ways that tracked objects came, where the tracker was asked for them.
    pub display_trails: bool,
    /// Whether to draw the statistics bar of each frame.
    pub display_stats: bool,
    /// Whether labels end with the detector's confidence.
    pub display_confidence: bool,
    /// Height of a line of text in pixels; `None` chooses by the size of the viewport. Text that brings a size keeps it.
    pub font_size: Option<f32>,
    /// Border width of boxes in pixels, for objects that do not bring one; `None` chooses by the size of the viewport.
    pub border_width: Option<f32>,
}

impl Default for OverlayStyle {
    fn default() -> Self {
        Self {
            display_text: true,
            display_boxes: true,
            display_masks: true,
            display_trails: true,
            display_stats: true,
            display_confidence: false,
            font_size: None,
            border_width: None,
        }
    }
}

/// Draws objects, display items, statistics and status cards. Keeps glyphs and buffers from frame to frame.
#[derive(Debug)]
pub struct Overlay {
    style: OverlayStyle,
    typesetter: Typesetter,
    scratch: Scratch,
    labels: label::Labels,
    masks: mask::Masks,
}

/// Sizes that suit a viewport.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Height of a line in pixels.
    line: i32,
    /// Height of a line in the labels of objects.
    label: i32,
    /// Width of a border in pixels.
    border: i32,
}

impl Sizes {
    fn new(viewport: Area, style: &OverlayStyle) -> Self {
        // Text must grow with the viewport, but more slowly: large viewports are looked at from nearer. Fitted by eye so
        // that a tile of 200x120 has lines of 13 pixels, one of 600x300 of 18, and a full HD picture of 29.
        const REFERENCE: (f32, f32) = (120.0, 13.0);
        const GROWTH: f32 = 0.365;
        const LIMITS: (f32, f32) = (11.0, 48.0);
        // Labels are many and must not hide what they name.
        const LABEL: f32 = 0.92;
        // Upright pictures are judged as if they were this much less wide than high.
        const NARROW: f32 = 0.6;
        let extent = (viewport.height() as f32).min(viewport.width() as f32 * NARROW);
        let line = REFERENCE.1 * (extent / REFERENCE.0).powf(GROWTH);
        let line = style.font_size.unwrap_or_else(|| line.clamp(LIMITS.0, LIMITS.1));
        let border = match extent {
            ..100.0 => 1.0,
            ..640.0 => 2.0,
            _ => 3.0,
        };
        Self {
            line: line_height(line),
            label: line_height(line * LABEL),
            border: stroke(style.border_width.unwrap_or(border)),
        }
    }
}

/// A border width in whole pixels.
fn stroke(width: f32) -> i32 {
    width.clamp(0.0, WIDEST).round() as i32
}

impl Overlay {
    /// An overlay that draws in `style`.
    pub fn new(style: OverlayStyle) -> Self {
        Self {
            style,
            typesetter: Typesetter::new(),
            scratch: Scratch::default(),
            labels: label::Labels::default(),
            masks: mask::Masks::default(),
        }
    }

    /// What is drawn, and how.
    pub fn style(&self) -> &OverlayStyle {
        &self.style
    }

    /// Draws in another style from now on.
    pub fn set_style(&mut self, style: OverlayStyle) {
        self.style = style;
    }

    /// Draws all frames of a batch that was tiled into `picture`, and the cards of its sources that have a status.
    pub fn draw(&mut self, picture: &mut PictureMut, batch: &BatchMeta) {
        for frame in &batch.frames {
            self.draw_frame(picture, frame);
        }
        for source in &batch.sources {
            self.draw_status(picture, source);
        }
    }

    /// Draws a frame's objects, display items and statistics bar, nothing outside its viewport.
    ///
    /// From below to above: class maps and masks, trails, boxes, shapes in their order, labels, the bar, text that says where it is to stand. An
    /// object's own text is of that kind if it has a size above 0; else it is what the object's label says.
    pub fn draw_frame(&mut self, picture: &mut PictureMut, frame: &FrameMeta) {
        let Some(viewport) = Area::of_rect(frame.viewport) else { return };
        let Self { style, typesetter, scratch, labels, masks } = self;
        let mut painter = Painter::new(picture, viewport, scratch);
        if painter.clip().is_empty() {
            return;
        }
        let sizes = Sizes::new(viewport, style);
        if style.display_masks {
            masks.draw_maps(&mut painter, frame, MapStyle::default());
            masks.draw_masks(&mut painter, frame);
        }
        if style.display_trails {
            for object in &frame.objects {
                trail::draw(&mut painter, object, sizes.border);
            }
        }
        if style.display_boxes {
            for object in &frame.objects {
                let Some((area, border)) = outline(object, sizes) else { continue };
                if let Some(fill) = object.fill {
                    let ink = painter.ink(fill);
                    painter.fill(area, &ink);
                }
                let ink = painter.ink(object.border_color.unwrap_or_else(|| class_color(object.class_id)));
                painter.frame(area, border, &ink);
            }
        }
        for item in &frame.display {
            draw_shape(&mut painter, item);
        }
        let bar = if style.display_stats { bar::height(viewport, sizes.line) } else { 0 };
        if style.display_text {
            let room = Area { y0: viewport.y0 + bar, ..viewport };
            label::draw(&mut painter, typesetter, labels, &frame.objects, room, sizes, style);
        }
        if bar > 0 {
            bar::draw(&mut painter, typesetter, frame, viewport, sizes.line);
        }
        if style.display_text {
            let of_objects = frame.objects.iter().filter(|object| places_text(object));
            let of_objects = of_objects.filter_map(|object| object.text.as_ref());
            let of_items = frame.display.iter().filter_map(|item| match item {
                DisplayItem::Text(text) => Some(text),
                _ => None,
            });
            for text in of_objects.chain(of_items) {
                draw_text(&mut painter, typesetter, text);
            }
        }
    }

    /// Draws nothing but the class maps of a frame and its objects, each class in its colour.
    pub fn draw_class_maps(&mut self, picture: &mut PictureMut, frame: &FrameMeta, style: MapStyle) {
        let Some(viewport) = Area::of_rect(frame.viewport) else { return };
        let mut painter = Painter::new(picture, viewport, &mut self.scratch);
        if !painter.clip().is_empty() {
            self.masks.draw_maps(&mut painter, frame, style);
        }
    }

    /// Draws the card of a source without a picture over its viewport: the camera's name and what is the matter, over
    /// what is there, darkened. Nothing if the source has no viewport, or no status because it is delivering.
    pub fn draw_status(&mut self, picture: &mut PictureMut, source: &SourceMeta) {
        let (Some(viewport), Some(status)) = (source.viewport, &source.status) else { return };
        let Some(viewport) = Area::of_rect(viewport) else { return };
        let mut painter = Painter::new(picture, viewport, &mut self.scratch);
        if !painter.clip().is_empty() {
            let sizes = Sizes::new(viewport, &self.style);
            card::draw(&mut painter, &mut self.typesetter, &source.name, status, viewport, sizes.line);
        }
    }
}

/// Where the box of an object is drawn and how wide its border is.
fn outline(object: &ObjectMeta, sizes: Sizes) -> Option<(Area, i32)> {
    let area = Area::of_rect(object.rect)?;
    Some(match object.border_width {
        Some(width) => (area, stroke(width)),
        // A border that shares no chroma sample with its surroundings has its full colour.
        None => (area.on_samples(), sizes.border),
    })
}

/// Whether an object brings text that says where and how large it is to be, rather than what its label is to say.
fn places_text(object: &ObjectMeta) -> bool {
    object.text.as_ref().is_some_and(|text| text.size > 0.0)
}

/// Draws a display item that is not text.
fn draw_shape(painter: &mut Painter, item: &DisplayItem) {
    match item {
        DisplayItem::Rect { rect, width, color, fill } => {
            let Some(area) = Area::of_rect(*rect) else { return };
            if let Some(fill) = *fill {
                let ink = painter.ink(fill);
                painter.fill(area, &ink);
            }
            let ink = painter.ink(*color);
            painter.frame(area, stroke(*width), &ink);
        }
        DisplayItem::Text(_) => {}
        DisplayItem::Line { from, to, width, color } => {
            let ink = painter.ink(*color);
            painter.line(*from, *to, width.min(WIDEST), &ink);
        }
        DisplayItem::Arrow { from, to, head_at_start, head_at_end, width, color } => {
            let ink = painter.ink(*color);
            painter.arrow([*from, *to], [*head_at_start, *head_at_end], width.min(WIDEST), &ink);
        }
        DisplayItem::Circle { center, radius, width, color, fill } => {
            if let Some(fill) = *fill {
                let ink = painter.ink(fill);
                painter.disk(*center, *radius, &ink);
            }
            let ink = painter.ink(*color);
            painter.ring(*center, *radius, width.min(WIDEST), &ink);
        }
    }
}

/// Draws text where it says, each of its lines with its background.
fn draw_text(painter: &mut Painter, typesetter: &mut Typesetter, text: &Text) {
    let Text { content, position, size, color, background } = text;
    if !(position.x.is_finite() && position.y.is_finite() && *size > 0.0) {
        return;
    }
    let size = line_height(*size);
    let padding = padding(size);
    let ink = painter.ink(*color);
    let left = pixel(position.x);
    let mut top = pixel(position.y);
    for line in content.lines() {
        if top >= painter.clip().y1 {
            return;
        }
        let width = typesetter.width(line, size);
        if let (Some(background), false) = (background, line.is_empty()) {
            let ink = painter.ink(*background);
            painter.fill(Area::at(left, top, pixel(width.ceil()) + 2 * padding, size), &ink);
        }
        let inset = if background.is_some() { padding } else { 0 };
        let baseline = top + typesetter.ascent(size);
        typesetter.draw(painter, line, size, ((left + inset) as f32, baseline), &ink);
        top += size;
    }
}

/// Room beside text on a background.
fn padding(line: i32) -> i32 {
    const OF_LINE: f32 = 0.22;
    (line as f32 * OF_LINE).round() as i32
}

/// Draws one line of text in the vertical middle of `area`, by its capitals, from column `left`.
fn draw_line(
    painter: &mut Painter,
    typesetter: &mut Typesetter,
    text: &str,
    size: i32,
    (left, area): (f32, Area),
    ink: &Ink,
) {
    let baseline = area.y0 + (area.height() + typesetter.cap_height(size)) / 2;
    typesetter.draw(painter, text, size, (left, baseline), ink);
}
