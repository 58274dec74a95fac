//! Counts the people that each camera sees, in a probe behind the detector.
//!
//! ```text
//! cargo run --release --example count_people -- models/street.ini rtsp://CAMERA/stream file:///clip.mp4
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::sync::Mutex;

use gst::prelude::*;
use gstslipstream::meta::Batch;
use slipstream_meta::FrameMeta;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let config = arguments.next().ok_or("usage: count_people CONFIG URI...")?;
    gst::init()?;
    gstslipstream::plugin_register_static()?;

    let uris: Vec<String> = arguments.collect();
    let mut description = String::from("slipmux name=mux ! slipinfer name=detector ! fakesink sync=false");
    for index in 0..uris.len() {
        description += &format!(" uridecodebin name=camera_{index} ! videoconvert ! mux.sink_{index}");
    }
    let pipeline =
        gst::parse::launch(&description)?.downcast::<gst::Pipeline>().map_err(|_| "not a pipeline")?;
    let element = |name: &str| pipeline.by_name(name).ok_or_else(|| format!("no element {name}"));
    for (index, uri) in uris.iter().enumerate() {
        element(&format!("camera_{index}"))?.set_property("uri", uri);
    }
    let detector = element("detector")?;
    detector.set_property("config-file-path", config);

    let last = Mutex::new(HashMap::new());
    let pad = detector.static_pad("src").ok_or("the detector has an output")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let (Some(batch), Ok(mut last)) = (info.buffer().and_then(Batch::from_buffer), last.lock()) {
            for frame in batch.frames.iter().filter(|frame| frame.inferred) {
                let people = people(frame);
                if last.insert(frame.pad_index, people) != Some(people) {
                    println!("{}, frame {}: {people} people", frame.name, frame.frame_number);
                }
            }
        }
        gst::PadProbeReturn::Ok
    });

    pipeline.set_state(gst::State::Playing)?;
    let ended = wait(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    ended
}

fn people(frame: &FrameMeta) -> usize {
    frame.objects.iter().filter(|object| object.label.eq_ignore_ascii_case("person")).count()
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
