//! `nvurisrcbin`: decoded frames from a URI, in DeepStream's caps.
//!
//! Files may loop; cameras are connected to again when they fall silent or fail, and what they send can be recorded.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 nvurisrcbin uri=rtsp://camera/stream rtsp-reconnect-interval=10 ! mux.sink_0 \
//!   nvstreammux name=mux batch-size=1 width=1280 height=720 ! nvdsosd ! nvvideoconvert ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod imp;
mod looping;
pub(crate) mod properties;
mod record;
mod signals;
mod watchdog;

glib::wrapper! {
    /// The element `nvurisrcbin`.
    pub struct NvUriSrcBin(ObjectSubclass<imp::NvUriSrcBin>)
        @extends gst::Bin, gst::Element, gst::Object, @implements gst::ChildProxy;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "nvurisrcbin", gst::Rank::PRIMARY, NvUriSrcBin::static_type())
}
