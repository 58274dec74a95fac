//! Connecting to an input to learn what it delivers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use parking_lot::Mutex;
use serde::Serialize;

use crate::fault::{self, Fault};
use crate::rtsp_client::{Offer, RtspOptions, log_in, rtsp_source};
use crate::settings::Transport;
use crate::uri::{Input, NetworkUri};

/// Time over which the frame rate of a camera is measured.
const MEASURED_TIME: Duration = Duration::from_millis(1500);
/// Frames over which the frame rate of a file is measured.
const MEASURED_FRAMES: usize = 50;
/// How far measured and stated rate may be apart.
const RATE_TOLERANCE: f64 = 0.1;
/// Time at the start of a stream that does not count.
const SETTLING: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// How often the state of affairs is looked at.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(20);
/// Packets that come late are waited for so long (milliseconds).
pub(crate) const LATENCY: u32 = 200;

/// What an input delivers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// `H.264`, `H.265`, or GStreamer's name of another codec.
    pub codec: String,
    /// Profile of the codec, if it says so: `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second, measured. Absent if there was but one frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// `TCP` or `UDP`, for cameras.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<&'static str>,
    /// Seconds from connecting to the first decoded frame.
    pub first_frame_seconds: f64,
}

/// Connects to `input` and watches until its rate is known. Takes no longer than `patience` plus a little.
///
/// # Errors
/// What is wrong with it.
pub fn examine(input: &Input, transport: Transport, patience: Duration) -> Result<Findings, Fault> {
    let deadline = Instant::now() + patience;
    match input {
        Input::Rtsp(uri) => {
            fault::knock(uri, patience)?;
            let tcp_first = transport != Transport::Udp;
            match examine_rtsp(uri, tcp_first, deadline) {
                Err(fault) if fault.is_transport_refused() && transport == Transport::Auto => {
                    examine_rtsp(uri, false, deadline)
                }
                result => result,
            }
        }
        Input::Http(uri) => {
            fault::knock(uri, patience)?;
            let source = element("souphttpsrc")?;
            source.set_property("location", uri.location());
            log_in(&source, uri.credentials());
            watch(&source, "parsebin", deadline, false, None)
        }
        Input::File(path) => {
            match std::fs::File::open(path).map_err(|error| error.kind()) {
                Ok(_) if path.is_dir() => return Err(Fault::NotMedia),
                Ok(_) => {}
                Err(std::io::ErrorKind::NotFound) => return Err(Fault::FileNotFound),
                Err(std::io::ErrorKind::PermissionDenied) => return Err(Fault::FileDenied),
                Err(kind) => return Err(Fault::Other(kind.to_string())),
            }
            let source = element("filesrc")?;
            source.set_property("location", path);
            watch(&source, "parsebin", deadline, false, None)
        }
        Input::Device(path) => {
            if !path.exists() {
                return Err(Fault::FileNotFound);
            }
            let source = element("v4l2src")?;
            source.set_property("device", path.to_string_lossy().as_ref());
            // What comes out may be raw already, which only `decodebin` lets through.
            watch(&source, "decodebin", deadline, true, None)
        }
    }
}

/// A GStreamer element.
pub(crate) fn element(name: &str) -> Result<gst::Element, Fault> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|_| Fault::Other(format!("GStreamer element {name} is missing")))
}

fn examine_rtsp(uri: &NetworkUri, over_tcp: bool, deadline: Instant) -> Result<Findings, Fault> {
    let patience = deadline.saturating_duration_since(Instant::now());
    let options = RtspOptions { over_tcp, latency: LATENCY, patience };
    let (source, offer) =
        rtsp_source(uri, uri.credentials(), options).map_err(|error| Fault::Other(error.to_string()))?;
    let mut findings = watch(&source, "parsebin", deadline, true, Some(&offer))?;
    findings.transport = Some(if over_tcp { "TCP" } else { "UDP" });
    Ok(findings)
}

/// What the pipeline's threads found out.
#[derive(Default)]
struct Seen {
    codec: Option<gst::Caps>,
    raw: Option<gst::Caps>,
    first_frame: Option<Instant>,
    times: Vec<gst::ClockTime>,
    has_pads: bool,
}

