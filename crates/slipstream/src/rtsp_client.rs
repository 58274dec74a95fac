//! `rtspsrc`, set up to read one video stream of a camera.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use crate::uri::{Credentials, NetworkUri};

/// How a camera is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtspOptions {
    /// Over TCP, inside the connection; else over UDP.
    pub(crate) over_tcp: bool,
    /// How long packets wait for those that come late, in milliseconds.
    pub(crate) latency: u32,
    /// How long the camera may take to answer.
    pub(crate) patience: Duration,
}

/// Which kinds of streams a camera has offered.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    has_video: AtomicBool,
    has_other: AtomicBool,
}

impl Offer {
    /// Whether there is video.
    pub(crate) fn has_video(&self) -> bool {
        self.has_video.load(Ordering::Relaxed)
    }

    /// Whether there is something, but nothing to see. `rtspsrc` of GStreamer 1.22 reports that as a refused transport.
    pub(crate) fn lacks_video(&self) -> bool {
        self.has_other.load(Ordering::Relaxed) && !self.has_video()
    }
}

/// A client for `uri` that logs in with `credentials`. Only the first video stream is asked for: a camera's microphone stays off.
pub(crate) fn rtsp_source(
    uri: &NetworkUri,
    credentials: Option<&Credentials>,
    options: RtspOptions,
) -> Result<(gst::Element, Arc<Offer>), glib::BoolError> {
    let micros = u64::try_from(options.patience.as_micros()).unwrap_or(u64::MAX).max(1);
    let source = gst::ElementFactory::make("rtspsrc")
        .property("location", uri.location())
        .property_from_str("protocols", if options.over_tcp { "tcp" } else { "udp-mcast+udp" })
        .property("latency", options.latency)
        .property("tcp-timeout", micros)
        .property("timeout", micros)
        .property("add-reference-timestamp-meta", true)
        .build()?;
    log_in(&source, credentials);
    let offer = Arc::new(Offer::default());
    source.connect("select-stream", false, {
        let offer = offer.clone();
        move |arguments| {
            let caps = arguments.get(2).and_then(|value| value.get::<gst::Caps>().ok());
            let media =
                caps.as_ref().and_then(|caps| caps.structure(0)).and_then(|s| s.get::<&str>("media").ok());
            let first_video = media == Some("video") && !offer.has_video.swap(true, Ordering::Relaxed);
            if !first_video {
                offer.has_other.store(true, Ordering::Relaxed);
            }
            Some(first_video.to_value())
        }
    });
    Ok((source, offer))
}

/// Hands name and password to an element that has properties for them.
pub(crate) fn log_in(source: &gst::Element, credentials: Option<&Credentials>) {
    if let Some(Credentials { user, password }) = credentials
        && source.find_property("user-id").is_some()
    {
        source.set_property("user-id", user);
        source.set_property("user-pw", password);
    }
}
