//! Masks and class maps, pixel by pixel.

mod common;

use common::Memory;
use proptest::prelude::*;
use slipstream_draw::{Overlay, OverlayStyle, class_color, ycbcr};
use slipstream_meta::{Colorimetry, FrameMeta, Mask, ObjectMeta, PixelFormat, Rect, SegmentationMeta, Size};

fn bare() -> OverlayStyle {
    OverlayStyle {
        display_text: false,
        display_stats: false,
        display_boxes: false,
        ..OverlayStyle::default()
    }
}

fn frame(size: Size) -> FrameMeta {
    FrameMeta::new(0, "Yard".into(), 0, size)
}

fn map(size: Size, rect: Rect, classes: Vec<i32>) -> SegmentationMeta {
    SegmentationMeta { component_id: 2, classes: 3, size, rect, class_map: classes.into() }
}

/// Luma of a class's colour at an opacity of `alpha` / 255 over `under`.
fn tinted(class: i32, alpha: f64, under: u8) -> f64 {
    let [luma, ..] = ycbcr(class_color(class), Colorimetry::default());
    f64::from(under) * (1.0 - alpha / 255.0) + f64::from(luma) * alpha / 255.0
}

const MAP: f64 = 96.0;
const MASK: f64 = 120.0;

#[test]
fn every_cell_of_a_map_has_the_colour_of_its_class() {
    let size = Size::new(64, 48);
    for format in [PixelFormat::I420, PixelFormat::Nv12] {
        let mut canvas = Memory::flat(format, size, [90, 120, 120]);
        let classes: Vec<_> = (0..48).map(|cell| cell * 5 % 4 - 1).collect();
        let mut frame = frame(size);
        frame.segmentations.push(map(Size::new(8, 6), Rect::of_size(size), classes.clone()));
        Overlay::new(bare()).draw_frame(&mut canvas.view_mut(), &frame);
        for (x, y) in (0..48).flat_map(|y| (0..64).map(move |x| (x, y))) {
            let class = classes[y / 8 * 8 + x / 8];
            let (luma, chroma) = (canvas.luma(x, y), canvas.chroma(x, y));
            if class < 0 {
                assert_eq!((luma, chroma), (90, (120, 120)), "{x} {y}");
                continue;
            }
            assert!((f64::from(luma) - tinted(class, MAP, 90)).abs() <= 1.0, "{x} {y}: {luma}");
            let [_, u, v] = ycbcr(class_color(class), Colorimetry::default());
            let mixed = |under: f64, over: u8| under + (f64::from(over) - under) * MAP / 255.0;
            assert!((f64::from(chroma.0) - mixed(120.0, u)).abs() <= 1.0, "{x} {y}: {chroma:?}");
            assert!((f64::from(chroma.1) - mixed(120.0, v)).abs() <= 1.0, "{x} {y}: {chroma:?}");
        }
    }
}

#[test]
fn padding_is_not_drawn_and_tiles_are_kept_apart() {
    // a map with padding left and right, on a tile of a larger picture
    let size = Size::new(100, 80);
    let mut canvas = Memory::flat(PixelFormat::I420, size, [90, 128, 128]);
    let before = canvas.clone();
    let mut frame = frame(Size::new(200, 200));
    frame.segmentations.push(map(Size::new(4, 1), Rect::new(-200.0, 0.0, 600.0, 200.0), vec![0, 1, 2, 0]));
    let tile = Rect::new(20.0, 10.0, 40.0, 60.0);
    Overlay::new(bare()).draw_frame(&mut canvas.view_mut(), &frame.drawn_onto(tile));
    canvas.assert_same_outside(&before, tile);
    // cells are 150 of the frame's pixels wide: of the second 100 are seen, of the third as many
    for (x, class) in [(20, 1), (39, 1), (40, 2), (59, 2)] {
        let luma = f64::from(canvas.luma(x, 30));
        assert!((luma - tinted(class, MAP, 90)).abs() <= 1.0, "{x}: {luma}");
    }
}

