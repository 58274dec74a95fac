//! Times of coded pictures.
//!
//! `x264enc` and `x265enc` move all times a thousand hours on, so that decoding times before the first picture need not be
//! negative, and the segment with them. Without B-frames there are none; then the times are moved back, and coded pictures
//! have those of the pictures they were made of.

use std::sync::Arc;

use gst::prelude::*;
use parking_lot::Mutex;

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
    sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some((segment, _)) = info.event().and_then(|event| segment(event)) {
            incoming.lock().start = segment.start();
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
