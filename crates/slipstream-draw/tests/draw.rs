//! Drawing against arithmetic, and the promise to stay inside.

mod common;

use common::Memory;
use proptest::prelude::*;
use slipstream_draw::{Overlay, OverlayStyle, class_color, dim, fill, ycbcr};
use slipstream_meta::{
    ChannelOrder, Color, ColorMatrix, ColorRange, Colorimetry, DisplayItem, FrameMeta, ObjectMeta,
    PixelFormat, Point, Rect, Size, SourceMeta, Text,
};

const I420: PixelFormat = PixelFormat::I420;
const NV12: PixelFormat = PixelFormat::Nv12;
const GREY: PixelFormat = PixelFormat::Gray8;

/// Nothing but boxes.
fn bare() -> OverlayStyle {
    OverlayStyle { display_text: false, display_stats: false, ..OverlayStyle::default() }
}

fn frame(size: Size, display: Vec<DisplayItem>) -> FrameMeta {
    let mut frame = FrameMeta::new(0, "Yard".into(), 1234, size);
    frame.display = display;
    frame
}

/// What a white item on full-range black covers of each pixel, 0…1.
fn coverage(size: Size, item: DisplayItem) -> Vec<f64> {
    let mut canvas = Memory::flat(GREY, size, [0; 3]);
    canvas.colorimetry.range = ColorRange::Full;
    Overlay::new(bare()).draw_frame(&mut canvas.view_mut(), &frame(size, vec![item]));
    let (width, height) = (size.width as usize, size.height as usize);
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| f64::from(canvas.luma(x, y)) / 255.0)
        .collect()
}

#[test]
fn borders_are_exact() {
    let size = Size::new(64, 48);
    for format in [I420, NV12] {
        let mut canvas = Memory::noise(format, size, 3);
        canvas.colorimetry = Colorimetry { matrix: ColorMatrix::Bt709, range: ColorRange::Limited };
        let before = canvas.clone();
        let mut object = ObjectMeta::detected(3, "".into(), 0.5, Rect::new(9.6, 8.2, 30.0, 20.0));
        object.border_width = Some(3.0);
        object.border_color = Some(Color::rgb(255, 0, 0));
        let mut frame = frame(size, Vec::new());
        frame.objects.push(object);
        Overlay::new(bare()).draw_frame(&mut canvas.view_mut(), &frame);
        // Pure red by BT.709: 63, 102, 240.
        for (x, y) in (0..48).flat_map(|y| (0..64).map(move |x| (x, y))) {
            let inside = |by: usize| (10 + by..40 - by).contains(&x) && (8 + by..28 - by).contains(&y);
            let on_border = inside(0) && !inside(3);
            let luma = if on_border { 63 } else { before.luma(x, y) };
            assert_eq!(canvas.luma(x, y), luma, "{format:?} {x} {y}");
            let quads = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| ((x & !1) + dx, (y & !1) + dy));
            let covered = quads
                .iter()
                .filter(|(x, y)| {
                    let inside = |by: usize| (10 + by..40 - by).contains(x) && (8 + by..28 - by).contains(y);
                    inside(0) && !inside(3)
                })
                .count();
            let expected = |under: u8, over: f64| {
                let part = covered as f64 / 4.0;
                f64::from(under) * (1.0 - part) + over * part
            };
            let ((u, v), (under_u, under_v)) = (canvas.chroma(x, y), before.chroma(x, y));
            assert!((f64::from(u) - expected(under_u, 102.0)).abs() <= 1.0, "{format:?} u {x} {y} {covered}");
            assert!((f64::from(v) - expected(under_v, 240.0)).abs() <= 1.0, "{format:?} v {x} {y} {covered}");
        }
    }
}

#[test]
fn boxes_have_the_colour_of_their_class_in_full() {
    let size = Size::new(640, 360);
    let mut canvas = Memory::flat(I420, size, [90, 120, 140]);
    let mut frame = frame(size, Vec::new());
    for class in 0..4 {
        let rect = Rect::new(31.0 + class as f32 * 151.3, 100.7, 99.2, 77.7);
        frame.objects.push(ObjectMeta::detected(class, "".into(), 0.5, rect));
    }
    Overlay::new(bare()).draw_frame(&mut canvas.view_mut(), &frame);
    for (class, object) in frame.objects.iter().enumerate() {
        let [y, u, v] = ycbcr(class_color(class as i32), Colorimetry::default());
        // Borders two pixels wide, their edges on whole chroma samples no farther than a pixel from the box's.
        let (left, top) = (object.rect.left.round() as usize, object.rect.top.round() as usize);
        let (left, top) = ((left + 1) & !1, (top + 1) & !1);
        for (x, row) in [(left, top), (left + 1, top + 1), (left + 1, top + 30), (left + 40, top + 1)] {
            assert_eq!(
                (canvas.luma(x, row), canvas.chroma(x, row)),
                (y, (u, v)),
                "class {class} at {x} {row}"
            );
        }
        let untouched = (90, (120, 140));
        for (x, row) in [(left - 1, top), (left, top - 1), (left + 2, top + 2)] {
            assert_eq!((canvas.luma(x, row), canvas.chroma(x, row)), untouched, "class {class} at {x} {row}");
        }
    }
}

