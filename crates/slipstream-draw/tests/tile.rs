//! Geometry of grids, and the scaler against straightforward arithmetic.

mod common;

use common::Memory;
use proptest::prelude::*;
use slipstream_draw::{DrawError, Grid, Scaler, fit, ycbcr};
use slipstream_meta::{ChannelOrder, Color, ColorMatrix, ColorRange, Colorimetry, PixelFormat, Rect, Size};

const I420: PixelFormat = PixelFormat::I420;
const NV12: PixelFormat = PixelFormat::Nv12;
const RGB: PixelFormat = PixelFormat::Rgb(ChannelOrder::Rgb);
const BGR: PixelFormat = PixelFormat::Rgb(ChannelOrder::Bgr);
const RGBA: PixelFormat = PixelFormat::Rgba(ChannelOrder::Rgb);
const BGRA: PixelFormat = PixelFormat::Rgba(ChannelOrder::Bgr);

#[test]
fn grids_have_the_root_of_the_sources_as_rows() {
    let grids =
        [(0, 1, 1), (1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3), (7, 2, 4), (9, 3, 3), (30, 5, 6)];
    for (sources, rows, columns) in grids {
        assert_eq!(Grid::for_sources(sources), Grid { rows, columns }, "{sources} sources");
    }
    for sources in 1..=300 {
        let Grid { rows, columns } = Grid::for_sources(sources);
        assert_eq!(rows, f64::from(sources).sqrt().floor() as u32);
        assert!(rows * columns >= sources && rows * (columns - 1) < sources, "{sources} in {rows}x{columns}");
    }
}

#[test]
fn tiles_lie_row_by_row() {
    let grid = Grid { rows: 5, columns: 6 };
    let canvas = Size::new(1200, 600);
    assert_eq!(grid.tile(canvas, 0), Some(Rect::new(0.0, 0.0, 200.0, 120.0)));
    assert_eq!(grid.tile(canvas, 5), Some(Rect::new(1000.0, 0.0, 200.0, 120.0)));
    assert_eq!(grid.tile(canvas, 6), Some(Rect::new(0.0, 120.0, 200.0, 120.0)));
    assert_eq!(grid.tile(canvas, 29), Some(Rect::new(1000.0, 480.0, 200.0, 120.0)));
    assert_eq!(grid.tile(canvas, 30), None);
    // 1000 / 3 = 333, rounded down to an even width.
    let wide = Grid { rows: 1, columns: 3 };
    assert_eq!(wide.tile(Size::new(1000, 75), 2), Some(Rect::new(664.0, 0.0, 332.0, 74.0)));
    assert_eq!(wide.tile(Size::new(5, 75), 0), None);
    assert_eq!(Grid { rows: 0, columns: 0 }.tile(canvas, 0), None);
}

proptest! {
    #[test]
    fn fitted_pictures_keep_their_shape(
        (width, height) in (1u32..5000, 1u32..5000),
        (left, top, tile_width, tile_height) in (0u32..500, 0u32..500, 1u32..1000, 1u32..1000),
    ) {
        let [left, top, tile_width, tile_height] = [left, top, tile_width, tile_height].map(|half| half as f32 * 2.0);
        let tile = Rect::new(left, top, tile_width, tile_height);
        let inner = fit(Size::new(width, height), tile);
        prop_assert!(inner.left >= tile.left && inner.top >= tile.top);
        prop_assert!(inner.right() <= tile.right() && inner.bottom() <= tile.bottom());
        for edge in [inner.left, inner.top, inner.width, inner.height] {
            prop_assert_eq!(edge % 2.0, 0.0);
        }
        // One direction is filled, the other as near to the shape as even numbers allow.
        prop_assert!(inner.width == tile.width || inner.height == tile.height);
        let scale = f64::from(tile_width / width as f32).min(f64::from(tile_height / height as f32));
        for (side, exact) in [(inner.width, f64::from(width) * scale), (inner.height, f64::from(height) * scale)] {
            prop_assert!((f64::from(side) - exact).abs() <= 1.01 || side == 2.0, "{} for {}", side, exact);
        }
        // Bands are alike on both sides, to the pixel pair.
        prop_assert!(((inner.left - tile.left) - (tile.right() - inner.right())).abs() <= 2.0);
        prop_assert!(((inner.top - tile.top) - (tile.bottom() - inner.bottom())).abs() <= 2.0);
    }
}

