//! What comes back from downstream: events and queries.

use gst::{prelude::*, subclass::prelude::*};

use super::imp::{CAT, SlipMux, period};

impl SlipMux {
    pub(super) fn src_event(&self, event: &gst::Event) -> bool {
        match event.view() {
            gst::EventView::Qos(_) | gst::EventView::Reconfigure(_) | gst::EventView::Latency(_) => true,
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
        let pads: Vec<_> = self.state.lock().pads.values().cloned().collect();
        // To all of them, whoever handles it.
        let handled: Vec<bool> = pads.iter().map(|pad| pad.push_event(event.clone())).collect();
        handled.contains(&true)
    }

    /// Flushes downstream while the sources seek: running time starts over.
    fn seek_flushing(&self, event: &gst::Event) -> bool {
        let seqnum = event.seqnum();
        // First, so that a batch that is turned back by the flush does not count as the end.
        self.interrupt(|state| state.seeking = true);
        self.srcpad.push_event(gst::event::FlushStart::builder().seqnum(seqnum).build());
        let _ = self.srcpad.pause_task();
        {
            let mut state = self.state.lock();
            state.last_tick = None;
            state.frames.reset_time();
        }
        let handled = self.forward_upstream(event);
        self.srcpad.push_event(gst::event::FlushStop::builder(true).seqnum(seqnum).build());
        let restart = {
            let mut state = self.state.lock();
            state.seeking = false;
            if state.started {
                state.started = false;
                state.rate = None;
            }
            !state.stopped
        };
        if restart && let Err(err) = self.start_task() {
            gst::error!(CAT, imp = self, "cannot go on after a seek: {err}");
        }
        handled
    }

    pub(super) fn src_query(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Latency(q) => {
                let by_clock = {
                    let state = self.state.lock();
                    self.by_clock(&state).then(|| self.choose_rate(&state))
                };
                match by_clock {
                    Some(rate) => {
                        // Batches are stamped when they leave, so what happened upstream does not matter; until the next
                        // tick, what follows has time to work on them.
                        q.set(true, period(rate), gst::ClockTime::NONE);
                        true
                    }
                    None => gst::Pad::query_default(&self.srcpad, Some(&*self.obj()), query),
                }
            }
            _ => gst::Pad::query_default(&self.srcpad, Some(&*self.obj()), query),
        }
    }
}
