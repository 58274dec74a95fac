//! Lines of text in the embedded font.

use std::borrow::Cow;
use std::collections::HashMap;

use ab_glyph::{Font, FontRef, Glyph, ScaleFont, point};

use crate::plane::{Area, Ink, Painter};

/// Roboto Medium; see the README in the folder of the file.
static FONT: &[u8] = include_bytes!("../assets/Roboto-Medium.ttf");

/// Smallest height of a line in pixels; below it letters are smudges.
pub(crate) const SMALLEST: i32 = 6;
/// Greatest height of a line in pixels.
pub(crate) const LARGEST: i32 = 256;

/// Positions inside a pixel that glyphs are drawn for: finer steps look the same, whole pixels space letters unevenly.
const STEPS: usize = 4;
/// Sizes kept; more would mean text of ever new sizes, and the oldest masks are not worth their memory.
const MOST_FACES: usize = 32;
/// Characters past ASCII kept for each size.
const MOST_OTHERS: usize = 2048;

const ELLIPSIS: char = '…';

/// Coverage of one glyph.
#[derive(Debug, Clone)]
struct Mask {
    /// Left edge from the pen's whole pixel and top edge from the baseline.
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    coverage: Box<[u8]>,
}

/// A character at one size.
#[derive(Debug, Clone, Default)]
struct Entry {
    /// How far the pen moves on; `None` until asked for.
    advance: Option<f32>,
    /// Masks at each position inside a pixel; the inner `None` is a glyph without ink.
    masks: [Option<Option<Mask>>; STEPS],
}

/// All characters of one size.
#[derive(Debug)]
struct Face {
    ascii: Vec<Entry>,
    others: HashMap<char, Entry>,
}

/// The font and the glyphs drawn so far.
#[derive(Debug)]
pub(crate) struct Typesetter {
    font: FontRef<'static>,
    faces: HashMap<i32, Face>,
}

/// A whole line height within the limits, from any number.
pub(crate) fn line_height(size: f32) -> i32 {
    // A cast turns NaN to 0, which the limits raise.
    (size.round() as i32).clamp(SMALLEST, LARGEST)
}

impl Typesetter {
    pub(crate) fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bytes are part of the program, and a test reads them")]
        let font = FontRef::try_from_slice(FONT).expect("the embedded font is sound");
        Self { font, faces: HashMap::new() }
    }

    /// Distance from the top of a line of `size` pixels to its baseline.
    pub(crate) fn ascent(&self, size: i32) -> i32 {
        self.font.as_scaled(size as f32).ascent().round() as i32
    }

    /// Height of capital letters in a line of `size` pixels.
    pub(crate) fn cap_height(&self, size: i32) -> i32 {
        // Roboto's capitals are 1456 units high, its lines 2400 (OS/2 sCapHeight; hhea ascender − descender).
        const CAPITALS: f32 = 1456.0 / 2400.0;
        (size as f32 * CAPITALS).round() as i32
    }

    fn entry(&mut self, size: i32, character: char) -> (&FontRef<'static>, &mut Entry) {
        if self.faces.len() >= MOST_FACES && !self.faces.contains_key(&size) {
            self.faces.clear();
        }
        let face = self
            .faces
            .entry(size)
            .or_insert_with(|| Face { ascii: vec![Entry::default(); 128], others: HashMap::new() });
        let index = character as usize;
        let entry = if index < face.ascii.len() {
            &mut face.ascii[index]
        } else {
            if face.others.len() >= MOST_OTHERS && !face.others.contains_key(&character) {
                face.others.clear();
            }
            face.others.entry(character).or_default()
        };
        (&self.font, entry)
    }

    fn advance(&mut self, size: i32, character: char) -> f32 {
        let (font, entry) = self.entry(size, character);
        *entry.advance.get_or_insert_with(|| {
            if character.is_control() {
                return 0.0;
            }
            let font = font.as_scaled(size as f32);
            font.h_advance(font.glyph_id(character))
        })
    }

    /// Width in pixels of `text` in a line of `size` pixels.
    pub(crate) fn width(&mut self, text: &str, size: i32) -> f32 {
        text.chars().map(|character| self.advance(size, character)).sum()
    }

    /// `text` if it is at most `width` pixels wide, else as much of its start as leaves room for an ellipsis. Nothing if
    /// not even that has room.
    pub(crate) fn shortened<'a>(&mut self, text: &'a str, size: i32, width: f32) -> Cow<'a, str> {
        if self.width(text, size) <= width {
            return Cow::Borrowed(text);
        }
        let room = width - self.advance(size, ELLIPSIS);
        let mut used = 0.0;
        let kept = text.char_indices().find_map(|(index, character)| {
            used += self.advance(size, character);
            (used > room).then_some(index)
        });
        match kept.map(|end| text[..end].trim_end()) {
            Some(start) if room >= 0.0 => Cow::Owned(format!("{start}{ELLIPSIS}")),
            _ => Cow::Borrowed(""),
        }
    }

    /// Draws `text` in a line of `size` pixels from `left`, its letters standing on row `baseline`.
    pub(crate) fn draw(
        &mut self,
        painter: &mut Painter,
        text: &str,
        size: i32,
        (left, baseline): (f32, i32),
        ink: &Ink,
    ) {
        let clip = painter.clip();
        let mut pen = left;
        for character in text.chars() {
            let advance = self.advance(size, character);
            // Glyphs reach at most a line height past their pen.
            if pen - size as f32 > clip.x1 as f32 {
                return;
            }
            if pen + advance + size as f32 >= clip.x0 as f32 {
                let step = ((pen - pen.floor()) * STEPS as f32) as usize % STEPS;
                if let Some(mask) = self.mask(size, character, step) {
                    let (x, y) = (pen.floor() as i32 + mask.left, baseline + mask.top);
                    painter.mask(Area::at(x, y, mask.width, mask.height), &mask.coverage, ink);
                }
            }
            pen += advance;
        }
    }

    fn mask(&mut self, size: i32, character: char, step: usize) -> Option<&Mask> {
        let (font, entry) = self.entry(size, character);
        entry.masks[step].get_or_insert_with(|| rasterise(font, size, character, step)).as_ref()
    }
}

