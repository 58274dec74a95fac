//! `sliptiler`: every pixel in its place.

use gst::prelude::*;
use gst_video::VideoFormat::{self, I420, Nv12};
use gstslipstream::meta::Batch;
use slipstream_meta::{Color, DisplayItem, ObjectMeta, Point, Rect, Size};

use crate::common::*;

/// Luma of black in limited range.
const BLACK: u8 = 16;

fn tiler() -> gst::Element {
    init();
    gst::ElementFactory::make("sliptiler")
        .property("width", 200u32)
        .property("height", 120u32)
        .build()
        .unwrap()
}

fn harness(tiler: &gst::Element, format: VideoFormat) -> gst_check::Harness {
    batch_harness(tiler, &format!("video/x-raw,format={format}"))
}

fn flat(buffer: &gst::BufferRef, format: VideoFormat, rect: Rect) -> Option<u8> {
    let (least, greatest) = luma_range(buffer, &info(format, 200, 120), rect);
    (least == greatest).then_some(least)
}

fn tile(column: u32, row: u32) -> Rect {
    Rect::new(column as f32 * 100.0, row as f32 * 60.0, 100.0, 60.0)
}

#[test]
fn tiles_lie_in_their_places_whatever_the_formats() {
    for (source, canvas) in [(I420, I420), (Nv12, Nv12), (I420, Nv12), (Nv12, I420)] {
        let tiler = tiler();
        let mut harness = harness(&tiler, canvas);
        let infos =
            [info(source, 64, 48), info(source, 100, 60), info(source, 333, 77), info(source, 32, 200)];
        let mut batch = MakeBatch::of_sources([0, 3, 4, 9]);
        for ((pad, info), luma) in [0, 3, 4, 9].into_iter().zip(&infos).zip([50, 100, 150, 200]) {
            batch = batch.frame(pad, info, gray(info, luma));
        }
        let picture = harness.push_and_pull(batch.buffer(80)).unwrap();
        assert_eq!(picture.pts().unwrap().mseconds(), 80);
        for (index, luma) in [50, 100, 150, 200].into_iter().enumerate() {
            let tile = tile(index as u32 % 2, index as u32 / 2);
            assert_eq!(flat(&picture, canvas, tile), Some(luma), "{source} on {canvas}, tile {index}");
        }
        for plane in &pixels(&picture, &info(canvas, 200, 120))[1..] {
            assert!(plane.iter().all(|&chroma| chroma == 128), "gray stays gray");
        }
        let meta = Batch::from_buffer(&picture).unwrap();
        let viewports: Vec<_> = meta.sources.iter().map(|source| source.viewport).collect();
        assert_eq!(viewports, [tile(0, 0), tile(1, 0), tile(0, 1), tile(1, 1)].map(Some));
        let frames: Vec<_> = meta.frames.iter().map(|frame| (frame.pad_index, frame.viewport)).collect();
        assert_eq!(frames, [(0, tile(0, 0)), (3, tile(1, 0)), (4, tile(0, 1)), (9, tile(1, 1))]);
        assert_eq!(meta.frames[2].source_size, Size::new(333, 77));
        assert!(meta.content().pictures.is_empty());
    }
}

#[test]
fn a_tile_keeps_the_last_frame_of_its_source() {
    let tiler = tiler();
    let mut harness = harness(&tiler, I420);
    let size = info(I420, 64, 48);
    let batch = |frames: &[(u32, u8)]| {
        let make = MakeBatch::of_sources([0, 1]);
        frames.iter().fold(make, |make, &(pad, luma)| make.frame(pad, &size, gray(&size, luma))).buffer(0)
    };
    let halves = [Rect::new(0.0, 0.0, 100.0, 120.0), Rect::new(100.0, 0.0, 100.0, 120.0)];
    let mut shows = |frames: &[(u32, u8)], luma: [u8; 2]| {
        let picture = harness.push_and_pull(batch(frames)).unwrap();
        assert_eq!(halves.map(|half| flat(&picture, I420, half)), luma.map(Some));
        let meta = Batch::from_buffer(&picture).unwrap();
        let listed: Vec<_> = meta.frames.iter().map(|frame| frame.pad_index).collect();
        let expected: Vec<_> = (0..2).filter(|&pad| luma[pad as usize] != BLACK).collect();
        assert_eq!(listed, expected);
    };
    shows(&[], [BLACK, BLACK]);
    shows(&[(1, 90)], [BLACK, 90]);
    shows(&[(0, 40), (1, 91)], [40, 91]);
    shows(&[(0, 41)], [41, 91]);
    shows(&[], [41, 91]);
    shows(&[(1, 92)], [41, 92]);
}

