//! `sliposd`: draws where it may, and nowhere else.

use gst::prelude::*;
use gst_video::VideoFormat::{I420, Nv12};
use gstslipstream::meta::{Batch, BatchContent};
use slipstream_meta::{BatchMeta, FrameMeta, ObjectMeta, Rect, Size};

use crate::common::*;

const BOX: Rect = Rect::new(100.0, 60.0, 60.0, 50.0);
/// Far from the box, its label and the statistics.
const FAR: Rect = Rect::new(200.0, 150.0, 100.0, 80.0);

fn osd() -> gst::Element {
    init();
    gst::ElementFactory::make("sliposd").build().unwrap()
}

fn plain_harness(osd: &gst::Element, info: &gst_video::VideoInfo) -> gst_check::Harness {
    let mut harness = gst_check::Harness::with_element(osd, Some("sink"), Some("src"));
    harness.set_src_caps(info.to_caps().unwrap());
    harness
}

fn add_object(frame: &mut FrameMeta) {
    frame.objects.push(ObjectMeta::detected(0, "Person".into(), 0.9, BOX));
}

/// A frame of 320x240 with one object.
fn described(info: &gst_video::VideoInfo) -> gst::Buffer {
    let mut buffer = gray(info, 90);
    let mut frame = FrameMeta::new(0, "Gate".into(), 5, Size::new(info.width(), info.height()));
    add_object(&mut frame);
    let meta = BatchMeta { frames: vec![frame], sources: vec![source(0)], ..BatchMeta::default() };
    Batch::attach(buffer.get_mut().unwrap(), BatchContent { meta, pictures: Vec::new() });
    buffer
}

fn untouched(buffer: &gst::BufferRef, info: &gst_video::VideoInfo) -> bool {
    pixels(buffer, info) == pixels(&gray(info, 90), info)
}

fn is_drawn(buffer: &gst::BufferRef, info: &gst_video::VideoInfo) -> bool {
    let (least, greatest) = luma_range(buffer, info, Rect::new(90.0, 50.0, 80.0, 70.0));
    assert_eq!(luma_range(buffer, info, FAR), (90, 90), "nothing is drawn elsewhere");
    least != greatest
}

#[test]
fn plain_pictures_are_drawn_on_in_place() {
    for format in [I420, Nv12] {
        let info = info(format, 320, 240);
        let mut harness = plain_harness(&osd(), &info);
        let buffer = described(&info);
        let address = memory(&buffer);
        let drawn = harness.push_and_pull(buffer).unwrap();
        assert!(is_drawn(&drawn, &info), "{format}");
        assert_eq!(memory(&drawn), address, "no copy was needed");
        assert_eq!(Batch::from_buffer(&drawn).unwrap().frames[0].objects.len(), 1, "the description goes on");
    }
}

#[test]
fn a_picture_that_others_hold_is_not_changed_for_them() {
    let info = info(I420, 320, 240);
    let mut harness = plain_harness(&osd(), &info);
    let buffer = described(&info);
    let held = buffer.clone();
    let drawn = harness.push_and_pull(buffer).unwrap();
    assert!(is_drawn(&drawn, &info));
    assert!(untouched(&held, &info));
    assert_eq!(Batch::from_buffer(&held).unwrap().frames.len(), 1, "nor does it lose its description");
    // another buffer with the same pixels, as a decoder or a tee holds them
    let buffer = described(&info);
    let held = buffer.copy();
    let drawn = harness.push_and_pull(buffer).unwrap();
    assert!(is_drawn(&drawn, &info));
    assert!(untouched(&held, &info));
}

#[test]
fn frames_without_description_pass_untouched() {
    let info = info(Nv12, 320, 240);
    let mut harness = plain_harness(&osd(), &info);
    let buffer = gray(&info, 90);
    let held = buffer.clone();
    let passed = harness.push_and_pull(buffer).unwrap();
    assert!(untouched(&passed, &info));
    assert_eq!(memory(&passed), memory(&held));
    assert!(Batch::from_buffer(&passed).is_none());
}

#[test]
fn what_is_switched_off_is_not_drawn() {
    let info = info(I420, 320, 240);
    let osd = osd();
    for switch in ["display-text", "display-bbox", "display-stats"] {
        osd.set_property(switch, false);
    }
    let mut harness = plain_harness(&osd, &info);
    assert!(untouched(&harness.push_and_pull(described(&info)).unwrap(), &info));
    osd.set_property("display-bbox", true);
    assert!(
        is_drawn(&harness.push_and_pull(described(&info)).unwrap(), &info),
        "settings change while playing"
    );
}

#[test]
fn in_batches_frames_that_the_decoder_needs_are_copied_and_others_are_not() {
    let info = info(I420, 320, 240);
    let mut harness = batch_harness(&osd(), "video/x-raw(meta:SlipstreamBatch)");
    let [free, needed, empty] = [0; 3].map(|_| gray(&info, 90));
    let addresses = [&free, &needed, &empty].map(|buffer| memory(buffer));
    let held = needed.clone();
    let make = MakeBatch::of_sources(0..3)
        .frame_with(0, &info, free, add_object)
        .frame_with(1, &info, needed, add_object)
        .frame(2, &info, empty);
    let batch = harness.push_and_pull(make.buffer(0)).unwrap();
    let content = Batch::from_buffer(&batch).unwrap();
    let pictures = &content.content().pictures;
    assert!(is_drawn(&pictures[0].buffer, &info) && is_drawn(&pictures[1].buffer, &info));
    assert!(untouched(&held, &info));
    assert_eq!(memory(&pictures[0].buffer), addresses[0]);
    assert_ne!(memory(&pictures[1].buffer), addresses[1]);
    assert_eq!(content.frames.len(), 3);
}
