//! What the tests of multiplexer and demultiplexer share.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]

use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use slipstream_buffer::meta::{Batch, NVMM_FEATURE};
use slipstream_meta::BatchMeta;

/// Nothing here is about speed: a wait this long means that it will never happen.
pub const NEVER: Duration = Duration::from_secs(120);

pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstnvslipstream::plugin_register_static().unwrap();
        use gst::glib::LogLevels;
        gst::glib::log_set_always_fatal(
            LogLevels::LEVEL_ERROR | LogLevels::LEVEL_CRITICAL | LogLevels::LEVEL_WARNING,
        );
    });
}

pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < NEVER, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What passed a pad.
#[derive(Debug, Clone, PartialEq)]
pub enum Passed {
    Caps(String),
    /// Time in nanoseconds, and (pad, frame number) of the frames.
    Batch(Option<u64>, Vec<(u32, u64)>),
    /// One of DeepStream's events: name and source.
    Source(String, u32),
    Message,
    Eos,
}

#[derive(Clone, Default)]
pub struct Watch {
    pub passed: Arc<Mutex<Vec<Passed>>>,
    pub metas: Arc<Mutex<Vec<BatchMeta>>>,
}

/// Notes what passes a pad from now on.
pub fn watch(pad: &gst::Pad) -> Watch {
    let watch = Watch::default();
    let notes = watch.clone();
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let passed = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let meta =
                    Batch::from_buffer(buffer).map(|batch| batch.content().meta.clone()).unwrap_or_default();
                let numbers = meta.frames.iter().map(|frame| (frame.pad_index, frame.frame_number)).collect();
                notes.metas.lock().unwrap().push(meta);
                Passed::Batch(buffer.pts().map(gst::ClockTime::nseconds), numbers)
            }
            Some(gst::PadProbeData::Event(event)) => match event.view() {
                gst::EventView::Caps(caps) => Passed::Caps(caps.caps().to_string()),
                gst::EventView::Eos(_) => Passed::Eos,
                gst::EventView::SinkMessage(_) => Passed::Message,
                _ => {
                    match event.structure().and_then(|s| Some((s.name(), s.get::<u32>("source-id").ok()?))) {
                        Some((name, source)) => Passed::Source(name.to_string(), source),
                        None => return gst::PadProbeReturn::Ok,
                    }
                }
            },
            _ => return gst::PadProbeReturn::Ok,
        };
        notes.passed.lock().unwrap().push(passed);
        gst::PadProbeReturn::Ok
    });
    watch
}

impl Watch {
    pub fn all(&self) -> Vec<Passed> {
        self.passed.lock().unwrap().clone()
    }

    pub fn batches(&self) -> Vec<Vec<(u32, u64)>> {
        let batch = |passed| match passed {
            Passed::Batch(_, frames) => Some(frames),
            _ => None,
        };
        self.all().into_iter().filter_map(batch).collect()
    }

    pub fn times(&self) -> Vec<u64> {
        let time = |passed| match passed {
            Passed::Batch(time, _) => time,
            _ => None,
        };
        self.all().into_iter().filter_map(time).collect()
    }

    /// What passed but caps and batches.
    pub fn events(&self) -> Vec<Passed> {
        self.all()
            .into_iter()
            .filter(|passed| !matches!(passed, Passed::Caps(_) | Passed::Batch(..)))
            .collect()
    }

    /// Numbers of the frames of one source.
    pub fn numbers(&self, pad: u32) -> Vec<u64> {
        self.batches().into_iter().flatten().filter(|(of, _)| *of == pad).map(|(_, number)| number).collect()
    }

    pub fn wait_for(&self, what: &str, is_it: impl Fn(&Passed) -> bool) {
        wait_until(what, || self.passed.lock().unwrap().iter().any(&is_it));
    }

    pub fn wait_for_batches(&self, count: usize) {
        wait_until("batches", || self.batches().len() >= count);
    }
}

/// A pipeline that ends with the test.
pub struct Pipeline(pub gst::Pipeline);

impl Pipeline {
    pub fn new(description: &str) -> Self {
        init();
        Self(gst::parse::launch(description).unwrap().downcast().unwrap())
    }

