//! What each stage costs alone: the least that the whole job can cost.

use std::path::Path;
use std::time::Duration;

use gst::prelude::*;
use gstslipstream::meta::Batch;

use super::clock::process_time;
use super::{BenchError, Cost};
use crate::encoder::{EncoderSettings, encoder_bin};

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

fn counted(
    pad: Option<gst::Pad>,
    count: impl Fn(&gst::BufferRef) -> u64 + Send + Sync + 'static,
) -> std::sync::Arc<std::sync::atomic::AtomicU64> {
    let counter = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    if let Some(pad) = pad {
        let counter = counter.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                counter.fetch_add(count(buffer), std::sync::atomic::Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
    }
    counter
}

fn cost(before: Duration, count: &std::sync::atomic::AtomicU64) -> Cost {
    Cost { time: process_time() - before, count: count.load(std::sync::atomic::Ordering::Relaxed) }
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
    let count = counted(element(&pipeline, "end")?.static_pad("sink"), |_| 1);
    let before = process_time();
    run_to_end(&pipeline)?;
    Ok(cost(before, &count))
}

/// The detector on every frame of a clip, less what decoding costs.
pub(super) fn infer(clip: &Path, config: &Path, decode: &Cost) -> Result<Cost, BenchError> {
    let pipeline = launch(
        "filesrc name=file ! decodebin ! slipinfer name=infer interval=0 ! fakesink name=end sync=false",
    )?;
    pipeline.connect_deep_element_added(|_, _, element| {
        if element.find_property("max-threads").is_some() {
            element.set_property("max-threads", 1i32);
        }
    });
    element(&pipeline, "file")?.set_property("location", clip);
    let infer = element(&pipeline, "infer")?;
    infer.set_property("config-file-path", config.to_string_lossy().as_ref());
    // Loading the model is not a part of it.
    infer.set_state(gst::State::Paused).map_err(|err| BenchError::Failed(err.to_string()))?;
    let images = counted(element(&pipeline, "end")?.static_pad("sink"), |buffer| {
        buffer
            .meta::<Batch>()
            .is_some_and(|batch| batch.content().meta.frames.iter().any(|f| f.inferred))
            .into()
    });
    let before = process_time();
    run_to_end(&pipeline)?;
    let both = cost(before, &images);
    let decoding = Duration::from_secs_f64(decode.per_item() * both.count as f64);
    Ok(Cost { time: both.time.saturating_sub(decoding), count: both.count })
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
    let count = counted(sink.static_pad("sink"), |_| 1);
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
