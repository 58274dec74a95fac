//! How large: a template laid on the picture by least squares.
//!
//! Image registration after Lucas and Kanade in its inverse compositional form (Baker and Matthews, "Lucas-Kanade 20 Years
//! On: A Unifying Framework", IJCV 2004), for shift and scale. Only the scale is taken: the correlation filter knows the
//! object from more frames and says better where it is.

use slipstream_meta::Rect;

use super::patch::Luma;

/// Cells on each side of a template, which covers the box.
const SIDE: usize = 24;
const CELLS: usize = SIDE * SIDE;
/// Cells around it that are looked at too: as far off may the object be.
const MARGIN: usize = 8;
const FIELD: usize = SIDE + 2 * MARGIN;
/// Centre of a template, in cells, and what coordinates in it are measured in.
const HALF: f32 = SIDE as f32 / 2.0;

/// Steps of which the last ones hardly move anything.
const MOST_STEPS: usize = 8;
/// A step of less than this, in cells, is the last.
const LEAST_STEP: f32 = 0.02;
/// How much the expected size weighs against what is seen, times what the template lacks in likeness: people who swing arms and
/// legs neither grow nor shrink.
const EXPECTATION: f32 = 1.0;
/// Least likeness (correlation) at which what is seen is the object, unchanged enough to be measured.
const LEAST_LIKENESS: f32 = 0.7;
/// Greatest change of size between looks, as a logarithm: more is none.
const MOST_CHANGE: f32 = 0.35;
/// Brightness steps of this size and below are noise of the camera.
const LEAST_CONTRAST: f32 = 3.0;
/// Part of the normal matrix's trace that is added to its diagonal, against templates without structure in some direction.
const DAMPING: f32 = 1e-3;

/// What an object looked like when the detector found it last.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Brightness, of mean 0 and standard deviation 1.
    cells: [f32; CELLS],
    /// How it changes when the template is shifted to the right, shifted down, and shrunk.
    changes: [[f32; CELLS]; 3],
    /// Normal matrix of these changes.
    normal: [[f32; 3]; 3],
}

/// Lays templates on pictures; keeps its memory.
pub(super) struct Aligner {
    field: Vec<f32>,
    warped: [f32; CELLS],
    /// Weights of cells: those at the border of the box show less of the object.
    weights: [f32; CELLS],
}

impl Aligner {
    pub(super) fn new() -> Self {
        let weight = |cell: usize| 1.0 - place(cell).powi(4);
        let mut weights = std::array::from_fn(|i| weight(i % SIDE) * weight(i / SIDE));
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self { field: vec![0.0; FIELD * FIELD], warped: [0.0; CELLS], weights }
    }

    /// Learns what is at `rect`, anew.
    pub(super) fn learn(&mut self, luma: &Luma<'_>, rect: &Rect) -> Template {
        self.look(luma, rect);
        let mut template =
            Template { cells: [0.0; CELLS], changes: [[0.0; CELLS]; 3], normal: [[0.0; 3]; 3] };
        self.warp(0.0, 0.0, 1.0);
        let (mean, gain) = self.level();
        let field = |x: usize, y: usize| self.field.get(y * FIELD + x).copied().unwrap_or_default();
        let [across, down, smaller] = &mut template.changes;
        for i in 0..CELLS {
            let (x, y) = (i % SIDE, i / SIDE);
            let (column, row) = (x + MARGIN, y + MARGIN);
            template.cells[i] = (self.warped[i] - mean) * gain;
            across[i] = 0.5 * gain * (field(column + 1, row) - field(column - 1, row));
            down[i] = 0.5 * gain * (field(column, row + 1) - field(column, row - 1));
            smaller[i] = across[i] * place(x) + down[i] * place(y);
        }
        for (row, a) in template.normal.iter_mut().zip(&template.changes) {
            *row = template.changes.each_ref().map(|b| self.product(a, b));
        }
        let [[a, ..], [_, b, _], [.., c]] = &mut template.normal;
        let damping = (DAMPING * (*a + *b + *c)).max(f32::MIN_POSITIVE);
        for diagonal in [a, b, c] {
            *diagonal += damping;
        }
        template
    }

    /// How many times larger than `rect`, which is where it is, an object is now; `None` where it cannot be told.
    pub(super) fn scale(&mut self, luma: &Luma<'_>, rect: &Rect, template: &Template) -> Option<f32> {
        self.look(luma, rect);
        let (mut x, mut y, mut size) = (0.0_f32, 0.0_f32, 0.0_f32);
        for _ in 0..MOST_STEPS {
            let scale = size.exp();
            self.warp(x, y, scale);
            let likeness = self.difference(template);
            let expectation = EXPECTATION * (1.0 - likeness).max(0.0);
            let mut wrong = template.changes.each_ref().map(|change| self.product(change, &self.warped));
            let mut normal = template.normal;
            // As if the size had been measured, too, and found to be as expected.
            wrong[2] += expectation * size * HALF;
            normal[2][2] += expectation;
            let [right, down, larger] = solve(&normal, &wrong)?;
            x -= right * scale;
            y -= down * scale;
            size -= larger / HALF;
            let is_near = x.abs().max(y.abs()) < MARGIN as f32 && size.abs() < MOST_CHANGE;
            // What is not a number is not near.
            if !is_near {
                return None;
            }
            if right.abs() + down.abs() + larger.abs() < LEAST_STEP {
                break;
            }
        }
        self.warp(x, y, size.exp());
        (self.difference(template) >= LEAST_LIKENESS).then(|| size.exp())
    }

    /// Takes what is in and around `rect`.
    fn look(&mut self, luma: &Luma<'_>, rect: &Rect) {
        let grown = FIELD as f32 / SIDE as f32;
        let (center, width, height) = (rect.center(), rect.width * grown, rect.height * grown);
        let field = Rect::new(center.x - width / 2.0, center.y - height / 2.0, width, height);
        luma.sample::<FIELD>(&field, &mut self.field);
    }

