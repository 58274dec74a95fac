//! The inner loops of preprocessing: blend two rows of bytes, sample the blend along the row, mix the channels.
//!
//! Blended rows hold 16-bit numbers with [`BLEND_BITS`] bits of fraction, sampled rows 32-bit numbers with
//! [`SAMPLE_BITS`]. Every loop is plain Rust that the compiler vectorises; on x86-64 it is compiled a second time for AVX2
//! and chosen at run time, with the one loop that compilers do badly, the gathering of column pairs, written out.

/// Bits of fraction in blended rows: 255 × 2⁷ is the greatest that an `i16` holds.
const BLEND_BITS: u32 = 7;
/// Bits of a column's weight: 2¹⁴ is the greatest power of two that an `i16` holds.
const WEIGHT_BITS: u32 = 14;
/// Bits of a row's weight.
const ROW_WEIGHT_BITS: u32 = 15;
/// Bits of fraction in sampled rows.
const SAMPLE_BITS: u32 = BLEND_BITS + WEIGHT_BITS;
/// Turns sampled numbers into 0…255.
const SAMPLE_UNIT: f32 = 1.0 / (1u32 << SAMPLE_BITS) as f32;

/// Where the samples of one axis come from: sample `i` lies between `index[i]` and the element after it.
///
/// Centres of pixels lie at halves: sample `i` of `n` from `m` elements is at `(i + ½) · m / n − ½`, clamped to the first
/// and last element, without smoothing (OpenCV's `INTER_LINEAR`).
#[derive(Debug, Clone, Default)]
pub(super) struct Axis {
    index: Vec<i32>,
    /// Weights of the two elements, (first, second), that sum to 2^[`WEIGHT_BITS`].
    weights: Vec<[i16; 2]>,
    pattern: Pattern,
}

/// Regular axes need no table.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Pattern {
    #[default]
    Irregular,
    /// Sample `i` is element `i`.
    Same,
    /// Sample `i` is the mean of elements `2i` and `2i + 1`.
    Half,
    /// Samples `2i` and `2i + 1` are ¾ of element `i` and ¼ of the one before or after it.
    Double,
}

impl Axis {
    /// An axis of `samples` over `elements`.
    pub(super) fn new(elements: u32, samples: u32) -> Self {
        let last = elements.saturating_sub(1);
        let ratio = f64::from(elements) / f64::from(samples.max(1));
        let one = f64::from(1u32 << WEIGHT_BITS);
        let mut axis = Self { pattern: Pattern::Irregular, ..Self::default() };
        for sample in 0..samples {
            let position = ((f64::from(sample) + 0.5) * ratio - 0.5).clamp(0.0, f64::from(last));
            let second = ((position - position.floor()) * one).round() as i16;
            axis.index.push(position as i32);
            axis.weights.push([(1 << WEIGHT_BITS) - second, second]);
        }
        if elements == samples {
            axis.pattern = Pattern::Same;
        } else if elements == 2 * samples {
            axis.pattern = Pattern::Half;
        } else if 2 * elements == samples && elements > 1 {
            axis.pattern = Pattern::Double;
        }
        axis
    }

    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The two elements that sample `i` lies between and the weight of the second, for rows.
    pub(super) fn row(&self, i: usize) -> Option<(usize, i16)> {
        let index = usize::try_from(*self.index.get(i)?).ok()?;
        // one bit more, and never as much as 1, which an i16 does not hold
        let weight = i32::from(self.weights.get(i)?[1]) << (ROW_WEIGHT_BITS - WEIGHT_BITS);
        Some((index, weight.min(i32::from(i16::MAX)) as i16))
    }
}

/// Two rows of bytes and how they are blended and taken apart.
#[derive(Clone, Copy)]
pub(super) struct RowPair<'a> {
    pub(super) first: &'a [u8],
    pub(super) second: &'a [u8],
    /// Weight of the second row, of 2^[`ROW_WEIGHT_BITS`].
    pub(super) weight: i16,
}

/// Working memory for one row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    packed: Vec<i16>,
    blended: Vec<i16>,
    sampled: [Vec<i32>; 3],
}

