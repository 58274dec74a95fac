//! What goes out: batches, and what is said about the sources; what comes back from downstream.

use gst::{prelude::*, subclass::prelude::*};
use gst_video::VideoFormat;
use parking_lot::MutexGuard;
use slipstream_buffer::meta::{Batch, BatchContent, NVMM_FEATURE};

use super::collect::{LaneId, Mark, Slot, Step};
use super::imp::{CAT, NvStreamMux, Output, State, Waiting};
use super::settings::{Config, Generation};
use crate::event::StreamEvent;
use crate::message;
use crate::query::Number;

/// What is to be sent next.
enum Next {
    Batch { frames: Vec<(LaneId, Waiting)>, time: Option<gst::ClockTime> },
    Say(LaneId, Mark),
    End,
    NoSources,
}

/// The `count`-th time of something that happens `rate` times a second.
fn time_of(count: u64, rate: gst::Fraction) -> gst::ClockTime {
    let (numer, denom) = (rate.numer().max(1) as u64, rate.denom().max(1) as u64);
    gst::ClockTime::SECOND.mul_div_floor(count.saturating_mul(denom), numer).unwrap_or(gst::ClockTime::MAX)
}

impl NvStreamMux {
    /// Sends one thing; called over and over.
    pub(super) fn task(&self) {
        if let Err(err) = self.send_next() {
            self.pause(err);
        }
    }

    fn send_next(&self) -> Result<(), gst::FlowError> {
        self.start_stream();
        // First, so that no frame is taken while too many batches are under way.
        let mut buffer = self.batch_buffer()?;
        match self.next()? {
            Next::Say(lane, mark) => {
                drop(buffer);
                self.say(lane.pad, mark);
                Ok(())
            }
            Next::End => {
                drop(buffer);
                gst::debug!(CAT, imp = self, "all sources have ended");
                self.send_caps();
                self.srcpad.push_event(gst::event::Eos::new());
                let _ = self.srcpad.pause_task();
                Ok(())
            }
            Next::NoSources => {
                gst::element_imp_warning!(
                    self,
                    gst::ResourceError::NotFound,
                    ("No Sources found at the input of muxer. Waiting for sources.")
                );
                // Before the first source nobody knows what batches are like.
                if !self.send_caps() {
                    return Ok(());
                }
                self.fill(buffer.make_mut(), Vec::new(), None);
                self.srcpad.push(buffer).map(|_| ())
            }
            Next::Batch { frames, time } => {
                self.send_caps();
                self.fill(buffer.make_mut(), frames, time);
                self.srcpad.push(buffer).map(|_| ())
            }
        }
    }

    /// A buffer for the next batch, once there are not too many under way. Before the pipeline plays there may be any number:
    /// a sink that has its first picture holds up what goes to others, behind an encoder that wants many for its first.
    fn batch_buffer(&self) -> Result<gst::Buffer, gst::FlowError> {
        if self.obj().current_state() != gst::State::Playing {
            let params = gst::BufferPoolAcquireParams::with_flags(gst::BufferPoolAcquireFlags::DONTWAIT);
            return match self.pool.acquire_buffer(Some(&params)) {
                Err(gst::FlowError::Eos) => Ok(gst::Buffer::new()),
                result => result,
            };
        }
        self.pool.acquire_buffer(None)
    }

