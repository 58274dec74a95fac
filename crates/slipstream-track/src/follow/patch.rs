//! The part of a picture that a filter sees.

use rustfft::num_complex::Complex32;
use slipstream_meta::{Picture, PixelFormat, Rect};

use super::spectrum::{CELLS, SIDE};

/// A picture's brightness: luma, or green, which is most of it.
#[derive(Clone, Copy)]
pub(super) struct Luma<'a> {
    data: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
    /// Bytes from one pixel to the next, and to the byte that counts.
    step: usize,
    offset: usize,
}

impl<'a> Luma<'a> {
    pub(super) fn new(picture: &Picture<'a>) -> Self {
        let plane = picture.planes().first().copied().unwrap_or_default();
        let (step, offset) = match picture.format() {
            PixelFormat::Rgb(_) => (3, 1),
            PixelFormat::Rgba(_) => (4, 1),
            PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Gray8 => (1, 0),
        };
        let size = picture.size();
        Self {
            data: plane.data,
            stride: plane.stride,
            width: size.width as usize,
            height: size.height as usize,
            step,
            offset,
        }
    }
}

/// Two pixels of a row or column that make up a cell, and the part that the second one has.
#[derive(Debug, Clone, Copy, Default)]
struct Tap {
    first: usize,
    second: usize,
    part: f32,
}

/// Takes patches; keeps its memory.
#[derive(Debug)]
pub(super) struct Patch {
    columns: [Tap; SIDE],
    cells: Vec<f32>,
    window: [f32; SIDE],
}

/// Brightness steps of this size and below are noise of the camera: a flat patch is not blown up to full contrast.
const LEAST_CONTRAST: f32 = 4.0;

impl Patch {
    pub(super) fn new() -> Self {
        // A Hann window: what lies at the border counts little, so that the square may be taken for periodic.
        let hann = |cell: usize| {
            let angle = std::f32::consts::TAU * (cell as f32 + 0.5) / SIDE as f32;
            0.5 - 0.5 * angle.cos()
        };
        Self { columns: [Tap::default(); SIDE], cells: vec![0.0; CELLS], window: std::array::from_fn(hann) }
    }

    /// Luma and gradient of the part of the picture in `window`, which may reach out of it: the border goes on there.
    pub(super) fn take(
        &mut self,
        picture: &Luma<'_>,
        window: &Rect,
        luma: &mut [Complex32],
        gradient: &mut [Complex32],
    ) {
        self.columns = taps(window.left, window.width, picture.width);
        let rows = taps(window.top, window.height, picture.height);
        let value =
            |row: &[u8], x: usize| row.get(x * picture.step + picture.offset).map_or(0.0, |v| f32::from(*v));
        for (row, cells) in rows.iter().zip(self.cells.chunks_exact_mut(SIDE)) {
            let line = |y: usize| picture.data.get(y * picture.stride..).unwrap_or_default();
            let (upper, lower) = (line(row.first), line(row.second));
            for (column, cell) in self.columns.iter().zip(cells) {
                let mix = |a: f32, b: f32, part: f32| a + (b - a) * part;
                let upper = mix(value(upper, column.first), value(upper, column.second), column.part);
                let lower = mix(value(lower, column.first), value(lower, column.second), column.part);
                *cell = mix(upper, lower, row.part);
            }
        }
        let mean = self.cells.iter().sum::<f32>() / CELLS as f32;
        let variance =
            self.cells.iter().map(|cell| (cell - mean) * (cell - mean)).sum::<f32>() / CELLS as f32;
        let gain = 1.0 / variance.sqrt().max(LEAST_CONTRAST);
        let cells = &self.cells;
        let at = |x: usize, y: usize| cells.get(y * SIDE + x).copied().unwrap_or_default();
        let outputs = luma.chunks_exact_mut(SIDE).zip(gradient.chunks_exact_mut(SIDE)).zip(self.window);
        for (y, ((luma, gradient), vertical)) in outputs.enumerate() {
            let (above, below) = (y.saturating_sub(1), (y + 1).min(SIDE - 1));
            for (x, ((luma, gradient), horizontal)) in
                luma.iter_mut().zip(gradient).zip(self.window).enumerate()
            {
                let weight = gain * vertical * horizontal;
                *luma = Complex32::new((at(x, y) - mean) * weight, 0.0);
                let (left, right) = (x.saturating_sub(1), (x + 1).min(SIDE - 1));
                let slope = Complex32::new(at(right, y) - at(left, y), at(x, below) - at(x, above));
                *gradient = slope * weight;
            }
        }
    }
}

/// Which pixels make up each of [`SIDE`] cells over `length` pixels from `start`, of `pixels` there are.
fn taps(start: f32, length: f32, pixels: usize) -> [Tap; SIDE] {
    let last = pixels.saturating_sub(1) as f32;
    let step = length / SIDE as f32;
    // Cells of less than two pixels lie between two; larger ones are the mean of two pixels within them.
    let (spread, is_fine) = (step / 4.0, step < 2.0);
    std::array::from_fn(|cell| {
        let middle = start + step * (cell as f32 + 0.5) - 0.5;
        // `as` turns what is not a number into 0.
        let pixel = |position: f32| position.clamp(0.0, last) as usize;
        if is_fine {
            let floor = middle.floor();
            Tap { first: pixel(floor), second: pixel(floor + 1.0), part: (middle - floor).clamp(0.0, 1.0) }
        } else {
            Tap {
                first: pixel((middle - spread).round()),
                second: pixel((middle + spread).round()),
                part: 0.5,
            }
        }
    })
}
