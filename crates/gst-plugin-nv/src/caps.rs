//! Templates and event numbers that elements have in common.

use gst_video::VideoFormat;
use slipstream_buffer::meta::{batch_caps, nvmm_caps};

/// Where the number stands in an event's type (`GST_EVENT_NUM_SHIFT`).
const NUMBER_SHIFT: u32 = 8;

/// The number of an event's kind, as `GST_EVENT_MAKE_TYPE` has it.
pub(crate) fn event_number(event: &gst::EventRef) -> u32 {
    // SAFETY: the event is borrowed; its type is read as the number that it is, GStreamer's own or not.
    let event_type = unsafe { (*event.as_ptr()).type_ } as u32;
    event_type >> NUMBER_SHIFT
}

/// DeepStream's caps for frames in `formats`, and those of Slipstream's own batches.
pub(crate) fn batches_and_pictures(formats: &[VideoFormat]) -> gst::Caps {
    let mut caps = nvmm_caps(formats.iter().copied());
    caps.merge(batch_caps());
    caps
}

/// The templates of an element with one pad on either side, each always there.
pub(crate) fn templates(sink: &gst::Caps, src: &gst::Caps) -> Vec<gst::PadTemplate> {
    [("sink", gst::PadDirection::Sink, sink), ("src", gst::PadDirection::Src, src)]
        .into_iter()
        .filter_map(|(name, direction, caps)| {
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps).ok()
        })
        .collect()
}
