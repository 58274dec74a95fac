//! From drawn pixels to the picture that the camera delivers: noise, rain, colour formats.

use slipstream_meta::{ChannelOrder, ColorMatrix, ColorRange, Colorimetry, PictureMut, PixelFormat};

use crate::math::Rng;

/// Length of the table of noise; a prime, so that rows and frames do not repeat.
const NOISE: usize = 16_381;
/// Rain streaks on a picture of 640 × 360; larger pictures get more.
const STREAKS: usize = 170;
/// Drop-shadow of a streak in code values.
const STREAK_LIGHT: u8 = 15;

/// Turns drawn pixels into pictures.
#[derive(Debug)]
pub(crate) struct Output {
    noise: Vec<i8>,
    rainy: bool,
    /// One row of luma, noise included.
    luma: Vec<u8>,
    /// Light added by rain on each pixel.
    rain: Vec<u8>,
    drops: Vec<(usize, usize)>,
}

/// Weights in 1/65536 that turn RGB into Y, U, V.
#[derive(Debug, Clone, Copy)]
struct Weights {
    y: [i32; 3],
    u: [i32; 3],
    v: [i32; 3],
    base: i32,
}

impl Weights {
    fn new(colorimetry: Colorimetry) -> Self {
        let (kr, kb) = match colorimetry.matrix {
            ColorMatrix::Bt601 => (0.299, 0.114),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
            ColorMatrix::Bt2020 => (0.2627, 0.0593),
        };
        let kg = 1.0 - kr - kb;
        let (base, luma, chroma) = match colorimetry.range {
            ColorRange::Limited => (16, 219.0 / 255.0, 224.0 / 255.0),
            ColorRange::Full => (0, 1.0, 1.0),
        };
        let fixed = |v: f64| (v * 65536.0).round() as i32;
        let (cu, cv) = (chroma / (2.0 * (1.0 - kb)), chroma / (2.0 * (1.0 - kr)));
        Self {
            y: [kr, kg, kb].map(|k| fixed(k * luma)),
            u: [-kr, -kg, 1.0 - kb].map(|k| fixed(k * cu)),
            v: [1.0 - kr, -kg, -kb].map(|k| fixed(k * cv)),
            base,
        }
    }

    fn luma(&self, p: [u8; 4]) -> i32 {
        let [r, g, b, _] = p.map(i32::from);
        ((self.y[0] * r + self.y[1] * g + self.y[2] * b + 32768) >> 16) + self.base
    }
}

fn chroma(weights: [i32; 3], sum: [i32; 3], shift: u32) -> u8 {
    let v = weights[0] * sum[0] + weights[1] * sum[1] + weights[2] * sum[2];
    (((v + (32768 << shift)) >> (16 + shift)) + 128).clamp(0, 255) as u8
}

impl Output {
    pub(crate) fn new(width: usize, height: usize, grain: f32, rainy: bool, rng: &mut Rng) -> Self {
        // The sum of four even dice is near enough to the bell curve; its deviation is 1/√3 of the dice's half range.
        let bell = |rng: &mut Rng| (0..4).map(|_| rng.range(-1.0, 1.0)).sum::<f32>() * 0.866;
        let noise = (0..NOISE).map(|_| (bell(rng) * grain).round().clamp(-100.0, 100.0) as i8).collect();
        let rain = if rainy { vec![0; width * height] } else { Vec::new() };
        Self { noise, rainy, luma: vec![0; width], rain, drops: Vec::new() }
    }