    /// Waits for what is to be sent next.
    fn next(&self) -> Result<Next, gst::FlowError> {
        let mut state = self.state.lock();
        loop {
            if state.stopped || state.seeking {
                return Err(gst::FlowError::Flushing);
            }
            let config = self.config.lock().clone();
            // Before the first input there are no frames to line up, but things to say.
            let step = if config.sync_inputs && state.output.is_some() {
                let Some(slot) = self.slot(&state, &config) else {
                    self.changed.wait(&mut state);
                    continue;
                };
                let most = match config.generation {
                    Generation::Old => config.batch_size.max(1) as usize,
                    Generation::New => state.inputs.len().max(1),
                };
                let step = state.frames.next_aligned(slot, most, self.now());
                for lane in state.frames.dropped() {
                    gst::warning!(
                        CAT,
                        imp = self,
                        "a frame of source {} came too late for its batch",
                        lane.pad
                    );
                }
                step
            } else {
                state.frames.next(&config.rules(), self.now())
            };
            match step {
                Step::Say(lane, mark) => return Ok(Next::Say(lane, mark)),
                Step::End if config.drop_eos => self.changed.wait(&mut state),
                Step::End => return Ok(Next::End),
                Step::NoSources if std::mem::replace(&mut state.said_no_sources, true) => {
                    self.changed.wait(&mut state);
                }
                Step::NoSources => return Ok(Next::NoSources),
                Step::Push(frames) => {
                    let time = self.batch_time(&mut state, &config, &frames);
                    // Sources wait for room in their queues.
                    self.changed.notify_all();
                    if !frames.is_empty() {
                        return Ok(Next::Batch { frames, time });
                    }
                }
                Step::Wait(until) => {
                    // Frames may have been taken for the batch under way.
                    self.changed.notify_all();
                    match until {
                        Some(until) => _ = self.changed.wait_until(&mut state, self.instant(until)),
                        None => self.changed.wait(&mut state),
                    }
                }
            }
        }
    }

    /// Running time less what everything upstream takes to get here.
    fn clock_time(&self, state: &State) -> Option<gst::ClockTime> {
        Some(self.obj().current_running_time()?.saturating_sub(state.latency))
    }

    /// The moment for which frames are lined up.
    fn slot(&self, state: &State, config: &Config) -> Option<Slot> {
        let rate = state.output.as_ref()?.rate;
        let time = if config.live {
            self.clock_time(state)?
        } else {
            self.slot_time(state, config, rate, state.count)
        };
        Some(Slot { time: time.nseconds(), window: self.window(state, config, rate).nseconds() })
    }

    /// How long a batch waits with `sync-inputs`: no longer than a frame of the fastest source.
    fn window(&self, state: &State, config: &Config, rate: gst::Fraction) -> gst::ClockTime {
        let rates = state.inputs.values().filter_map(|input| Some(input.info.as_ref()?.fps()));
        let fastest = rates.filter(|fps| fps.numer() > 0).max().unwrap_or(rate);
        let frame = time_of(1, fastest);
        config.timeout.map_or(frame, |timeout| frame.min(gst::ClockTime::from_nseconds(timeout)))
    }

    fn slot_time(&self, state: &State, config: &Config, rate: gst::Fraction, count: u64) -> gst::ClockTime {
        let window = self.window(state, config, rate);
        // Whole frames are counted in their rate, so that they do not drift.
        if window == time_of(1, rate) {
            time_of(count, rate) + gst::ClockTime::from_nseconds(u64::from(count > 0))
        } else {
            window * count
        }
    }

    /// The time that a batch is stamped with.
    fn batch_time(
        &self,
        state: &mut State,
        config: &Config,
        frames: &[(LaneId, Waiting)],
    ) -> Option<gst::ClockTime> {
        let rate = state.output.as_ref()?.rate;
        let count = state.count;
        state.count += 1;
        let time = match config.generation {
            Generation::Old if config.live => self.clock_time(state)?,
            Generation::Old if config.sync_inputs => self.slot_time(state, config, rate, count),
            Generation::Old => time_of(count, rate),
            Generation::New => {
                let own = frames.iter().filter_map(|(_, waiting)| waiting.meta.pts).min();
                own.map_or(state.last_time, gst::ClockTime::from_nseconds)
            }
        };
        state.last_time = time.max(state.last_time);
        Some(state.last_time)
    }