    /// What a template that is shifted by `x` and `y` cells and scaled would cover.
    fn warp(&mut self, x: f32, y: f32, scale: f32) {
        // The field's cell before each cell's centre, and the part that the next one has.
        let taps = |shift: f32| -> [(usize, f32); SIDE] {
            std::array::from_fn(|cell| {
                let at = HALF * (place(cell) * scale + 1.0) + shift + MARGIN as f32 - 0.5;
                let before = at.clamp(0.0, (FIELD - 2) as f32) as usize;
                (before, (at - before as f32).clamp(0.0, 1.0))
            })
        };
        let (columns, rows) = (taps(x), taps(y));
        let (field, _) = self.field.as_chunks::<FIELD>();
        for ((row, part), cells) in rows.into_iter().zip(self.warped.as_chunks_mut::<SIDE>().0) {
            let Some([upper, lower]) = field.get(row..row + 2) else { return };
            for ((column, across), cell) in columns.into_iter().zip(cells) {
                let mix = |a: f32, b: f32, part: f32| a + (b - a) * part;
                let between = |line: &[f32; FIELD]| mix(line[column], line[column + 1], across);
                *cell = mix(between(upper), between(lower), part);
            }
        }
    }

    /// Mean of what was warped, and what makes its standard deviation 1.
    fn level(&self) -> (f32, f32) {
        let mean: f32 = self.weights.iter().zip(&self.warped).map(|(weight, cell)| weight * cell).sum();
        let square: f32 =
            self.weights.iter().zip(&self.warped).map(|(weight, cell)| weight * cell * cell).sum();
        (mean, 1.0 / (square - mean * mean).max(0.0).sqrt().max(LEAST_CONTRAST))
    }

    /// Turns what was warped into its difference from the template, and says how like they were.
    fn difference(&mut self, template: &Template) -> f32 {
        let (mean, gain) = self.level();
        let mut likeness = 0.0;
        for ((cell, known), weight) in self.warped.iter_mut().zip(&template.cells).zip(&self.weights) {
            let seen = (*cell - mean) * gain;
            likeness += weight * seen * known;
            *cell = seen - known;
        }
        likeness
    }

    fn product(&self, a: &[f32; CELLS], b: &[f32; CELLS]) -> f32 {
        self.weights.iter().zip(a).zip(b).map(|((weight, a), b)| weight * a * b).sum()
    }
}

/// Where a cell's centre lies in a template, from −1 to 1.
fn place(cell: usize) -> f32 {
    (cell as f32 + 0.5) / HALF - 1.0
}

/// Solves three equations whose matrix is symmetric, by Cramer's rule.
fn solve(matrix: &[[f32; 3]; 3], right: &[f32; 3]) -> Option<[f32; 3]> {
    let determinant = |[a, b, c]: [&[f32; 3]; 3]| {
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
    };
    let [a, b, c] = matrix.each_ref();
    let whole = determinant([a, b, c]);
    (whole.abs() > f32::MIN_POSITIVE)
        .then(|| [[right, b, c], [a, right, c], [a, b, right]].map(|part| determinant(part) / whole))
}

#[cfg(test)]
mod tests {
    use slipstream_meta::{Colorimetry, Picture, PixelFormat, Plane, Size};

    use super::*;

    const SIZE: Size = Size::new(200, 160);
    const CENTER: (f32, f32) = (100.0, 80.0);

    /// A pattern about the centre, `scale` times as large as it is.
    fn pixels(scale: f32) -> Vec<u8> {
        let pixel = |i: u32| {
            let x = ((i % SIZE.width) as f32 + 0.5 - CENTER.0) / scale;
            let y = ((i / SIZE.width) as f32 + 0.5 - CENTER.1) / scale;
            (128.0 + 40.0 * (0.31 * x + 0.1 * y).sin() + 40.0 * (0.23 * y - 0.05 * x).cos()) as u8
        };
        (0..SIZE.width * SIZE.height).map(pixel).collect()
    }

    /// How much larger than the pattern what `pixels` holds is found to be, where the box is off by `shift` pixels.
    fn scale(pixels_now: &[u8], shift: f32) -> Option<f32> {
        let before = pixels(1.0);
        let picture = |data| {
            let plane = Plane { data, stride: SIZE.width as usize };
            let planes = [plane, Plane::default(), Plane::default()];
            Picture::new(PixelFormat::Gray8, SIZE, Colorimetry::default(), planes).unwrap()
        };
        let rect = Rect::new(CENTER.0 - 30.0, CENTER.1 - 36.0, 60.0, 72.0);
        let mut aligner = Aligner::new();
        let template = aligner.learn(&Luma::new(&picture(&before)), &rect);
        aligner.scale(&Luma::new(&picture(pixels_now)), &rect.shifted(shift, -shift), &template)
    }

    #[test]
    fn growing_and_shrinking_is_measured_wherever_the_box_is_about() {
        for shift in [0.0, 4.0] {
            for truth in [0.85, 0.95, 1.0, 1.05, 1.15] {
                let found = scale(&pixels(truth), shift).unwrap();
                assert!((found / truth - 1.0).abs() < 0.01, "{found} instead of {truth}, off by {shift}");
            }
        }
    }

    #[test]
    fn another_thing_or_none_has_no_size() {
        let plain = vec![128; (SIZE.width * SIZE.height) as usize];
        let mirrored: Vec<u8> = pixels(1.0).into_iter().map(|pixel| 255 - pixel).collect();
        assert_eq!(scale(&plain, 0.0), None);
        assert_eq!(scale(&mirrored, 0.0), None);
    }
}
