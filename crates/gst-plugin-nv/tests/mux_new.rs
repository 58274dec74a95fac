//! `nvstreammux`, the new one.

mod mux_common;

use gst::prelude::*;
use gst_video::VideoFormat;
use mux_common::{Feed, Passed, Pipeline, info, watch};
use slipstream_meta::{Rect, Size};

/// The environment says which multiplexer it is before the plugin is loaded.
fn init_new() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the first thing in every test of this program; the others wait.
        unsafe { std::env::set_var("USE_NEW_NVSTREAMMUX", "yes") };
        mux_common::init();
    });
}

#[test]
fn frames_keep_their_sizes_and_batches_follow_the_sources() {
    init_new();
    let pipeline = Pipeline::new("nvstreammux name=mux batch-size=8 ! fakesink sync=false async=false");
    let mux = pipeline.element("mux");
    let watch = watch(&mux.static_pad("src").unwrap());
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 640, 480));
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 320, 240));
    mux.set_property("batched-push-timeout", i32::MAX);
    pipeline.play();
    a.start();
    b.start();
    for _ in 0..3 {
        a.push().unwrap();
        b.push().unwrap();
    }
    watch.wait_for_batches(3);
    assert!(watch.batches().iter().all(|batch| batch.len() == 2), "{:?}", watch.batches());
    assert_eq!(watch.times(), [0, 40_000_000, 80_000_000], "those of the frames");
    {
        let metas = watch.metas.lock().unwrap();
        let mut sizes: Vec<_> = metas[0].frames.iter().map(|f| (f.source_size, f.viewport)).collect();
        sizes.sort_by_key(|(size, _)| size.width);
        let expected =
            [(320, 240), (640, 480)].map(|(w, h)| (Size::new(w, h), Rect::of_size(Size::new(w, h))));
        assert_eq!(sizes, expected);
    }
    a.eos();
    watch.wait_for("its end", |passed| *passed == Passed::Source("nv-stream-eos".into(), 0));
    b.push().unwrap();
    watch.wait_for_batches(4);
    assert_eq!(watch.batches()[3], [(1, 3)]);
    b.eos();
    watch.wait_for("the end", |passed| *passed == Passed::Eos);
}

#[test]
fn a_config_file_sets_the_rules() {
    init_new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mux.txt");
    let text = "[property]\nadaptive-batching=0\nbatch-size=4\nmax-same-source-frames=2\noverall-min-fps-n=1\noverall-min-fps-d=1000\n";
    std::fs::write(&path, text).unwrap();
    let launch =
        format!("nvstreammux name=mux config-file-path={} ! fakesink sync=false async=false", path.display());
    let pipeline = Pipeline::new(&launch);
    let mux = pipeline.element("mux");
    let watch = watch(&mux.static_pad("src").unwrap());
    let mut a = Feed::new(&mux, "sink_0", info(VideoFormat::I420, 640, 480));
    let mut b = Feed::new(&mux, "sink_1", info(VideoFormat::I420, 640, 480));
    pipeline.play();
    a.start();
    b.start();
    (0..4).for_each(|_| _ = a.push().unwrap());
    (0..4).for_each(|_| _ = b.push().unwrap());
    watch.wait_for_batches(2);
    for batch in watch.batches() {
        assert_eq!(batch.len(), 4);
        assert_eq!(batch.iter().filter(|(pad, _)| *pad == 0).count(), 2);
    }

    std::fs::write(&path, "[property]\nbatch-size=many\n").unwrap();
    let pipeline = Pipeline::new(&launch);
    assert!(pipeline.0.set_state(gst::State::Playing).is_err());
    let message = pipeline.message(&[gst::MessageType::Error]);
    let gst::MessageView::Error(error) = message.view() else { unreachable!() };
    let text = error.error().to_string();
    assert!(text.contains("mux.txt:2: [property] batch-size=many"), "{text}");
}

#[test]
fn sources_by_uri_take_the_properties_of_both() {
    init_new();
    let src = gst::ElementFactory::make("nvmultiurisrcbin")
        .property("width", 640u32)
        .property("height", 360u32)
        .property("max-batch-size", 3u32)
        .build()
        .unwrap();
    let mux = src
        .downcast_ref::<gst::Bin>()
        .unwrap()
        .iterate_elements()
        .find(|e| e.name().contains("mux"))
        .unwrap();
    assert_eq!(mux.property::<u32>("batch-size"), 3);
    assert_eq!(mux.property::<i32>("batched-push-timeout"), 33_000, "-1 is none of its values");
    src.set_property("batched-push-timeout", 5_000i32);
    assert_eq!(mux.property::<i32>("batched-push-timeout"), 5_000);
}
