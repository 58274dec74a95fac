//! DeepStream's messages on the bus.

use gst::prelude::*;

/// Name of the message that a source has ended, as `gst_nvmessage_is_stream_eos` looks for.
const STREAM_EOS: &str = "stream-eos";
/// Its field with the number of the source's pad.
const STREAM_ID: &str = "stream-id";

/// Says that the source at pad `source` has ended. It rides downstream as a sink message and reaches the bus when the last
/// frames of the source have been shown.
pub(crate) fn stream_eos(element: &impl IsA<gst::Object>, source: u32) -> gst::Event {
    let structure = gst::Structure::builder(STREAM_EOS).field(STREAM_ID, source).build();
    let message = gst::message::Element::builder(structure).src(element).build();
    gst::event::SinkMessage::new(STREAM_EOS, &message)
}