/// One sample of a plane of `from` samples scaled to `to`: the mean of the plane under a triangle that is two samples
/// of the result wide (two of the source where it is enlarged), weights outside the plane left out.
fn triangle(
    value: &dyn Fn(usize, usize) -> u8,
    from: (usize, usize),
    to: (usize, usize),
    at: (usize, usize),
) -> f64 {
    let weights = |from: usize, to: usize, at: usize| -> Vec<(usize, f64)> {
        let scale = from as f64 / to as f64;
        let center = (at as f64 + 0.5) * scale;
        let weight = |i: usize| (1.0 - ((i as f64 + 0.5 - center) / scale.max(1.0)).abs()).max(0.0);
        let sum: f64 = (0..from).map(weight).sum();
        (0..from).map(|i| (i, weight(i) / sum)).filter(|(_, weight)| *weight > 0.0).collect()
    };
    let columns = weights(from.0, to.0, at.0);
    let rows = weights(from.1, to.1, at.1);
    rows.iter()
        .map(|(y, of_row)| {
            columns.iter().map(|(x, part)| f64::from(value(*x, *y)) * part * of_row).sum::<f64>()
        })
        .sum()
}

/// One sample of a plane scaled down: the mean over the area that it covers.
fn area_mean(
    value: &dyn Fn(usize, usize) -> u8,
    from: (usize, usize),
    to: (usize, usize),
    at: (usize, usize),
) -> f64 {
    let spans = |from: usize, to: usize, at: usize| -> Vec<(usize, f64)> {
        let (start, end) = ((at * from) as f64 / to as f64, ((at + 1) * from) as f64 / to as f64);
        let overlap = |i: usize| (end.min((i + 1) as f64) - start.max(i as f64)).max(0.0) / (end - start);
        (0..from).map(|i| (i, overlap(i))).filter(|(_, part)| *part > 0.0).collect()
    };
    let (columns, rows) = (spans(from.0, to.0, at.0), spans(from.1, to.1, at.1));
    rows.iter()
        .map(|(y, of_row)| {
            columns.iter().map(|(x, part)| f64::from(value(*x, *y)) * part * of_row).sum::<f64>()
        })
        .sum()
}

fn worst(source: &Memory, canvas: &Memory, tile: (usize, usize, usize, usize), reference: Reference) -> f64 {
    let (left, top, width, height) = tile;
    let from = (source.size.width as usize, source.size.height as usize);
    let half = |(width, height): (usize, usize)| (width.div_ceil(2), height.div_ceil(2));
    let mut worst = 0f64;
    for y in 0..height {
        for x in 0..width {
            let luma = reference(&|x, y| source.luma(x, y), from, (width, height), (x, y));
            worst = worst.max((luma - f64::from(canvas.luma(left + x, top + y))).abs());
            if x % 2 == 0 && y % 2 == 0 {
                let (u, v) = canvas.chroma(left + x, top + y);
                let (to, at) = (half((width, height)), (x / 2, y / 2));
                let expected_u = reference(&|x, y| source.chroma(2 * x, 2 * y).0, half(from), to, at);
                let expected_v = reference(&|x, y| source.chroma(2 * x, 2 * y).1, half(from), to, at);
                worst = worst.max((expected_u - f64::from(u)).abs()).max((expected_v - f64::from(v)).abs());
            }
        }
    }
    worst
}

type Reference = fn(&dyn Fn(usize, usize) -> u8, (usize, usize), (usize, usize), (usize, usize)) -> f64;

const TILE: (usize, usize, usize, usize) = (20, 10, 50, 30);
const TILE_RECT: Rect = Rect::new(20.0, 10.0, 50.0, 30.0);

#[test]
fn noise_is_scaled_with_a_triangle() {
    for (width, height) in [(160, 90), (131, 77), (50, 90), (21, 13), (49, 31), (640, 1), (700, 400)] {
        for from in [I420, NV12] {
            for to in [I420, NV12] {
                let source = Memory::noise(from, Size::new(width, height), 5);
                let mut canvas = Memory::noise(to, Size::new(100, 50), 3);
                let before = canvas.clone();
                Scaler::new().scale(&source.view(), &mut canvas.view_mut(), TILE_RECT).unwrap();
                canvas.assert_same_outside(&before, TILE_RECT);
                let off = worst(&source, &canvas, TILE, triangle);
                // The last rounding, and a little for that of weights and of rows.
                assert!(off <= 0.52, "{from:?} {width}x{height} to {to:?}: off by {off}");
            }
        }
    }
}