    /// Puts frames into a batch buffer.
    fn fill(
        &self,
        buffer: &mut gst::BufferRef,
        frames: Vec<(LaneId, Waiting)>,
        time: Option<gst::ClockTime>,
    ) {
        let config = self.config.lock().clone();
        let mut content = BatchContent::default();
        content.meta.frames.reserve(frames.len());
        content.pictures.reserve(frames.len());
        let state = self.state.lock();
        content.meta.sources = state.sources();
        let rate = state.output.as_ref().map(|output| output.rate);
        let time = time.or((state.count > 0).then_some(state.last_time));
        drop(state);
        let mut frames = frames;
        if config.sort {
            frames.sort_by_key(|(_, waiting)| waiting.meta.source_id);
        }
        for (_, waiting) in frames {
            content.meta.frames.push(waiting.meta);
            content.pictures.push(waiting.picture);
        }
        buffer.set_pts(time.unwrap_or_default());
        if !config.live {
            buffer.set_duration(rate.map(|rate| time_of(1, rate)));
        }
        Batch::attach(buffer, content);
    }

    /// What happened to a source, behind its frames.
    fn say(&self, pad: u32, mark: Mark) {
        let event = match mark {
            Mark::Added => StreamEvent::PadAdded,
            Mark::Reset => StreamEvent::Reset,
            Mark::Ended => StreamEvent::Eos,
            Mark::Left => StreamEvent::PadDeleted,
        };
        gst::debug!(CAT, imp = self, "source {pad}: {event:?}");
        self.srcpad.push_event(event.about(pad));
        if mark == Mark::Ended {
            self.srcpad.push_event(message::stream_eos(&*self.obj(), pad));
            if self.config.lock().generation == Generation::Old {
                println!("nvstreammux: Successfully handled EOS for source_id={pad}");
            }
        }
    }

    /// Sends what comes before everything else.
    fn start_stream(&self) {
        if std::mem::replace(&mut self.state.lock().started, true) {
            return;
        }
        // Made up, as there may be any number of sources or none to derive it from.
        let stream_id = gst::glib::uuid_string_random();
        let event = gst::event::StreamStart::builder(&stream_id).group_id(gst::GroupId::next()).build();
        self.srcpad.push_event(event);
    }

    /// Sends caps and segment where they are due; whether it is known by now what batches are like.
    fn send_caps(&self) -> bool {
        let (output, first) = {
            let mut state: MutexGuard<'_, State> = self.state.lock();
            let Some(output) = state.output.clone() else { return false };
            if state.sent.as_ref() == Some(&output) {
                return true;
            }
            let first = state.sent.replace(output.clone()).is_none();
            (output, first)
        };
        let caps = self.caps(&output);
        gst::debug!(CAT, imp = self, "batches: {caps}");
        self.srcpad.push_event(gst::event::Caps::new(&caps));
        if first {
            let segment = gst::FormattedSegment::<gst::ClockTime>::new();
            self.srcpad.push_event(gst::event::Segment::new(&segment));
        }
        true
    }