/// source ! `middle` ! decodebin ! fakesink
fn watch(
    source: &gst::Element,
    middle: &str,
    deadline: Instant,
    is_live: bool,
    offer: Option<&Offer>,
) -> Result<Findings, Fault> {
    let pipeline = gst::Pipeline::new();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let middle = element(middle)?;
    let failed = |_| Fault::Other("the elements cannot be linked".into());
    pipeline.add_many([source, &middle]).map_err(failed)?;
    if source.static_pad("src").is_some() {
        source.link(&middle).map_err(failed)?;
    } else {
        let middle = middle.downgrade();
        source.connect_pad_added(move |_, pad| {
            let sink = middle.upgrade().and_then(|middle| middle.static_pad("sink"));
            if let Some(sink) = sink.filter(|sink| !sink.is_linked()) {
                link(pad, &sink);
            }
        });
    }
    middle.connect_pad_added({
        let (pipeline, seen) = (pipeline.downgrade(), seen.clone());
        move |_, pad| {
            if let Some(pipeline) = pipeline.upgrade() {
                decode(&pipeline, pad, &seen);
            }
        }
    });
    let started = Instant::now();
    let result = observe(&pipeline, &seen, started, deadline, is_live, offer);
    // Nothing can be done about a pipeline that does not want to stop.
    let _ = pipeline.set_state(gst::State::Null);
    result
}

/// Links, or leaves a note.
pub(crate) fn link(pad: &gst::Pad, sink: &gst::Pad) {
    if let Err(error) = pad.link(sink) {
        tracing::debug!(pad = %pad.name(), %error, "cannot be linked");
    }
}

/// Decodes the first video stream; lets all others run into the void.
fn decode(pipeline: &gst::Pipeline, pad: &gst::Pad, seen: &Arc<Mutex<Seen>>) {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let is_video = caps.structure(0).is_some_and(|s| s.name().starts_with("video/"));
    let is_first = {
        let mut seen = seen.lock();
        seen.has_pads = true;
        let is_first = is_video && seen.codec.is_none();
        if is_first {
            seen.codec = Some(caps);
        }
        is_first
    };
    // Demultiplexers push all streams from one thread: without queues, one that waits would hold up all.
    let Ok(queue) = element("queue") else { return };
    let Ok(sink) = element("fakesink") else { return };
    sink.set_property("sync", false);
    // Sinks that wait for each other would wait for ever where one stream is never decoded.
    sink.set_property("async", false);
    let (Some(queue_pad), Some(sink_pad)) = (queue.static_pad("sink"), sink.static_pad("sink")) else {
        return;
    };
    let mut chain = vec![queue.clone()];
    if is_first {
        // The parser learns more as it reads on.
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, {
            let seen = seen.clone();
            move |_, info| {
                if let Some(gst::EventView::Caps(caps)) = info.event().map(|event| event.view()) {
                    seen.lock().codec = Some(caps.caps_owned());
                }
                gst::PadProbeReturn::Ok
            }
        });
        count(&sink_pad, seen);
        let Ok(decoder) = element("decodebin") else { return };
        decoder.connect_pad_added(move |_, pad| {
            if !sink_pad.is_linked() {
                link(pad, &sink_pad);
            }
        });
        chain.push(decoder);
    } else {
        chain.push(sink.clone());
    }
    let in_pipeline = chain.iter().chain(is_first.then_some(&sink));
    if pipeline.add_many(in_pipeline.clone()).is_err() || gst::Element::link_many(&chain).is_err() {
        return;
    }
    for element in in_pipeline {
        // An element that does not start says so on the bus.
        let _ = element.sync_state_with_parent();
    }
    link(pad, &queue_pad);
}

/// Notes the decoded frames that come to `pad`.
fn count(pad: &gst::Pad, seen: &Arc<Mutex<Seen>>) {
    let seen = seen.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
        let mut seen = seen.lock();
        if seen.first_frame.is_none() {
            seen.first_frame = Some(Instant::now());
            seen.raw = pad.current_caps();
        }
        seen.times.extend(buffer.pts());
        gst::PadProbeReturn::Ok
    });
}

