use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::{Condvar, Mutex};

use super::looping::{Fate, Loop};
use super::properties::{COMMON, OWN, STATUS, protocols};
use super::record::Recorder;
use super::signals;
use super::watchdog::{Patience, Verdict, Watchdog};
use crate::basics::bin::{make, set};
use crate::basics::properties::{Settings, specs};
use crate::event::StreamEvent;
use crate::query::Number;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "nvurisrcbin",
        gst::DebugColorFlags::empty(),
        Some("DeepStream's source of a URI"),
    )
});

/// `type`s.
const TYPE_RTSP: i32 = 2;
const TYPE_AUTO: i32 = 0;
/// Frames that wait behind the decoder: a queue's default of 200 is a gigabyte.
const QUEUED_FRAMES: u32 = 4;
const VIDEO_CAPS: &str = "video/x-raw(memory:NVMM),format={I420,NV12,P010_10LE,BGRx,RGBA,GRAY8}";

/// The thread that looks after a camera.
struct Guard {
    dog: Mutex<Watchdog>,
    changed: Condvar,
    stop: Mutex<bool>,
    epoch: Instant,
}

#[derive(Default)]
struct State {
    /// The elements up to the decoder.
    source: Option<gst::Element>,
    /// First element behind the decoder, and the pad that leaves the bin.
    video: Option<(gst::Element, gst::GhostPad)>,
    audio: Option<(gst::Element, gst::GhostPad)>,
    guard: Option<(Arc<Guard>, std::thread::JoinHandle<()>)>,
}

/// Instance data of [`super::NvUriSrcBin`].
pub struct NvUriSrcBin {
    pub(super) settings: Settings,
    state: Mutex<State>,
    guard: Mutex<Option<Arc<Guard>>>,
    pub(super) recorder: Mutex<Option<Arc<Recorder>>>,
}

