//! `nvdsosd`: what is drawn, and on what.

use gst::prelude::*;
use gst_video::VideoFormat;
use slipstream_buffer::meta::{Batch, holds_batch};
use slipstream_meta::{Color, FrameMeta, ObjectMeta, Point, Rect, Size, Text};

use crate::common::*;

const FRAME: Size = Size::new(320, 180);
/// Where the object is on the frame.
const BOX: Rect = Rect::new(100.0, 60.0, 120.0, 80.0);

fn describe(frame: &mut FrameMeta) {
    let mut object = ObjectMeta::detected(0, "car".into(), 0.9, BOX);
    object.border_width = Some(4.0);
    object.border_color = Some(Color::WHITE);
    object.text = Some(Text {
        content: "car 7".into(),
        position: Point { x: 100.0, y: 40.0 },
        size: 16.0,
        color: Color::WHITE,
        background: Some(Color::BLACK),
    });
    frame.objects.push(object);
}

fn batch(format: VideoFormat, size: Size, frames: u32) -> gst::Buffer {
    let info = info(format, size.width, size.height);
    let make = MakeBatch::new(FRAME, frames);
    (0..frames).fold(make, |make, pad| make.frame(pad, (info.clone(), gray(&info, 90)), describe)).buffer(3)
}

#[test]
fn a_batch_of_one_becomes_a_picture_in_the_size_of_the_caps() {
    for (format, name) in
        [(VideoFormat::I420, "I420"), (VideoFormat::Nv12, "NV12"), (VideoFormat::Rgba, "RGBA")]
    {
        for size in [FRAME, Size::new(640, 360)] {
            let element = element("nvdsosd");
            let mut harness = harness(&element, &nvmm(name, FRAME), "video/x-raw(memory:NVMM)");
            let drawn = harness.push_and_pull(batch(format, size, 1)).unwrap();
            let (out, caps) = (out_info(&harness), harness.sinkpad().unwrap().current_caps().unwrap());
            assert_eq!((out.width(), out.height(), out.format()), (320, 180, format));
            assert!(!holds_batch(&caps, &drawn) && drawn.n_memory() > 0);
            assert_eq!(drawn.pts(), Some(gst::ClockTime::from_mseconds(120)));
            let at = |x, y| pixel(&drawn, &out, x, y);
            let white = if format == VideoFormat::Rgba { 255 } else { 235 };
            // the border, four pixels wide, and what is inside and outside of it
            assert_eq!([at(101, 100), at(217, 100), at(160, 62), at(160, 138)], [white; 4], "{name} {size}");
            assert!(
                [at(106, 100), at(90, 100), at(160, 70)].iter().all(|luma| luma.abs_diff(90) <= 2),
                "{name}"
            );
            // the text's background
            assert!(at(101, 41) < 30, "{name}: {}", at(101, 41));
            assert_eq!(meta(&drawn).frames[0].objects[0].rect, BOX);
        }
    }
}

#[test]
fn what_is_switched_off_is_not_drawn() {
    let element = element("nvdsosd");
    element.set_property("display-bbox", false);
    let mut harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
    let drawn = harness.push_and_pull(batch(VideoFormat::I420, FRAME, 1)).unwrap();
    let out = out_info(&harness);
    assert_eq!((pixel(&drawn, &out, 101, 100), pixel(&drawn, &out, 101, 41) < 30), (90, true));
    element.set_property("display-bbox", true);
    element.set_property("display-text", false);
    let drawn = harness.push_and_pull(batch(VideoFormat::I420, FRAME, 1)).unwrap();
    assert_eq!((pixel(&drawn, &out, 101, 100), pixel(&drawn, &out, 101, 41)), (235, 90));
    // a clock in the upper left corner, in the colour asked for
    element.set_property("display-clock", true);
    element.set_property("display-text", true);
    element.set_property("clock-font-size", 20u32);
    let drawn = harness.push_and_pull(batch(VideoFormat::I420, FRAME, 1)).unwrap();
    let bright = (0..200).flat_map(|x| (0..30).map(move |y| (x, y)));
    assert!(bright.filter(|&(x, y)| pixel(&drawn, &out, x, y) > 200).count() > 100);
}

#[test]
fn objects_can_be_made_unrecognisable() {
    let striped = || {
        let info = info(VideoFormat::I420, 320, 180);
        let mut buffer = gray(&info, 40);
        let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
        map[..320 * 180]
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| at % 4 < 2)
            .for_each(|(_, luma)| *luma = 200);
        drop(map);
        MakeBatch::new(FRAME, 1).frame(0, (info, buffer), |frame| {
            describe(frame);
            frame.objects[0].component_id = 1;
        })
    };
    // of columns that are 40 and 200 by turns
    for (kinds, is_blurred) in [("", true), ("1:0", true), ("1:2;2:0", false)] {
        let element = element("nvdsosd");
        element.set_property("blur-bbox", 1u32);
        element.set_property("blur-on-gie-class-ids", kinds);
        let mut harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
        let drawn = harness.push_and_pull(striped().buffer(0)).unwrap();
        let out = out_info(&harness);
        let row: Vec<u8> = (140..180).map(|x| pixel(&drawn, &out, x, 100)).collect();
        let range = row.iter().max().unwrap() - row.iter().min().unwrap();
        assert_eq!(range < 40, is_blurred, "{kinds:?}: {row:?}");
        assert_eq!(pixel(&drawn, &out, 40, 100), 200);
    }
}

#[test]
fn frames_of_larger_batches_are_drawn_on_each_for_itself() {
    let element = element("nvdsosd");
    let mut harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
    let drawn = harness.push_and_pull(batch(VideoFormat::I420, Size::new(640, 360), 2)).unwrap();
    let content = Batch::from_buffer(&drawn).unwrap().content().clone();
    assert_eq!(content.pictures.len(), 2);
    for picture in &content.pictures {
        // at twice the size
        assert_eq!(pixel(&picture.buffer, &picture.info, 202, 200), 235);
        assert_eq!(pixel(&picture.buffer, &picture.info, 102, 100), 90);
    }
    // a plain picture with its description, as it comes from a tiler
    let picture = content.pictures[0].clone();
    let mut plain = picture.buffer.copy_deep().unwrap();
    let meta = slipstream_meta::BatchMeta {
        frames: vec![content.meta.frames[0].drawn_onto(Rect::new(0.0, 0.0, 640.0, 360.0))],
        ..Default::default()
    };
    Batch::attach(plain.make_mut(), slipstream_buffer::meta::BatchContent { meta, pictures: Vec::new() });
    harness.set_src_caps_str(&nvmm("I420", Size::new(640, 360)));
    let drawn = harness.push_and_pull(plain).unwrap();
    assert_eq!(pixel(&drawn, &out_info(&harness), 202, 200), 235);
}