/// How the sampled channels (0…255) become one channel of the tensor: `clamp(Σ weights · channel + offset)`, then
/// `· scale + bias`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mix {
    pub(super) weights: [f32; 3],
    pub(super) offset: f32,
    pub(super) scale: f32,
    pub(super) bias: f32,
}

/// Which instructions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    /// Whatever the build targets.
    Baseline,
    /// AVX2 on x86-64; only [`Isa::detect`] makes it.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
}

/// Proof that the processor was asked.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detected(());

impl Isa {
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Self::Avx2(Detected(()));
        }
        Self::Baseline
    }

    /// Blends the rows of `pair`, in which `step` channels are interleaved, and samples them along `axis`. `lanes` pairs the
    /// place of a channel in the interleaving with the sampled channel that it becomes.
    pub(super) fn sample(
        self,
        rows: &mut Rows,
        pair: RowPair<'_>,
        lanes: &[(usize, usize)],
        step: usize,
        axis: &Axis,
    ) {
        match self {
            Self::Baseline => sample_lanes::<false>(rows, pair, lanes, step, axis),
            // SAFETY: `Detected` exists only if the processor has AVX2
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => unsafe { avx2::sample_lanes(rows, pair, lanes, step, axis) },
        }
    }

    /// Mixes three sampled channels into three rows of the tensor.
    pub(super) fn mix3(self, rows: &Rows, mix: &[Mix; 3], out: [&mut [f32]; 3]) {
        match self {
            Self::Baseline => mix3(rows, mix, out),
            // SAFETY: `Detected` exists only if the processor has AVX2
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => unsafe { avx2::mix3(rows, mix, out) },
        }
    }
}

/// Mixes the sampled channels into one row of the tensor; only those are read that have a weight.
pub(super) fn mix1(rows: &Rows, mix: &Mix, out: &mut [f32]) {
    out.fill(mix.offset);
    for (channel, weight) in rows.sampled.iter().zip(mix.weights) {
        if weight != 0.0 {
            for (out, &value) in out.iter_mut().zip(channel) {
                *out += value as f32 * (weight * SAMPLE_UNIT);
            }
        }
    }
    for out in out {
        *out = out.clamp(0.0, 255.0) * mix.scale + mix.bias;
    }
}

#[inline(always)]
fn mix3(rows: &Rows, mix: &[Mix; 3], out: [&mut [f32]; 3]) {
    let [a, b, c] = &rows.sampled;
    let [x, y, z] = out;
    let n = [a.len(), b.len(), c.len(), x.len(), y.len(), z.len()].into_iter().min().unwrap_or_default();
    let (a, b, c, x, y, z) = (&a[..n], &b[..n], &c[..n], &mut x[..n], &mut y[..n], &mut z[..n]);
    let weights = mix.map(|mix| mix.weights.map(|weight| weight * SAMPLE_UNIT));
    for i in 0..n {
        let (a, b, c) = (a[i] as f32, b[i] as f32, c[i] as f32);
        let value = |m: usize| {
            let [u, v, w] = weights[m];
            (a * u + b * v + c * w + mix[m].offset).clamp(0.0, 255.0) * mix[m].scale + mix[m].bias
        };
        (x[i], y[i], z[i]) = (value(0), value(1), value(2));
    }
}

