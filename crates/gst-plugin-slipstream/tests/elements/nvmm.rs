//! DeepStream's caps: batches whose frames have another size in the metadata than their pictures, and plain pictures.

use gst::prelude::*;
use gst_video::VideoFormat;
use gstslipstream::meta::{Batch, holds_batch};
use slipstream_meta::{ObjectMeta, Rect, Size};

use crate::common::*;

const NVMM: &str = "video/x-raw(memory:NVMM),format=NV12,width=288,height=192,framerate=25/1";
/// Where frames lie in the metadata: three times the size of the pictures.
const FRAME: Rect = Rect::new(0.0, 0.0, 288.0, 192.0);

/// A picture of 96x64, white where the network looks at its sixth number `cell`.
fn picture(cell: usize) -> (gst_video::VideoInfo, gst::Buffer) {
    let info = info(VideoFormat::Nv12, 96, 64);
    let mut buffer = gray(&info, 16);
    let mut map = buffer.get_mut().unwrap().map_writable().unwrap();
    for y in 0..32 {
        map[(cell / 3 * 32 + y) * 96 + cell % 3 * 32..][..32].fill(235);
    }
    drop(map);
    (info, buffer)
}

/// A batch of one such picture as DeepStream's multiplexer describes it.
fn batch(cell: usize, number: u64, object: Option<Rect>) -> gst::Buffer {
    let (info, buffer) = picture(cell);
    let make = MakeBatch::of_sources([0]).frame_with(0, &info, buffer, |frame| {
        frame.viewport = FRAME;
        frame.frame_number = number;
        frame.inferred = object.is_some();
        frame.objects.extend(object.map(|rect| ObjectMeta::detected(0, "Person".into(), 0.9, rect)));
    });
    make.buffer(number * 40)
}

fn harness(element: &gst::Element, sink_caps: &str) -> gst_check::Harness {
    let mut harness = gst_check::Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_sink_caps_str(sink_caps);
    harness.set_src_caps_str(NVMM);
    harness
}

fn rects(buffer: &gst::Buffer) -> Vec<[i32; 4]> {
    let batch = Batch::from_buffer(buffer).unwrap();
    let edges =
        |rect: &Rect| [rect.left, rect.top, rect.right(), rect.bottom()].map(|edge| edge.round() as i32);
    batch.frames.iter().flat_map(|frame| &frame.objects).map(|object| edges(&object.rect)).collect()
}

#[test]
fn what_is_found_is_in_the_pixels_of_the_frame() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let config = detector(folder.path(), "");
    let element = gst::ElementFactory::make("slipinfer")
        .property("config-file-path", config.to_str().unwrap())
        .build()
        .unwrap();
    if element.set_state(gst::State::Paused).is_err() {
        return skip("ONNX Runtime is not installed");
    }
    let mut harness = harness(&element, "video/x-raw(memory:NVMM)");
    let found = harness.push_and_pull(batch(1, 0, None)).unwrap();
    assert!(holds_batch(&harness.pull_event_caps(), &found));
    assert_eq!(rects(&found), [[96, 0, 192, 96]]);
    // a plain picture under the same caps: its own pixels are the frame's
    harness.set_src_caps_str("video/x-raw(memory:NVMM),format=NV12,width=96,height=64,framerate=25/1");
    let found = harness.push_and_pull(picture(1).1).unwrap();
    assert_eq!(rects(&found), [[32, 0, 64, 32]]);
}

#[test]
fn tracks_are_in_the_pixels_of_the_frame() {
    init();
    let element = gst::ElementFactory::make("sliptrack").property("ll-config-file", "iou").build().unwrap();
    let mut harness = harness(&element, "video/x-raw(memory:NVMM)");
    let mut last = None;
    for number in 0..12 {
        let rect = Rect::new(96.0 + 3.0 * number as f32, 30.0, 60.0, 90.0);
        last = Some((rect, harness.push_and_pull(batch(1, number, Some(rect))).unwrap()));
    }
    let (rect, buffer) = last.unwrap();
    let batch = Batch::from_buffer(&buffer).unwrap();
    let [object] = &batch.frames[0].objects[..] else { panic!("{batch:?}") };
    assert_eq!(object.tracking_id, Some(1));
    assert!(object.rect.iou(&rect) > 0.95, "{:?} {rect:?}", object.rect);
    assert_eq!((batch.frames[0].viewport, batch.frames[0].source_size), (FRAME, Size::new(96, 64)));
}

#[test]
fn tiles_and_drawing_follow_the_frame() {
    init();
    let tiler = gst::ElementFactory::make("sliptiler")
        .property("width", 192u32)
        .property("height", 128u32)
        .build()
        .unwrap();
    for (caps, feature) in
        [("video/x-raw,format=NV12", "memory:SystemMemory"), ("video/x-raw(memory:NVMM)", "memory:NVMM")]
    {
        let mut harness = harness(&tiler, caps);
        let tiled = harness.push_and_pull(batch(1, 0, Some(Rect::new(96.0, 0.0, 96.0, 96.0)))).unwrap();
        let caps = harness.pull_event_caps();
        assert!(caps.features(0).unwrap().contains(feature), "{caps}");
        assert!(!holds_batch(&caps, &tiled) && tiled.n_memory() > 0);
        assert_eq!(rects(&tiled), [[64, 0, 128, 64]]);
        let out = info(VideoFormat::Nv12, 192, 128);
        assert_eq!(luma_range(&tiled, &out, Rect::new(70.0, 4.0, 52.0, 54.0)), (235, 235));
    }

    let osd = gst::ElementFactory::make("sliposd")
        .property("display-text", false)
        .property("display-stats", false)
        .build()
        .unwrap();
    let mut harness = harness(&osd, "video/x-raw(memory:NVMM)");
    let drawn = harness.push_and_pull(batch(1, 0, Some(Rect::new(144.0, 96.0, 96.0, 60.0)))).unwrap();
    let content = Batch::from_buffer(&drawn).unwrap().content().clone();
    // at a third of that, and nothing elsewhere below the white cell
    let picture = &content.pictures[0];
    let luma = |rect| luma_range(&picture.buffer, &picture.info, rect);
    assert!(luma(Rect::new(48.0, 32.0, 32.0, 2.0)).1 > 30, "{:?}", luma(Rect::new(48.0, 32.0, 32.0, 2.0)));
    assert_eq!(luma(Rect::new(0.0, 34.0, 46.0, 30.0)), (16, 16));
    assert_eq!(content.meta.frames[0].objects[0].rect, Rect::new(144.0, 96.0, 96.0, 60.0));
}

/// The caps that went out last.
trait PullCaps {
    fn pull_event_caps(&self) -> gst::Caps;
}

impl PullCaps for gst_check::Harness {
    fn pull_event_caps(&self) -> gst::Caps {
        self.sinkpad().unwrap().current_caps().unwrap()
    }
}