fn rasterise(font: &FontRef<'static>, size: i32, character: char, step: usize) -> Option<Mask> {
    if character.is_control() {
        return None;
    }
    let position = point(step as f32 / STEPS as f32, 0.0);
    let glyph: Glyph = font.glyph_id(character).with_scale_and_position(size as f32, position);
    let outline = font.outline_glyph(glyph)?;
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width().ceil() as usize, bounds.height().ceil() as usize);
    let mut coverage = vec![0; width * height].into_boxed_slice();
    outline.draw(|x, y, part| {
        if let Some(pixel) = coverage.get_mut(y as usize * width + x as usize) {
            *pixel = (part.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        }
    });
    Some(Mask {
        left: bounds.min.x as i32,
        top: bounds.min.y as i32,
        width: width as i32,
        height: height as i32,
        coverage,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Scratch;
    use slipstream_meta::{Color, Colorimetry, PictureMut, PixelFormat, PlaneMut, Size};

    const EXTENT: Size = Size::new(900, 120);

    /// The first and the last column that drawing `text` from column `left` puts ink on.
    fn ink_columns(typesetter: &mut Typesetter, text: &str, size: i32, left: f32) -> (usize, usize) {
        let width = EXTENT.width as usize;
        let mut data = vec![0; width * EXTENT.height as usize];
        let planes = [PlaneMut { data: &mut data, stride: width }, PlaneMut::default(), PlaneMut::default()];
        let mut picture =
            PictureMut::new(PixelFormat::Gray8, EXTENT, Colorimetry::default(), planes).unwrap();
        let mut scratch = Scratch::default();
        let mut painter = Painter::new(&mut picture, Area::of_size(EXTENT), &mut scratch);
        let ink = painter.ink(Color::WHITE);
        typesetter.draw(&mut painter, text, size, (left, 80), &ink);
        let columns: Vec<_> =
            (0..width).filter(|x| data.iter().skip(*x).step_by(width).any(|v| *v > 60)).collect();
        (*columns.first().unwrap(), *columns.last().unwrap())
    }

    #[test]
    fn text_is_as_wide_as_it_measures() {
        let mut typesetter = Typesetter::new();
        for size in [11, 13, 18, 29, 48] {
            for text in ["H", "Vehicle 17 H", "Hafenstraße – Ёлка H", "HWAVATo. …H"] {
                let width = typesetter.width(text, size);
                let (first, last) = ink_columns(&mut typesetter, text, size, 20.0);
                // The last letter stands where it would stand alone, drawn its own width before the end.
                let own = typesetter.width("H", size);
                let (_, alone) = ink_columns(&mut typesetter, "H", size, 20.0 + width - own);
                assert!(last.abs_diff(alone) <= 1, "{text} at {size}: ends at {last}, not {alone}");
                assert!(first >= 19 && last as f32 <= 20.0 + width, "{text} at {size}: {first} to {last}");
            }
        }
    }

    #[test]
    fn the_font_has_the_letters_of_europe() {
        let font = Typesetter::new().font;
        let ranges = [' '..='~', '\u{a0}'..='\u{17f}', 'Α'..='Ρ', 'Σ'..='ώ', 'Ѐ'..='џ', '‘'..='”'];
        for character in ranges.into_iter().flatten().chain("…–—€№™ • ≥".chars()) {
            assert_ne!(font.glyph_id(character).0, 0, "{character}");
        }
    }

    #[test]
    fn shortened_text_fits() {
        let mut typesetter = Typesetter::new();
        let text = "Loading dock, north side";
        for width in 0..300 {
            let width = width as f32;
            let short = typesetter.shortened(text, 16, width).into_owned();
            assert!(typesetter.width(&short, 16) <= width, "{short} in {width}");
            match short.strip_suffix(ELLIPSIS) {
                Some(start) => assert!(text.starts_with(start) && start.len() < text.len()),
                None => assert!(short == text || width < typesetter.width("…L", 16)),
            }
        }
    }
}