#[test]
fn packed_pixels_take_the_colour_itself() {
    let color = Color::rgb(1, 2, 3);
    for (format, pixel) in [
        (PixelFormat::Rgb(ChannelOrder::Rgb), vec![1, 2, 3]),
        (PixelFormat::Rgb(ChannelOrder::Bgr), vec![3, 2, 1]),
        (PixelFormat::Rgba(ChannelOrder::Rgb), vec![1, 2, 3, 255]),
        (PixelFormat::Rgba(ChannelOrder::Bgr), vec![3, 2, 1, 255]),
    ] {
        let mut canvas = Memory::noise(format, Size::new(5, 5), 2);
        let before = canvas.clone();
        fill(&mut canvas.view_mut(), Rect::new(1.0, 2.0, 3.0, 2.0), color);
        canvas.assert_same_outside(&before, Rect::new(1.0, 2.0, 3.0, 2.0));
        let start = 2 * canvas.strides[0] + pixel.len();
        assert_eq!(canvas.planes[0][start..start + 3 * pixel.len()], pixel.repeat(3));
    }
}

#[test]
fn shapes_cover_their_area() {
    let size = Size::new(200, 160);
    let color = Color::WHITE;
    let center = Point { x: 90.3, y: 70.7 };
    let near = |item: DisplayItem, area: f64| {
        let covered: f64 = coverage(size, item.clone()).iter().sum();
        assert!((covered - area).abs() <= 0.01 * area + 0.5, "{item:?} covers {covered}, not {area}");
    };
    for radius in [1.0f32, 3.5, 20.0, 60.0] {
        let area = std::f64::consts::PI * f64::from(radius).powi(2);
        near(DisplayItem::Circle { center, radius, width: 0.0, color, fill: Some(color) }, area);
        for width in [0.5f32, 1.0, 4.0] {
            if width < radius {
                let area = std::f64::consts::TAU * f64::from(radius) * f64::from(width);
                near(DisplayItem::Circle { center, radius, width, color, fill: None }, area);
            }
        }
    }
    for step in 0..40 {
        let angle = step as f32 * 0.157 + 0.05;
        let from = Point { x: 100.2, y: 80.4 };
        let to = Point { x: from.x + 70.0 * angle.cos(), y: from.y + 70.0 * angle.sin() };
        for width in [0.7f32, 1.0, 2.5, 6.0] {
            near(DisplayItem::Line { from, to, width, color }, 70.0 * f64::from(width));
        }
        // The shaft ends where the head of 15 degrees to either side begins.
        let head = 12.0 * 12.0 * 15f64.to_radians().tan();
        let (head_at_start, head_at_end) = (step % 2 == 0, true);
        let heads = if head_at_start { 2.0 } else { 1.0 };
        let item = DisplayItem::Arrow { from, to, head_at_start, head_at_end, width: 2.0, color };
        near(item, heads * head + (70.0 - heads * 12.0) * 2.0);
    }
}

#[test]
fn level_and_upright_lines_are_crisp() {
    let color = Color::WHITE;
    let (from, to) = (Point { x: 10.3, y: 20.0 }, Point { x: 60.0, y: 20.0 });
    let turned = |point: Point| Point { x: point.y, y: point.x };
    for width in [1.0f32, 2.0, 3.0] {
        for (from, to) in [(from, to), (to, from), (turned(from), turned(to))] {
            let covered = coverage(Size::new(80, 80), DisplayItem::Line { from, to, width, color });
            assert!(covered.iter().all(|part| *part == 0.0 || *part == 1.0));
            assert_eq!(covered.iter().sum::<f64>(), 50.0 * f64::from(width));
        }
    }
}

