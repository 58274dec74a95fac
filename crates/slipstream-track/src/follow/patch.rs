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

impl Luma<'_> {
    /// Brightness in `window`, as squares of `N` × `N` cells. It may reach out of the picture: the border goes on there.
    pub(super) fn sample<const N: usize>(&self, window: &Rect, cells: &mut [f32]) {
        let mut columns = taps::<N>(window.left, window.width, self.width);
        let rows = taps::<N>(window.top, window.height, self.height);
        // The bytes that are wanted of each row, from the first on.
        let byte = |tap: usize| tap * self.step + self.offset;
        for column in &mut columns {
            (column.first, column.second) = (byte(column.first), byte(column.second));
        }
        let end = columns.iter().map(|column| column.first.max(column.second) + 1).max().unwrap_or(0);
        for (row, cells) in rows.iter().zip(cells.chunks_exact_mut(N)) {
            let line = |y: usize| self.data.get(y * self.stride..y * self.stride + end);
            let (Some(upper), Some(lower)) = (line(row.first), line(row.second)) else {
                cells.fill(0.0);
                continue;
            };
            for (column, cell) in columns.iter().zip(cells) {
                let mix = |a: f32, b: f32, part: f32| a + (b - a) * part;
                let between = |line: &[u8]| {
                    mix(f32::from(line[column.first]), f32::from(line[column.second]), column.part)
                };
                *cell = mix(between(upper), between(lower), row.part);
            }
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
        Self { cells: vec![0.0; CELLS], window: std::array::from_fn(hann) }
    }

    /// Luma and gradient of the part of the picture in `window`, which may reach out of it: the border goes on there.
    pub(super) fn take(
        &mut self,
        picture: &Luma<'_>,
        window: &Rect,
        luma: &mut [Complex32],
        gradient: &mut [Complex32],
    ) {
        picture.sample::<SIDE>(window, &mut self.cells);
        let mean = sum(&self.cells, |cell| cell) / CELLS as f32;
        let variance = sum(&self.cells, |cell| (cell - mean) * (cell - mean)) / CELLS as f32;
        let gain = 1.0 / variance.sqrt().max(LEAST_CONTRAST);
        let (rows, _) = self.cells.as_chunks::<SIDE>();
        let outputs = luma.as_chunks_mut::<SIDE>().0.iter_mut().zip(gradient.as_chunks_mut::<SIDE>().0);
        for (y, ((luma, gradient), vertical)) in outputs.zip(self.window).enumerate() {
            // What lies beyond the border is as the border.
            let [Some(above), Some(row), Some(below)] =
                [y.saturating_sub(1), y, (y + 1).min(SIDE - 1)].map(|y| rows.get(y))
            else {
                return;
            };
            let mut left = *row;
            left.copy_within(..SIDE - 1, 1);
            let mut right = *row;
            right.copy_within(1.., 0);
            for x in 0..SIDE {
                let weight = gain * vertical * self.window[x];
                luma[x] = Complex32::new((row[x] - mean) * weight, 0.0);
                gradient[x] = Complex32::new((right[x] - left[x]) * weight, (below[x] - above[x]) * weight);
            }
        }
    }
}

/// The sum of `part` over `cells`, in as many running sums as a vector register holds: one would wait for itself.
fn sum(cells: &[f32], part: impl Fn(f32) -> f32) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (chunks, rest) = cells.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, &cell) in sums.iter_mut().zip(chunk) {
            *sum += part(cell);
        }
    }
    sums.into_iter().sum::<f32>() + rest.iter().map(|&cell| part(cell)).sum::<f32>()
}

/// Which pixels make up each of `N` cells over `length` pixels from `start`, of `pixels` there are.
fn taps<const N: usize>(start: f32, length: f32, pixels: usize) -> [Tap; N] {
    let last = pixels.saturating_sub(1) as f32;
    let step = length / N as f32;
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
