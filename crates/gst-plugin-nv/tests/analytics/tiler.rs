//! `nvmultistreamtiler`: where pictures and positions go.

use std::sync::Arc;

use gst::prelude::*;
use gst_video::VideoFormat;
use slipstream_buffer::meta::{Batch, holds_batch};
use slipstream_meta::{
    Color, DisplayItem, FrameMeta, ObjectMeta, Point, Rect, Size, Text, UserData, UserMeta,
};

use crate::common::*;

/// What the multiplexer gives frames as their size; pictures are smaller.
const FRAME: Size = Size::new(1920, 1080);

#[derive(Debug)]
struct Note(u32);

impl UserData for Note {
    fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>> {
        Some(self)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn tiler(rows: u32, columns: u32) -> gst::Element {
    let tiler = element("nvmultistreamtiler");
    for (name, value) in [("rows", rows), ("columns", columns), ("width", 640), ("height", 360)] {
        tiler.set_property(name, value);
    }
    tiler
}

/// A frame of one brightness with an object, a display text and something of the program's.
fn frame(make: MakeBatch, pad: u32, format: VideoFormat, luma: u8) -> MakeBatch {
    let info = info(format, 160, 90);
    let buffer = gray(&info, luma);
    make.frame(pad, (info, buffer), |frame: &mut FrameMeta| {
        let mut object =
            ObjectMeta::detected(0, format!("car {pad}").into(), 0.9, Rect::new(960.0, 540.0, 480.0, 270.0));
        object.border_width = Some(3.0);
        object.text = Some(words("car", 960.0, 530.0));
        object.user.0.push(UserMeta { kind: 8193, data: Arc::new(Note(100 + pad)) });
        frame.objects.push(object);
        frame.display.push(DisplayItem::Text(words("Frame=1", 10.0, 12.0)));
        frame.display.push(DisplayItem::Circle {
            center: Point { x: 192.0, y: 108.0 },
            radius: 90.0,
            width: 2.0,
            color: Color::WHITE,
            fill: None,
        });
        frame.user.0.push(UserMeta { kind: 8193, data: Arc::new(Note(pad)) });
        frame.frame_number = 17;
        frame.pts = Some(3);
    })
}

fn words(content: &str, x: f32, y: f32) -> Text {
    let position = Point { x, y };
    Text {
        content: content.into(),
        position,
        size: 16.0,
        color: Color::WHITE,
        background: Some(Color::BLACK),
    }
}

fn batch(pads: &[(u32, u8)]) -> gst::Buffer {
    let make = MakeBatch::new(FRAME, 4);
    pads.iter().fold(make, |make, &(pad, luma)| frame(make, pad, VideoFormat::I420, luma)).buffer(0)
}

fn event(number: u32, name: &str, source: u32) -> gst::Event {
    let structure = gst::Structure::builder(name).field("source-id", source).build();
    let event = gst::event::CustomDownstreamSticky::builder(structure).build();
    // SAFETY: the event was just made and is nobody else's; its kind is a number of DeepStream's.
    unsafe { (*event.as_mut_ptr()).type_ = (number << 8 | 2 | 4 | 8 | 16) as gst::ffi::GstEventType };
    event
}

#[test]
fn one_frame_describes_all_tiles() {
    let element = tiler(2, 2);
    let mut harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
    // sources come in turns, as from a multiplexer with batches of one
    harness.push_and_pull(batch(&[(0, 60)])).unwrap();
    let tiled = harness.push_and_pull(batch(&[(3, 200)])).unwrap();
    let out = out_info(&harness);
    assert_eq!((out.width(), out.height(), out.format()), (640, 360, VideoFormat::I420));
    assert!(!holds_batch(&harness.sinkpad().unwrap().current_caps().unwrap(), &tiled));
    // the first source's tile stays; the others are black
    let seen = [(100, 100), (500, 100), (100, 300), (500, 300)].map(|(x, y)| pixel(&tiled, &out, x, y));
    assert_eq!(seen, [60, 16, 16, 200]);

    let meta = meta(&tiled);
    let [frame] = &meta.frames[..] else { panic!("{meta:?}") };
    assert_eq!((frame.pad_index, frame.source_id, frame.frame_number, frame.pts), (0, 0, 0, Some(0)));
    let canvas = Rect::new(0.0, 0.0, 640.0, 360.0);
    assert_eq!((frame.viewport, frame.source_size), (canvas, Size::new(640, 360)));
    let objects: Vec<_> = frame.objects.iter().map(|object| (&*object.label, edges(&object.rect))).collect();
    // tiles are a sixth of the frame's size
    assert_eq!(objects, [("car 0", [160, 90, 240, 135]), ("car 3", [480, 270, 560, 315])]);
    assert!(frame.objects.iter().all(|object| object.border_width == Some(3.0)));
    let text = frame.objects[1].text.as_ref().unwrap();
    assert_eq!((text.size, text.position.x.round(), text.position.y.round()), (16.0, 480.0, 268.0));
    let texts: Vec<_> = frame
        .display
        .iter()
        .filter_map(|item| match item {
            DisplayItem::Text(text) => Some((text.position.x.round(), text.position.y.round())),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [(2.0, 2.0), (322.0, 182.0)]);
    let circles: Vec<_> = frame
        .display
        .iter()
        .filter_map(|item| match item {
            DisplayItem::Circle { center, radius, width, .. } => Some((center.x.round(), *radius, *width)),
            _ => None,
        })
        .collect();
    assert_eq!(circles, [(32.0, 15.0, 2.0), (352.0, 15.0, 2.0)]);
    let note = |meta: &UserMeta| meta.downcast_ref::<Note>().map(|note| note.0);
    assert_eq!(frame.user.iter().map(note).collect::<Vec<_>>(), [Some(0), Some(3)]);
    let of_objects: Vec<_> = frame.objects.iter().flat_map(|object| object.user.iter().map(note)).collect();
    assert_eq!(of_objects, [Some(100), Some(103)]);
}

#[test]
fn sources_that_join_make_room_and_those_that_leave_clear_the_canvas() {
    let element = tiler(1, 1);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let mut harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
    harness.push_and_pull(batch(&[(0, 60)])).unwrap();
    harness.push_event(event(400, "nv-pad-added", 3));
    let message = bus.pop_filtered(&[gst::MessageType::Info]).expect("a message");
    let gst::MessageView::Info(message) = message.view() else { unreachable!() };
    assert!(message.error().to_string().contains("reconfigured nvmultistreamtiler"));
    let tiled = harness.push_and_pull(batch(&[(0, 60), (3, 90)])).unwrap();
    let out = out_info(&harness);
    let seen = |tiled: &gst::Buffer| [(100, 100), (500, 300)].map(|(x, y)| pixel(tiled, &out, x, y));
    assert_eq!(seen(&tiled), [60, 90]);
    harness.push_event(event(402, "nv-stream-eos", 0));
    let tiled = harness.push_and_pull(batch(&[(3, 90)])).unwrap();
    assert_eq!(seen(&tiled), [16, 90]);
    assert_eq!(meta(&tiled).frames[0].objects.len(), 1);
}

#[test]
fn one_source_can_have_the_whole_picture() {
    let element = tiler(2, 2);
    element.set_property("show-source", 1i32);
    let mut harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
    let shown = harness.push_and_pull(batch(&[(0, 60), (1, 120)])).unwrap();
    let out = out_info(&harness);
    assert_eq!([(2, 2), (637, 357)].map(|(x, y)| pixel(&shown, &out, x, y)), [120, 120]);
    assert_eq!(edges(&meta(&shown).frames[0].objects[0].rect), [320, 180, 480, 270]);
    // its picture stays while it has no frame, and all are back on demand
    let shown = harness.push_and_pull(batch(&[(0, 60)])).unwrap();
    assert_eq!(pixel(&shown, &out, 300, 200), 120);
    element.set_property("show-source", -1i32);
    let tiled = harness.push_and_pull(batch(&[(0, 60), (1, 120)])).unwrap();
    assert_eq!([(100, 100), (500, 100), (500, 300)].map(|(x, y)| pixel(&tiled, &out, x, y)), [60, 120, 16]);
    element.set_property("show-source", 4i32);
    assert_eq!(harness.push(batch(&[(0, 60)])), Err(gst::FlowError::Error));
}

#[test]
fn sizes_are_multiples_of_four_and_colours_stay() {
    let element = tiler(1, 2);
    element.set_property("width", 637u32);
    element.set_property("height", 357u32);
    let mut harness = harness(&element, &nvmm("RGBA", FRAME), "video/x-raw(memory:NVMM)");
    let make = frame(MakeBatch::new(FRAME, 2), 0, VideoFormat::Rgba, 200);
    let tiled = harness.push_and_pull(frame(make, 1, VideoFormat::Nv12, 60).buffer(0)).unwrap();
    let out = out_info(&harness);
    assert_eq!((out.width(), out.height(), out.format()), (640, 360, VideoFormat::Rgba));
    let near = |value: u8, wanted: u8| value.abs_diff(wanted) <= 2;
    assert!(near(pixel(&tiled, &out, 100, 100), 200), "{}", pixel(&tiled, &out, 100, 100));
    // luma 60 of limited range
    assert!(near(pixel(&tiled, &out, 500, 100), 51), "{}", pixel(&tiled, &out, 500, 100));
}

#[test]
fn frames_are_not_scaled_to_the_whole_picture_in_front_of_it() {
    let element = tiler(2, 2);
    let harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
    let filter: gst::Caps =
        "video/x-raw(memory:NVMM),format=RGBA,width=[1,4000],height=[1,4000]".parse().unwrap();
    let caps = element.static_pad("sink").unwrap().query_caps(Some(&filter));
    drop(harness);
    assert_eq!(caps.size(), 1, "{caps}");
    assert!(caps.can_intersect(&nvmm("RGBA", FRAME).parse::<gst::Caps>().unwrap()), "{caps}");
    assert!(caps.structure(0).unwrap().get::<i32>("width").is_err(), "any width: {caps}");
}

#[test]
fn batches_of_one_are_behind_it() {
    let element = tiler(1, 1);
    let harness = harness(&element, &nvmm("I420", FRAME), "video/x-raw(memory:NVMM)");
    let mut query = gst::query::Custom::new(gst::Structure::new_empty("nv-batch-size-query"));
    assert!(harness.sinkpad().unwrap().peer_query(&mut query));
    assert_eq!(query.structure().unwrap().get::<u32>("value"), Ok(1));
    assert!(Batch::from_buffer(&gst::Buffer::new()).is_none());
}