    pub fn element(&self, name: &str) -> gst::Element {
        self.0.by_name(name).unwrap_or_else(|| panic!("no element {name}"))
    }

    pub fn pad(&self, element: &str, pad: &str) -> gst::Pad {
        self.element(element).static_pad(pad).unwrap_or_else(|| panic!("no pad {element}.{pad}"))
    }

    pub fn play(&self) {
        if let Err(err) = self.0.set_state(gst::State::Playing) {
            panic!("{err}: {:?}", self.0.bus().unwrap().pop_filtered(&[gst::MessageType::Error]));
        }
    }

    pub fn message(&self, kinds: &[gst::MessageType]) -> gst::Message {
        let bus = self.0.bus().unwrap();
        bus.timed_pop_filtered(gst::ClockTime::try_from(NEVER).unwrap(), kinds).expect("a message comes")
    }

    pub fn wait_for_eos(&self) {
        let message = self.message(&[gst::MessageType::Eos, gst::MessageType::Error]);
        if let gst::MessageView::Error(error) = message.view() {
            panic!("{} ({:?})", error.error(), error.debug());
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// A decoder: frames pushed by hand into a pad of the multiplexer, in caps that say `memory:NVMM`.
pub struct Feed {
    pub pad: gst::Pad,
    pub sink: gst::Pad,
    pub info: VideoInfo,
    frames: u64,
}

pub fn info(format: VideoFormat, width: u32, height: u32) -> VideoInfo {
    init();
    VideoInfo::builder(format, width, height).fps(gst::Fraction::new(25, 1)).build().unwrap()
}

pub fn nvmm(info: &VideoInfo) -> gst::Caps {
    let mut caps = info.to_caps().unwrap();
    caps.make_mut().set_features_simple(Some(gst::CapsFeatures::new([NVMM_FEATURE])));
    caps
}

impl Feed {
    pub fn new(mux: &gst::Element, name: &str, info: VideoInfo) -> Self {
        let sink = mux.request_pad_simple(name).unwrap();
        let pad = gst::Pad::builder(gst::PadDirection::Src).name(name).build();
        pad.set_active(true).unwrap();
        pad.link(&sink).unwrap();
        let feed = Self { pad, sink, info, frames: 0 };
        feed.start();
        feed
    }

    pub fn start(&self) {
        self.pad.push_event(gst::event::StreamStart::new("camera"));
        self.pad.push_event(gst::event::Caps::new(&nvmm(&self.info)));
        self.pad.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    }

    pub fn push(&mut self) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut buffer = gst::Buffer::with_size(self.info.size()).unwrap();
        buffer.make_mut().set_pts(gst::ClockTime::from_mseconds(40 * self.frames));
        self.frames += 1;
        self.pad.push(buffer)
    }

    pub fn eos(&self) {
        self.pad.push_event(gst::event::Eos::new());
    }
}

/// A stretch of a launch line: a recorded source into a pad of `mux`.
pub fn recorded(pad: u32, width: u32, height: u32) -> String {
    format!(
        "appsrc name=src_{pad} format=time caps=video/x-raw(memory:NVMM),format=I420,width={width},height={height},framerate=25/1 ! mux.sink_{pad} "
    )
}

/// Feeds the source at `pad` of a launch line with `frames` pictures and ends it, on a thread of its own.
pub fn feed(pipeline: &Pipeline, pad: u32, frames: u64) -> std::thread::JoinHandle<()> {
    let src = pipeline.element(&format!("src_{pad}")).downcast::<gst_app::AppSrc>().unwrap();
    src.set_block(true);
    src.set_max_buffers(4);
    let caps = src.caps().unwrap();
    let size = VideoInfo::from_caps(&caps).unwrap().size();
    std::thread::spawn(move || {
        for number in 0..frames {
            let mut buffer = gst::Buffer::with_size(size).unwrap();
            buffer.make_mut().set_pts(gst::ClockTime::from_mseconds(40 * number));
            if src.push_buffer(buffer).is_err() {
                return;
            }
        }
        let _ = src.end_of_stream();
    })
}