#[test]
fn smooth_pictures_keep_the_mean_of_every_area() {
    let wave = |plane: usize, x: usize, y: usize| {
        let x = if plane == 0 { x } else { 2 * x };
        (128.0 + 80.0 * (x as f64 / 37.0).sin() * (y as f64 / 29.0 + plane as f64).cos()) as u8
    };
    let source = Memory::from_fn(I420, Size::new(320, 180), 0, wave);
    let mut canvas = Memory::flat(I420, Size::new(100, 50), [0; 3]);
    Scaler::new().scale(&source.view(), &mut canvas.view_mut(), TILE_RECT).unwrap();
    // A triangle is wider than the area, so it flattens the crests; the margin is what its formula gives there.
    let off = worst(&source, &canvas, TILE, area_mean);
    assert!(off <= 4.0, "off by {off}");
}

#[test]
fn equal_sizes_are_copied() {
    let tile = Rect::new(2.0, 4.0, 31.0, 17.0);
    for (from, to) in [(I420, I420), (I420, NV12), (NV12, I420), (NV12, NV12)] {
        let source = Memory::noise(from, Size::new(31, 17), 4);
        // The tile ends where the odd canvas ends, so it keeps its odd size.
        let mut canvas = Memory::noise(to, Size::new(33, 21), 1);
        let before = canvas.clone();
        Scaler::new().scale(&source.view(), &mut canvas.view_mut(), tile).unwrap();
        canvas.assert_same_outside(&before, tile);
        for (x, y) in (0..17).flat_map(|y| (0..31).map(move |x| (x, y))) {
            assert_eq!(canvas.luma(x + 2, y + 4), source.luma(x, y));
            assert_eq!(canvas.chroma(x + 2, y + 4), source.chroma(x, y));
        }
    }
}

#[test]
fn tiles_are_moved_to_whole_chroma_samples() {
    let source = Memory::noise(NV12, Size::new(70, 50), 0);
    let on = |rect: Rect| {
        let mut canvas = Memory::flat(NV12, Size::new(61, 41), [0; 3]);
        Scaler::new().scale(&source.view(), &mut canvas.view_mut(), rect).unwrap();
        canvas
    };
    assert_eq!(on(Rect::new(7.0, 3.2, 20.0, 16.0)), on(Rect::new(6.0, 2.0, 20.0, 16.0)));
    assert_eq!(on(Rect::new(41.0, 31.0, 20.0, 10.0)), on(Rect::new(40.0, 30.0, 21.0, 11.0)));
}

#[test]
fn colours_stay_what_they_are_between_systems() {
    let systems =
        [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020].into_iter().flat_map(|matrix| {
            [ColorRange::Limited, ColorRange::Full].map(|range| Colorimetry { matrix, range })
        });
    let systems: Vec<_> = systems.collect();
    let colors =
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40), (10, 90, 160)];
    for color in colors.map(|(red, green, blue)| Color::rgb(red, green, blue)) {
        let Color { red, green, blue, .. } = color;
        for to in &systems {
            let mut sources: Vec<Memory> = systems
                .iter()
                .flat_map(|from| {
                    let [y, u, v] = ycbcr(color, *from);
                    let mut planar = Memory::flat(I420, Size::new(40, 30), [y, u, v]);
                    planar.colorimetry = *from;
                    let mut woven = planar.rewoven();
                    woven.colorimetry = *from;
                    [planar, woven]
                })
                .collect();
            for (format, bytes) in [
                (RGB, vec![red, green, blue]),
                (BGR, vec![blue, green, red]),
                (RGBA, vec![red, green, blue, 0]),
                (BGRA, vec![blue, green, red, 77]),
            ] {
                sources.push(Memory::from_fn(format, Size::new(41, 29), 0, |_, x, _| bytes[x % bytes.len()]));
            }
            for source in &sources {
                for format in [I420, NV12] {
                    // Once scaled, once copied.
                    for size in [Size::new(22, 14), source.size] {
                        let mut canvas = Memory::flat(format, size, [1; 3]);
                        canvas.colorimetry = *to;
                        let whole = Rect::of_size(size);
                        Scaler::new().scale(&source.view(), &mut canvas.view_mut(), whole).unwrap();
                        let [y, u, v] = ycbcr(color, *to);
                        let (x, row) = (size.width as usize - 1, size.height as usize - 1);
                        let (got_u, got_v) = canvas.chroma(x, row);
                        let off =
                            y.abs_diff(canvas.luma(x, row)).max(u.abs_diff(got_u)).max(v.abs_diff(got_v));
                        let from = (source.format, source.colorimetry);
                        assert!(off <= 2, "{color:?} {from:?} to {format:?} {to:?}: off by {off}");
                    }
                }
            }
        }
    }
}

