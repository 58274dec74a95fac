//! Times of coded pictures.
//!
//! `x264enc` and `x265enc` move all times a thousand hours on, so that decoding times before the first picture need not be
//! negative, and the segment with them. Without B-frames there are none; then the times are moved back, and coded pictures
//! have those of the pictures they were made of.
//!
//! Both refuse to code two pictures of one time. The new nvstreammux makes such: its batches have the time of their earliest
//! frame.

use std::sync::Arc;

use gst::prelude::*;
use parking_lot::Mutex;

/// How far apart pictures of one time are put.
const STEP: gst::ClockTime = gst::ClockTime::from_useconds(1);
/// Times that go back by more than this are another stream's.
const JITTER: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// Has times grow.
#[derive(Default)]
struct Ascent(Option<gst::ClockTime>);

impl Ascent {
    /// The time for a picture of time `pts`.
    fn next(&mut self, pts: gst::ClockTime) -> gst::ClockTime {
        let least = self.0.map(|last| last + STEP).filter(|least| *least > pts && *least - pts < JITTER);
        let pts = least.unwrap_or(pts);
        self.0 = Some(pts);
        pts
    }
}

#[derive(Default)]
struct Shift {
    start: Option<gst::ClockTime>,
    by: gst::ClockTime,
}

/// Start of the segment in an event, where it is in time.
fn segment(event: &gst::EventRef) -> Option<(gst::FormattedSegment<gst::ClockTime>, gst::Seqnum)> {
    match event.view() {
        gst::EventView::Segment(segment) => {
            Some((segment.segment().downcast_ref::<gst::ClockTime>()?.clone(), event.seqnum()))
        }
        _ => None,
    }
}

/// Gives what `encoder` puts out the times of what goes in, for as long as `is_wanted` says so.
pub(super) fn keep(encoder: &gst::Element, is_wanted: impl Fn() -> bool + Send + Sync + 'static) {
    let (Some(sink), Some(src)) = (encoder.static_pad("sink"), encoder.static_pad("src")) else { return };
    let shift = Arc::new(Mutex::new(Shift::default()));
    let incoming = shift.clone();
    let ascent = Mutex::new(Ascent::default());
    sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::BUFFER, move |_, info| {
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                if let Some((segment, _)) = segment(event) {
                    incoming.lock().start = segment.start();
                    *ascent.lock() = Ascent::default();
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if let Some(pts) = buffer.pts() {
                    let next = ascent.lock().next(pts);
                    if next != pts {
                        buffer.make_mut().set_pts(next);
                    }
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::BUFFER, move |_, info| {
        let mut shift = shift.lock();
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                let Some((mut segment, seqnum)) = segment(event) else { return gst::PadProbeReturn::Ok };
                let moved = segment.start().zip(shift.start).and_then(|(to, from)| to.checked_sub(from));
                shift.by = moved.filter(|_| is_wanted()).unwrap_or_default();
                let by = shift.by;
                let back = |time: Option<gst::ClockTime>| time.map(|time| time.saturating_sub(by));
                segment.set_start(back(segment.start()));
                segment.set_stop(back(segment.stop()));
                segment.set_position(back(segment.position()));
                *event = gst::event::Segment::builder(&segment).seqnum(seqnum).build();
            }
            Some(gst::PadProbeData::Buffer(buffer)) if shift.by > gst::ClockTime::ZERO => {
                let by = shift.by;
                let buffer = buffer.make_mut();
                let back = |time: Option<gst::ClockTime>| time.and_then(|time| time.checked_sub(by));
                buffer.set_pts(back(buffer.pts()));
                buffer.set_dts(back(buffer.dts()));
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pictures_have_one_time() {
        let mut ascent = Ascent::default();
        let mut next = |milliseconds| ascent.next(gst::ClockTime::from_mseconds(milliseconds)).useconds();
        assert_eq!([0, 0, 40, 40, 39, 80].map(&mut next), [0, 1, 40_000, 40_001, 40_002, 80_000]);
        assert_eq!([10_000, 0, 40].map(&mut next), [10_000_000, 0, 40_000], "another stream begins");
    }
}