    /// Draws frame `number` of `width` × `height` pixels onto the top left part of `picture`.
    pub(crate) fn write(
        &mut self,
        pixels: &[[u8; 4]],
        width: usize,
        height: usize,
        number: u64,
        picture: &mut PictureMut,
    ) {
        // One dice per frame, so that a frame does not depend on which were written before it.
        let mut rng = Rng::new(number ^ 0x5EED_F00D);
        if self.rainy {
            self.let_it_rain(width, height, &mut rng);
        }
        let columns = width.min(picture.size().width as usize);
        let rows = height.min(picture.size().height as usize);
        let weights = Weights::new(picture.colorimetry());
        for y in 0..rows {
            let line = &pixels[y * width..y * width + columns];
            let offset = rng.below(NOISE);
            match picture.format() {
                PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Gray8 => {
                    self.luma_row(line, y * width, offset, &weights);
                    let row = picture.row_mut(0, y);
                    row[..columns].copy_from_slice(&self.luma[..columns]);
                }
                PixelFormat::Rgb(order) => {
                    self.packed_row::<3>(line, y * width, offset, order, picture.row_mut(0, y));
                }
                PixelFormat::Rgba(order) => {
                    self.packed_row::<4>(line, y * width, offset, order, picture.row_mut(0, y));
                }
            }
        }
        if !matches!(picture.format(), PixelFormat::I420 | PixelFormat::Nv12) {
            return;
        }
        let interleaved = picture.format() == PixelFormat::Nv12;
        for y in 0..rows.div_ceil(2) {
            let top = &pixels[2 * y * width..2 * y * width + columns];
            let below = (2 * y + 1).min(height - 1) * width;
            let bottom = &pixels[below..below + columns];
            if let [_, u, v] = picture.planes_mut() {
                let (u, v) = (&mut u.data[y * u.stride..], &mut v.data[y * v.stride..]);
                for (((a, b), u), v) in top.chunks(2).zip(bottom.chunks(2)).zip(u).zip(v) {
                    (*u, *v) = pair(&weights, a, b);
                }
            } else if interleaved {
                let row = picture.row_mut(1, y);
                for ((a, b), uv) in top.chunks(2).zip(bottom.chunks(2)).zip(row.chunks_exact_mut(2)) {
                    let (u, v) = pair(&weights, a, b);
                    uv.copy_from_slice(&[u, v]);
                }
            }
        }
    }

    fn noise(&self, offset: usize) -> impl Iterator<Item = i32> {
        self.noise[offset..].iter().chain(self.noise.iter().cycle()).map(|&n| i32::from(n))
    }

    fn luma_row(&mut self, line: &[[u8; 4]], start: usize, offset: usize, weights: &Weights) {
        let mut luma = std::mem::take(&mut self.luma);
        let (first, rest) = (&self.noise[offset..], &self.noise[..]);
        let mut done = 0;
        // The noise in runs, so that the loop stays simple enough for the compiler to use vectors.
        let mut run = first;
        while done < line.len() {
            let n = run.len().min(line.len() - done);
            for ((y, &p), &noise) in luma[done..done + n].iter_mut().zip(&line[done..done + n]).zip(run) {
                *y = (weights.luma(p) + i32::from(noise)).clamp(0, 255) as u8;
            }
            done += n;
            run = rest;
        }
        if let Some(rain) = self.rain.get(start..start + line.len()) {
            for (y, &drop) in luma.iter_mut().zip(rain) {
                *y = y.saturating_add(drop);
            }
        }
        self.luma = luma;
    }

    fn packed_row<const N: usize>(
        &self,
        line: &[[u8; 4]],
        start: usize,
        offset: usize,
        order: ChannelOrder,
        row: &mut [u8],
    ) {
        for (i, ((p, out), noise)) in
            line.iter().zip(row.chunks_exact_mut(N)).zip(self.noise(offset)).enumerate()
        {
            let noise = noise + i32::from(self.rain.get(start + i).copied().unwrap_or(0));
            let [r, g, b] = [p[0], p[1], p[2]].map(|c| (i32::from(c) + noise).clamp(0, 255) as u8);
            let color = match order {
                ChannelOrder::Rgb => [r, g, b, 255],
                ChannelOrder::Bgr => [b, g, r, 255],
            };
            out.copy_from_slice(&color[..N]);
        }
    }

    fn let_it_rain(&mut self, width: usize, height: usize, rng: &mut Rng) {
        for (start, length) in self.drops.drain(..) {
            for i in 0..length {
                if let Some(drop) = self.rain.get_mut(start + i * width + i / 5) {
                    *drop = 0;
                }
            }
        }
        let count = STREAKS * width * height / (640 * 360);
        for _ in 0..count {
            let start = rng.below(width * height);
            let length = (rng.range(0.015, 0.055) * height as f32) as usize;
            for i in 0..length {
                if let Some(drop) = self.rain.get_mut(start + i * width + i / 5) {
                    *drop = STREAK_LIGHT;
                }
            }
            self.drops.push((start, length));
        }
    }
}

/// U and V of up to four pixels.
fn pair(weights: &Weights, a: &[[u8; 4]], b: &[[u8; 4]]) -> (u8, u8) {
    let mut sum = [0i32; 3];
    for p in a.iter().chain(b) {
        for (s, &c) in sum.iter_mut().zip(p) {
            *s += i32::from(c);
        }
    }
    let shift = if a.len() == 2 { 2 } else { 1 };
    (chroma(weights.u, sum, shift), chroma(weights.v, sum, shift))
}
