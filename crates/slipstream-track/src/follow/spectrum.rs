//! Two-dimensional Fourier transforms of small squares.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

/// Cells on each side of a patch.
pub(super) const SIDE: usize = 32;
/// Cells of a patch.
pub(super) const CELLS: usize = SIDE * SIDE;

/// Transforms squares of [`SIDE`] × [`SIDE`] in place. Spectra lie transposed, which no one who multiplies them minds.
pub(super) struct Transform {
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex32>,
}

impl Transform {
    pub(super) fn new() -> Self {
        let mut planner = FftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(SIDE), planner.plan_fft_inverse(SIDE));
        let scratch = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        Self { forward, inverse, scratch: vec![Complex32::default(); scratch] }
    }

    pub(super) fn forward(&mut self, square: &mut [Complex32]) {
        self.forward.process_with_scratch(square, &mut self.scratch);
        transpose(square);
        self.forward.process_with_scratch(square, &mut self.scratch);
    }

    /// Undoes `forward`.
    pub(super) fn inverse(&mut self, square: &mut [Complex32]) {
        self.inverse.process_with_scratch(square, &mut self.scratch);
        transpose(square);
        self.inverse.process_with_scratch(square, &mut self.scratch);
        for value in square {
            *value /= CELLS as f32;
        }
    }
}

fn transpose(square: &mut [Complex32]) {
    for y in 0..SIDE {
        for x in 0..y {
            square.swap(y * SIDE + x, x * SIDE + y);
        }
    }
}
