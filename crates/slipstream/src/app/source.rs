//! One input of a pipeline: the elements up to the multiplexer's pad, and who starts them again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use parking_lot::Mutex;

use super::config::{Input, Place, Reconnect, Source};
use super::record::Events;

/// Waiting time before a camera that failed is connected to again, where the file sets none.
const PAUSE: Duration = Duration::from_secs(2);
/// Decoded pictures that wait for conversion.
const QUEUED: u32 = 4;
/// `select-rtp-protocol`: TCP alone.
const TCP: u32 = 4;
/// `select-rtp-protocol`: UDP, then multicast, then TCP.
const ANY: u32 = 7;

/// The elements of an input, in the pipeline.
pub(super) struct SourceBin {
    input: Input,
    bin: gst::Bin,
    mux_pad: gst::Pad,
    watched: Arc<Watched>,
    /// When it was started last.
    started: Instant,
    /// When it is to be started again.
    again: Option<Instant>,
    /// How often in a row it was started again.
    attempts: u32,
    /// It is not started again.
    has_ended: bool,
    /// Recordings that begin by themselves.
    events: Option<Events>,
}

/// What the streaming thread sees.
#[derive(Default)]
struct Watched {
    last_frame: Mutex<Option<Instant>>,
    ended: AtomicBool,
    /// Nanoseconds to add to times: what was played before.
    before: AtomicU64,
    /// End of the last picture in nanoseconds.
    end: AtomicU64,
}

impl SourceBin {
    /// Puts the input into the pipeline, in front of `mux_pad`. It is started later.
    pub(super) fn new(
        pipeline: &gst::Pipeline,
        mux_pad: gst::Pad,
        input: Input,
        loops: bool,
    ) -> Result<Self, glib::BoolError> {
        let bin = gst::Bin::with_name(&format!("src_sub_bin{}", input.pad));
        let started = Instant::now();
        let (src, events) = match &input.place {
            Place::Uri(uri) if input.is_rtsp() && input.source.smart_record.is_on() => {
                let (src, source) = from_recorded(&bin, uri, &input)?;
                (src, Events::new(&source, &input.source.smart_record, started))
            }
            Place::Uri(uri) => (from_uri(&bin, uri, &input)?, None),
            Place::Device(path) => (from_device(&bin, &path.to_string_lossy(), &input)?, None),
        };
        let ghost = gst::GhostPad::builder_with_target(&src)?.name("src").build();
        let watched = Arc::new(Watched::default());
        let restarts_at_end =
            (loops && input.file().is_some()) || (input.is_rtsp() && input.source.reconnect.interval > 0);
        watch(ghost.upcast_ref(), &watched, restarts_at_end, loops && input.file().is_some());
        bin.add_pad(&ghost)?;
        // Neither its troubles nor its waiting are the pipeline's, which would start its time anew with each source.
        bin.set_locked_state(true);
        bin.set_property("async-handling", true);
        pipeline.add(&bin)?;
        ghost.link(&mux_pad).map_err(|error| glib::bool_error!("source {}: {error}", input.pad))?;
        Ok(Self { input, bin, mux_pad, watched, started, again: None, attempts: 0, has_ended: false, events })
    }

    /// Whether `object` is one of its elements.
    pub(super) fn holds(&self, object: &gst::Object) -> bool {
        object == self.bin.upcast_ref::<gst::Object>() || object.has_as_ancestor(&self.bin)
    }

    /// Starts, or starts anew. What goes wrong is on the bus.
    pub(super) fn start(&mut self, now: Instant, pipeline: &gst::Pipeline) {
        self.started = now;
        self.again = None;
        // It is the pipeline's that tells when time began; a locked bin is not told.
        if let Some(base) = pipeline.base_time() {
            self.bin.set_base_time(base);
        }
        let _ = self.bin.set_state(gst::State::Playing);
    }

