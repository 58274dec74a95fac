//! `nvsegvisual`: classes in their colours, alone and over the frame.

use gst_video::{VideoFormat, VideoFrameRef, VideoInfo, prelude::*};
use slipstream_buffer::meta::{Batch, holds_batch};
use slipstream_draw::class_color;
use slipstream_meta::{FrameMeta, ObjectMeta, Rect, SegmentationMeta, Size};

use crate::common::*;

/// What the multiplexer says that frames are like.
const FRAME: Size = Size::new(320, 180);
const GRAY: u8 = 90;

/// The left quarter is nothing, then come classes 0, 1 and 2.
fn describe(frame: &mut FrameMeta) {
    frame.segmentations.push(SegmentationMeta {
        component_id: 5,
        classes: 3,
        size: Size::new(4, 1),
        rect: Rect::of_size(FRAME),
        class_map: [-1, 0, 1, 2].into(),
    });
    frame.objects.push(ObjectMeta::detected(0, "car".into(), 0.9, Rect::new(80.0, 90.0, 160.0, 90.0)));
}

/// The colours in the middle of each quarter, from left to right, of each frame.
fn quarters(properties: &[(&str, &str)], frames: u32) -> Vec<[[u8; 3]; 4]> {
    let element = element("nvsegvisual");
    for (name, value) in [("width", "128"), ("height", "64")].iter().chain(properties) {
        element.set_property_from_str(name, value);
    }
    let caps = nvmm("NV12", FRAME) + &format!(",batch-size={frames}");
    let mut harness = harness(&element, &caps, "video/x-raw(memory:NVMM)");
    let frame_info = info(VideoFormat::Nv12, 160, 90);
    let make = (0..frames).fold(MakeBatch::new(FRAME, frames), |make, pad| {
        make.frame(pad, (frame_info.clone(), gray(&frame_info, GRAY)), describe)
    });
    let shown = harness.push_and_pull(make.buffer(3)).unwrap();
    assert_eq!(shown.pts(), Some(gst::ClockTime::from_mseconds(120)));
    let caps = harness.sinkpad().unwrap().current_caps().unwrap();
    assert!(holds_batch(&caps, &shown));
    assert_eq!(caps.structure(0).unwrap().get::<i32>("batch-size"), Ok(frames as i32));
    let out = VideoInfo::from_caps(&caps).unwrap();
    assert_eq!((out.format(), out.width(), out.height()), (VideoFormat::Rgba, 128, 64));

    let batch = Batch::from_buffer(&shown).unwrap();
    let content = batch.content();
    assert_eq!(content.meta.frames.len(), frames as usize);
    // what else is known of the frame goes along
    assert_eq!(edges(&content.meta.frames[0].objects[0].rect), [32, 32, 96, 64]);
    let colors = |picture: &slipstream_buffer::meta::BatchPicture| {
        assert_eq!((picture.info.width(), picture.info.height()), (128, 64));
        let mapped = VideoFrameRef::from_buffer_ref_readable(&picture.buffer, &picture.info).unwrap();
        let (data, stride) = (mapped.plane_data(0).unwrap(), mapped.plane_stride()[0] as usize);
        [16, 48, 80, 112].map(|x| data[32 * stride + 4 * x..][..3].try_into().unwrap())
    };
    content.pictures.iter().map(colors).collect()
}

fn color(class: i32) -> [u8; 3] {
    let color = class_color(class);
    [color.red, color.green, color.blue]
}

#[test]
fn classes_alone_hide_the_frame() {
    let expected = [[0; 3], color(0), color(1), color(2)];
    assert_eq!(quarters(&[], 2), [expected; 2]);
    assert_eq!(quarters(&[("operate-on-seg-meta-id", "5")], 1), [expected]);
    assert_eq!(quarters(&[("operate-on-seg-meta-id", "6")], 1), [[[0; 3]; 4]]);
}

#[test]
fn over_the_frame_classes_are_blended_and_the_background_is_not() {
    let over = |alpha: &str, class: &str| {
        quarters(&[("original-background", "true"), ("alpha", alpha), ("class-id", class)], 1).remove(0)
    };
    let plain = over("0", "0")[0];
    assert!(plain[0] > 0 && plain.iter().all(|part| *part == plain[0]), "gray: {plain:?}");
    assert_eq!(over("0", "0"), [plain; 4]);
    assert_eq!(over("1", "0"), [plain, plain, color(1), color(2)]);
    assert_eq!(over("1", "2"), [plain, color(0), color(1), plain]);
    let half = over("0.5", "0");
    for (part, (below, above)) in half[2].iter().zip(plain.iter().zip(color(1))) {
        let expected = (f32::from(*below) + f32::from(above)) / 2.0;
        assert!((f32::from(*part) - expected).abs() <= 2.0, "{half:?}");
    }
}
