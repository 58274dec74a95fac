//! Blending on the planes of a picture.
//!
//! Everything that is drawn is an ink and a coverage: how much of each pixel the shape covers, 0…255. Luma and packed
//! planes blend with the coverage itself, chroma planes of half resolution with its mean over the pixels of each chroma
//! sample, which is exactly what drawing at full resolution and scaling the chroma down would give.

mod area;
mod blend;
mod blur;
mod shape;

pub(crate) use area::{Area, pixel};
use blend::{blend_constant, blend_covered, scale};
pub use blur::blur;
use slipstream_meta::{Color, PictureMut, PixelFormat, Rect};
use std::ops::Range;

use crate::convert::ycbcr;

/// How the channels of a format are blended: which plane, how many bytes apart, with which values.
#[derive(Debug, Clone, Copy, Default)]
struct Layer {
    plane: usize,
    step: usize,
    values: [u8; 4],
}

/// A colour, ready for the planes of one picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink {
    alpha: u8,
    full: Layer,
    chroma: [Layer; 2],
    chroma_layers: usize,
}

/// Buffers for coverage; kept between frames.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    rows: [Vec<u8>; 2],
    chroma: Vec<u8>,
}

/// Draws on a picture inside a clipping area.
pub(crate) struct Painter<'a, 'p> {
    picture: &'a mut PictureMut<'p>,
    clip: Area,
    scratch: &'a mut Scratch,
}

impl<'a, 'p> Painter<'a, 'p> {
    /// Draws on the part of `picture` inside `clip`.
    pub(crate) fn new(picture: &'a mut PictureMut<'p>, clip: Area, scratch: &'a mut Scratch) -> Self {
        let clip = clip.intersection(Area::of_size(picture.size()));
        Self { picture, clip, scratch }
    }

    /// Where pixels can be drawn.
    pub(crate) fn clip(&self) -> Area {
        self.clip
    }

    /// The values of `color` in this picture.
    pub(crate) fn ink(&self, color: Color) -> Ink {
        let [y, u, v] = ycbcr(color, self.picture.colorimetry());
        let mut ink = Ink {
            alpha: color.alpha,
            full: Layer { plane: 0, step: 1, values: [y, 0, 0, 0] },
            chroma: [Layer::default(); 2],
            chroma_layers: 0,
        };
        match self.picture.format() {
            PixelFormat::I420 => {
                ink.chroma = [
                    Layer { plane: 1, step: 1, values: [u, 0, 0, 0] },
                    Layer { plane: 2, step: 1, values: [v, 0, 0, 0] },
                ];
                ink.chroma_layers = 2;
            }
            PixelFormat::Nv12 => {
                ink.chroma[0] = Layer { plane: 1, step: 2, values: [u, v, 0, 0] };
                ink.chroma_layers = 1;
            }
            PixelFormat::Gray8 => {}
            PixelFormat::Rgb(order) | PixelFormat::Rgba(order) => {
                let Color { red, green, blue, .. } = color;
                ink.full.step = if matches!(self.picture.format(), PixelFormat::Rgb(_)) { 3 } else { 4 };
                ink.full.values = match order {
                    slipstream_meta::ChannelOrder::Rgb => [red, green, blue, 255],
                    slipstream_meta::ChannelOrder::Bgr => [blue, green, red, 255],
                };
            }
        }
        ink
    }

    /// Fills an area of whole pixels.
    pub(crate) fn fill(&mut self, area: Area, ink: &Ink) {
        let area = area.intersection(self.clip);
        if area.is_empty() || ink.alpha == 0 {
            return;
        }
        for y in area.y0..area.y1 {
            self.blend_constant(&ink.full, y, area.x0..area.x1, ink.alpha);
        }
        let size = Area::of_size(self.picture.size());
        // The chroma samples that the area covers only the right or left half of, and those between them.
        let first_partial = area.x0 % 2 != 0;
        let last_partial = area.x1 % 2 != 0 && area.x1 != size.x1;
        let inner = (area.x0 + 1) / 2..if last_partial { area.x1 / 2 } else { (area.x1 + 1) / 2 };
        for layer in &ink.chroma[..ink.chroma_layers] {
            for row in area.y0 / 2..(area.y1 + 1) / 2 {
                let top = row * 2 >= area.y0;
                let bottom = row * 2 + 1 < area.y1 || row * 2 + 1 == size.y1;
                let rows = if top && bottom { 2 } else { 1 };
                self.blend_constant(layer, row, inner.clone(), quarters(ink.alpha, 2 * rows));
                if first_partial {
                    // The last column of an odd picture has a sample of its own, so x0 is never in it here.
                    self.blend_constant(layer, row, area.x0 / 2..area.x0 / 2 + 1, quarters(ink.alpha, rows));
                }
                if last_partial {
                    self.blend_constant(layer, row, area.x1 / 2..area.x1 / 2 + 1, quarters(ink.alpha, rows));
                }
            }
        }
    }

