//! Parts of masks.

use slipstream_meta::{Rect, Size};

/// A grid of numbers over a rectangle.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) size: Size,
    pub(super) data: Vec<f32>,
}

/// Greatest difference of a rectangle's edges, in cells, that leaves the cells as they are.
const SAME: f32 = 1e-3;

/// What `data`, a grid of `size` (columns, rows) cells over `whole`, holds over `part`, as a grid of `to` cells. Between the
/// middles of cells it is interpolated, past the outermost it stays. `None` if a size is empty or does not fit the data.
pub(super) fn cut(data: &[f32], size: [usize; 2], whole: &Rect, part: &Rect, to: [usize; 2]) -> Option<Grid> {
    let ([width, height], [columns, rows]) = (size, to);
    if data.is_empty() || data.len() != width * height || columns * rows == 0 || whole.is_empty() {
        return None;
    }
    let grid_size = Size::new(u32::try_from(columns).ok()?, u32::try_from(rows).ok()?);
    let (x, y) = (width as f32 / whole.width, height as f32 / whole.height);
    let part = part.shifted(-whole.left, -whole.top).scaled(x, y);
    let near = |a: f32, b: f32| (a - b).abs() <= SAME;
    if size == to
        && near(part.left, 0.0)
        && near(part.top, 0.0)
        && near(part.width, width as f32)
        && near(part.height, height as f32)
    {
        return Some(Grid { size: grid_size, data: data.to_vec() });
    }
    // the two cells between whose middles a position lies, and how far it is from the first to the second
    let between = |index: usize, count: usize, start: f32, length: f32, cells: usize| {
        let position = start + (index as f32 + 0.5) * length / count as f32 - 0.5;
        let position = position.clamp(0.0, (cells - 1) as f32);
        let first = position as usize;
        (first, (first + 1).min(cells - 1), position - first as f32)
    };
    let across: Vec<_> = (0..columns).map(|i| between(i, columns, part.left, part.width, width)).collect();
    let mut cut = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        let (upper, lower, down) = between(row, rows, part.top, part.height, height);
        let (upper, lower) = (data.get(upper * width..)?, data.get(lower * width..)?);
        for &(left, right, along) in &across {
            let mix = |line: &[f32]| Some(line.get(left)? * (1.0 - along) + line.get(right)? * along);
            cut.push(mix(upper)? * (1.0 - down) + mix(lower)? * down);
        }
    }
    Some(Grid { size: grid_size, data: cut })
}

/// From logit to probability.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_whole_is_itself_and_a_part_lies_where_it_should() {
        // a slope: the value of a cell is the middle of its column
        let data: Vec<f32> = (0..4).flat_map(|_| (0..8).map(|x| x as f32 + 0.5)).collect();
        let whole = Rect::new(100.0, 50.0, 80.0, 40.0);
        assert_eq!(cut(&data, [8, 4], &whole, &whole, [8, 4]).unwrap().data, data);
        // the right half, on as many cells: each a quarter cell apart
        let half = cut(&data, [8, 4], &whole, &Rect::new(140.0, 50.0, 40.0, 40.0), [8, 4]).unwrap();
        let expected = [4.25, 4.75, 5.25, 5.75, 6.25, 6.75, 7.25, 7.5];
        for (found, expected) in half.data.iter().zip(expected.iter().cycle()) {
            assert!((found - expected).abs() < 1e-5, "{half:?}");
        }
        assert_eq!(cut(&data, [8, 5], &whole, &whole, [8, 4]), None);
        assert_eq!(cut(&data, [8, 4], &Rect::default(), &whole, [8, 4]), None);
    }

    proptest! {
        #[test]
        fn cut_masks_stay_within_their_values(
            (width, height, columns, rows) in (1usize..9, 1usize..9, 1usize..12, 1usize..12),
            (left, top, w, h) in (-50f32..50.0, -50f32..50.0, -1f32..80.0, -1f32..80.0),
            seed in any::<u32>(),
        ) {
            let data: Vec<f32> = (0..width * height).map(|i| (seed.wrapping_mul(i as u32 + 7) % 100) as f32).collect();
            let whole = Rect::new(0.0, 0.0, 30.0, 20.0);
            let grid = cut(&data, [width, height], &whole, &Rect::new(left, top, w, h), [columns, rows]).unwrap();
            prop_assert_eq!(grid.data.len(), columns * rows);
            let (least, most) = data.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
            prop_assert!(grid.data.iter().all(|x| (least - 1e-3..=most + 1e-3).contains(x)));
        }
    }
}
