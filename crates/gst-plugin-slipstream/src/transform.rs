//! What the elements have in common that work on batches and on plain pictures alike.

use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};

/// The templates of an element with one pad on either side, each always there.
pub(crate) fn pad_templates(sink: &gst::Caps, src: &gst::Caps) -> Vec<gst::PadTemplate> {
    [("sink", gst::PadDirection::Sink, sink), ("src", gst::PadDirection::Src, src)]
        .into_iter()
        .filter_map(|(name, direction, caps)| {
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps).ok()
        })
        .collect()
}

/// The buffer for elements that change only what is attached to it: the input itself, or a further reference to its
/// pixels while somebody else holds it too.
pub(crate) fn reuse_input(input: &InputBuffer<'_>) -> PrepareOutputBufferSuccess {
    match input {
        InputBuffer::Writable(_) => PrepareOutputBufferSuccess::InputBuffer,
        InputBuffer::Readable(buffer) => PrepareOutputBufferSuccess::Buffer((*buffer).copy()),
    }
}

/// Answers an allocation query for the element whose source pad is `srcpad`: batches come as they are; plain pictures
/// are passed on, so what downstream can take decides.
pub(crate) fn propose_allocation(
    srcpad: &gst::Pad,
    query: &mut gst::query::Allocation,
) -> Result<(), gst::LoggableError> {
    use gst::prelude::*;
    let (caps, _) = query.get();
    if caps.is_some_and(|caps| !crate::meta::is_batch_caps(caps)) && !srcpad.peer_query(query) {
        return Err(gst::loggable_error!(gst::CAT_RUST, "downstream did not answer"));
    }
    Ok(())
}
