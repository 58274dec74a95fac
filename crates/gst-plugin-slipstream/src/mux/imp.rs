use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::{Condvar, Mutex};
use slipstream_meta::FrameMeta;

use super::SlipMuxPad;
use super::collect::{Collector, MAX_TICKS_BEHIND};
use crate::frame::{PLANAR_FORMATS, picture_caps};
use crate::meta::{Batch, BatchContent, BatchPicture, batch_caps};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("slipmux", gst::DebugColorFlags::empty(), Some("Slipstream multiplexer"))
});

/// Batches per second until a source has told its rate: what most cameras in 50 Hz countries send.
const DEFAULT_RATE: gst::Fraction = gst::Fraction::from_integer(25);
/// Fastest rate that is taken over from a source.
const MAX_RATE: f64 = 120.0;

#[derive(Debug, Clone)]
struct Settings {
    live: bool,
    framerate: gst::Fraction,
}

impl Default for Settings {
    fn default() -> Self {
        Self { live: false, framerate: gst::Fraction::from_integer(0) }
    }
}

/// A frame that waits for its batch.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) meta: FrameMeta,
    pub(super) picture: BatchPicture,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) pads: BTreeMap<u32, SlipMuxPad>,
    pub(super) frames: Collector<Waiting>,
    /// Pads that are between flush-start and flush-stop or not active.
    pub(super) flushing: BTreeSet<u32>,
    pub(super) stopped: bool,
    /// No batches for a moment, while sources are told to seek.
    pub(super) seeking: bool,
    pub(super) last_seek: Option<gst::Seqnum>,
    pub(super) playing: bool,
    pub(super) started: bool,
    pub(super) rate: Option<gst::Fraction>,
    /// Number of the last tick since running time 0, and the period that ticks are counted in.
    pub(super) last_tick: Option<(u64, gst::ClockTime)>,
    pub(super) waiting_for_clock: Option<gst::SingleShotClockId>,
}

/// Instance data of [`super::SlipMux`].
pub struct SlipMux {
    pub(super) srcpad: gst::Pad,
    settings: Mutex<Settings>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

enum Next {
    Batch(gst::Buffer),
    Retry,
    End,
}

pub(super) fn period(rate: gst::Fraction) -> gst::ClockTime {
    let (numer, denom) = (rate.numer().max(1) as u64, rate.denom().max(1) as u64);
    gst::ClockTime::SECOND.mul_div_round(denom, numer).unwrap_or(gst::ClockTime::SECOND)
}

impl SlipMux {
    pub(super) fn by_clock(&self, state: &State) -> bool {
        self.settings.lock().live || state.frames.any_live()
    }

    /// The rate of batches: as set, else that of the fastest source.
    pub(super) fn choose_rate(&self, state: &State) -> gst::Fraction {
        let set = self.settings.lock().framerate;
        if set.numer() > 0 {
            return set;
        }
        let rates = state.pads.values().filter_map(|pad| pad.imp().stream.lock().rate());
        let fastest = rates.filter(|rate| (1.0..=MAX_RATE).contains(rate)).fold(0.0, f64::max);
        if fastest > 0.0 {
            // Measured and declared rates alike become one of the usual ones: whole, or NTSC's 1000/1001 of a whole.
            let whole = fastest.round();
            let ntsc = (whole * 1000.0 / 1001.0 - fastest).abs() < (whole - fastest).abs() / 2.0;
            let whole = whole as i32;
            if ntsc { gst::Fraction::new(whole * 1000, 1001) } else { gst::Fraction::from_integer(whole) }
        } else {
            DEFAULT_RATE
        }
    }

    fn task(&self) {
        match self.next() {
            Ok(Next::Retry) => {}
            Ok(Next::Batch(buffer)) => {
                if let Err(err) = self.srcpad.push(buffer) {
                    self.pause(err);
                }
            }
            Ok(Next::End) => {
                gst::debug!(CAT, imp = self, "all sources have ended");
                self.start_stream(None);
                self.srcpad.push_event(gst::event::Eos::new());
                let _ = self.srcpad.pause_task();
            }
            Err(err) => self.pause(err),
        }
    }