#[inline(always)]
fn sample_lanes<const GATHER: bool>(
    rows: &mut Rows,
    pair: RowPair<'_>,
    lanes: &[(usize, usize)],
    step: usize,
    axis: &Axis,
) {
    let Rows { packed, blended, sampled } = rows;
    packed.resize(pair.first.len(), 0);
    blend(pair, packed);
    for &(lane, channel) in lanes {
        let Some(sampled) = sampled.get_mut(channel) else { continue };
        sampled.resize(axis.len(), 0);
        let row = if step == 1 {
            // an element past the end, to pair with the last one at weight 0
            packed.push(0);
            &*packed
        } else {
            blended.resize(packed.len() / step + 1, 0);
            unpack(packed, blended, lane, step);
            &*blended
        };
        match axis.pattern {
            Pattern::Same => {
                for (out, &value) in sampled.iter_mut().zip(row) {
                    *out = i32::from(value) << WEIGHT_BITS;
                }
            }
            Pattern::Half => {
                for (out, pair) in sampled.iter_mut().zip(row.chunks_exact(2)) {
                    *out = (i32::from(pair[0]) + i32::from(pair[1])) << (WEIGHT_BITS - 1);
                }
            }
            Pattern::Double => double(&row[..row.len().min(axis.len() / 2)], sampled),
            Pattern::Irregular => {
                #[cfg(target_arch = "x86_64")]
                if GATHER {
                    // SAFETY: GATHER is set by `avx2::sample_lanes` alone
                    unsafe { avx2::sample(row, axis, sampled) };
                    continue;
                }
                sample(row, axis, sampled, 0);
            }
        }
    }
}

/// `first · (1 − weight) + second · weight`, rounded as the x86 instruction `pmulhrsw` does.
#[inline(always)]
fn blend(pair: RowPair<'_>, out: &mut [i16]) {
    let RowPair { first, second, weight } = pair;
    if weight == 0 {
        for (out, &a) in out.iter_mut().zip(first) {
            *out = i16::from(a) << BLEND_BITS;
        }
        return;
    }
    let weight = i32::from(weight);
    for ((out, &a), &b) in out.iter_mut().zip(first).zip(second) {
        let difference = (i16::from(b) - i16::from(a)) << BLEND_BITS;
        let part = (((i32::from(difference) * weight) >> (ROW_WEIGHT_BITS - 1)) + 1) >> 1;
        *out = (i16::from(a) << BLEND_BITS) + part as i16;
    }
}

/// Takes lane `lane` out of interleaved elements.
#[inline(always)]
fn unpack(packed: &[i16], out: &mut [i16], lane: usize, step: usize) {
    match step {
        2 => {
            for (out, group) in out.iter_mut().zip(packed.chunks_exact(2)) {
                *out = group[lane & 1];
            }
        }
        3 => {
            for (out, group) in out.iter_mut().zip(packed.chunks_exact(3)) {
                *out = group[lane.min(2)];
            }
        }
        _ => {
            for (out, group) in out.iter_mut().zip(packed.chunks_exact(4)) {
                *out = group[lane & 3];
            }
        }
    }
}

/// Twice as many samples as elements: the table's weights, written out.
#[inline(always)]
fn double(row: &[i16], out: &mut [i32]) {
    const FAR: i32 = 1 << (WEIGHT_BITS - 2);
    const NEAR: i32 = 3 * FAR;
    let (Some(first), Some(last)) = (row.first(), row.last()) else { return };
    let ([start, inner @ .., end], first, last) = (out, i32::from(*first), i32::from(*last)) else { return };
    (*start, *end) = (first << WEIGHT_BITS, last << WEIGHT_BITS);
    for (pair, elements) in inner.chunks_exact_mut(2).zip(row.windows(2)) {
        let (before, after) = (i32::from(elements[0]), i32::from(elements[1]));
        pair[0] = before * NEAR + after * FAR;
        pair[1] = before * FAR + after * NEAR;
    }
}

