//! What the elements have in common that work on batches and on plain pictures alike.

use gst_base::subclass::base_transform::{InputBuffer, PrepareOutputBufferSuccess};
use gst_video::VideoFormat;
use slipstream_meta::{FrameMeta, Rect, Size};

use crate::frame::picture_caps;
use crate::meta::{BatchPicture, batch_caps, holds_batch, is_batch_caps, nvmm_caps};

/// The templates of an element with one pad on either side, each always there.
pub(crate) fn pad_templates(sink: &gst::Caps, src: &gst::Caps) -> Vec<gst::PadTemplate> {
    [("sink", gst::PadDirection::Sink, sink), ("src", gst::PadDirection::Src, src)]
        .into_iter()
        .filter_map(|(name, direction, caps)| {
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps).ok()
        })
        .collect()
}

/// Caps of plain pictures in `formats`, of batches, and of either under DeepStream's caps.
pub(crate) fn all_caps(formats: &[VideoFormat]) -> gst::Caps {
    let mut caps = picture_caps(formats.iter().copied());
    caps.merge(batch_caps());
    caps.merge(nvmm_caps(formats.iter().copied()));
    caps
}

/// What the caps of a stream say of its buffers.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    caps: gst::Caps,
    /// How plain pictures lie in memory; `None` where all buffers are batches.
    info: Option<gst_video::VideoInfo>,
}

impl Stream {
    pub(crate) fn new(caps: &gst::Caps) -> Result<Self, gst::LoggableError> {
        let info = if is_batch_caps(caps) {
            None
        } else {
            let info = gst_video::VideoInfo::from_caps(caps);
            Some(info.map_err(|_| gst::loggable_error!(gst::CAT_RUST, "cannot use caps {caps}"))?)
        };
        Ok(Self { caps: caps.clone(), info })
    }

    /// How the picture in `buffer` lies in memory; `None` if the buffer is a batch.
    pub(crate) fn picture(&self, buffer: &gst::BufferRef) -> Option<&gst_video::VideoInfo> {
        self.info.as_ref().filter(|_| !holds_batch(&self.caps, buffer))
    }
}

/// The pictures of some frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pictures<'a> {
    /// A picture for each frame.
    pub(crate) all: &'a [BatchPicture],
    /// Whether there is one picture only, which is no part of a batch.
    pub(crate) is_plain: bool,
}

impl Pictures<'_> {
    /// Where `picture` lies in the pixels in which positions on `frame` are: a plain picture is what they are on, a picture of
    /// a batch stands for the frame's viewport.
    pub(crate) fn area(&self, frame: &FrameMeta, picture: &BatchPicture) -> Rect {
        if self.is_plain { Rect::of_size(picture.size()) } else { frame.viewport }
    }
}

/// Size of an area in whole pixels.
pub(crate) fn size_of(area: &Rect) -> Size {
    // casts from f32 saturate
    Size::new(area.width.round() as u32, area.height.round() as u32)
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
    if caps.is_some_and(|caps| !is_batch_caps(caps)) && !srcpad.peer_query(query) {
        return Err(gst::loggable_error!(gst::CAT_RUST, "downstream did not answer"));
    }
    Ok(())
}