    fn pause(&self, reason: gst::FlowError) {
        gst::debug!(CAT, imp = self, "pausing: {reason}");
        let _ = self.srcpad.pause_task();
        match reason {
            gst::FlowError::Flushing => {}
            gst::FlowError::Eos => {
                self.srcpad.push_event(gst::event::Eos::new());
            }
            _ => {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Failed,
                    ("Batches cannot be delivered"),
                    ["streaming stopped, reason {reason}"]
                );
                self.srcpad.push_event(gst::event::Eos::new());
            }
        }
        // Whoever waits for room in a lane must hear of it.
        let mut state = self.state.lock();
        if !state.seeking {
            state.stopped = true;
            self.changed.notify_all();
        }
    }

    /// Waits for the next batch to be due and puts it together.
    fn next(&self) -> Result<Next, gst::FlowError> {
        let mut state = self.state.lock();
        loop {
            if state.stopped || state.seeking {
                return Err(gst::FlowError::Flushing);
            }
            if state.frames.finished() {
                return Ok(Next::End);
            }
            let rate = self.choose_rate(&state);
            let period = period(rate);
            if self.by_clock(&state) {
                if !state.playing {
                    self.changed.wait(&mut state);
                    continue;
                }
                let Some(time) = self.wait_for_tick(&mut state, period) else { return Ok(Next::Retry) };
                let tick = state.frames.tick(time.nseconds());
                for lane in tick.given_up {
                    if let Some(pad) = state.pads.get(&lane) {
                        pad.imp().count_dropped();
                    }
                }
                let time = gst::ClockTime::from_nseconds(tick.time);
                return Ok(Next::Batch(self.batch(state, rate, time, period, tick.batch)));
            }
            match state.frames.collect(period.nseconds()) {
                Some((time, frames)) => {
                    let time = gst::ClockTime::from_nseconds(time);
                    return Ok(Next::Batch(self.batch(state, rate, time, period, frames)));
                }
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// Sleeps until the next multiple of `period` in running time; `None` if something changed meanwhile. Multiples that
    /// passed while the last batch was under way come without sleep, as long as frames for them can be left.
    fn wait_for_tick(
        &self,
        state: &mut parking_lot::MutexGuard<'_, State>,
        period: gst::ClockTime,
    ) -> Option<gst::ClockTime> {
        let (Some(clock), Some(base)) = (self.obj().clock(), self.obj().base_time()) else {
            self.changed.wait(state);
            return None;
        };
        let now = clock.time().saturating_sub(base).nseconds() / period.nseconds();
        let last = state.last_tick.filter(|&(_, counted_in)| counted_in == period).map(|(last, _)| last);
        let tick = last.map_or(now + 1, |last| (last + 1).max(now.saturating_sub(MAX_TICKS_BEHIND)));
        state.last_tick = Some((tick, period));
        if let Some(last) = last
            && tick > last + 1
        {
            gst::debug!(
                CAT,
                imp = self,
                "{} ticks passed while the last batch was under way",
                tick - last - 1
            );
        }
        let time = period * tick;
        let id = clock.new_single_shot_id(base + time);
        state.waiting_for_clock = Some(id.clone());
        let (result, _) = parking_lot::MutexGuard::unlocked(state, || id.wait());
        state.waiting_for_clock = None;
        match result {
            Ok(_) | Err(gst::ClockError::Early) if !state.stopped && !state.seeking && state.playing => {
                Some(time)
            }
            _ => {
                state.last_tick = None;
                None
            }
        }
    }

    fn batch(
        &self,
        mut state: parking_lot::MutexGuard<'_, State>,
        rate: gst::Fraction,
        time: gst::ClockTime,
        period: gst::ClockTime,
        frames: Vec<(u32, Waiting)>,
    ) -> gst::Buffer {
        let new_rate = (state.rate.replace(rate) != Some(rate)).then_some(rate);
        let mut content = BatchContent::default();
        let by_clock = self.by_clock(&state);
        content.meta.sources = state.pads.values().map(|pad| pad.imp().describe()).collect();
        drop(state);
        // Recorded sources wait for room in their lanes.
        self.changed.notify_all();
        for (_, waiting) in frames {
            content.meta.frames.push(waiting.meta);
            content.pictures.push(waiting.picture);
        }
        let mut buffer = gst::Buffer::new();
        if let Some(buffer) = buffer.get_mut() {
            if by_clock {
                buffer.set_flags(gst::BufferFlags::LIVE);
            }
            buffer.set_pts(time);
            buffer.set_duration(period);
            Batch::attach(buffer, content);
        }
        self.start_stream(new_rate);
        buffer
    }

    /// Sends what must come before the first batch, and caps whenever the rate changes.
    fn start_stream(&self, new_rate: Option<gst::Fraction>) {
        let first = !std::mem::replace(&mut self.state.lock().started, true);
        if first {
            // Made up, as there may be any number of sources or none to derive it from.
            let stream_id = glib::uuid_string_random();
            let event = gst::event::StreamStart::builder(&stream_id).group_id(gst::GroupId::next()).build();
            self.srcpad.push_event(event);
        }
        if let Some(rate) = new_rate.or(first.then_some(DEFAULT_RATE)) {
            let mut caps = batch_caps();
            caps.make_mut().set("framerate", rate);
            gst::debug!(CAT, imp = self, "{} batches per second", rate);
            self.srcpad.push_event(gst::event::Caps::new(&caps));
        }
        if first {
            let segment = gst::FormattedSegment::<gst::ClockTime>::new();
            self.srcpad.push_event(gst::event::Segment::new(&segment));
        }
    }

    fn activate_src(&self, active: bool) -> Result<(), gst::LoggableError> {
        if active {
            {
                let mut state = self.state.lock();
                state.stopped = false;
                state.started = false;
                state.rate = None;
                state.last_tick = None;
                state.last_seek = None;
                state.frames.reset_time();
                let pads: Vec<_> = state.pads.iter().map(|(&index, pad)| (index, pad.clone())).collect();
                for (index, pad) in pads {
                    state.frames.reset(index);
                    pad.imp().reset_counts();
                }
            }
            self.start_task()
        } else {
            self.interrupt(|state| state.stopped = true);
            self.srcpad.stop_task().map_err(|_| gst::loggable_error!(CAT, "cannot stop the task"))
        }
    }

    pub(super) fn start_task(&self) -> Result<(), gst::LoggableError> {
        let element = self.obj().downgrade();
        self.srcpad
            .start_task(move || {
                if let Some(element) = element.upgrade() {
                    element.imp().task();
                }
            })
            .map_err(|_| gst::loggable_error!(CAT, "cannot start the task"))
    }

    /// Changes the state and wakes everyone who waits for something else.
    pub(super) fn interrupt(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        if let Some(id) = &state.waiting_for_clock {
            id.unschedule();
        }
        self.changed.notify_all();
    }
}

#[glib::object_subclass]
impl ObjectSubclass for SlipMux {
    const NAME: &'static str = "GstSlipMux";
    const ALLOW_NAME_CONFLICT: bool = true;
    type Type = super::SlipMux;
    type ParentType = gst::Element;
    type Interfaces = (gst::ChildProxy,);

    fn with_class(class: &Self::Class) -> Self {
        let template = class.pad_template("src").expect("the class has a src template");
        let srcpad = gst::Pad::builder_from_template(&template)
            .activatemode_function(|_, parent, _, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while (de)activating")),
                    |mux| mux.activate_src(active),
                )
            })
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.src_event(&event))
            })
            .query_function(|_, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.src_query(query))
            })
            .build();
        Self { srcpad, settings: Mutex::default(), state: Mutex::default(), changed: Condvar::new() }
    }
}