    /// Draws the border of an area, `width` pixels wide, inward from its edge.
    pub(crate) fn frame(&mut self, area: Area, width: i32, ink: &Ink) {
        if width <= 0 {
            return;
        }
        let inner = area.inset(width);
        if inner.is_empty() {
            return self.fill(area, ink);
        }
        // Where the sides meet, one chroma sample can be covered by two of them, so these rows are drawn as one shape;
        // between them the sides are filled, which is faster.
        let (top, bottom) = ((inner.y0 + 1) & !1, inner.y1 & !1);
        let sides_apart = inner.width() >= 2 && top < bottom;
        let (top, bottom) = if sides_apart { (top, bottom) } else { (area.y1, area.y1) };
        for band in [Area { y1: top, ..area }, Area { y0: bottom, ..area }] {
            self.cover(band, ink, |x, y, row| {
                row.fill(u8::MAX);
                if (inner.y0..inner.y1).contains(&y) {
                    let columns = row.len() as i32;
                    let column = |edge: i32| (edge - x).clamp(0, columns) as usize;
                    row[column(inner.x0)..column(inner.x1)].fill(0);
                }
                0..row.len()
            });
        }
        if sides_apart {
            self.fill(Area { x1: inner.x0, y0: top, y1: bottom, ..area }, ink);
            self.fill(Area { x0: inner.x1, y0: top, y1: bottom, ..area }, ink);
        }
    }

    /// Blends a mask of coverage, `area.width()` bytes a row, over `area`.
    pub(crate) fn mask(&mut self, area: Area, mask: &[u8], ink: &Ink) {
        let width = area.width() as usize;
        self.cover(area, ink, |x, y, row| {
            let start = (y - area.y0) as usize * width + (x - area.x0) as usize;
            if let Some(coverage) = mask.get(start..start + row.len()) {
                row.copy_from_slice(coverage);
            }
            0..row.len()
        });
    }

    /// Blends a shape inside `bounds`. For each row, `coverage(x, y, row)` writes what the shape covers of the pixels from
    /// (x, y) into the zeroed `row` and returns the range that it wrote to.
    pub(crate) fn cover(
        &mut self,
        bounds: Area,
        ink: &Ink,
        mut coverage: impl FnMut(i32, i32, &mut [u8]) -> Range<usize>,
    ) {
        let area = bounds.intersection(self.clip);
        if area.is_empty() || ink.alpha == 0 {
            return;
        }
        let size = Area::of_size(self.picture.size());
        // Columns start at a chroma sample; an odd column at the end shares the last sample with nothing.
        let left = area.x0 & !1;
        let offset = (area.x0 - left) as usize;
        let width = ((area.x1 - left + 1) & !1) as usize;
        let mut rows = std::mem::take(&mut self.scratch.rows);
        for row in &mut rows {
            row.clear();
            row.resize(width, 0);
        }
        let lone_column = area.x1 == size.x1 && area.x1 % 2 != 0;
        for pair in (area.y0 & !1..area.y1).step_by(2) {
            let mut touched = width..0;
            for (y, row) in (pair..).zip(&mut rows) {
                if y < area.y0 || y >= area.y1 {
                    continue;
                }
                let drawn = &mut row[offset..offset + area.width() as usize];
                let span = coverage(area.x0, y, drawn);
                let Some(drawn) = drawn.get_mut(span.clone()) else { continue };
                if span.is_empty() {
                    continue;
                }
                scale(drawn, ink.alpha);
                blend_covered(
                    &ink.full.values,
                    ink.full.step,
                    self.picture.row_mut(0, y as usize),
                    area.x0 as usize + span.start,
                    drawn,
                );
                touched.start = touched.start.min(span.start + offset);
                touched.end = touched.end.max(span.end + offset);
            }
            if touched.is_empty() {
                continue;
            }
            let samples = touched.start / 2..touched.end.div_ceil(2);
            let touched = samples.start * 2..samples.end * 2;
            if ink.chroma_layers > 0 {
                if lone_column && touched.end == width {
                    for row in &mut rows {
                        row[width - 1] = row[width - 2];
                    }
                }
                let [upper, lower] = &mut rows;
                if pair + 1 == size.y1 {
                    lower[touched.clone()].copy_from_slice(&upper[touched.clone()]);
                }
                self.scratch.chroma.clear();
                self.scratch.chroma.extend(
                    upper[touched.clone()].chunks_exact(2).zip(lower[touched.clone()].chunks_exact(2)).map(
                        |(a, b)| {
                            let sum = a.iter().chain(b).map(|&part| u16::from(part)).sum::<u16>();
                            ((sum + 2) / 4) as u8
                        },
                    ),
                );
                for layer in &ink.chroma[..ink.chroma_layers] {
                    blend_covered(
                        &layer.values,
                        layer.step,
                        self.picture.row_mut(layer.plane, pair as usize / 2),
                        left as usize / 2 + samples.start,
                        &self.scratch.chroma,
                    );
                }
            }
            for row in &mut rows {
                row[touched.clone()].fill(0);
            }
        }
        self.scratch.rows = rows;
    }

