//! Scaling a picture into a part of another.

use slipstream_meta::{ChannelOrder, Colorimetry, Picture, PictureMut, PixelFormat, Plane, Rect, Size};

use super::resample::Resampler;
use crate::DrawError;
use crate::convert::{Affine, NEUTRAL};
use crate::plane::Area;

/// Scales pictures onto parts of a canvas; keeps its buffers from one to the next.
///
/// The filter is a triangle as wide as the reduction asks for (linear interpolation where it enlarges), so small tiles
/// of large pictures do not shimmer. Codes are converted where source and canvas differ in matrix or range.
#[derive(Debug, Default)]
pub struct Scaler {
    resampler: Resampler,
    /// Scaled red, green and blue.
    rgb: [Vec<u8>; 3],
    /// Scaled luma.
    luma: Vec<u8>,
    /// Scaled U and V.
    chroma: [Vec<u8>; 2],
}

/// Chroma rows on their way to the canvas.
#[derive(Clone, Copy)]
enum Chroma<'a> {
    Planar(Plane<'a>, Plane<'a>),
    Pairs(Plane<'a>),
    Neutral,
}

/// A canvas part in whole samples.
#[derive(Clone, Copy)]
struct Target {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Target {
    /// `rect` moved to whole chroma samples, if it then lies inside the canvas and is not empty.
    fn new(rect: Rect, canvas: Size) -> Option<Self> {
        let area = Area::of_rect(rect)?;
        let whole = Area::of_size(canvas);
        // The end of an odd canvas is the end of a chroma sample, too.
        let snap = |edge: i32, end: i32| if edge == end { edge } else { edge & !1 };
        let area = Area {
            x0: area.x0 & !1,
            y0: area.y0 & !1,
            x1: snap(area.x1, whole.x1),
            y1: snap(area.y1, whole.y1),
        };
        let inside = area.intersection(whole) == area && !area.is_empty();
        inside.then(|| Self {
            left: area.x0 as usize,
            top: area.y0 as usize,
            width: area.width() as usize,
            height: area.height() as usize,
        })
    }

    fn size(self) -> Size {
        Size::new(self.width as u32, self.height as u32)
    }

    /// Width and height in pixels.
    fn luma(self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Width and height in chroma samples.
    fn chroma(self) -> (usize, usize) {
        (self.width.div_ceil(2), self.height.div_ceil(2))
    }
}

impl Scaler {
    /// A scaler without buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Scales the whole of `source` onto `rect` of `canvas`, an I420 or NV12 picture. The rectangle is moved to whole
    /// chroma samples: its edges are rounded down to even numbers, except where it ends with an odd canvas.
    ///
    /// # Errors
    /// If the canvas has another format, or the rectangle is empty, not a number or leaves the canvas.
    pub fn scale(&mut self, source: &Picture, canvas: &mut PictureMut, rect: Rect) -> Result<(), DrawError> {
        let size = canvas.as_picture().size();
        if !matches!(canvas.format(), PixelFormat::I420 | PixelFormat::Nv12) {
            return Err(DrawError::CanvasFormat(canvas.format()));
        }
        let target = Target::new(rect, size).ok_or(DrawError::Target { rect, canvas: size })?;
        let to = canvas.colorimetry();
        if let PixelFormat::Rgb(order) | PixelFormat::Rgba(order) = source.format() {
            self.scale_packed(source, order, target);
            self.encode_packed(target, to);
            let (luma, chroma) = self.scaled(target, PixelFormat::I420);
            write(canvas, target, luma, chroma);
            return Ok(());
        }
        if source.size() == target.size() && source.colorimetry() == to {
            let (luma, chroma) = planes(source);
            write(canvas, target, luma, chroma);
            return Ok(());
        }
        self.scale_planes(source, target);
        if source.colorimetry() != to {
            self.convert(source.format(), target, source.colorimetry(), to);
        }
        let (luma, chroma) = self.scaled(target, source.format());
        write(canvas, target, luma, chroma);
        Ok(())
    }