impl ObjectImpl for SlipMux {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecBoolean::builder("live")
                    .nick("Live")
                    .blurb(
                        "Send batches by the clock even while no source is live: recorded sources play at their own \
                         pace, and batches go on (empty) while there is no source at all",
                    )
                    .mutable_ready()
                    .build(),
                gst::ParamSpecFraction::builder("framerate")
                    .nick("Frame rate")
                    .blurb("Batches per second by the clock; 0/1 follows the fastest source")
                    .minimum(gst::Fraction::from_integer(0))
                    .maximum(gst::Fraction::from_integer(MAX_RATE as i32))
                    .default_value(Settings::default().framerate)
                    .mutable_playing()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings.lock();
        match pspec.name() {
            "live" => settings.live = value.get().expect("type checked by GObject"),
            "framerate" => settings.framerate = value.get().expect("type checked by GObject"),
            name => gst::error!(CAT, imp = self, "no property {name}"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = self.settings.lock();
        match pspec.name() {
            "live" => settings.live.to_value(),
            _ => settings.framerate.to_value(),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.set_element_flags(gst::ElementFlags::REQUIRE_CLOCK);
        if let Err(err) = obj.add_pad(&self.srcpad) {
            gst::error!(CAT, imp = self, "cannot add the src pad: {err}");
        }
    }
}

impl GstObjectImpl for SlipMux {}

/// Properties of pads can be set on the element: `sink_0::source-name=Gate`.
impl ChildProxyImpl for SlipMux {
    fn children_count(&self) -> u32 {
        self.state.lock().pads.len() as u32
    }

    fn child_by_index(&self, index: u32) -> Option<glib::Object> {
        let state = self.state.lock();
        state.pads.values().nth(index as usize).map(|pad| pad.clone().upcast())
    }

    fn child_by_name(&self, name: &str) -> Option<glib::Object> {
        let state = self.state.lock();
        state.pads.values().find(|pad| pad.name() == name).map(|pad| pad.clone().upcast())
    }
}

impl ElementImpl for SlipMux {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Slipstream multiplexer",
                "Video/Muxer",
                "Puts the frames of many sources into batches without copying them",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let sink = gst::PadTemplate::with_gtype(
                "sink_%u",
                gst::PadDirection::Sink,
                gst::PadPresence::Request,
                &picture_caps(PLANAR_FORMATS),
                SlipMuxPad::static_type(),
            );
            let src =
                gst::PadTemplate::new("src", gst::PadDirection::Src, gst::PadPresence::Always, &batch_caps());
            [sink, src].into_iter().filter_map(Result::ok).collect()
        });
        &TEMPLATES
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        let mut state = self.state.lock();
        let index = match name.and_then(|name| name.strip_prefix("sink_")) {
            Some(number) => number.parse().ok().filter(|index| !state.pads.contains_key(index))?,
            None => (0..).find(|index| !state.pads.contains_key(index))?,
        };
        let pad: SlipMuxPad = gst::PadBuilder::<SlipMuxPad>::from_template(template)
            .name(format!("sink_{index}"))
            .chain_function(|pad, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |mux| mux.sink_chain(pad, buffer),
                )
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.sink_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |mux| mux.sink_query(pad, query))
            })
            .activatemode_function(|pad, parent, _, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while (de)activating")),
                    |mux| {
                        let index = pad.imp().index();
                        mux.interrupt(|state| {
                            if active {
                                state.flushing.remove(&index);
                            } else {
                                state.flushing.insert(index);
                                state.frames.reset(index);
                            }
                        });
                        Ok(())
                    },
                )
            })
            .build();
        pad.imp().set_index(index);
        state.pads.insert(index, pad.clone());
        state.frames.open(index);
        drop(state);
        if let Err(err) = self.obj().add_pad(&pad) {
            gst::error!(CAT, imp = self, "cannot add pad {}: {err}", pad.name());
            return None;
        }
        self.obj().child_added(&pad, &pad.name());
        Some(pad.upcast())
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let Some(mux_pad) = pad.downcast_ref::<SlipMuxPad>() else { return };
        let index = mux_pad.imp().index();
        let _ = pad.set_active(false);
        if let Err(err) = self.obj().remove_pad(pad) {
            gst::error!(CAT, imp = self, "cannot remove pad {}: {err}", pad.name());
        }
        self.obj().child_removed(pad, &pad.name());
        // Last, so that nobody requests a pad of this name while it is still there.
        self.interrupt(|state| {
            state.pads.remove(&index);
            state.frames.close(index);
            state.flushing.remove(&index);
        });
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::PlayingToPaused {
            self.interrupt(|state| state.playing = false);
        }
        let success = self.parent_change_state(transition)?;
        match transition {
            gst::StateChange::PausedToPlaying => self.interrupt(|state| state.playing = true),
            gst::StateChange::ReadyToPaused if self.settings.lock().live => {
                return Ok(gst::StateChangeSuccess::NoPreroll);
            }
            gst::StateChange::PlayingToPaused if self.settings.lock().live => {
                return Ok(gst::StateChangeSuccess::NoPreroll);
            }
            _ => {}
        }
        Ok(success)
    }
}
