//! Times of pictures that `avenc_mpeg4` codes.

use std::collections::VecDeque;
use std::sync::Arc;

use gst::prelude::*;
use parking_lot::Mutex;

#[derive(Default)]
struct Coming {
    segment: Option<gst::Event>,
    times: VecDeque<Option<gst::ClockTime>>,
}

/// Gives what an encoder puts out the times of what went in: `avenc_mpeg4` of GStreamer 1.22 over FFmpeg 5.1 (Debian 12) has one
/// and the same time, 292 years, for all, in a segment that begins a thousand hours later. It makes no B-frames unless told
/// to, so one picture comes out for each that goes in, in order.
pub(super) fn keep(encoder: &gst::Element) {
    let (Some(sink), Some(src)) = (encoder.static_pad("sink"), encoder.static_pad("src")) else { return };
    let coming: Arc<Mutex<Coming>> = Arc::default();
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    let incoming = coming.clone();
    sink.add_probe(kinds, move |_, info| {
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => incoming.lock().times.push_back(buffer.pts()),
            Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Segment => {
                incoming.lock().segment = Some(event.clone());
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    src.add_probe(kinds, move |_, info| {
        let mut coming = coming.lock();
        match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if let Some(time) = coming.times.pop_front() {
                    let buffer = buffer.make_mut();
                    buffer.set_pts(time);
                    buffer.set_dts(time);
                }
            }
            Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Segment => {
                if let Some(segment) = &coming.segment {
                    *event = segment.clone();
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}
