//! One connection to a camera, or one run through a file: the elements from the network to the multiplexer's pad.

use std::sync::Arc;
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use parking_lot::Mutex;

use super::bin::CameraBin;
use super::catch_up::CatchUp;
use super::{Event, Shared};
use crate::fault;
use crate::rtsp_client::{Offer, RtspOptions, log_in, rtsp_source};
use crate::settings::{SourceArgs, Transport};
use crate::uri::{Credentials, Input, NetworkUri};

/// A camera that hangs in the middle of a reply is given up after this.
const RTSP_PATIENCE: Duration = Duration::from_secs(5);

/// The elements could not be set up; nothing that a camera can cause.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error("an element is missing: {0}")]
    Element(#[from] glib::BoolError),
    #[error("the source does not start: {0}")]
    State(#[from] gst::StateChangeError),
    #[error("{0}")]
    Path(#[from] glib::Error),
}

/// What a connection is made of, whichever camera it is for.
pub(super) struct Plan<'a> {
    pub(super) pipeline: &'a gst::Pipeline,
    pub(super) mux_pad: &'a gst::Pad,
    pub(super) input: &'a Input,
    pub(super) settings: &'a SourceArgs,
    pub(super) decoder_threads: u32,
    /// Whether the end of the stream is the multiplexer's to know, or the start of another run.
    pub(super) passes_end: bool,
    pub(super) over_udp: bool,
}

/// The elements of one connection, in the pipeline and playing.
pub(super) struct Connection {
    pipeline: gst::Pipeline,
    bin: gst::Bin,
    src: gst::GhostPad,
    mux_pad: gst::Pad,
    offer: Option<Arc<Offer>>,
}

impl Connection {
    /// Whether the camera offers streams, but nothing to see.
    pub(super) fn lacks_video(&self) -> bool {
        self.offer.as_ref().is_some_and(|offer| offer.lacks_video())
    }

    /// Starts connecting; everything that happens from then on is told to `shared`.
    pub(super) fn start(plan: &Plan<'_>, name: &str, shared: &Arc<Shared>) -> Result<Self, BuildError> {
        let listener = Arc::downgrade(shared);
        let bin = CameraBin::new(name, move |error| {
            if let Some(shared) = listener.upgrade() {
                shared.tell(Event::Fault(fault::classify(error)));
            }
        });
        let bin: gst::Bin = bin.upcast();
        // The camera's own state: neither its failures nor its waiting hold up the pipeline.
        bin.set_locked_state(true);
        limit_decoder_threads(&bin, plan.decoder_threads);
        if plan.input.is_live() {
            keep_up(&bin, shared);
        }

        let convert = gst::ElementFactory::make("videoconvert").build()?;
        bin.add(&convert)?;
        let convert_src =
            convert.static_pad("src").ok_or_else(|| glib::bool_error!("videoconvert has no src pad"))?;
        let src = gst::GhostPad::builder_with_target(&convert_src)?.name("src").build();
        watch(&src, shared, plan.passes_end);
        bin.add_pad(&src)?;

        let mut offer = None;
        match plan.input {
            Input::Rtsp(uri) => offer = Some(add_rtsp(&bin, uri, plan, &convert)?),
            Input::Http(uri) => add_uri(&bin, &uri.location(), uri.credentials(), &convert)?,
            Input::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                add_uri(&bin, &glib::filename_to_uri(path, None)?, None, &convert)?;
            }
            Input::Device(path) => {
                let camera = gst::ElementFactory::make("v4l2src")
                    .property("device", path.to_string_lossy().as_ref())
                    .build()?;
                let decode = add_decoder(&bin, &convert)?;
                bin.add(&camera)?;
                camera.link(&decode)?;
            }
        }

        plan.pipeline.add(&bin)?;
        let connection =
            Self { pipeline: plan.pipeline.clone(), bin, src, mux_pad: plan.mux_pad.clone(), offer };
        connection
            .src
            .link(&connection.mux_pad)
            .map_err(|err| glib::bool_error!("cannot link to the multiplexer: {err}"))?;
        connection.bin.set_state(gst::State::Playing)?;
        Ok(connection)
    }
}

impl Drop for Connection {
    /// Takes the elements out of the pipeline; the camera is told that we leave, for as long as it listens.
    fn drop(&mut self) {
        if self.bin.set_state(gst::State::Null).is_err() {
            tracing::debug!("{} did not stop in order", self.bin.name());
        }
        let _ = self.src.unlink(&self.mux_pad);
        if let Err(err) = self.pipeline.remove(&self.bin) {
            tracing::debug!("{} is not in the pipeline: {err}", self.bin.name());
        }
    }
}

/// Counts frames and reports the end of the stream.
fn watch(src: &gst::GhostPad, shared: &Arc<Shared>, passes_end: bool) {
    let frames = Arc::downgrade(shared);
    src.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        if let Some(shared) = frames.upgrade() {
            shared.saw_frame();
        }
        gst::PadProbeReturn::Ok
    });
    let events = Arc::downgrade(shared);
    src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if !matches!(info.event().map(|event| event.type_()), Some(gst::EventType::Eos)) {
            return gst::PadProbeReturn::Ok;
        }
        if let Some(shared) = events.upgrade() {
            shared.tell(Event::Ended);
        }
        // Not `Drop`: GStreamer 1.22 would free the event a second time.
        if passes_end { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Handled }
    });
}

