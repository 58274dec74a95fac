//! Video files, taken apart into access units once and played as often as wanted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gst::prelude::*;
use slipstream_meta::Size;

use crate::fault::{self, Fault};
use crate::settings::Codec;

/// Assumed for raw streams that do not say their rate; also what parsers assume.
const DEFAULT_FRAME_RATE: gst::Fraction = gst::Fraction::new_raw(25, 1);
/// A file from which nothing comes for so long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the state of affairs is looked at.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// It cannot be read, or is no video.
    #[error("{}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no H.264 or H.265 in it.
    #[error("{}: holds no H.264 or H.265 video", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
    },
}

/// H.264 or H.265 video, never decoded or encoded. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Clip {
    pub(super) codec: Codec,
    pub(super) caps: gst::Caps,
    pub(super) units: Vec<AccessUnit>,
    pub(super) period: gst::ClockTime,
    size: Size,
}

/// One coded picture in decoding order; times count from the start of the clip.
#[derive(Debug, Clone)]
pub(super) struct AccessUnit {
    /// Its bytes are shared by all who play them.
    pub(super) buffer: gst::Buffer,
    pub(super) decode: gst::ClockTime,
    pub(super) present: gst::ClockTime,
}

impl Clip {
    /// Reads a file of any container that GStreamer knows.
    ///
    /// # Errors
    /// If it cannot be read or holds no H.264 or H.265.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ClipError> {
        let path = path.as_ref();
        let failed = |reason: &str| ClipError::Read { path: path.to_owned(), reason: reason.to_owned() };
        if let Err(error) = std::fs::File::open(path) {
            return Err(failed(&error.to_string()));
        }
        let pipeline = gst::Pipeline::new();
        let source = make("filesrc", path)?;
        source.set_property("location", path);
        let parse = make("parsebin", path)?;
        pipeline.add_many([&source, &parse]).map_err(|error| failed(&error.to_string()))?;
        source.link(&parse).map_err(|error| failed(&error.to_string()))?;
        let sink = gst_app::AppSink::builder().sync(false).max_buffers(8).build();
        parse.connect_pad_added({
            let (pipeline, sink) = (pipeline.downgrade(), sink.clone());
            move |_, pad| {
                if let Some(pipeline) = pipeline.upgrade()
                    && let Err(reason) = attach(&pipeline, pad, &sink)
                {
                    tracing::debug!(reason, "part of a clip is not played");
                }
            }
        });
        let read = read(&pipeline, &sink, path);
        // Nothing can be done about a pipeline that does not want to stop.
        let _ = pipeline.set_state(gst::State::Null);
        read
    }

    /// The same pictures at an even `frame_rate` per second.
    pub fn retimed(mut self, frame_rate: u32) -> Self {
        let count = self.units.len() as u64;
        let per_picture = |index: u64| gst::ClockTime::SECOND * index / u64::from(frame_rate.max(1));
        let old_picture = self.period / count.max(1);
        for (index, unit) in (0..).zip(&mut self.units) {
            let delay = unit.present.saturating_sub(unit.decode);
            let pictures = (delay.nseconds() + old_picture.nseconds() / 2) / old_picture.nseconds().max(1);
            unit.decode = per_picture(index);
            unit.present = per_picture(index + pictures);
        }
        self.period = per_picture(count);
        self
    }

    /// H.264 or H.265.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.units.len()
    }

    /// Pictures per second, on average.
    pub fn frame_rate(&self) -> f64 {
        self.units.len() as f64 / self.period.seconds_f64().max(f64::MIN_POSITIVE)
    }
}

fn make(name: &str, path: &Path) -> Result<gst::Element, ClipError> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|error| ClipError::Read { path: path.to_owned(), reason: error.to_string() })
}

/// Leads the first H.264 or H.265 stream to `sink`, everything else nowhere.
fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, sink: &gst_app::AppSink) -> Result<(), &'static str> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let media_type = caps.structure(0).map_or("", |s| s.name().as_str());
    let codec = [Codec::H264, Codec::H265].into_iter().find(|codec| codec.media_type() == media_type);
    // Demultiplexers push all streams from one thread: without queues and with sinks that wait for each other's
    // first buffer, one would hold up all.
    let make = |name| gst::ElementFactory::make(name).build().map_err(|_| "an element is missing");
    let chain = match codec {
        Some(codec) if sink.parent().is_none() => {
            let parser = make(codec.parser())?;
            parser.set_property("config-interval", -1i32);
            let caps = gst::Caps::builder(codec.media_type())
                .field("stream-format", "byte-stream")
                .field("alignment", "au")
                .build();
            sink.set_caps(Some(&caps));
            sink.set_property("async", false);
            vec![make("queue")?, parser, sink.clone().upcast()]
        }
        _ => {
            let void = make("fakesink")?;
            void.set_property("async", false);
            void.set_property("sync", false);
            vec![make("queue")?, void]
        }
    };
    pipeline.add_many(&chain).map_err(|_| "cannot be added")?;
    gst::Element::link_many(&chain).map_err(|_| "cannot be linked")?;
    let first = chain.first().and_then(|element| element.static_pad("sink")).ok_or("no pad")?;
    for element in &chain {
        element.sync_state_with_parent().map_err(|_| "does not start")?;
    }
    pad.link(&first).map(|_| ()).map_err(|_| "cannot be linked")
}

