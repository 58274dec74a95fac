//! Resampling one plane of interleaved bytes: first its rows, then the columns of the few rows that are left.
//!
//! Samples are means under a triangle that is two samples of the result wide, or two of the source where it is enlarged.
//! Weights are fixed-point numbers, so every machine gets the same bytes. The loops are plain Rust that the compiler
//! vectorises; on x86-64 they are compiled a second time for AVX2 and chosen at run time.

use std::collections::HashMap;

use slipstream_meta::Plane;

/// Bits of a weight: the most that leave a weight of (almost) 1 in an `i16`.
const WEIGHT_BITS: u32 = 15;
/// Bits of fraction in reduced rows: 255 × 2⁷ is the greatest that an `i16` holds.
const ROW_BITS: u32 = 7;
/// Weights are stored in groups of so many, those past the last being 0: a vector register of `i16`.
const LANES: usize = 8;
/// Axes kept before all are forgotten. Thirty cameras of different sizes have 120.
const MAX_AXES: usize = 512;

/// How the samples of one axis are made of the elements of the source.
#[derive(Debug, Default)]
struct Axis {
    /// First element and number of elements of each sample.
    windows: Vec<(u32, u32)>,
    /// Weights of each sample: [`Axis::groups`] groups, that sum to 2^[`WEIGHT_BITS`] (less one for a single weight).
    weights: Vec<[i16; LANES]>,
    groups: usize,
}

impl Axis {
    fn new(elements: usize, samples: usize) -> Self {
        let scale = elements as f64 / samples as f64;
        let reach = scale.max(1.0);
        // One more than the elements strictly inside the triangle, and one for where rounding puts its ends.
        let groups = ((2.0 * reach) as usize + 2).min(elements).div_ceil(LANES);
        let mut axis = Self { groups, ..Self::default() };
        for sample in 0..samples {
            // In units of elements, whose centres lie at halves.
            let center = (sample as f64 + 0.5) * scale;
            let weight = |element: usize| (1.0 - (element as f64 + 0.5 - center).abs() / reach).max(0.0);
            let first = (center - reach - 0.5).ceil().clamp(0.0, (elements - 1) as f64) as usize;
            let end = ((center + reach + 0.5).floor() as usize).clamp(first + 1, elements);
            let count = (end - first).min(groups * LANES);
            let total: f64 = (first..first + count).map(weight).sum();
            let start = axis.weights.len();
            axis.windows.push((first as u32, count as u32));
            axis.weights.resize(start + groups, [0; LANES]);
            // Rounding the running sum keeps the sum of the weights exact.
            let (mut sum, mut given) = (0.0, 0);
            let weights = axis.weights[start..].as_flattened_mut();
            for (fixed, element) in weights.iter_mut().zip(first..first + count) {
                sum += weight(element) / total;
                let now = (sum * f64::from(1 << WEIGHT_BITS)).round() as i32;
                *fixed = i16::try_from(now - given).unwrap_or(i16::MAX);
                given = now;
            }
        }
        axis
    }

    /// First element and weights of sample `i`.
    fn window(&self, i: usize) -> Option<(usize, &[i16])> {
        let &(first, count) = self.windows.get(i)?;
        let weights = self.weights.get(i * self.groups..)?.as_flattened().get(..count as usize)?;
        Some((first as usize, weights))
    }
}

/// Scales planes; keeps its tables and rows from one to the next.
#[derive(Debug, Default)]
pub(super) struct Resampler {
    axes: HashMap<(usize, usize), Axis>,
    rows: Rows,
}

/// Working memory for one row.
#[derive(Debug, Default)]
struct Rows {
    /// The weighted sum of rows of the source.
    sums: Vec<i32>,
    /// One of its channels, with zeros after the end for weights of 0.
    channel: Vec<i16>,
}