/// Frame threads cost a software decoder a sixth more work and a frame of delay each, so many cameras get one each.
fn limit_decoder_threads(bin: &gst::Bin, threads: u32) {
    bin.connect_deep_element_added(move |_, _, element| {
        let libav = element.factory().is_some_and(|factory| factory.name().starts_with("avdec_"));
        if libav && element.find_property("max-threads").is_some() {
            element.set_property("max-threads", threads as i32);
        }
    });
}

/// Lets decoders leave out what comes too late. Without this, a decoder that is too slow makes the delay and the memory
/// grow; the jitter buffer's own remedy, dropping packets, leaves broken pictures.
fn keep_up(bin: &gst::Bin, shared: &Arc<Shared>) {
    let shared = Arc::downgrade(shared);
    bin.connect_deep_element_added(move |_, _, element| {
        let decodes =
            element.factory().is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DECODER));
        let Some(pad) = element.static_pad("sink").filter(|_| decodes) else { return };
        let (element, shared) = (element.downgrade(), shared.clone());
        let catch_up = Mutex::new(CatchUp::default());
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let (Some(buffer), Some(element)) = (info.buffer(), element.upgrade()) else {
                return gst::PadProbeReturn::Ok;
            };
            let Some(lag) = lag(pad, buffer, &element) else { return gst::PadProbeReturn::Ok };
            let is_key_frame = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            if catch_up.lock().takes(is_key_frame, lag) {
                return gst::PadProbeReturn::Ok;
            }
            if let Some(shared) = shared.upgrade() {
                shared.count_left_out();
            }
            // Not `Drop`: GStreamer 1.22 would free the buffer a second time.
            gst::PadProbeReturn::Handled
        });
    });
}

/// How long a coded picture has waited since it was received.
fn lag(pad: &gst::Pad, buffer: &gst::BufferRef, element: &gst::Element) -> Option<Duration> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    let received = segment.to_running_time(buffer.dts_or_pts()?)?;
    Some(element.current_running_time()?.saturating_sub(received).into())
}

fn link_video(pad: &gst::Pad, convert: &gst::Element) {
    let video = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let video = video.structure(0).is_some_and(|s| s.name().starts_with("video/"));
    let Some(sink) = convert.static_pad("sink").filter(|sink| video && !sink.is_linked()) else { return };
    if let Err(err) = pad.link(&sink) {
        tracing::debug!("cannot link {}: {err}", pad.name());
    }
}

fn add_decoder(bin: &gst::Bin, convert: &gst::Element) -> Result<gst::Element, BuildError> {
    let decode = gst::ElementFactory::make("decodebin").build()?;
    let convert = convert.downgrade();
    decode.connect_pad_added(move |_, pad| {
        if let Some(convert) = convert.upgrade() {
            link_video(pad, &convert);
        }
    });
    bin.add(&decode)?;
    Ok(decode)
}

fn add_rtsp(
    bin: &gst::Bin,
    uri: &NetworkUri,
    plan: &Plan<'_>,
    convert: &gst::Element,
) -> Result<Arc<Offer>, BuildError> {
    let over_udp = match plan.settings.transport {
        Transport::Udp => true,
        Transport::Tcp => false,
        Transport::Auto => plan.over_udp,
    };
    let options =
        RtspOptions { over_tcp: !over_udp, latency: plan.settings.latency, patience: RTSP_PATIENCE };
    let (source, offer) = rtsp_source(uri, uri.credentials(), options)?;
    let decode = add_decoder(bin, convert)?;
    let decoder = decode.downgrade();
    source.connect_pad_added(move |_, pad| {
        if let Some(sink) = decoder.upgrade().and_then(|decode| decode.static_pad("sink"))
            && let Err(err) = pad.link(&sink)
        {
            tracing::debug!("cannot link {}: {err}", pad.name());
        }
    });
    bin.add(&source)?;
    Ok(offer)
}

fn add_uri(
    bin: &gst::Bin,
    uri: &str,
    credentials: Option<&Credentials>,
    convert: &gst::Element,
) -> Result<(), BuildError> {
    let source = gst::ElementFactory::make("uridecodebin").property("uri", uri).build()?;
    let credentials = credentials.cloned();
    source.connect("source-setup", false, move |args| {
        let element = args.get(1).and_then(|value| value.get::<gst::Element>().ok());
        if let Some(element) = element {
            log_in(&element, credentials.as_ref());
        }
        None
    });
    let convert = convert.downgrade();
    source.connect_pad_added(move |_, pad| {
        if let Some(convert) = convert.upgrade() {
            link_video(pad, &convert);
        }
    });
    bin.add(&source)?;
    Ok(())
}