#[test]
fn huge_shapes_cover_what_can_be_seen_of_them() {
    let size = Size::new(40, 30);
    let color = Color::WHITE;
    let center = Point { x: 20.0, y: 15.0 };
    let all = DisplayItem::Circle { center, radius: 1e30, width: 1.0, color, fill: Some(color) };
    assert!(coverage(size, all).iter().all(|part| *part == 1.0));
    let hollow = DisplayItem::Circle { center, radius: 1e30, width: 1.0, color, fill: None };
    assert!(coverage(size, hollow).iter().all(|part| *part == 0.0));
    let (from, to) = (Point { x: -1e6, y: -1e6 }, Point { x: 1e6, y: 1e6 });
    let diagonal = coverage(size, DisplayItem::Line { from, to, width: 2.0, color });
    assert!((0..30).all(|i| diagonal[i * 40 + i] > 0.99));
    let everything = Rect::new(-1e30, -1e30, 2e30, 2e30);
    let item = DisplayItem::Rect { rect: everything, width: 2.0, color, fill: Some(color) };
    assert!(coverage(size, item).iter().all(|part| *part == 1.0));
}

#[test]
fn a_card_names_the_source_and_stays_in_its_tile() {
    let tile = Rect::new(200.0, 120.0, 200.0, 120.0);
    let mut canvas = Memory::flat(NV12, Size::new(600, 360), [200, 128, 128]);
    let before = canvas.clone();
    let mut source = SourceMeta {
        pad_index: 4,
        name: "An entrance with a name far too long for its tile".into(),
        status: None,
        viewport: Some(tile),
    };
    let mut overlay = Overlay::new(OverlayStyle::default());
    overlay.draw_status(&mut canvas.view_mut(), &source);
    assert_eq!(canvas, before, "a source that delivers has no card");
    source.status = Some("no frame for 5 s, next try in 8 s".into());
    overlay.draw_status(&mut canvas.view_mut(), &source);
    canvas.assert_same_outside(&before, tile);
    let mut luma: Vec<u8> =
        (120..240).flat_map(|y| (200..400).map(move |x| (x, y))).map(|(x, y)| canvas.luma(x, y)).collect();
    luma.sort_unstable();
    assert!(luma[luma.len() / 2] < 80, "most of the tile is dark");
    assert!(luma[luma.len() - 200] > 180, "letters are light");
    // Nothing touches the edge of the tile: the name was shortened.
    assert!((120..240).all(|y| canvas.luma(201, y) < 80 && canvas.luma(398, y) < 80));
}

#[test]
fn labels_stay_in_the_viewport_where_boxes_do_not() {
    let size = Size::new(600, 300);
    let viewport = Rect::new(300.0, 0.0, 300.0, 150.0);
    let [y, u, v] = ycbcr(class_color(0), Colorimetry::default());
    let style = OverlayStyle { display_stats: false, ..OverlayStyle::default() };
    // At the top, at the right, at the left, and larger than all.
    for rect in [
        Rect::new(400.0, -30.0, 100.0, 100.0),
        Rect::new(570.0, 60.0, 80.0, 50.0),
        Rect::new(250.0, 60.0, 80.0, 50.0),
        Rect::new(-1000.0, -1000.0, 3000.0, 3000.0),
    ] {
        let mut canvas = Memory::flat(I420, size, [100, 128, 128]);
        let before = canvas.clone();
        let mut frame = FrameMeta { viewport, ..frame(size, Vec::new()) };
        let mut object = ObjectMeta::detected(0, "Vehicle".into(), 0.5, rect);
        object.tracking_id = Some(17);
        object.border_width = Some(0.0);
        frame.objects.push(object);
        Overlay::new(style.clone()).draw_frame(&mut canvas.view_mut(), &frame);
        canvas.assert_same_outside(&before, viewport);
        let pixels = (0..150).flat_map(|y| (300..600).map(move |x| (x, y)));
        let ground = pixels
            .clone()
            .filter(|&(x, row)| canvas.luma(x, row) == y && canvas.chroma(x, row) == (u, v))
            .count();
        let letters = pixels.filter(|&(x, row)| canvas.luma(x, row) < 60).count();
        assert!(ground > 400 && letters > 60, "{rect:?}: {ground} pixels of ground, {letters} of letters");
    }
}

#[test]
fn dimming_darkens() {
    let mut canvas = Memory::flat(NV12, Size::new(8, 8), [235, 128, 128]);
    dim(&mut canvas.view_mut(), Rect::new(0.0, 0.0, 4.0, 8.0));
    assert!(canvas.luma(3, 7) < 100 && canvas.luma(4, 7) == 235);
}