#[test]
fn pictures_that_were_handed_on_are_never_drawn_on_again() {
    let tiler = tiler();
    let mut harness = harness(&tiler, I420);
    let size = info(I420, 64, 48);
    let mut batch = |luma| {
        let make = MakeBatch::of_sources([0]).frame(0, &size, gray(&size, luma));
        harness.push_and_pull(make.buffer(0)).unwrap()
    };
    let pictures: Vec<_> = (1..10).map(|n| batch(n * 20)).collect();
    let all = Rect::new(0.0, 0.0, 200.0, 120.0);
    for (picture, n) in pictures.iter().zip(1..) {
        assert_eq!(flat(picture, I420, all), Some(n * 20));
    }
}

#[test]
fn the_grid_follows_the_sources() {
    let tiler = tiler();
    let mut harness = harness(&tiler, I420);
    let size = info(I420, 64, 48);
    let mut push = |sources: &[u32], frames: &[u32]| {
        let make = MakeBatch::of_sources(sources.iter().copied());
        let make =
            frames.iter().fold(make, |make, &pad| make.frame(pad, &size, gray(&size, 50 + pad as u8 * 10)));
        harness.push_and_pull(make.buffer(0)).unwrap()
    };
    let whole = Rect::new(0.0, 0.0, 200.0, 120.0);
    assert_eq!(flat(&push(&[0], &[0]), I420, whole), Some(50));
    // a third source of three makes one row of three; here it has no frame yet
    let picture = push(&[0, 5, 7], &[5]);
    let third = |n: u32| Batch::from_buffer(&picture).unwrap().sources[n as usize].viewport.unwrap();
    assert_eq!([0, 1, 2].map(|n| flat(&picture, I420, third(n))), [Some(50), Some(100), Some(BLACK)]);
    assert!([0, 1, 2].iter().all(|&n| third(n).height == 120.0), "one row");
    // source 0 is gone for good: with its number comes another one, without a picture
    let picture = push(&[5, 7], &[7]);
    assert_eq!(flat(&picture, I420, Rect::new(0.0, 0.0, 100.0, 120.0)), Some(100));
    let picture = push(&[0, 5], &[]);
    assert_eq!(flat(&picture, I420, Rect::new(0.0, 0.0, 100.0, 120.0)), Some(BLACK));
    assert_eq!(flat(&picture, I420, Rect::new(100.0, 0.0, 100.0, 120.0)), Some(100));
    assert_eq!(flat(&push(&[], &[]), I420, whole), Some(BLACK));
}

#[test]
fn settings_change_while_playing() {
    let tiler = tiler();
    let mut harness = harness(&tiler, I420);
    let size = info(I420, 64, 48);
    let mut push = || {
        let make = (0..3).fold(MakeBatch::of_sources(0..3), |make, pad| {
            make.frame(pad, &size, gray(&size, 50 + pad as u8 * 10))
        });
        harness.push_and_pull(make.buffer(0)).unwrap()
    };
    let whole = Rect::new(0.0, 0.0, 200.0, 120.0);
    push();
    tiler.set_property("show-source", 1i32);
    let picture = push();
    assert_eq!(flat(&picture, I420, whole), Some(60));
    let meta = Batch::from_buffer(&picture).unwrap();
    assert_eq!(meta.frames.iter().map(|frame| frame.pad_index).collect::<Vec<_>>(), [1]);
    assert_eq!(
        meta.sources.iter().map(|source| source.viewport).collect::<Vec<_>>(),
        [None, Some(whole), None]
    );
    tiler.set_property("show-source", 8i32);
    assert_eq!(flat(&push(), I420, whole), Some(BLACK), "there is no such source");
    tiler.set_property("show-source", -1i32);
    tiler.set_property("rows", 2u32);
    let picture = push();
    assert_eq!(flat(&picture, I420, tile(0, 1)), Some(70));
    assert_eq!(flat(&picture, I420, tile(1, 1)), Some(BLACK));
    tiler.set_property("columns", 1u32);
    let picture = push();
    assert_eq!(flat(&picture, I420, Rect::new(0.0, 60.0, 200.0, 60.0)), Some(60), "two of three fit");
    assert_eq!(Batch::from_buffer(&picture).unwrap().frames.len(), 2);
}