    fn scale_packed(&mut self, source: &Picture, order: ChannelOrder, target: Target) {
        let step = if matches!(source.format(), PixelFormat::Rgb(_)) { 3 } else { 4 };
        let [r, g, b] = &mut self.rgb;
        let mut channels = match order {
            ChannelOrder::Rgb => [r, g, b],
            ChannelOrder::Bgr => [b, g, r],
        };
        let [packed, ..] = source.planes() else { return };
        let size = source.size();
        let elements = (size.width as usize, size.height as usize);
        self.resampler.scale(*packed, step, elements, target.luma(), &mut channels);
    }

    fn scale_planes(&mut self, source: &Picture, target: Target) {
        let Self { resampler, luma, chroma: [u, v], .. } = self;
        let size = source.size();
        let elements = (size.width as usize, size.height as usize);
        let halved = (elements.0.div_ceil(2), elements.1.div_ceil(2));
        let (from, from_chroma) = planes(source);
        resampler.scale(from, 1, elements, target.luma(), &mut [luma]);
        match from_chroma {
            Chroma::Planar(from_u, from_v) => {
                resampler.scale(from_u, 1, halved, target.chroma(), &mut [u]);
                resampler.scale(from_v, 1, halved, target.chroma(), &mut [v]);
            }
            Chroma::Pairs(pairs) => resampler.scale(pairs, 2, halved, target.chroma(), &mut [u, v]),
            Chroma::Neutral => {}
        }
    }

    /// What was scaled, for a source in `format`.
    fn scaled(&self, target: Target, format: PixelFormat) -> (Plane<'_>, Chroma<'_>) {
        let (width, _) = target.chroma();
        let plane = |data, stride| Plane { data, stride };
        let [u, v] = &self.chroma;
        let chroma = match format {
            PixelFormat::Gray8 => Chroma::Neutral,
            _ => Chroma::Planar(plane(u, width), plane(v, width)),
        };
        (plane(&self.luma, target.width), chroma)
    }

    /// Turns scaled RGB into luma and chroma, the latter from the mean of the pixels of each sample.
    fn encode_packed(&mut self, target: Target, to: Colorimetry) {
        let map = Affine::rgb_to(to);
        let Self { rgb: [r, g, b], luma, chroma: [u, v], .. } = self;
        luma.clear();
        luma.extend(r.iter().zip(&*g).zip(&*b).map(|((&r, &g), &b)| map.part(0, [r, g, b])));
        u.clear();
        v.clear();
        for y in (0..target.height).step_by(2) {
            for x in (0..target.width).step_by(2) {
                let (right, lower) = ((x + 1).min(target.width - 1), (y + 1).min(target.height - 1));
                let places = [(x, y), (right, y), (x, lower), (right, lower)];
                let mean = [&*r, &*g, &*b].map(|part| {
                    let at =
                        |(x, y): (usize, usize)| part.get(y * target.width + x).copied().unwrap_or_default();
                    let sum: u16 = places.map(|place| u16::from(at(place))).iter().sum();
                    ((sum + 2) / 4) as u8
                });
                u.push(map.part(1, mean));
                v.push(map.part(2, mean));
            }
        }
    }

