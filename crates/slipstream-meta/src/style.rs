//! What can be drawn on a frame besides its objects.

use crate::{Point, Rect};

/// A colour with opacity, each part in 0…255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
    /// Opacity: 0 transparent, 255 opaque.
    pub alpha: u8,
}

impl Color {
    /// Opaque black.
    pub const BLACK: Self = Self::rgb(0, 0, 0);
    /// Opaque white.
    pub const WHITE: Self = Self::rgb(255, 255, 255);

    /// An opaque colour.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue, alpha: 255 }
    }

    /// The same colour at another opacity.
    pub const fn with_alpha(self, alpha: u8) -> Self {
        Self { alpha, ..self }
    }

    /// A colour from parts in 0.0…1.0, as DeepStream writes them; values outside are clamped.
    pub fn from_unit(red: f64, green: f64, blue: f64, alpha: f64) -> Self {
        let part = |v: f64| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
        Self { red: part(red), green: part(green), blue: part(blue), alpha: part(alpha) }
    }
}

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The characters.
    pub content: String,
    /// Top left corner of the text in the frame's pixels.
    pub position: Point,
    /// Font size in pixels (the height of a line).
    pub size: f32,
    /// Colour of the letters.
    pub color: Color,
    /// Colour of the box behind the text, if there is one.
    pub background: Option<Color>,
}

/// A shape or text to be drawn on a frame, in the frame's pixels. Line widths are in pixels of the final picture: tiling
/// scales positions, never strokes.
#[derive(Debug, Clone, PartialEq)]
pub enum DisplayItem {
    /// A rectangle with a border of `width` pixels and an optional filling.
    Rect {
        /// Outer edge.
        rect: Rect,
        /// Border width in pixels; 0 draws no border.
        width: f32,
        /// Border colour.
        color: Color,
        /// Filling.
        fill: Option<Color>,
    },
    /// A line of text.
    Text(Text),
    /// A straight line.
    Line {
        /// One end.
        from: Point,
        /// The other end.
        to: Point,
        /// Width in pixels.
        width: f32,
        /// Colour.
        color: Color,
    },
    /// A straight line with an arrow head.
    Arrow {
        /// Start.
        from: Point,
        /// End.
        to: Point,
        /// Head at the start.
        head_at_start: bool,
        /// Head at the end.
        head_at_end: bool,
        /// Width in pixels.
        width: f32,
        /// Colour.
        color: Color,
    },
    /// A circle.
    Circle {
        /// Centre.
        center: Point,
        /// Radius in pixels.
        radius: f32,
        /// Line width in pixels.
        width: f32,
        /// Line colour.
        color: Color,
        /// Filling.
        fill: Option<Color>,
    },
}

impl DisplayItem {
    /// Moves the item along when the region `from` of its picture is drawn onto the region `to` of another one.
    pub fn map(&mut self, from: &Rect, to: &Rect) {
        match self {
            Self::Rect { rect, .. } => *rect = rect.mapped(from, to),
            Self::Text(text) => text.position = text.position.mapped(from, to),
            Self::Line { from: start, to: end, .. } | Self::Arrow { from: start, to: end, .. } => {
                *start = start.mapped(from, to);
                *end = end.mapped(from, to);
            }
            Self::Circle { center, radius, .. } => {
                *center = center.mapped(from, to);
                *radius *= (to.width / from.width).min(to.height / from.height);
            }
        }
    }
}
