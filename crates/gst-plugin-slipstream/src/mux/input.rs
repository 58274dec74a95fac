//! What comes in from the sources: frames, events, queries.

use gst::{prelude::*, subclass::prelude::*};
use slipstream_meta::{FrameMeta, Size};

use super::SlipMuxPad;
use super::collect::{LANE_DEPTH, Offer};
use super::imp::{CAT, SlipMux, Waiting};
use crate::meta::BatchPicture;

/// Frames of a source that are in use at once: those in its lane, one in the batch under way, and the one that the tiler
/// shows.
const FRAMES_IN_USE: u32 = LANE_DEPTH as u32 + 2;
/// Name of the caps that carry a frame's wall clock (`add-reference-timestamp-meta` of the RTP elements).
const UNIX_TIME_CAPS: &str = "timestamp/x-unix";

fn wall_clock(buffer: &gst::BufferRef) -> Option<u64> {
    let from_camera = buffer
        .iter_meta::<gst::ReferenceTimestampMeta>()
        .find(|meta| meta.reference().structure(0).is_some_and(|s| s.name() == UNIX_TIME_CAPS))
        .map(|meta| meta.timestamp().nseconds());
    from_camera.or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(now.as_nanos()).ok()
    })
}

impl SlipMux {
    pub(super) fn sink_chain(
        &self,
        pad: &SlipMuxPad,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let index = pad.imp().index();
        let (info, time) = {
            let mut stream = pad.imp().stream.lock();
            let info = stream.info.clone().ok_or(gst::FlowError::NotNegotiated)?;
            let time = match buffer.pts() {
                Some(pts) => stream.segment.to_running_time(pts),
                None => Some(self.obj().current_running_time().unwrap_or_default()),
            };
            let Some(time) = time else {
                gst::debug!(CAT, obj = pad, "frame outside of its segment: {buffer:?}");
                return Ok(gst::FlowSuccess::Ok);
            };
            stream.observe(time);
            (info, time)
        };
        if pad.imp().stream.lock().live.is_none() {
            let mut latency = gst::query::Latency::new();
            let live = pad.peer_query(&mut latency) && latency.result().0;
            gst::debug!(
                CAT,
                obj = pad,
                "first frame of a {} source: {info:?}",
                if live { "live" } else { "recorded" }
            );
            pad.imp().stream.lock().live = Some(live);
            self.state.lock().frames.set_live(index, live);
        }
        let number = pad.imp().count_frame();
        let mut meta =
            FrameMeta::new(index, pad.imp().name(), number, Size::new(info.width(), info.height()));
        meta.pts = Some(time.nseconds());
        meta.wall_clock = wall_clock(&buffer);
        let mut waiting = Waiting { meta, picture: BatchPicture { buffer, info } };

        let mut state = self.state.lock();
        loop {
            if state.stopped || state.flushing.contains(&index) {
                return Err(gst::FlowError::Flushing);
            }
            waiting = match state.frames.offer(index, time.nseconds(), waiting) {
                Offer::Taken => break,
                Offer::Replaced => {
                    pad.imp().count_dropped();
                    break;
                }
                Offer::Closed => return Err(gst::FlowError::Eos),
                Offer::Full(waiting) => {
                    self.changed.wait(&mut state);
                    waiting
                }
            };
        }
        self.changed.notify_all();
        Ok(gst::FlowSuccess::Ok)
    }

    pub(super) fn sink_event(&self, pad: &SlipMuxPad, event: gst::Event) -> bool {
        use gst::EventView;
        let index = pad.imp().index();
        match event.view() {
            EventView::Caps(caps) => match gst_video::VideoInfo::from_caps(caps.caps()) {
                Ok(info) => {
                    pad.imp().stream.lock().set_info(info);
                    true
                }
                Err(_) => {
                    gst::error!(CAT, obj = pad, "cannot use caps {}", caps.caps());
                    false
                }
            },
            EventView::Segment(segment) => {
                let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() else {
                    gst::error!(CAT, obj = pad, "segment is not in time");
                    return false;
                };
                pad.imp().stream.lock().segment = segment.clone();
                true
            }
            EventView::Eos(_) => {
                gst::debug!(CAT, obj = pad, "end of stream");
                self.state.lock().frames.end(index);
                self.changed.notify_all();
                true
            }
            EventView::FlushStart(_) => {
                let mut state = self.state.lock();
                state.flushing.insert(index);
                state.frames.reset(index);
                self.changed.notify_all();
                true
            }
            EventView::FlushStop(_) => {
                pad.imp().stream.lock().segment = gst::FormattedSegment::new();
                let mut state = self.state.lock();
                state.flushing.remove(&index);
                state.frames.reset(index);
                true
            }
            EventView::StreamStart(_) => {
                // A source that had ended and starts anew is welcome, and may be another one than before.
                pad.imp().stream.lock().live = None;
                self.state.lock().frames.restart(index);
                true
            }
            EventView::Gap(_) => true,
            // What describes one source's stream (tags, groups, tables of contents) does not describe the batches.
            _ if event.is_sticky() => true,
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    pub(super) fn sink_query(&self, pad: &SlipMuxPad, query: &mut gst::QueryRef) -> bool {
        use gst::QueryViewMut;
        match query.view_mut() {
            // Without this, decoders copy every frame into memory without padding.
            QueryViewMut::Allocation(q) => {
                q.add_allocation_meta::<gst_video::VideoMeta>(None);
                // Decoders with a fixed number of frames must have some left to work with.
                let size = q.get().0.and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
                if let Some(size) = size.and_then(|info| u32::try_from(info.size()).ok()) {
                    q.add_allocation_pool(None::<&gst::BufferPool>, size, FRAMES_IN_USE, 0);
                }
                true
            }
            QueryViewMut::Caps(q) => {
                let caps = pad.pad_template_caps();
                let caps = q.filter_owned().map_or_else(
                    || caps.clone(),
                    |filter| filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
                );
                q.set_result(&caps);
                true
            }
            QueryViewMut::AcceptCaps(q) => {
                let accepted = q.caps().can_intersect(&pad.pad_template_caps());
                q.set_result(accepted);
                true
            }
            _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
        }
    }
}