    /// Converts scaled codes in place.
    fn convert(&mut self, format: PixelFormat, target: Target, from: Colorimetry, to: Colorimetry) {
        let map = Affine::between(from, to);
        let chroma_width = target.chroma().0;
        let Self { luma, chroma: [u, v], .. } = self;
        // Luma needs the chroma as it was, so it goes first; between ranges of one matrix it needs none.
        if format == PixelFormat::Gray8 || from.matrix == to.matrix {
            let table: [u8; 256] = std::array::from_fn(|code| map.part(0, [code as u8, NEUTRAL, NEUTRAL]));
            for code in luma.iter_mut() {
                *code = table[usize::from(*code)];
            }
        } else {
            for (y, row) in luma.chunks_mut(target.width).enumerate() {
                let at = y / 2 * chroma_width;
                let (u, v) = (u.get(at..).unwrap_or_default(), v.get(at..).unwrap_or_default());
                convert_luma(&map, row, u.iter().copied().zip(v.iter().copied()));
            }
        }
        // In every system chroma is made of differences, which luma has no part in: any luma code will do.
        if format != PixelFormat::Gray8 {
            for (u, v) in u.iter_mut().zip(v) {
                let codes = [NEUTRAL, *u, *v];
                (*u, *v) = (map.part(1, codes), map.part(2, codes));
            }
        }
    }
}

fn convert_luma(map: &Affine, row: &mut [u8], chroma: impl Iterator<Item = (u8, u8)>) {
    for (pixels, (u, v)) in row.chunks_mut(2).zip(chroma) {
        for luma in pixels {
            *luma = map.part(0, [*luma, u, v]);
        }
    }
}

/// The planes of a YUV or grey picture.
fn planes<'a>(source: &Picture<'a>) -> (Plane<'a>, Chroma<'a>) {
    match *source.planes() {
        [luma, u, v] => (luma, Chroma::Planar(u, v)),
        [luma, pairs] => (luma, Chroma::Pairs(pairs)),
        [luma, ..] => (luma, Chroma::Neutral),
        [] => (Plane::default(), Chroma::Neutral),
    }
}

/// Copies planes onto a part of an I420 or NV12 canvas.
fn write(canvas: &mut PictureMut, target: Target, luma: Plane, chroma: Chroma) {
    let Target { left, top, .. } = target;
    for y in 0..target.height {
        copy(part(canvas.row_mut(0, top + y), left, target.width), row(luma, y, target.width));
    }
    let (width, height) = target.chroma();
    let (left, top) = (left / 2, top / 2);
    for y in 0..height {
        let at = top + y;
        match (canvas.format(), chroma) {
            (PixelFormat::Nv12, Chroma::Planar(u, v)) => {
                let pairs = part(canvas.row_mut(1, at), 2 * left, 2 * width).as_chunks_mut::<2>().0;
                for (pair, (&u, &v)) in pairs.iter_mut().zip(row(u, y, width).iter().zip(row(v, y, width))) {
                    *pair = [u, v];
                }
            }
            (PixelFormat::Nv12, Chroma::Pairs(pairs)) => {
                copy(part(canvas.row_mut(1, at), 2 * left, 2 * width), row(pairs, y, 2 * width));
            }
            (PixelFormat::Nv12, Chroma::Neutral) => {
                part(canvas.row_mut(1, at), 2 * left, 2 * width).fill(NEUTRAL);
            }
            (_, Chroma::Planar(u, v)) => {
                copy(part(canvas.row_mut(1, at), left, width), row(u, y, width));
                copy(part(canvas.row_mut(2, at), left, width), row(v, y, width));
            }
            (_, Chroma::Pairs(pairs)) => {
                for channel in 0..2 {
                    let pairs = row(pairs, y, 2 * width).as_chunks::<2>().0;
                    let to = part(canvas.row_mut(1 + channel, at), left, width);
                    for (to, pair) in to.iter_mut().zip(pairs) {
                        *to = pair[channel];
                    }
                }
            }
            (_, Chroma::Neutral) => {
                part(canvas.row_mut(1, at), left, width).fill(NEUTRAL);
                part(canvas.row_mut(2, at), left, width).fill(NEUTRAL);
            }
        }
    }
}

fn part(row: &mut [u8], start: usize, length: usize) -> &mut [u8] {
    row.get_mut(start..start + length).unwrap_or_default()
}

fn row(plane: Plane<'_>, y: usize, length: usize) -> &[u8] {
    let start = y * plane.stride;
    plane.data.get(start..start + length).unwrap_or_default()
}

fn copy(to: &mut [u8], from: &[u8]) {
    if to.len() == from.len() {
        to.copy_from_slice(from);
    }
}