    /// Stands still or goes on with the pipeline.
    pub(super) fn follow(&self, state: gst::State, pipeline: &gst::Pipeline) {
        if self.again.is_none() && !self.has_ended {
            if let Some(base) = pipeline.base_time() {
                self.bin.set_base_time(base);
            }
            let _ = self.bin.set_state(state);
        }
    }

    /// An element of it failed. Whether the others go on without it.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        if !self.input.is_rtsp() {
            return false;
        }
        if self.again.is_none() && !self.has_ended {
            self.stop();
            self.again = Some(now + self.pause());
        }
        true
    }

    /// Whether it delivers no more, ever.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Looks after it; what is to be said.
    pub(super) fn tend(&mut self, now: Instant, pipeline: &gst::Pipeline) -> Option<String> {
        if self.has_ended {
            return None;
        }
        if self.watched.ended.swap(false, Ordering::Relaxed) {
            self.stop();
            if self.input.is_rtsp() {
                self.again = Some(now + self.pause());
            } else {
                self.watched.before.store(self.watched.end.load(Ordering::Relaxed), Ordering::Relaxed);
                self.start(now, pipeline);
            }
            return None;
        }
        let last_frame = *self.watched.last_frame.lock();
        if last_frame.is_some_and(|last| last > self.started) {
            self.attempts = 0;
        }
        self.keep_playing(pipeline);
        if let Some(events) = &mut self.events {
            events.tend(now, self.again.is_none() && last_frame.is_some_and(|last| last > self.started));
        }
        if let Some(again) = self.again {
            return (now >= again).then(|| self.try_again(now, pipeline)).flatten();
        }
        let silent = self.silent_for(now, last_frame)?;
        self.stop();
        let text = format!(
            "No data from source {} since last {} sec. Trying reconnection",
            self.input.pad,
            silent.as_secs()
        );
        Some(self.try_again(now, pipeline).map_or(text.clone(), |more| format!("{text}\n{more}")))
    }

    /// Bins whose live source appears while they change their state stop halfway: at PAUSED.
    fn keep_playing(&self, pipeline: &gst::Pipeline) {
        let wanted = self.again.is_none() && pipeline.current_state() == gst::State::Playing;
        let (result, current, pending) = self.bin.state(gst::ClockTime::ZERO);
        let halfway = current == gst::State::Paused && pending == gst::State::VoidPending;
        if wanted && halfway && result.is_ok_and(|result| result != gst::StateChangeSuccess::Async) {
            self.follow(gst::State::Playing, pipeline);
        }
    }

    /// For how long nothing has come, if that is too long.
    fn silent_for(&self, now: Instant, last_frame: Option<Instant>) -> Option<Duration> {
        if !self.input.is_rtsp() {
            return None;
        }
        let Reconnect { interval, first_interval, .. } = self.input.source.reconnect;
        let limit = if last_frame.is_some() { interval } else { first_interval };
        let silent = now.duration_since(last_frame.unwrap_or(self.started).max(self.started));
        (limit > 0 && silent >= Duration::from_secs(limit.into())).then_some(silent)
    }

    fn pause(&self) -> Duration {
        let Reconnect { interval, first_interval, .. } = self.input.source.reconnect;
        let seconds = if self.watched.last_frame.lock().is_some() { interval } else { first_interval };
        if seconds > 0 { Duration::from_secs(seconds.into()) } else { PAUSE }
    }

    fn try_again(&mut self, now: Instant, pipeline: &gst::Pipeline) -> Option<String> {
        self.attempts += 1;
        if self.input.source.reconnect.attempts.is_some_and(|most| self.attempts > most) {
            self.end();
            return Some(format!(
                "Number of RTSP reconnect attempts exceeded, stopping source: {}",
                self.input.pad
            ));
        }
        self.start(now, pipeline);
        None
    }

    fn stop(&self) {
        if self.bin.set_state(gst::State::Null).is_err() {
            tracing::debug!("source {} did not stop in order", self.input.pad);
        }
    }

    /// Nothing comes any more: the multiplexer is told.
    fn end(&mut self) {
        self.stop();
        self.has_ended = true;
        self.again = None;
        self.send_end();
    }

    /// Tells the multiplexer that this was all.
    pub(super) fn send_end(&self) {
        if self.mux_pad.sticky_event::<gst::event::StreamStart>(0).is_none() {
            let id = format!("source{}", self.input.pad);
            self.mux_pad.send_event(gst::event::StreamStart::new(&id));
        }
        self.mux_pad.send_event(gst::event::Eos::new());
    }
}