fn read(pipeline: &gst::Pipeline, sink: &gst_app::AppSink, path: &Path) -> Result<Clip, ClipError> {
    let failed = |reason: &str| ClipError::Read { path: path.to_owned(), reason: reason.to_owned() };
    let bus = pipeline.bus().ok_or_else(|| failed("no bus"))?;
    // If it fails, the bus says why.
    let _ = pipeline.set_state(gst::State::Playing);
    let mut samples = Vec::new();
    let mut idle_since = Instant::now();
    loop {
        if let Some(sample) = sink.try_pull_sample(LOOK) {
            samples.push(sample);
            idle_since = Instant::now();
            continue;
        }
        match bus.pop_filtered(&[gst::MessageType::Eos, gst::MessageType::Error]).as_ref().map(|m| m.view()) {
            Some(gst::MessageView::Error(error)) => {
                return Err(match fault::classify(error) {
                    Fault::UnsupportedCodec(_) | Fault::NoVideo => {
                        ClipError::NoVideo { path: path.to_owned() }
                    }
                    fault => failed(&fault.to_string()),
                });
            }
            Some(_) => break,
            None if idle_since.elapsed() > READ_TIMEOUT => return Err(failed("reading takes too long")),
            None if sink.parent().is_none() => std::thread::sleep(LOOK.into()),
            None => {}
        }
    }
    let caps = samples
        .first()
        .and_then(|sample| sample.caps_owned())
        .ok_or_else(|| ClipError::NoVideo { path: path.to_owned() })?;
    from_samples(&samples, caps).ok_or_else(|| ClipError::NoVideo { path: path.to_owned() })
}

fn from_samples(samples: &[gst::Sample], caps: gst::Caps) -> Option<Clip> {
    let structure = caps.structure(0)?;
    let codec =
        [Codec::H264, Codec::H265].into_iter().find(|codec| codec.media_type() == structure.name())?;
    let side = |name| structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok()).unwrap_or(0);
    let size = Size::new(side("width"), side("height"));
    let rate = structure.get::<gst::Fraction>("framerate").ok().filter(|rate| rate.numer() > 0);
    let rate = rate.unwrap_or(DEFAULT_FRAME_RATE);
    let picture = gst::ClockTime::SECOND
        .mul_div_floor(u64::try_from(rate.denom()).ok()?, u64::try_from(rate.numer()).ok()?)?;

    // Playing over and over has to begin where decoders can begin.
    let start = samples.iter().position(|sample| {
        sample.buffer().is_some_and(|b| !b.flags().contains(gst::BufferFlags::DELTA_UNIT))
    })?;
    let buffers: Vec<_> = samples.iter().skip(start).filter_map(|sample| sample.buffer_owned()).collect();
    let count = buffers.len() as u64;
    let first = buffers.first()?.dts_or_pts();
    let last = buffers.last()?.dts_or_pts();
    let timed = first.is_some() && buffers.iter().all(|b| b.pts().is_some() && b.dts_or_pts() >= first);
    let units: Vec<_> = (0..)
        .zip(buffers)
        .map(|(index, buffer)| {
            let (decode, present) = match (buffer.dts_or_pts(), buffer.pts(), first) {
                (Some(dts), Some(pts), Some(first)) if timed => {
                    (dts.saturating_sub(first), pts.saturating_sub(first))
                }
                _ => (picture * index, picture * index),
            };
            AccessUnit { buffer, decode, present }
        })
        .collect();
    let period = match (first, last) {
        (Some(first), Some(last)) if timed && count > 1 => {
            (last - first).mul_div_round(count, count - 1).filter(|period| !period.is_zero())
        }
        _ => None,
    };
    Some(Clip { codec, caps, units, period: period.unwrap_or(picture * count), size })
}
