//! The same job under DeepStream's names and under our own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use gst::prelude::*;
use slipstream_buffer::meta::Batch;
use slipstream_meta::{ObjectMeta, Rect};

use crate::common::*;

/// Frames of each source that are looked at.
const FRAMES: u64 = 24;
/// Clips of different sizes and of the shape of the multiplexer's frames: others look different when they are stretched to it.
const CLIPS: [&str; 2] = ["crosswalk-848x478.mp4", "highway-overpass-720p.mp4"];

/// The clips, if they are there; else says loudly what is missing.
fn clips() -> Option<Vec<PathBuf>> {
    let named = std::env::var_os("SLIPSTREAM_ASSETS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("../shared/assets")).join("videos");
    let clips: Vec<_> = CLIPS.iter().map(|clip| folder.join(clip)).collect();
    if let Some(missing) = clips.iter().find(|clip| !clip.is_file()) {
        skip(format!("no {} (SLIPSTREAM_ASSETS)", missing.display()));
        return None;
    }
    Some(clips)
}

/// Objects of each frame, by source and frame number, with positions as parts of the frame.
type Found = BTreeMap<(u32, u64), Vec<(Rect, ObjectMeta)>>;

/// What passes the element `out` of a pipeline until all sources have sent enough; `None`, loudly, if it does not start.
fn watch(description: &str) -> Option<Found> {
    init();
    let pipeline = gst::parse::launch(description).unwrap().downcast::<gst::Pipeline>().unwrap();
    let found: Arc<Mutex<Found>> = Arc::default();
    let sink = found.clone();
    let bus = pipeline.bus().unwrap();
    let done = bus.clone();
    let pad = pipeline.by_name("out").unwrap().static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(batch) = info.buffer().and_then(Batch::from_buffer) else { return gst::PadProbeReturn::Ok };
        for frame in batch.frames.iter().filter(|frame| frame.frame_number < FRAMES) {
            let unit = Rect::new(0.0, 0.0, 1.0, 1.0);
            let objects = frame
                .objects
                .iter()
                .map(|object| (object.rect.mapped(&frame.viewport, &unit), object.clone()));
            let mut found = sink.lock().unwrap();
            found.insert((frame.pad_index, frame.frame_number), objects.collect());
            if found.len() as u64 == FRAMES * CLIPS.len() as u64 {
                let _ = done.post(gst::message::Eos::new());
            }
        }
        gst::PadProbeReturn::Ok
    });
    let started = pipeline.set_state(gst::State::Playing);
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(600), &kinds).expect("the stream ends");
    pipeline.set_state(gst::State::Null).unwrap();
    if let gst::MessageView::Error(error) = message.view() {
        let text = format!("{} {}", error.error(), error.debug().unwrap_or_default());
        assert!(started.is_err() && text.contains("ONNX Runtime"), "{text}");
        skip(text);
        return None;
    }
    let found = std::mem::take(&mut *found.lock().unwrap());
    Some(found)
}

fn inputs(clips: &[PathBuf], decoder: &str) -> String {
    let input = |(pad, clip): (usize, &PathBuf)| {
        format!(" filesrc location={} ! qtdemux ! h264parse ! {decoder} ! mux.sink_{pad}", clip.display())
    };
    clips.iter().enumerate().map(input).collect()
}

fn assert_same(native: &Found, nv: &Found) {
    assert_eq!(native.keys().collect::<Vec<_>>(), nv.keys().collect::<Vec<_>>());
    let objects: usize = native.values().map(Vec::len).sum();
    assert!(objects as u64 > FRAMES, "{objects} objects");
    for (frame, objects) in native {
        let others = &nv[frame];
        assert_eq!(objects.len(), others.len(), "{frame:?}");
        for (rect, object) in objects {
            let same = others.iter().find(|(other, seen)| {
                rect.iou(other) > 0.98
                    && seen.class_id == object.class_id
                    && seen.tracking_id == object.tracking_id
            });
            let (_, same) = same.unwrap_or_else(|| panic!("{frame:?} {rect:?} {object:?}: {others:?}"));
            assert!((same.confidence - object.confidence).abs() < 0.01 || same.confidence < 0.0, "{frame:?}");
        }
    }
}

#[test]
fn boxes_and_numbers_are_the_same() {
    init();
    if let Some(missing) =
        ["qtdemux", "h264parse", "avdec_h264"].iter().find(|e| gst::ElementFactory::find(e).is_none())
    {
        return skip(format!("GStreamer lacks {missing}"));
    }
    let Some(clips) = clips() else { return };
    let config = root().join("models/street.ini");
    let config = config.display();
    let native = format!(
        "slipmux name=mux live=false ! slipinfer config-file-path={config} ! sliptrack keep-untracked=false ! fakesink name=out{}",
        inputs(&clips, "avdec_h264")
    );
    let nv = format!(
        "nvstreammux name=mux batch-size=2 width=1920 height=1080 ! nvinfer config-file-path={config} ! nvtracker ! \
         fakesink name=out{}",
        inputs(&clips, "nvv4l2decoder")
    );
    let Some(native) = watch(&native) else { return };
    assert_same(&native, &watch(&nv).unwrap());
}