fn observe(
    pipeline: &gst::Pipeline,
    seen: &Mutex<Seen>,
    started: Instant,
    deadline: Instant,
    is_live: bool,
    offer: Option<&Offer>,
) -> Result<Findings, Fault> {
    let bus = pipeline.bus().ok_or_else(|| Fault::Other("the pipeline has no bus".into()))?;
    // If it fails, the bus says why.
    let _ = pipeline.set_state(gst::State::Playing);
    let no_video = || offer.is_some_and(Offer::lacks_video);
    let is_enough = |seen: &Seen| match seen.first_frame {
        Some(_) if !is_live => seen.times.len() >= MEASURED_FRAMES,
        Some(first) => first.elapsed() >= MEASURED_TIME,
        None => false,
    };
    loop {
        let message = bus.timed_pop_filtered(LOOK, &[gst::MessageType::Error, gst::MessageType::Eos]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(_)) if no_video() => return Err(Fault::NoVideo),
            Some(gst::MessageView::Error(error)) => return Err(fault::classify(error)),
            Some(_) => {
                let seen = seen.lock();
                return match seen.first_frame {
                    Some(_) => findings(&seen, started),
                    None if is_live => Err(Fault::HungUp),
                    None => Err(Fault::NoVideo),
                };
            }
            None => {}
        }
        let is_late = Instant::now() >= deadline;
        let seen = seen.lock();
        if is_enough(&seen) || (is_late && seen.first_frame.is_some()) {
            return findings(&seen, started);
        }
        if is_late {
            return Err(match () {
                () if no_video() => Fault::NoVideo,
                () if offer.is_some_and(Offer::has_video) => Fault::NoFrames,
                () if seen.has_pads && seen.codec.is_none() => Fault::NoVideo,
                () => Fault::TimedOut,
            });
        }
    }
}

fn findings(seen: &Seen, started: Instant) -> Result<Findings, Fault> {
    let raw = seen.raw.as_ref().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
    let raw = raw.ok_or_else(|| Fault::Other("the decoder does not say what it decodes".into()))?;
    let coded = seen.codec.as_ref().and_then(|caps| caps.structure(0));
    let first_frame = seen.first_frame.unwrap_or(started);
    Ok(Findings {
        codec: coded.map_or_else(|| "unknown".into(), codec_name),
        profile: coded.and_then(|s| s.get::<&str>("profile").ok()).map(ToOwned::to_owned),
        width: raw.width(),
        height: raw.height(),
        fps: frame_rate(&seen.times, coded.and_then(|s| s.get("framerate").ok())),
        transport: None,
        first_frame_seconds: first_frame.duration_since(started).as_secs_f64(),
    })
}

fn codec_name(caps: &gst::StructureRef) -> String {
    match caps.name().as_str() {
        "video/x-h264" => "H.264".into(),
        "video/x-h265" => "H.265".into(),
        "video/x-raw" => "uncompressed".into(),
        "image/jpeg" => "JPEG".into(),
        "video/mpeg" => format!("MPEG-{}", caps.get::<i32>("mpegversion").unwrap_or(2)),
        name => name.trim_start_matches("video/").trim_start_matches("x-").to_owned(),
    }
}

/// Frames per second, rounded to hundredths: what the stream says, if the presentation times bear it out, else
/// what they say themselves.
fn frame_rate(times: &[gst::ClockTime], stated: Option<gst::Fraction>) -> Option<f64> {
    let first = *times.iter().min()?;
    let last = *times.iter().max()?;
    // Clients take a while to find the pace of a live stream.
    let start = if last - first > SETTLING * 2 { first + SETTLING } else { first };
    let settled = times.iter().filter(|time| **time >= start);
    let (count, start) = (settled.clone().count(), *settled.min()?);
    let span = (last - start).seconds_f64();
    let measured = (span > 0.0).then(|| (count.saturating_sub(1)) as f64 / span);
    let stated =
        stated.filter(|rate| rate.numer() > 0).map(|rate| f64::from(rate.numer()) / f64::from(rate.denom()));
    let rate = match (stated, measured) {
        (Some(stated), Some(measured)) if (measured / stated - 1.0).abs() < RATE_TOLERANCE => stated,
        (_, measured) => measured?,
    };
    Some((rate * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(rate: u64, count: u64) -> Vec<gst::ClockTime> {
        (0..count).map(|n| gst::ClockTime::SECOND * n / rate).collect()
    }

    #[test]
    fn the_stated_rate_counts_only_if_it_is_borne_out() {
        let stated = |rate| Some(gst::Fraction::new(rate, 1));
        assert_eq!(frame_rate(&times(25, 50), stated(25)), Some(25.0));
        assert_eq!(frame_rate(&times(24, 50), stated(25)), Some(25.0));
        // Twice the rate is stated by cameras that count fields.
        assert_eq!(frame_rate(&times(25, 50), stated(50)), Some(25.0));
        assert_eq!(frame_rate(&times(10, 50), None), Some(10.0));
        assert_eq!(frame_rate(&times(10, 50), stated(0)), Some(10.0));
        assert_eq!(frame_rate(&times(10, 1), stated(25)), None);
        assert_eq!(frame_rate(&[], stated(25)), None);
    }
}