/// Numbers as they come from config files, models and other people's programs.
fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -80f32..160.0,
        1 => any::<f32>(),
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, 1e-40]),
    ]
}

fn point() -> impl Strategy<Value = Point> {
    (number(), number()).prop_map(|(x, y)| Point { x, y })
}

fn rect() -> impl Strategy<Value = Rect> {
    (number(), number(), number(), number()).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
}

fn color() -> impl Strategy<Value = Color> {
    any::<[u8; 4]>().prop_map(|[red, green, blue, alpha]| Color { red, green, blue, alpha })
}

fn text() -> impl Strategy<Value = Text> {
    (any::<String>(), point(), number(), color(), prop::option::of(color())).prop_map(
        |(content, position, size, color, background)| Text { content, position, size, color, background },
    )
}

fn item() -> impl Strategy<Value = DisplayItem> {
    let ends = || (point(), point(), number(), color());
    prop_oneof![
        (rect(), number(), color(), prop::option::of(color()))
            .prop_map(|(rect, width, color, fill)| DisplayItem::Rect { rect, width, color, fill }),
        text().prop_map(DisplayItem::Text),
        ends().prop_map(|(from, to, width, color)| DisplayItem::Line { from, to, width, color }),
        (ends(), any::<(bool, bool)>()).prop_map(
            |((from, to, width, color), (head_at_start, head_at_end))| {
                DisplayItem::Arrow { from, to, head_at_start, head_at_end, width, color }
            }
        ),
        (point(), number(), number(), color(), prop::option::of(color())).prop_map(
            |(center, radius, width, color, fill)| DisplayItem::Circle { center, radius, width, color, fill }
        ),
    ]
}

fn object() -> impl Strategy<Value = ObjectMeta> {
    let looks = (prop::option::of(number()), prop::option::of(color()), prop::option::of(color()));
    (
        (any::<i32>(), any::<String>(), number(), prop::option::of(any::<u64>())),
        rect(),
        looks,
        prop::option::of(text()),
        prop::collection::vec(point(), 0..4),
    )
        .prop_map(|((class, label, confidence, id), rect, (width, border, fill), text, trail)| {
            let mut object = ObjectMeta::detected(class, label.into(), confidence, rect);
            object.tracking_id = id;
            (object.border_width, object.border_color, object.fill) = (width, border, fill);
            object.text = text;
            object.trail = trail;
            object
        })
}

fn style() -> impl Strategy<Value = OverlayStyle> {
    (any::<[bool; 6]>(), prop::option::of(number()), prop::option::of(number())).prop_map(
        |(
            [display_text, display_boxes, display_masks, display_trails, display_stats, display_confidence],
            font_size,
            border_width,
        )| {
            OverlayStyle {
                display_text,
                display_boxes,
                display_masks,
                display_trails,
                display_stats,
                display_confidence,
                font_size,
                border_width,
            }
        },
    )
}

fn picture() -> impl Strategy<Value = Memory> {
    let formats =
        vec![I420, NV12, GREY, PixelFormat::Rgb(ChannelOrder::Bgr), PixelFormat::Rgba(ChannelOrder::Rgb)];
    (prop::sample::select(formats), 1u32..120, 1u32..90, 0usize..7)
        .prop_map(|(format, width, height, padding)| Memory::noise(format, Size::new(width, height), padding))
}

