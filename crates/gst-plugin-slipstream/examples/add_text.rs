//! Writes a text of its own onto every frame, in a probe in front of the tiler, and saves the annotated picture as a video.
//!
//! ```text
//! cargo run --release --example add_text -- models/street.ini annotated.mp4 file:///one.mp4 file:///two.mp4
//! ```

use std::error::Error;

use gst::prelude::*;
use gstslipstream::meta::Batch;
use slipstream_meta::{Color, DisplayItem, FrameMeta, Point, Text};

const PIPELINE: &str = "slipmux name=mux ! slipinfer name=detector ! sliptiler name=tiler width=1280 height=720 ! \
    sliposd ! x264enc ! h264parse ! mp4mux ! filesink name=file";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(config), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: add_text CONFIG OUTPUT.mp4 URI...".into());
    };
    gst::init()?;
    gstslipstream::plugin_register_static()?;

    let uris: Vec<String> = arguments.collect();
    let mut description = String::from(PIPELINE);
    for index in 0..uris.len() {
        description += &format!(" uridecodebin name=camera_{index} ! videoconvert ! mux.sink_{index}");
    }
    let pipeline =
        gst::parse::launch(&description)?.downcast::<gst::Pipeline>().map_err(|_| "not a pipeline")?;
    let element = |name: &str| pipeline.by_name(name).ok_or_else(|| format!("no element {name}"));
    for (index, uri) in uris.iter().enumerate() {
        element(&format!("camera_{index}"))?.set_property("uri", uri);
    }
    element("detector")?.set_property("config-file-path", config);
    element("file")?.set_property("location", file);

    let pad = element("tiler")?.static_pad("sink").ok_or("the tiler has an input")?;
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(mut batch) = info.buffer_mut().and_then(Batch::from_buffer_mut) {
            for frame in &mut batch.frames {
                let text = text(frame);
                frame.display.push(DisplayItem::Text(text));
            }
        }
        gst::PadProbeReturn::Ok
    });

    pipeline.set_state(gst::State::Playing)?;
    let ended = wait(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    ended
}

/// Positions are in pixels of the frame; the tiler moves them to where the frame's tile is.
fn text(frame: &FrameMeta) -> Text {
    let size = frame.source_size;
    Text {
        content: format!("{}: {} objects", frame.name, frame.objects.len()),
        position: Point { x: 0.03 * size.width as f32, y: 0.8 * size.height as f32 },
        size: 24.0,
        color: Color::WHITE,
        background: Some(Color::rgb(160, 0, 60)),
    }
}

/// Until all sources have ended.
fn wait(pipeline: &gst::Pipeline) -> Result<(), Box<dyn Error>> {
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => return Err(error.to_string().into()),
            _ => {}
        }
    }
    Ok(())
}