#[test]
fn bands_beside_a_picture_are_black_even_after_it_changed_its_size() {
    let tiler = tiler();
    tiler.set_property("keep-aspect-ratio", true);
    let mut harness = harness(&tiler, I420);
    let mut push = |width, height| {
        let size = info(I420, width, height);
        let make = MakeBatch::of_sources([0]).frame(0, &size, gray(&size, 200));
        harness.push_and_pull(make.buffer(0)).unwrap()
    };
    // 200x100 in 200x120: bands of 10 above and below
    let wide = push(400, 200);
    assert_eq!(flat(&wide, I420, Rect::new(0.0, 10.0, 200.0, 100.0)), Some(200));
    assert_eq!(flat(&wide, I420, Rect::new(0.0, 0.0, 200.0, 10.0)), Some(BLACK));
    // 60x120: bands of 70 left and right
    let tall = push(100, 200);
    assert_eq!(flat(&tall, I420, Rect::new(70.0, 0.0, 60.0, 120.0)), Some(200));
    assert_eq!(
        flat(&tall, I420, Rect::new(0.0, 0.0, 70.0, 120.0)),
        Some(BLACK),
        "nothing of the old picture"
    );
    assert_eq!(flat(&tall, I420, Rect::new(130.0, 0.0, 70.0, 120.0)), Some(BLACK));
}

#[test]
fn descriptions_move_along_with_their_frames() {
    let tiler = tiler();
    let mut harness = harness(&tiler, I420);
    let size = info(I420, 200, 60);
    let make = MakeBatch::of_sources([0, 1]).frame_with(1, &size, gray(&size, 100), |frame| {
        frame.frame_number = 12;
        frame.objects.push(ObjectMeta::detected(2, "Person".into(), 0.5, Rect::new(20.0, 30.0, 40.0, 15.0)));
        frame.display.push(DisplayItem::Line {
            from: Point { x: 0.0, y: 0.0 },
            to: Point { x: 200.0, y: 60.0 },
            width: 3.0,
            color: Color::WHITE,
        });
    });
    let picture = harness.push_and_pull(make.buffer(0)).unwrap();
    let meta = Batch::from_buffer(&picture).unwrap();
    let [frame] = &meta.frames[..] else { panic!("{meta:?}") };
    // half as wide, twice as high, in the right half
    assert_eq!((frame.pad_index, frame.frame_number), (1, 12));
    assert_eq!(frame.viewport, Rect::new(100.0, 0.0, 100.0, 120.0));
    assert_eq!(frame.objects[0].rect, Rect::new(110.0, 60.0, 20.0, 30.0));
    assert_eq!(frame.objects[0].detector_rect, Some(frame.objects[0].rect));
    let DisplayItem::Line { from, to, width, .. } = frame.display[0] else { panic!("{frame:?}") };
    assert_eq!((from, to, width), (Point { x: 100.0, y: 0.0 }, Point { x: 200.0, y: 120.0 }, 3.0));
}

#[test]
fn a_source_in_trouble_shows_its_status_and_disturbs_nobody() {
    let tiler = tiler();
    let mut harness = harness(&tiler, I420);
    let size = info(I420, 64, 48);
    // its last frame holds fewer bytes than its size needs
    let make = MakeBatch::of_sources(0..3)
        .status(1, "connecting")
        .frame(0, &size, gray(&size, 40))
        .frame(1, &size, gray(&size, 80))
        .frame(2, &size, gst::Buffer::with_size(10).unwrap());
    let picture = harness.push_and_pull(make.buffer(0)).unwrap();
    let meta = Batch::from_buffer(&picture).unwrap();
    let sources: Vec<_> = meta.sources.iter().map(|s| (s.status.as_deref(), s.viewport.is_some())).collect();
    assert_eq!(sources, [(None, true), (Some("connecting"), true), (None, true)]);
    assert!(
        meta.frames.iter().all(|frame| frame.pad_index != 1),
        "nothing to draw on a frame that is not seen"
    );
    assert_eq!(flat(&picture, I420, meta.sources[0].viewport.unwrap()), Some(40));
}

#[test]
fn plain_video_is_a_batch_of_one() {
    let tiler = tiler();
    let mut harness = gst_check::Harness::with_element(&tiler, Some("sink"), Some("src"));
    harness.set_sink_caps_str("video/x-raw,format=I420");
    let size = info(Nv12, 64, 48);
    harness.set_src_caps(size.to_caps().unwrap());
    for number in 0..3 {
        let mut frame = gray(&size, 100);
        frame.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(40 * number));
        let picture = harness.push_and_pull(frame).unwrap();
        assert_eq!(flat(&picture, I420, Rect::new(0.0, 0.0, 200.0, 120.0)), Some(100));
        let meta = Batch::from_buffer(&picture).unwrap();
        assert_eq!((meta.frames.len(), meta.sources.len()), (1, 1));
        assert_eq!((meta.frames[0].frame_number, meta.frames[0].source_size), (number, Size::new(64, 48)));
    }
    // another size, in the middle of the stream
    let size = info(I420, 32, 32);
    harness.set_src_caps(size.to_caps().unwrap());
    let picture = harness.push_and_pull(gray(&size, 77)).unwrap();
    assert_eq!(flat(&picture, I420, Rect::new(0.0, 0.0, 200.0, 120.0)), Some(77));
}