impl Resampler {
    /// Scales `from`, of `elements` (columns, rows) of `step` interleaved bytes, to `samples` (columns, rows). Channel
    /// `i` of the interleaving goes to the `i`th of `out`, row after row without gaps; channels past those are left out.
    pub(super) fn scale(
        &mut self,
        from: Plane<'_>,
        step: usize,
        elements: (usize, usize),
        samples: (usize, usize),
        out: &mut [&mut Vec<u8>],
    ) {
        let Self { axes, rows } = self;
        let keys = [(elements.0, samples.0), (elements.1, samples.1)];
        if axes.len() + keys.len() > MAX_AXES {
            axes.clear();
        }
        for (elements, samples) in keys {
            axes.entry((elements, samples)).or_insert_with(|| Axis::new(elements, samples));
        }
        let (Some(columns), Some(lines)) = (axes.get(&keys[0]), axes.get(&keys[1])) else { return };
        rows.sums.resize(elements.0 * step, 0);
        rows.channel.clear();
        rows.channel.resize(elements.0 + columns.groups * LANES, 0);
        for out in out.iter_mut() {
            out.resize(samples.0 * samples.1, 0);
        }
        scale(rows, from, step, columns, lines, out);
    }
}

fn scale(
    rows: &mut Rows,
    from: Plane<'_>,
    step: usize,
    columns: &Axis,
    lines: &Axis,
    out: &mut [&mut Vec<u8>],
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just said that it has AVX2
        unsafe { scale_avx2(rows, from, step, columns, lines, out) };
        return;
    }
    scale_plane(rows, from, step, columns, lines, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn scale_avx2(
    rows: &mut Rows,
    from: Plane<'_>,
    step: usize,
    columns: &Axis,
    lines: &Axis,
    out: &mut [&mut Vec<u8>],
) {
    scale_plane(rows, from, step, columns, lines, out);
}

#[inline(always)]
fn scale_plane(
    rows: &mut Rows,
    from: Plane<'_>,
    step: usize,
    columns: &Axis,
    lines: &Axis,
    out: &mut [&mut Vec<u8>],
) {
    let Rows { sums, channel } = rows;
    let width = columns.windows.len();
    for y in 0..lines.windows.len() {
        let Some((first, weights)) = lines.window(y) else { continue };
        sum_rows(from, first, weights, sums);
        for (index, out) in out.iter_mut().enumerate() {
            match step {
                1 => unpack::<1>(sums, index, channel),
                2 => unpack::<2>(sums, index, channel),
                3 => unpack::<3>(sums, index, channel),
                _ => unpack::<4>(sums, index, channel),
            }
            let Some(out) = out.get_mut(y * width..(y + 1) * width) else { continue };
            match columns.groups {
                1 => sum_columns::<1>(channel, columns, out),
                2 => sum_columns::<2>(channel, columns, out),
                3 => sum_columns::<3>(channel, columns, out),
                _ => sum_many_columns(channel, columns, out),
            }
        }
    }
}

/// The sum of the rows from `first` on, times their weights.
#[inline(always)]
fn sum_rows(from: Plane<'_>, first: usize, weights: &[i16], sums: &mut [i32]) {
    let length = sums.len();
    let row = |y: usize| from.data.get(y * from.stride..y * from.stride + length).unwrap_or_default();
    sums.fill(0);
    let mut y = first;
    // Several at a time, so that the sums travel less between register and cache.
    let (fours, rest) = weights.as_chunks::<4>();
    for weights in fours {
        add_rows(sums, [row(y), row(y + 1), row(y + 2), row(y + 3)], *weights);
        y += 4;
    }
    let (twos, rest) = rest.as_chunks::<2>();
    for weights in twos {
        add_rows(sums, [row(y), row(y + 1)], *weights);
        y += 2;
    }
    for weight in rest {
        add_rows(sums, [row(y)], [*weight]);
        y += 1;
    }
}

#[inline(always)]
fn add_rows<const N: usize>(sums: &mut [i32], rows: [&[u8]; N], weights: [i16; N]) {
    let length = rows.iter().map(|row| row.len()).fold(sums.len(), usize::min);
    let (sums, rows) = (&mut sums[..length], rows.map(|row| &row[..length]));
    for (x, sum) in sums.iter_mut().enumerate() {
        for (row, weight) in rows.iter().zip(weights) {
            *sum += i32::from(row[x]) * i32::from(weight);
        }
    }
}

/// Takes channel `index` of `STEP` out of the sums, rounded to [`ROW_BITS`].
#[inline(always)]
fn unpack<const STEP: usize>(sums: &[i32], index: usize, channel: &mut [i16]) {
    const SHIFT: u32 = WEIGHT_BITS - ROW_BITS;
    let index = index.min(STEP - 1);
    for (value, pixel) in channel.iter_mut().zip(sums.as_chunks::<STEP>().0) {
        *value = ((pixel[index] + (1 << (SHIFT - 1))) >> SHIFT) as i16;
    }
}

/// Half of the last bit of what is rounded to a byte.
const HALF: i32 = 1 << (WEIGHT_BITS + ROW_BITS - 1);

#[inline(always)]
fn sum_columns<const GROUPS: usize>(row: &[i16], columns: &Axis, out: &mut [u8]) {
    let weights = columns.weights.as_chunks::<GROUPS>().0;
    for ((out, &(first, _)), weights) in out.iter_mut().zip(&columns.windows).zip(weights) {
        let Some(elements) = row.get(first as usize..first as usize + GROUPS * LANES) else { continue };
        let mut sum = HALF;
        for (elements, weights) in elements.as_chunks::<LANES>().0.iter().zip(weights) {
            for (&element, &weight) in elements.iter().zip(weights) {
                sum += i32::from(element) * i32::from(weight);
            }
        }
        *out = (sum >> (WEIGHT_BITS + ROW_BITS)) as u8;
    }
}

#[inline(always)]
fn sum_many_columns(row: &[i16], columns: &Axis, out: &mut [u8]) {
    for (x, out) in out.iter_mut().enumerate() {
        let Some((first, weights)) = columns.window(x) else { continue };
        let elements = row.get(first..).unwrap_or_default();
        let products = elements.iter().zip(weights).map(|(&e, &w)| i32::from(e) * i32::from(w));
        *out = ((HALF + products.sum::<i32>()) >> (WEIGHT_BITS + ROW_BITS)) as u8;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Both instruction sets give the same bytes, and flat planes stay what they are.
        #[test]
        fn every_machine_gets_the_same_bytes(
            (width, height) in (1usize..300, 1usize..300),
            (to_width, to_height) in (1usize..80, 1usize..80),
            (step, seed, flat) in (1usize..=4, any::<u64>(), any::<bool>()),
        ) {
            let mut state = seed | 1;
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            let constant = byte();
            let data: Vec<u8> = (0..width * height * step).map(|_| if flat { constant } else { byte() }).collect();
            let from = Plane { data: &data, stride: width * step };
            let mut fast = vec![Vec::new(); step];
            let mut out: Vec<&mut Vec<u8>> = fast.iter_mut().collect();
            Resampler::default().scale(from, step, (width, height), (to_width, to_height), &mut out);

            let (columns, lines) = (Axis::new(width, to_width), Axis::new(height, to_height));
            let mut rows = Rows { sums: vec![0; width * step], channel: vec![0; width + columns.groups * LANES] };
            let mut plain = vec![vec![0; to_width * to_height]; step];
            let mut out: Vec<&mut Vec<u8>> = plain.iter_mut().collect();
            scale_plane(&mut rows, from, step, &columns, &lines, &mut out);
            prop_assert_eq!(&plain, &fast);
            if flat {
                prop_assert!(fast.iter().flatten().all(|&value| value == constant));
            }
        }
    }
}