proptest! {
    #[test]
    fn nothing_outside_the_viewport_is_written(
        canvas in picture(),
        viewport in rect(),
        objects in prop::collection::vec(object(), 0..4),
        display in prop::collection::vec(item(), 0..4),
        style in style(),
        status in any::<String>(),
    ) {
        let before = canvas.clone();
        let mut canvas = canvas;
        let mut overlay = Overlay::new(style);
        let frame = FrameMeta { viewport, objects, display, ..FrameMeta::new(0, "Yard".into(), 7, before.size) };
        let reach = Rect::from_corners(
            viewport.left.round(), viewport.top.round(), viewport.right().round(), viewport.bottom().round(),
        );
        let sources = [
            SourceMeta { pad_index: 0, name: "Yard".into(), status: Some(status.into()), viewport: Some(viewport) },
            SourceMeta { pad_index: 1, name: "".into(), status: Some("".into()), viewport: None },
        ];
        overlay.draw_frame(&mut canvas.view_mut(), &frame);
        for source in &sources {
            overlay.draw_status(&mut canvas.view_mut(), source);
        }
        canvas.assert_same_outside(&before, reach);
    }

    #[test]
    fn both_weaves_give_the_same_picture(
        (width, height) in (1u32..150, 1u32..150),
        objects in prop::collection::vec(object(), 0..4),
        display in prop::collection::vec(item(), 0..6),
    ) {
        let size = Size::new(width, height);
        let mut planar = Memory::noise(I420, size, 2);
        let mut woven = planar.rewoven();
        let frame = FrameMeta { objects, ..frame(size, display) };
        let mut overlay = Overlay::new(OverlayStyle::default());
        overlay.draw_frame(&mut planar.view_mut(), &frame);
        overlay.draw_frame(&mut woven.view_mut(), &frame);
        prop_assert_eq!(planar.difference(&woven), 0);
    }

    /// Chroma must be what drawing at full resolution and taking the mean of each sample's pixels gives.
    #[test]
    fn filling_mixes_by_opacity_and_coverage(
        (width, height) in (1u32..24, 1u32..24),
        (left, top, across, down) in (-4i32..24, -4i32..24, 1i32..28, 1i32..28),
        color in color(),
    ) {
        let size = Size::new(width, height);
        let mut canvas = Memory::noise(I420, size, 1);
        let before = canvas.clone();
        fill(&mut canvas.view_mut(), Rect::new(left as f32, top as f32, across as f32, down as f32), color);
        let codes = ycbcr(color, Colorimetry::default()).map(f64::from);
        let alpha = f64::from(color.alpha) / 255.0;
        let (width, height) = (width as usize, height as usize);
        let covered = |x: usize, y: usize| {
            (left..left + across).contains(&(x as i32)) && (top..top + down).contains(&(y as i32))
        };
        let mixed = |under: u8, over: f64, part: f64| f64::from(under) * (1.0 - part) + over * part;
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let luma = mixed(before.luma(x, y), codes[0], if covered(x, y) { alpha } else { 0.0 });
            prop_assert!((f64::from(canvas.luma(x, y)) - luma).abs() <= 0.5 + 1e-9);
            let pixels = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| ((x & !1) + dx, (y & !1) + dy));
            let pixels: Vec<_> = pixels.into_iter().filter(|(x, y)| *x < width && *y < height).collect();
            let part = pixels.iter().filter(|(x, y)| covered(*x, *y)).count() as f64 / pixels.len() as f64;
            let ((u, v), (under_u, under_v)) = (canvas.chroma(x, y), before.chroma(x, y));
            prop_assert!((f64::from(u) - mixed(under_u, codes[1], part * alpha)).abs() <= 1.0);
            prop_assert!((f64::from(v) - mixed(under_v, codes[2], part * alpha)).abs() <= 1.0);
        }
    }
}

#[test]
fn trails_fade_towards_the_past_and_rest_draws_none() {
    let size = Size::new(320, 80);
    let mut object = ObjectMeta::detected(0, "".into(), 0.5, Rect::new(290.0, 20.0, 20.0, 20.0));
    object.border_color = Some(Color::WHITE);
    object.border_width = Some(2.0);
    // From left to right, then a while without more than the unrest of a box.
    let way = (0..=28).map(|step| Point { x: step as f32 * 10.0, y: 60.0 });
    let rest = (0..12).map(|step| Point { x: 280.0 + (step % 3) as f32, y: 60.0 + (step % 2) as f32 });
    object.trail = way.chain(rest).collect();
    let draw = |object: &ObjectMeta, style| {
        let mut canvas = Memory::flat(GREY, size, [40, 0, 0]);
        let mut frame = frame(size, Vec::new());
        frame.objects.push(object.clone());
        Overlay::new(style).draw_frame(&mut canvas.view_mut(), &frame);
        canvas
    };
    let drawn = draw(&object, bare());
    let along: Vec<_> = (0..27).map(|step| drawn.luma(step * 10 + 5, 60)).collect();
    assert!(along.is_sorted() && along[0] < 45 && along[26] - along[0] > 80, "{along:?}");
    let without = draw(&object, OverlayStyle { display_trails: false, ..bare() });
    drawn.assert_same_outside(&without, Rect::new(0.0, 58.0, 282.0, 4.0));

    object.trail.drain(..29);
    let at_rest = draw(&object, bare());
    at_rest.assert_same_outside(&without, Rect::default());
    object.trail = vec![Point { x: f32::NAN, y: 3.0 }, Point { x: f32::INFINITY, y: 3.0 }];
    draw(&object, bare()).assert_same_outside(&without, Rect::default());
}
