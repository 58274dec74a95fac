//! What each stage costs alone: the least that the whole job can cost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gst::prelude::*;
use gstslipstream::frame::{map_readable, picture};
use slipstream_infer::{Detector, InferConfig};

use super::clock::process_time;
use super::{BenchError, Cost};
use crate::encoder::{EncoderSettings, encoder_bin};

/// Frames that inference is measured on.
const INFERENCE_FRAMES: usize = 160;
/// How often it looks at them.
const INFERENCE_ROUNDS: usize = 4;
/// Images in a batch for each worker, about as in the job.
const IMAGES_PER_WORKER: usize = 4;

fn run_to_end(pipeline: &gst::Pipeline) -> Result<(), BenchError> {
    pipeline.set_state(gst::State::Playing).map_err(|err| BenchError::Failed(err.to_string()))?;
    let end = pipeline.bus().and_then(|bus| {
        bus.timed_pop_filtered(gst::ClockTime::NONE, &[gst::MessageType::Eos, gst::MessageType::Error])
    });
    let _ = pipeline.set_state(gst::State::Null);
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => Err(BenchError::Failed(error.error().to_string())),
        _ => Err(BenchError::Failed("a stage does not end".into())),
    }
}

/// Counts the buffers that come by.
fn counted(pad: Option<gst::Pad>) -> Arc<AtomicU64> {
    let counter = Arc::new(AtomicU64::new(0));
    if let Some(pad) = pad {
        let counter = counter.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
    }
    counter
}

fn cost(before: Duration, count: &AtomicU64) -> Cost {
    Cost { time: process_time() - before, count: count.load(Ordering::Relaxed) }
}

/// One decoder with one thread, on a clip.
pub(super) fn decode(clip: &Path) -> Result<Cost, BenchError> {
    let pipeline = launch("filesrc name=file ! decodebin ! fakesink name=end sync=false")?;
    pipeline.connect_deep_element_added(|_, _, element| {
        if element.find_property("max-threads").is_some() {
            element.set_property("max-threads", 1i32);
        }
    });
    element(&pipeline, "file")?.set_property("location", clip);
    let count = counted(element(&pipeline, "end")?.static_pad("sink"));
    let before = process_time();
    run_to_end(&pipeline)?;
    Ok(cost(before, &count))
}

/// The detector on frames of a clip that are decoded already, all workers side by side as in the job.
pub(super) fn infer(clip: &Path, config: &Path) -> Result<Cost, BenchError> {
    let frames = decoded_frames(clip)?;
    let failed = |err: &dyn std::fmt::Display| BenchError::Failed(err.to_string());
    let mapped: Vec<_> = frames
        .iter()
        .map(|(buffer, info)| map_readable(buffer, info))
        .collect::<Result<_, _>>()
        .map_err(|err| failed(&err))?;
    let pictures: Vec<_> =
        mapped.iter().map(|map| picture(map)).collect::<Result<_, _>>().map_err(|err| failed(&err))?;
    let (config, _) = InferConfig::load(config).map_err(|err| failed(&err))?;
    let mut detector = Detector::new(config, None).map_err(|err| failed(&err))?;
    // The first runs set up memory.
    let batch = detector.workers() * IMAGES_PER_WORKER;
    for pictures in pictures.chunks(batch).take(1) {
        detector.detect(pictures).map_err(|err| failed(&err))?;
    }
    let before = process_time();
    let mut count = 0;
    for _ in 0..INFERENCE_ROUNDS {
        for pictures in pictures.chunks(batch) {
            detector.detect(pictures).map_err(|err| failed(&err))?;
            count += pictures.len() as u64;
        }
    }
    Ok(Cost { time: process_time() - before, count })
}

/// The first frames of a clip.
fn decoded_frames(clip: &Path) -> Result<Vec<(gst::Buffer, gst_video::VideoInfo)>, BenchError> {
    let pipeline = launch("filesrc name=file ! decodebin ! appsink name=end sync=false max-buffers=4")?;
    element(&pipeline, "file")?.set_property("location", clip);
    let sink = element(&pipeline, "end")?.downcast::<gst_app::AppSink>().map_err(|_| BenchError::Silent)?;
    pipeline.set_state(gst::State::Playing).map_err(|err| BenchError::Failed(err.to_string()))?;
    let mut frames = Vec::new();
    while let (true, Ok(sample)) = (frames.len() < INFERENCE_FRAMES, sink.pull_sample()) {
        let info = sample.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
        // A copy: decoders have only so many frames to give away.
        let frame = sample.buffer().and_then(|buffer| buffer.copy_deep().ok()).zip(info);
        frames.extend(frame);
    }
    let _ = pipeline.set_state(gst::State::Null);
    if frames.is_empty() { Err(BenchError::Silent) } else { Ok(frames) }
}

/// The encoder on pictures that the job made.
pub(super) fn encode(pictures: &[gst::Sample], settings: &EncoderSettings) -> Result<Cost, BenchError> {
    let encoder = encoder_bin(settings).map_err(|err| BenchError::Failed(err.to_string()))?;
    let caps = pictures.first().and_then(|picture| picture.caps_owned()).ok_or(BenchError::Silent)?;
    let source =
        gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).block(true).max_buffers(4).build();
    let sink = gst::ElementFactory::make("fakesink").property("sync", false).build()?;
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([source.upcast_ref(), encoder.bin().upcast_ref(), &sink])?;
    gst::Element::link_many([source.upcast_ref(), encoder.bin().upcast_ref(), &sink])?;
    let count = counted(sink.static_pad("sink"));
    let period = gst::ClockTime::SECOND / u64::from(settings.frame_rate.max(1));
    let buffers: Vec<_> = (0..)
        .zip(pictures)
        .filter_map(|(number, sample)| {
            let mut buffer = sample.buffer_owned()?;
            buffer.make_mut().set_pts(period * number);
            Some(buffer)
        })
        .collect();
    let before = process_time();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for buffer in buffers {
                if source.push_buffer(buffer).is_err() {
                    return;
                }
            }
            let _ = source.end_of_stream();
        });
        run_to_end(&pipeline)
    })?;
    Ok(cost(before, &count))
}

fn launch(line: &str) -> Result<gst::Pipeline, BenchError> {
    let element = gst::parse::launch(line).map_err(|err| BenchError::Failed(err.to_string()))?;
    element.downcast().map_err(|_| BenchError::Failed("not a pipeline".into()))
}

fn element(pipeline: &gst::Pipeline, name: &str) -> Result<gst::Element, BenchError> {
    pipeline.by_name(name).ok_or_else(|| BenchError::Failed(format!("no element {name}")))
}