/// Why a source cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("property \"uri\" is not set")]
    NoUri,
    #[error("Invalid path specified for smart-rec-dir-path: {0}")]
    Folder(String),
    #[error(transparent)]
    Missing(#[from] crate::basics::bin::Missing),
    #[error(transparent)]
    Link(#[from] glib::BoolError),
}

impl NvUriSrcBin {
    pub(super) fn is_rtsp(&self) -> bool {
        let uri = self.settings.text("uri").unwrap_or_default();
        match self.settings.number::<i32>("type") {
            TYPE_RTSP => true,
            TYPE_AUTO => uri.starts_with("rtsp"),
            _ => false,
        }
    }

    fn loops(&self) -> bool {
        self.settings.is_on("file-loop")
            && self.settings.text("uri").is_some_and(|uri| uri.starts_with("file:/"))
    }

    /// Puts the elements up to the decoder in place.
    fn connect(&self) -> Result<gst::Element, SetupError> {
        let uri = self.settings.text("uri").ok_or(SetupError::NoUri)?;
        let source = make("uridecodebin")?;
        source.set_property("uri", uri);
        if self.settings.is_on("disable-audio") {
            let video = gst::Caps::builder("video/x-raw").any_features().build();
            source.set_property("caps", video);
            source.set_property("expose-all-streams", false);
        }
        let weak = self.obj().downgrade();
        source.connect_pad_added(move |_, pad| {
            if let Some(bin) = weak.upgrade() {
                bin.imp().decoded(pad);
            }
        });
        self.obj().add(&source)?;
        self.state.lock().source = Some(source.clone());
        Ok(source)
    }

    /// Leads a stream of the source out.
    fn decoded(&self, pad: &gst::Pad) {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let name = caps.structure(0).map(|s| s.name().to_string()).unwrap_or_default();
        let result = if name.starts_with("video/") {
            self.lead_video(pad)
        } else if name.starts_with("audio/") && !self.settings.is_on("disable-audio") {
            self.lead_audio(pad)
        } else {
            gst::debug!(CAT, imp = self, "stream {caps} is left out");
            return;
        };
        if let Err(err) = result {
            gst::element_imp_error!(self, gst::CoreError::Pad, ("a stream cannot be led out: {err}"));
        }
    }

    fn lead_video(&self, pad: &gst::Pad) -> Result<(), SetupError> {
        let known = self.state.lock().video.as_ref().map(|(first, _)| first.clone());
        if let Some(first) = known {
            return link(pad, &first);
        }
        let queue = make("queue")?;
        queue.set_property("max-size-buffers", QUEUED_FRAMES);
        queue.set_property("max-size-bytes", 0u32);
        queue.set_property("max-size-time", 0u64);
        set(&queue, "leaky", &self.settings.number::<i32>("leaky").to_string());
        let convert = make("nvvideoconvert")?;
        for name in ["disable-passthrough", "gpu-id"] {
            self.pass(&convert, name, name);
        }
        let filter = make("capsfilter")?;
        let caps: gst::Caps = VIDEO_CAPS.parse()?;
        filter.set_property("caps", &caps);
        let ghost = self.tail("vsrc_%u", "vsrc_0", &[&queue, &convert, &filter])?;
        if let Some(sink) = queue.static_pad("sink") {
            self.watch(&sink);
        }
        if let Some(src) = filter.static_pad("src") {
            self.answer(&src);
        }
        self.state.lock().video = Some((queue.clone(), ghost.clone()));
        link(pad, &queue)?;
        self.expose(&ghost, &[&filter, &convert, &queue])
    }

    fn lead_audio(&self, pad: &gst::Pad) -> Result<(), SetupError> {
        let known = self.state.lock().audio.as_ref().map(|(first, _)| first.clone());
        if let Some(first) = known {
            return link(pad, &first);
        }
        let convert = make("audioconvert")?;
        let resample = make("audioresample")?;
        let ghost = self.tail("asrc_%u", "asrc_0", &[&convert, &resample])?;
        self.state.lock().audio = Some((convert.clone(), ghost.clone()));
        link(pad, &convert)?;
        self.expose(&ghost, &[&resample, &convert])
    }

    /// Elements behind the decoder, and the pad that they leave by.
    fn tail(
        &self,
        template: &str,
        name: &str,
        elements: &[&gst::Element],
    ) -> Result<gst::GhostPad, SetupError> {
        crate::basics::bin::chain(&*self.obj(), elements)?;
        let template =
            self.obj().pad_template(template).ok_or_else(|| glib::bool_error!("no template {template}"))?;
        let last = elements.last().and_then(|last| last.static_pad("src"));
        let last = last.ok_or_else(|| glib::bool_error!("an element has no pad src"))?;
        Ok(gst::GhostPad::builder_from_template_with_target(&template, &last)?.name(name).build())
    }

    fn expose(&self, ghost: &gst::GhostPad, elements: &[&gst::Element]) -> Result<(), SetupError> {
        ghost.set_active(true)?;
        self.obj().add_pad(ghost)?;
        for element in elements {
            element.sync_state_with_parent()?;
        }
        Ok(())
    }

    /// Answers for the number of the source.
    fn answer(&self, src: &gst::Pad) {
        let Ok(id) = u32::try_from(self.settings.number::<i64>("source-id")) else { return };
        if self.settings.number::<i64>("source-id") < 0 {
            return;
        }
        src.add_probe(gst::PadProbeType::QUERY_UPSTREAM | gst::PadProbeType::PUSH, move |_, info| match info
            .query_mut()
        {
            Some(query) if Number::asked(query) == Some(Number::SourceId) => {
                Number::answer(query, id);
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        });
    }

    /// Looks at what leaves the decoder.
    fn watch(&self, sink: &gst::Pad) {
        let weak = self.obj().downgrade();
        let looping = self.loops().then(|| Mutex::new(Loop::default()));
        let kinds =
            gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::EVENT_FLUSH;
        sink.add_probe(kinds, move |pad, info| {
            let Some(bin) = weak.upgrade() else { return gst::PadProbeReturn::Ok };
            let imp = bin.imp();
            match &mut info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    if let Some(looping) = &looping {
                        looping.lock().shift(buffer);
                    }
                    if let Some(guard) = &*imp.guard.lock() {
                        guard.dog.lock().data(guard.epoch.elapsed());
                    }
                    gst::PadProbeReturn::Ok
                }
                Some(gst::PadProbeData::Event(event)) => {
                    // Not `Drop` here and below: GStreamer 1.22 would free the event a second time.
                    if event.type_() == gst::EventType::Eos && imp.failed() {
                        return gst::PadProbeReturn::Handled;
                    }
                    match looping.as_ref().map_or(Fate::Pass, |looping| looping.lock().judge(event)) {
                        Fate::Pass => gst::PadProbeReturn::Ok,
                        Fate::Drop => gst::PadProbeReturn::Handled,
                        Fate::Replace(other) => {
                            *event = other;
                            gst::PadProbeReturn::Ok
                        }
                        Fate::StartOver => {
                            start_over(&bin, pad);
                            gst::PadProbeReturn::Handled
                        }
                    }
                }
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }

    /// The connection failed or ended; whether it will be tried again.
    fn failed(&self) -> bool {
        let guard = self.guard.lock().clone();
        guard.is_some_and(|guard| {
            let handled = guard.dog.lock().fail();
            guard.changed.notify_all();
            handled
        })
    }

    /// Sets a property of an element to what the property of this one is set to.
    fn pass(&self, element: &gst::Element, own: &str, name: &str) {
        let Some(value) = self.settings.value_of(own) else { return };
        if let Ok(text) = value.serialize() {
            set(element, name, &text);
        }
    }

    /// Sets up elements that the decoding bin makes.
    fn element_added(&self, element: &gst::Element) {
        let factory = element.factory().map(|factory| factory.name().to_string()).unwrap_or_default();
        match factory.as_str() {
            "nvv4l2decoder" => {
                if let (Some(recorder), Some(sink)) = (&*self.recorder.lock(), element.static_pad("sink")) {
                    recorder.watch(&sink);
                }
                for name in
                    ["drop-frame-interval", "low-latency-mode", "num-extra-surfaces", "gpu-id", "sei-uuid"]
                {
                    self.pass(element, name, name);
                }
                for (own, name) in
                    [("dec-skip-frames", "skip-frames"), ("cudadec-memtype", "cudadec-memtype")]
                {
                    set(element, name, &self.settings.number::<i32>(own).to_string());
                }
            }
            "rtspsrc" => {
                for name in ["latency", "udp-buffer-size", "drop-on-latency"] {
                    self.pass(element, name, name);
                }
                let mode = match self.settings.number::<i32>("buffer-mode") {
                    0 => "none",
                    1 => "slave",
                    2 => "buffer",
                    4 => "synced",
                    _ => "auto",
                };
                set(element, "buffer-mode", mode);
                if let Some(protocols) = protocols(self.settings.number("select-rtp-protocol")) {
                    set(element, "protocols", protocols);
                }
                // Where cameras tell their own time, frames carry it.
                set(element, "add-reference-timestamp-meta", "true");
            }
            "h264parse" | "h265parse" => set(element, "config-interval", "-1"),
            _ => {}
        }
    }

    fn start(&self) -> Result<(), SetupError> {
        *self.recorder.lock() = self.recorder()?;
        self.connect()?;
        if !self.is_rtsp() {
            return Ok(());
        }
        let seconds = |name: &str| {
            let seconds = self.settings.number::<u64>(name);
            (seconds > 0).then(|| Duration::from_secs(seconds))
        };
        let patience = Patience {
            silence: seconds("rtsp-reconnect-interval"),
            first_failure: seconds("init-rtsp-reconnect-interval"),
            attempts: u32::try_from(self.settings.number::<i64>("rtsp-reconnect-attempts").max(-1)).ok(),
        };
        if patience.silence.is_none() && patience.first_failure.is_none() {
            return Ok(());
        }
        let guard = Arc::new(Guard {
            dog: Mutex::new(Watchdog::new(patience, Duration::ZERO)),
            changed: Condvar::new(),
            stop: Mutex::new(false),
            epoch: Instant::now(),
        });
        *self.guard.lock() = Some(guard.clone());
        let (weak, watched) = (self.obj().downgrade(), guard.clone());
        let thread = std::thread::Builder::new().name("nvurisrcbin".into()).spawn(move || {
            let mut stop = watched.stop.lock();
            while !*stop {
                let verdict = watched.dog.lock().judge(watched.epoch.elapsed());
                match verdict {
                    Verdict::Wait(wait) => _ = watched.changed.wait_for(&mut stop, wait),
                    verdict => {
                        let Some(bin) = weak.upgrade() else { return };
                        parking_lot::MutexGuard::unlocked(&mut stop, || match verdict {
                            Verdict::Reconnect(attempt) => bin.imp().reconnect(attempt),
                            _ => bin.imp().give_up(),
                        });
                    }
                }
            }
        });
        match thread {
            Ok(thread) => self.state.lock().guard = Some((guard, thread)),
            Err(err) => gst::error!(CAT, imp = self, "no thread to look after the camera: {err}"),
        }
        Ok(())
    }

    fn reconnect(&self, attempt: u32) {
        println!("Resetting source {}, attempts: {attempt}", self.settings.number::<i64>("source-id"));
        self.disconnect();
        // What is known about the source's objects holds no longer.
        let first = self.state.lock().video.as_ref().map(|(first, _)| first.clone());
        if let Some(sink) = first.and_then(|first| first.static_pad("sink")) {
            let source = u32::try_from(self.settings.number::<i64>("source-id")).unwrap_or_default();
            sink.send_event(StreamEvent::Reset.about(source));
        }
        let connected = self.connect().map_err(|err| err.to_string());
        let started =
            connected.and_then(|source| source.sync_state_with_parent().map_err(|err| err.to_string()));
        if let Err(err) = started {
            gst::warning!(CAT, imp = self, "cannot connect: {err}");
            self.failed();
        }
    }

    /// Ends the stream of a camera that does not come back.
    fn give_up(&self) {
        gst::warning!(CAT, imp = self, "the camera does not come back; its stream ends");
        self.disconnect();
        let first = self.state.lock().video.as_ref().map(|(first, _)| first.clone());
        match first.and_then(|first| first.static_pad("sink")) {
            Some(sink) => _ = sink.send_event(gst::event::Eos::new()),
            None => {
                gst::element_imp_error!(self, gst::ResourceError::OpenRead, ("the camera cannot be reached"));
            }
        }
    }

    /// Takes the elements up to the decoder out.
    fn disconnect(&self) {
        let source = self.state.lock().source.take();
        if let Some(source) = source {
            source.set_locked_state(true);
            let _ = source.set_state(gst::State::Null);
            let _ = self.obj().remove(&source);
        }
    }

    fn stop(&self) {
        self.guard.lock().take();
        let guard = self.state.lock().guard.take();
        if let Some((guard, thread)) = guard {
            *guard.stop.lock() = true;
            guard.changed.notify_all();
            // The thread may be the one that drops the last reference.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }

    /// Takes everything out.
    fn clear(&self) {
        self.disconnect();
        let (video, audio) = {
            let mut state = self.state.lock();
            (state.video.take(), state.audio.take())
        };
        for (_, ghost) in [video, audio].into_iter().flatten() {
            let _ = ghost.set_active(false);
            let _ = self.obj().remove_pad(&ghost);
        }
        for element in self.obj().children() {
            let _ = element.set_state(gst::State::Null);
            let _ = self.obj().remove(&element);
        }
    }
}

/// Links a decoded stream to the elements behind, unless one of its kind is there already.
fn link(pad: &gst::Pad, first: &gst::Element) -> Result<(), SetupError> {
    let sink = first.static_pad("sink").ok_or_else(|| glib::bool_error!("{} has no sink", first.name()))?;
    if !sink.is_linked() {
        pad.link(&sink).map_err(|err| glib::bool_error!("{err}"))?;
    }
    Ok(())
}

/// Goes to the beginning of the file, on a thread that may wait.
fn start_over(bin: &super::NvUriSrcBin, sink: &gst::Pad) {
    let Some(decoded) = sink.peer() else { return };
    bin.call_async(move |_| {
        let seek = gst::event::Seek::new(
            1.0,
            gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT,
            gst::SeekType::Set,
            gst::ClockTime::ZERO,
            gst::SeekType::None,
            gst::ClockTime::NONE,
        );
        if !decoded.send_event(seek) {
            gst::warning!(CAT, obj = decoded, "the file cannot be played again");
        }
    });
}

#[glib::object_subclass]
impl ObjectSubclass for NvUriSrcBin {
    const NAME: &'static str = "GstNvurisrcbin";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::NvUriSrcBin;
    type ParentType = gst::Bin;

    fn new() -> Self {
        Self {
            settings: Settings::new(&[OWN, COMMON]),
            state: Mutex::default(),
            guard: Mutex::default(),
            recorder: Mutex::default(),
        }
    }
}

impl ObjectImpl for NvUriSrcBin {
    fn properties() -> &'static [glib::ParamSpec] {
        static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| specs(&[OWN, COMMON]));
        &SPECS
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if self.settings.set(id, value).is_none() {
            gst::error!(CAT, imp = self, "cannot set property {}", pspec.name());
        }
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if pspec.name() == STATUS {
            let recorder = self.recorder.lock().clone();
            return recorder.is_some_and(|recorder| recorder.is_recording()).to_value();
        }
        self.settings.value(id).unwrap_or_else(|| pspec.default_value().clone())
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(signals::signals);
        &SIGNALS
    }

    fn constructed(&self) {
        self.parent_constructed();
        let bin = self.obj();
        bin.set_suppressed_flags(gst::ElementFlags::SOURCE | gst::ElementFlags::SINK);
        bin.set_element_flags(gst::ElementFlags::SOURCE);
        bin.set_property("async-handling", true);
        let weak = bin.downgrade();
        bin.connect_deep_element_added(move |_, _, element| {
            if let Some(bin) = weak.upgrade() {
                bin.imp().element_added(element);
            }
        });
    }

    fn dispose(&self) {
        self.stop();
    }
}

impl GstObjectImpl for NvUriSrcBin {}

impl ElementImpl for NvUriSrcBin {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Source of a URI",
                "Generic/Bin/Source",
                "Decoded frames from a file or camera, in DeepStream's caps",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let video: gst::Caps = VIDEO_CAPS.parse().unwrap_or_else(|_| gst::Caps::new_any());
            let audio = gst::Caps::builder("audio/x-raw").build();
            let pad = |name, caps| {
                gst::PadTemplate::new(name, gst::PadDirection::Src, gst::PadPresence::Sometimes, caps)
            };
            [pad("vsrc_%u", &video), pad("asrc_%u", &audio)].into_iter().filter_map(Result::ok).collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::ReadyToPaused => {
                if let Err(err) = self.start() {
                    gst::element_imp_error!(self, gst::ResourceError::OpenRead, ("{err}"));
                    return Err(gst::StateChangeError);
                }
            }
            // No connection is begun while the elements go down.
            gst::StateChange::PausedToReady => self.stop(),
            _ => {}
        }
        let result = self.parent_change_state(transition);
        if transition == gst::StateChange::PausedToReady {
            self.clear();
            let recorder = self.recorder.lock().take();
            if let Some(recorder) = recorder {
                recorder.close();
            }
        }
        result
    }
}

impl BinImpl for NvUriSrcBin {
    fn handle_message(&self, message: gst::Message) {
        if let gst::MessageView::Error(error) = message.view()
            && self.failed()
        {
            // Messages of sources may hold the URI with its password.
            let kind = error.error().kind::<gst::ResourceError>();
            gst::warning!(CAT, imp = self, "the connection failed ({kind:?}): tried again later");
            return;
        }
        self.parent_handle_message(message);
    }
}