#[test]
fn grey_pictures_have_no_colour() {
    let mut source = Memory::noise(PixelFormat::Gray8, Size::new(20, 10), 0);
    source.colorimetry.range = ColorRange::Full;
    source.planes[0].fill(255);
    for format in [I420, NV12] {
        let mut canvas = Memory::noise(format, Size::new(20, 10), 0);
        Scaler::new().scale(&source.view(), &mut canvas.view_mut(), Rect::new(0.0, 0.0, 20.0, 10.0)).unwrap();
        assert_eq!((canvas.luma(19, 9), canvas.chroma(19, 9)), (235, (128, 128)));
    }
}

#[test]
fn what_cannot_be_scaled_is_said() {
    let source = Memory::noise(I420, Size::new(8, 8), 0);
    let mut canvas = Memory::noise(I420, Size::new(16, 16), 0);
    let before = canvas.clone();
    for rect in [
        Rect::new(0.0, 0.0, 0.0, 8.0),
        Rect::new(0.0, 0.0, f32::NAN, 8.0),
        Rect::new(f32::NAN, 0.0, 8.0, 8.0),
        Rect::new(-2.0, 0.0, 8.0, 8.0),
        Rect::new(10.0, 0.0, 8.0, 8.0),
        Rect::new(0.0, 0.0, f32::INFINITY, 8.0),
        Rect::new(1e30, 0.0, 1e30, 8.0),
    ] {
        let error = Scaler::new().scale(&source.view(), &mut canvas.view_mut(), rect);
        assert!(matches!(error, Err(DrawError::Target { .. })), "{rect:?}: {error:?}");
    }
    assert_eq!(canvas, before);
    let mut grey = Memory::noise(PixelFormat::Gray8, Size::new(16, 16), 0);
    let error = Scaler::new().scale(&source.view(), &mut grey.view_mut(), Rect::new(0.0, 0.0, 8.0, 8.0));
    assert_eq!(error, Err(DrawError::CanvasFormat(PixelFormat::Gray8)));
}

proptest! {
    #[test]
    fn nothing_outside_the_tile_is_written(
        (format, from_width, from_height, from_padding) in
            (prop::sample::select(vec![I420, NV12, PixelFormat::Gray8, RGB, BGRA]), 1u32..70, 1u32..70, 0usize..9),
        (to_format, width, height, padding) in (prop::sample::select(vec![I420, NV12]), 1u32..60, 1u32..60, 0usize..9),
        (left, top, tile_width, tile_height) in (-5f32..60.0, -5f32..60.0, 0f32..70.0, 0f32..70.0),
    ) {
        let source = Memory::noise(format, Size::new(from_width, from_height), from_padding);
        let mut canvas = Memory::noise(to_format, Size::new(width, height), padding);
        let before = canvas.clone();
        let rect = Rect::new(left, top, tile_width, tile_height);
        let done = Scaler::new().scale(&source.view(), &mut canvas.view_mut(), rect);
        // Rounding and moving to whole samples may add a pixel at the left and at the top.
        let reach = Rect::from_corners(
            ((left.round() / 2.0).floor()) * 2.0,
            ((top.round() / 2.0).floor()) * 2.0,
            rect.right().round(),
            rect.bottom().round(),
        );
        canvas.assert_same_outside(&before, if done.is_ok() { reach } else { Rect::default() });
    }
}