#[test]
fn a_mask_covers_its_object_wherever_that_is_drawn() {
    let size = Size::new(96, 64);
    // the upper left and the lower right quarter
    let data: Vec<f32> = vec![0.9, 0.1, 0.1, 0.9];
    let mut frame = frame(size);
    let mut object = ObjectMeta::detected(1, "".into(), 0.9, Rect::new(16.0, 8.0, 64.0, 48.0));
    object.mask = Some(Mask { size: Size::new(2, 2), data: data.into(), threshold: 0.5 });
    frame.objects.push(object);
    let look = |frame: &FrameMeta, style: OverlayStyle| {
        let mut canvas = Memory::flat(PixelFormat::Nv12, size, [90, 128, 128]);
        Overlay::new(style).draw_frame(&mut canvas.view_mut(), frame);
        canvas
    };
    let check = |canvas: &Memory, rect: Rect| {
        for (x, y) in (0..64).flat_map(|y| (0..96).map(move |x| (x, y))) {
            // between the middles of cells a mask is interpolated; far from the border of a quarter all is clear
            let (across, down) =
                ((x as f32 + 0.5 - rect.left) / rect.width, (y as f32 + 0.5 - rect.top) / rect.height);
            let inside = (0.0..1.0).contains(&across) && (0.0..1.0).contains(&down);
            if inside && ((across - 0.5).abs() < 0.05 || (down - 0.5).abs() < 0.05) {
                continue;
            }
            let belongs = inside && (across < 0.5) == (down < 0.5);
            let expected = if belongs { tinted(1, MASK, 90) } else { 90.0 };
            let luma = f64::from(canvas.luma(x, y));
            assert!((luma - expected).abs() <= 1.0, "{x} {y}: {luma}, not {expected}");
        }
    };
    check(&look(&frame, bare()), frame.objects[0].rect);
    // as a tile, it goes along
    let tiled = frame.drawn_onto(Rect::new(40.0, 20.0, 48.0, 32.0));
    check(&look(&tiled, bare()), tiled.objects[0].rect);
    // what is not wanted is not drawn
    let without = OverlayStyle { display_masks: false, ..bare() };
    assert_eq!(look(&frame, without), look(&FrameMeta { objects: Vec::new(), ..frame.clone() }, bare()));
}

proptest! {
    /// Whatever maps and masks say, nothing is drawn outside of the viewport, and nothing panics.
    #[test]
    fn strange_maps_stay_inside(
        (left, top) in (-300f32..300.0, -300f32..300.0),
        (width, height) in (-10f32..900.0, 0.001f32..900.0),
        (columns, rows) in (0u32..9, 0u32..9),
        len in prop_oneof![Just(None), (0usize..80).prop_map(Some)],
        class in -3i32..12,
    ) {
        // most often as many values as there are cells
        let len = len.unwrap_or((columns * rows) as usize);
        let size = Size::new(64, 48);
        let mut canvas = Memory::noise(PixelFormat::I420, size, 3);
        let before = canvas.clone();
        let mut frame = frame(size);
        frame.viewport = Rect::new(10.0, 10.0, 30.0, 20.0);
        let rect = Rect::new(left, top, width, height);
        frame.segmentations.push(map(Size::new(columns, rows), rect, vec![class; len]));
        let mut object = ObjectMeta::detected(class, "".into(), 0.9, rect);
        let data: Vec<f32> = [f32::NAN, 0.7].into_iter().cycle().take(len).collect();
        object.mask = Some(Mask { size: Size::new(columns, rows), data: data.into(), threshold: 0.5 });
        object.segmentations.push(map(Size::new(1, 1), rect, vec![class]));
        frame.objects.push(object);
        Overlay::new(bare()).draw_frame(&mut canvas.view_mut(), &frame);
        canvas.assert_same_outside(&before, frame.viewport);
    }
}
