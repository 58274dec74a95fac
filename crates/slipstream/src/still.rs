//! One clean picture of an RTSP stream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::prelude::*;

use crate::examine::{LATENCY, element, link};
use crate::fault::{self, Fault};
use crate::rtsp_client::{RtspOptions, rtsp_source};
use crate::uri::{Credentials, NetworkUri};

/// How often the bus is looked at.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// Connects by TCP and waits for the first picture that needs no other: a key frame.
///
/// # Errors
/// What is wrong with the stream, [`Fault::NoFrames`] if no picture comes within `patience`.
pub fn take(
    uri: &NetworkUri,
    credentials: Option<&Credentials>,
    patience: Duration,
) -> Result<image::RgbImage, Fault> {
    let deadline = Instant::now() + patience;
    fault::knock(uri, patience)?;
    let failed = |_| Fault::Other("the elements cannot be linked".into());
    let pipeline = gst::Pipeline::new();
    let options = RtspOptions { over_tcp: true, latency: LATENCY, patience };
    let (source, _) =
        rtsp_source(uri, credentials, options).map_err(|error| Fault::Other(error.to_string()))?;
    let parse = element("parsebin")?;
    let decode = element("decodebin")?;
    let convert = element("videoconvert")?;
    let sink = gst_app::AppSink::builder()
        .caps(&gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::Rgb).build())
        .sync(false)
        .max_buffers(1)
        .build();
    pipeline.add_many([&source, &parse, &decode, &convert, sink.upcast_ref()]).map_err(failed)?;
    convert.link(&sink).map_err(failed)?;
    link_when_added(&source, &parse, |_| {});
    link_when_added(&parse, &decode, begin_at_key_frame);
    link_when_added(&decode, &convert, |_| {});

    let picture = wait(&pipeline, &sink, deadline);
    // Nothing can be done about a pipeline that does not want to stop.
    let _ = pipeline.set_state(gst::State::Null);
    picture
}

fn link_when_added(
    from: &gst::Element,
    to: &gst::Element,
    prepare: impl Fn(&gst::Pad) + Send + Sync + 'static,
) {
    let to = to.downgrade();
    from.connect_pad_added(move |_, pad| {
        let sink = to.upgrade().and_then(|to| to.static_pad("sink"));
        if let Some(sink) = sink.filter(|sink| !sink.is_linked()) {
            prepare(pad);
            link(pad, &sink);
        }
    });
}

/// Decoders show what they can of pictures whose beginning they have not seen.
fn begin_at_key_frame(pad: &gst::Pad) {
    let has_begun = AtomicBool::new(false);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let is_key_frame = info.buffer().is_some_and(|b| !b.flags().contains(gst::BufferFlags::DELTA_UNIT));
        if is_key_frame {
            has_begun.store(true, Ordering::Relaxed);
        }
        // Not `Drop`: GStreamer 1.22 would free the buffer a second time.
        if has_begun.load(Ordering::Relaxed) { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Handled }
    });
}

fn wait(
    pipeline: &gst::Pipeline,
    sink: &gst_app::AppSink,
    deadline: Instant,
) -> Result<image::RgbImage, Fault> {
    let bus = pipeline.bus().ok_or_else(|| Fault::Other("the pipeline has no bus".into()))?;
    // If it fails, the bus says why.
    let _ = pipeline.set_state(gst::State::Playing);
    loop {
        if let Some(sample) = sink.try_pull_sample(LOOK) {
            return to_image(&sample).ok_or_else(|| Fault::Other("the picture is damaged".into()));
        }
        let message = bus.pop_filtered(&[gst::MessageType::Error, gst::MessageType::Eos]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => return Err(fault::classify(error)),
            Some(_) => return Err(Fault::HungUp),
            None if Instant::now() >= deadline => return Err(Fault::NoFrames),
            None => {}
        }
    }
}

fn to_image(sample: &gst::Sample) -> Option<image::RgbImage> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let stride = usize::try_from(*frame.plane_stride().first()?).ok()?;
    let row = frame.width() as usize * 3;
    let mut pixels = Vec::with_capacity(row * frame.height() as usize);
    for line in frame.plane_data(0).ok()?.chunks(stride).take(frame.height() as usize) {
        pixels.extend_from_slice(line.get(..row)?);
    }
    image::RgbImage::from_raw(frame.width(), frame.height(), pixels)
}