    fn caps(&self, output: &Output) -> gst::Caps {
        let with = |format: VideoFormat| {
            let mut caps = gst::Caps::builder("video/x-raw")
                .features([NVMM_FEATURE])
                .field("format", format.to_str().as_str())
                .build();
            let config = self.config.lock();
            let caps_mut = caps.make_mut();
            for (name, value) in
                [("width", output.width), ("height", output.height), ("batch-size", config.batch_size)]
            {
                caps_mut.set(name, i32::try_from(value).unwrap_or(i32::MAX));
            }
            caps_mut.set("framerate", output.rate);
            caps_mut.set("num-surfaces-per-frame", 1);
            if config.generation == Generation::Old {
                caps_mut.set("nvbuf-memory-type", "nvbuf-mem-default");
                caps_mut.set("gpu-id", 0);
            }
            caps
        };
        // Frames are what they are in either; some elements behind only name one.
        let formats = match output.format {
            VideoFormat::I420 => [VideoFormat::I420, VideoFormat::Nv12],
            VideoFormat::Nv12 => [VideoFormat::Nv12, VideoFormat::I420],
            other => [other, other],
        };
        let wanted = formats.map(with);
        let accepted = wanted.iter().find(|caps| self.srcpad.peer_query_accept_caps(caps));
        accepted.unwrap_or(&wanted[0]).clone()
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
                    ("Internal data stream error."),
                    ["streaming stopped, reason {reason}"]
                );
                self.srcpad.push_event(gst::event::Eos::new());
            }
        }
        // Whoever waits for room in a queue must hear of it.
        self.interrupt(|state| {
            if !state.seeking {
                state.stopped = true;
            }
        });
    }

    pub(super) fn src_event(&self, event: &gst::Event) -> bool {
        match event.view() {
            gst::EventView::Qos(_) | gst::EventView::Reconfigure(_) => true,
            gst::EventView::Latency(latency) => {
                self.state.lock().latency = latency.latency();
                self.forward_upstream(event)
            }
            gst::EventView::Seek(seek) => {
                // Through several sinks the same seek comes several times.
                if self.state.lock().last_seek.replace(seek.seqnum()) == Some(seek.seqnum()) {
                    return true;
                }
                if seek.get().1.contains(gst::SeekFlags::FLUSH) {
                    self.seek_flushing(event)
                } else {
                    self.forward_upstream(event)
                }
            }
            _ => self.forward_upstream(event),
        }
    }

    fn forward_upstream(&self, event: &gst::Event) -> bool {
        let pads: Vec<_> = self.state.lock().inputs.values().map(|input| input.pad.clone()).collect();
        // To all of them, whoever handles it.
        let handled: Vec<bool> = pads.iter().map(|pad| pad.push_event(event.clone())).collect();
        handled.contains(&true)
    }

    /// Flushes downstream while the sources seek: running time starts over.
    fn seek_flushing(&self, event: &gst::Event) -> bool {
        let seqnum = event.seqnum();
        // First, so that a batch that is turned back by the flush does not count as the end.
        self.interrupt(|state| state.seeking = true);
        self.pool.set_flushing(true);
        self.srcpad.push_event(gst::event::FlushStart::builder().seqnum(seqnum).build());
        let _ = self.srcpad.pause_task();
        // Until the task has stopped.
        drop(self.srcpad.stream_lock());
        let handled = self.forward_upstream(event);
        self.pool.set_flushing(false);
        self.srcpad.push_event(gst::event::FlushStop::builder(true).seqnum(seqnum).build());
        let restart = self.interrupt(|state| {
            state.seeking = false;
            (state.sent, state.started) = (None, false);
            (state.count, state.last_time) = (0, gst::ClockTime::ZERO);
            !state.stopped
        });
        if restart && let Err(err) = self.start_task() {
            gst::error!(CAT, imp = self, "cannot go on after a seek: {err}");
        }
        handled
    }

    pub(super) fn src_query(&self, query: &mut gst::QueryRef) -> bool {
        match Number::asked(query) {
            Some(Number::BatchSize) => {
                Number::answer(query, self.config.lock().batch_size);
                return true;
            }
            Some(Number::StreamCount) => {
                let sources = self.state.lock().inputs.len();
                Number::answer(query, u32::try_from(sources).unwrap_or(u32::MAX));
                return true;
            }
            Some(Number::SourceId) | None => {}
        }
        if !gst::Pad::query_default(&self.srcpad, Some(&*self.obj()), query) {
            return false;
        }
        if let gst::QueryViewMut::Latency(q) = query.view_mut() {
            let (live, min, max) = q.result();
            let extra = {
                let config = self.config.lock();
                if config.sync_inputs { config.max_latency } else { gst::ClockTime::ZERO }
            };
            q.set(live, min + extra, max.map(|max| max + extra));
        }
        true
    }
}