    fn blend_constant(&mut self, layer: &Layer, row: i32, columns: Range<i32>, alpha: u8) {
        let columns = columns.start as usize * layer.step..columns.end as usize * layer.step;
        if let Some(span) = self.picture.row_mut(layer.plane, row as usize).get_mut(columns) {
            blend_constant(&layer.values, layer.step, span, alpha);
        }
    }
}

/// `count` quarters of `alpha`, rounded.
fn quarters(alpha: u8, count: u16) -> u8 {
    ((u16::from(alpha) * count + 2) / 4) as u8
}

/// Fills a part of a picture, mixed in by the colour's opacity. The rectangle is rounded to whole pixels and clipped to
/// the picture; one that is empty or not a number fills nothing.
pub fn fill(canvas: &mut PictureMut, rect: Rect, color: Color) {
    let Some(area) = Area::of_rect(rect) else { return };
    let mut scratch = Scratch::default();
    let mut painter = Painter::new(canvas, area, &mut scratch);
    let ink = painter.ink(color);
    painter.fill(area, &ink);
}

/// What a part without news is covered with: enough for white text to stand out from any picture, not so much that the
/// picture cannot be made out.
pub(crate) const SHADE: Color = Color { red: 16, green: 18, blue: 22, alpha: 184 };

/// Darkens a part of a picture, as [`fill`] does with a dark, mostly opaque grey. Doing it again darkens it further.
pub fn dim(canvas: &mut PictureMut, rect: Rect) {
    fill(canvas, rect, SHADE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use slipstream_meta::{Colorimetry, PlaneMut, Size};

    /// The planes of an I420 picture after `draw` drew on it.
    fn drawn(size: Size, draw: impl FnOnce(&mut Painter)) -> [Vec<u8>; 3] {
        let mut planes = [0, 1, 2].map(|plane| {
            let (row, rows) = PixelFormat::I420.plane_extent(plane, size);
            (0..row * rows).map(|index| (index * 97 + plane * 31) as u8).collect::<Vec<_>>()
        });
        let mut plane = 0;
        let views = planes.each_mut().map(|data| {
            let (stride, _) = PixelFormat::I420.plane_extent(plane, size);
            plane += 1;
            PlaneMut { data, stride }
        });
        let mut picture = PictureMut::new(PixelFormat::I420, size, Colorimetry::default(), views).unwrap();
        draw(&mut Painter::new(&mut picture, Area::of_size(size), &mut Scratch::default()));
        planes
    }

    proptest! {
        /// The short way for areas of whole pixels and the way of all other shapes, at every edge of odd pictures too.
        #[test]
        fn filling_is_covering_in_full(
            (width, height) in (1u32..12, 1u32..12),
            (x0, y0, across, down) in (-2i32..12, -2i32..12, 1i32..14, 1i32..14),
            alpha in any::<u8>(),
        ) {
            let (size, area) = (Size::new(width, height), Area::at(x0, y0, across, down));
            let color = Color::rgb(250, 20, 60).with_alpha(alpha);
            let filled = drawn(size, |painter| painter.fill(area, &painter.ink(color)));
            let covered = drawn(size, |painter| {
                painter.cover(area, &painter.ink(color), |_, _, row| {
                    row.fill(u8::MAX);
                    0..row.len()
                });
            });
            prop_assert_eq!(filled, covered);
        }
    }
}