impl Drop for SourceBin {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Counts frames, holds back ends of streams that are not to be the multiplexer's, and puts what is played again behind
/// what was played before.
fn watch(src: &gst::Pad, watched: &Arc<Watched>, holds_end: bool, loops: bool) {
    let frames = watched.clone();
    src.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        *frames.last_frame.lock() = Some(Instant::now());
        if loops && let Some(buffer) = info.buffer_mut() {
            let before = gst::ClockTime::from_nseconds(frames.before.load(Ordering::Relaxed));
            let times = (buffer.pts().map(|t| t + before), buffer.dts().map(|t| t + before));
            let buffer = buffer.make_mut();
            buffer.set_pts(times.0);
            buffer.set_dts(times.1);
            if let Some(end) = times.0.map(|pts| pts + buffer.duration().unwrap_or_default()) {
                frames.end.fetch_max(end.nseconds(), Ordering::Relaxed);
            }
        }
        gst::PadProbeReturn::Ok
    });
    if !holds_end {
        return;
    }
    let events = watched.clone();
    src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if !matches!(info.event().map(|event| event.type_()), Some(gst::EventType::Eos)) {
            return gst::PadProbeReturn::Ok;
        }
        events.ended.store(true, Ordering::Relaxed);
        // Not `Drop`: GStreamer 1.22 would free the event a second time.
        gst::PadProbeReturn::Handled
    });
}

/// queue ! nvvideoconvert ! memory:NVMM. The pad where pictures go in, and the one where they come out.
fn conversion(bin: &gst::Bin) -> Result<(gst::Element, gst::Pad), glib::BoolError> {
    let queue = gst::ElementFactory::make("queue")
        .property("max-size-buffers", QUEUED)
        .property("max-size-bytes", 0u32)
        .property("max-size-time", 0u64)
        .build()?;
    let convert = gst::ElementFactory::make("nvvideoconvert").build()?;
    let caps = gst::Caps::builder("video/x-raw").features([gstslipstream::meta::NVMM_FEATURE]).build();
    let filter = gst::ElementFactory::make("capsfilter").property("caps", caps).build()?;
    bin.add_many([&queue, &convert, &filter])?;
    gst::Element::link_many([&queue, &convert, &filter])?;
    let src = filter.static_pad("src").ok_or_else(|| glib::bool_error!("capsfilter has no src pad"))?;
    Ok((queue, src))
}

fn from_uri(bin: &gst::Bin, uri: &str, input: &Input) -> Result<gst::Pad, glib::BoolError> {
    let decode = gst::ElementFactory::make("uridecodebin").property("uri", uri).build()?;
    bin.add(&decode)?;
    let (queue, src) = conversion(bin)?;
    let settings = input.source.clone();
    decode.connect("source-setup", false, move |args| {
        let element = args.get(1).and_then(|value| value.get::<gst::Element>().ok())?;
        let set = |name: &str, value: &str| {
            if element.find_property(name).is_some() {
                element.set_property_from_str(name, value);
            }
        };
        set("latency", &settings.latency.to_string());
        set("drop-on-latency", "true");
        if settings.udp_buffer_size > 0 {
            set("udp-buffer-size", &settings.udp_buffer_size.to_string());
        }
        match settings.rtp_protocol {
            TCP => set("protocols", "tcp"),
            ANY => set("protocols", "udp+udp-mcast+tcp"),
            _ => {}
        }
        None
    });
    lead_video(&decode, &queue);
    set_up_decoders(bin, input);
    Ok(src)
}