/// Samples from `start` on.
#[inline(always)]
fn sample(row: &[i16], axis: &Axis, out: &mut [i32], start: usize) {
    let tables = axis.index.iter().zip(&axis.weights).skip(start);
    for (out, (&index, &[first, second])) in out.iter_mut().skip(start).zip(tables) {
        let index = index as usize;
        if let Some(&[a, b]) = row.get(index..index + 2) {
            *out = i32::from(a) * i32::from(first) + i32::from(b) * i32::from(second);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_i32gather_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_storeu_si256,
    };

    use super::{Axis, Mix, RowPair, Rows};

    const LANES: usize = 8;

    #[target_feature(enable = "avx2")]
    pub(super) fn sample_lanes(
        rows: &mut Rows,
        pair: RowPair<'_>,
        lanes: &[(usize, usize)],
        step: usize,
        axis: &Axis,
    ) {
        super::sample_lanes::<true>(rows, pair, lanes, step, axis);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn mix3(rows: &Rows, mix: &[Mix; 3], out: [&mut [f32]; 3]) {
        super::mix3(rows, mix, out);
    }

    /// Samples eight columns at a time: one gather fetches both elements of a pair, one multiply-add weighs them.
    #[target_feature(enable = "avx2")]
    pub(super) fn sample(row: &[i16], axis: &Axis, out: &mut [i32]) {
        let Axis { index, weights, .. } = axis;
        // indices rise, so the last is the greatest
        let reach = index.last().map_or(0, |&last| last as usize + 2);
        let count = index.len().min(weights.len()).min(out.len());
        let whole = if reach <= row.len() { count - count % LANES } else { 0 };
        for start in (0..whole).step_by(LANES) {
            // SAFETY: start + LANES lies within all three slices. Every index is at least 0 and at most that of the last
            // column, and the pair of 16-bit elements that the last column reads lies within `row`.
            unsafe {
                let indices = _mm256_loadu_si256(index.as_ptr().add(start).cast::<__m256i>());
                let pairs = _mm256_i32gather_epi32::<2>(row.as_ptr().cast::<i32>(), indices);
                let weights = _mm256_loadu_si256(weights.as_ptr().add(start).cast::<__m256i>());
                let sums = _mm256_madd_epi16(pairs, weights);
                _mm256_storeu_si256(out.as_mut_ptr().add(start).cast::<__m256i>(), sums);
            }
        }
        super::sample(row, axis, out, whole);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Elements, samples and interleaved channels; the regular sizes have loops of their own.
    fn sizes() -> impl Strategy<Value = (usize, usize, usize)> {
        let any = (1usize..200, 1usize..200);
        let regular =
            (1usize..100).prop_flat_map(|n| prop::sample::select(vec![(n, n), (n, 2 * n), (2 * n, n)]));
        (prop_oneof![any, regular], 1usize..=4)
            .prop_map(|((elements, samples), step)| (elements, samples, step))
    }

    proptest! {
        /// Both instruction sets give the same bits, and these are the numbers that the definition gives.
        #[test]
        fn samples_are_exact(
            (elements, samples, step) in sizes(),
            (seed, weight) in (any::<u64>(), 0f64..1.0),
        ) {
            let mut state = seed | 1;
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            let first: Vec<u8> = (0..elements * step).map(|_| byte()).collect();
            let second: Vec<u8> = (0..elements * step).map(|_| byte()).collect();
            let pair = RowPair { first: &first, second: &second, weight: (weight * 32767.0) as i16 };
            let weight = f64::from(pair.weight) / 32768.0;
            let axis = Axis::new(elements as u32, samples as u32);
            let lanes: Vec<_> = (0..step.min(3)).map(|lane| (lane, lane)).collect();
            let (mut plain, mut fast) = (Rows::default(), Rows::default());
            Isa::Baseline.sample(&mut plain, pair, &lanes, step, &axis);
            Isa::detect().sample(&mut fast, pair, &lanes, step, &axis);
            prop_assert_eq!(&plain.sampled, &fast.sampled);

            for &(lane, channel) in &lanes {
                let value = |x: usize| {
                    let at = |row: &[u8]| f64::from(row[x.min(elements - 1) * step + lane]);
                    at(&first) * (1.0 - weight) + at(&second) * weight
                };
                for (i, &sampled) in plain.sampled[channel].iter().enumerate() {
                    let x = ((i as f64 + 0.5) * elements as f64 / samples as f64 - 0.5).clamp(0.0, elements as f64 - 1.0);
                    let (low, part) = (x.floor() as usize, x.fract());
                    let expected = value(low) * (1.0 - part) + value(low + 1) * part;
                    let given = f64::from(sampled) * f64::from(SAMPLE_UNIT);
                    prop_assert!((expected - given).abs() < 0.03, "{i}: {expected} {given}");
                }
            }
        }
    }
}