/// A camera that is recorded.
fn from_recorded(
    bin: &gst::Bin,
    uri: &str,
    input: &Input,
) -> Result<(gst::Pad, gst::Element), glib::BoolError> {
    let settings = &input.source;
    let decode = gst::ElementFactory::make("nvurisrcbin").property("uri", uri).build()?;
    let set = |name: &str, value: &str| decode.set_property_from_str(name, value);
    set("type", "rtsp");
    // DeepStream's app records into the folder in which it runs, where the file says nothing else.
    set("smart-rec-dir-path", ".");
    for (name, value) in &settings.smart_record.properties {
        set(name, value);
    }
    set("smart-record", "smart-rec-multi");
    set("source-id", &input.pad.to_string());
    set("latency", &settings.latency.to_string());
    if settings.udp_buffer_size > 0 {
        set("udp-buffer-size", &settings.udp_buffer_size.to_string());
    }
    if settings.rtp_protocol == TCP {
        set("select-rtp-protocol", "rtp-tcp");
    }
    bin.add(&decode)?;
    let (queue, src) = conversion(bin)?;
    lead_video(&decode, &queue);
    set_up_decoders(bin, input);
    Ok((src, decode))
}

/// Links the first video stream that comes out of `decode`.
fn lead_video(decode: &gst::Element, queue: &gst::Element) {
    let queue = queue.downgrade();
    decode.connect_pad_added(move |_, pad| {
        let Some(sink) = queue.upgrade().and_then(|queue| queue.static_pad("sink")) else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let is_video = caps.structure(0).is_some_and(|s| s.name().starts_with("video/"));
        if is_video
            && !sink.is_linked()
            && let Err(error) = pad.link(&sink)
        {
            tracing::warn!("cannot link {}: {error}", pad.name());
        }
    });
}

fn set_up_decoders(bin: &gst::Bin, input: &Input) {
    let decoder = input.source.decoder.clone();
    bin.connect_deep_element_added(move |_, _, element| {
        let is_decoder = element.factory().is_some_and(|factory| factory.name() == "nvv4l2decoder");
        for (name, value) in decoder.iter().filter(|_| is_decoder) {
            if element.find_property(name).is_some() {
                element.set_property_from_str(name, value);
            }
        }
    });
}

/// The cameras of this machine, for those who ask for another one.
fn devices() -> String {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().filter_map(Result::ok);
    let names = entries.map(|entry| entry.path().display().to_string());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("/dev/video")).collect();
    names.sort();
    if names.is_empty() {
        "this machine has no camera".into()
    } else {
        format!("there are {}", names.join(", "))
    }
}

fn from_device(bin: &gst::Bin, device: &str, input: &Input) -> Result<gst::Pad, glib::BoolError> {
    if !std::path::Path::new(device).exists() {
        let Source { group, location, device: node, .. } = &input.source;
        let place = location.as_ref().map(|location| format!("{location}: ")).unwrap_or_default();
        return Err(glib::bool_error!(
            "{place}[{group}] camera-v4l2-dev-node={node}: {device} is not there; {}",
            devices()
        ));
    }
    let camera = gst::ElementFactory::make("v4l2src").property("device", device).build()?;
    let mut caps = gst::Caps::builder("video/x-raw");
    let settings = &input.source;
    let side = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    if let Some((width, height)) = settings.camera_size.filter(|&(width, height)| width > 0 && height > 0) {
        caps = caps.field("width", side(width)).field("height", side(height));
    }
    if let Some((above, below)) = settings.camera_rate.filter(|&(above, _)| above > 0) {
        caps = caps.field("framerate", gst::Fraction::new(side(above), side(below)));
    }
    if let Some(format) = &settings.video_format {
        caps = caps.field("format", format);
    }
    let filter = gst::ElementFactory::make("capsfilter").property("caps", caps.build()).build()?;
    let plain = gst::ElementFactory::make("videoconvert").build()?;
    bin.add_many([&camera, &filter, &plain])?;
    let (queue, src) = conversion(bin)?;
    gst::Element::link_many([&camera, &filter, &plain, &queue])?;
    Ok(src)
}
