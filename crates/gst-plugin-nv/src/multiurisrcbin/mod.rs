//! `nvmultiurisrcbin`: batches from many URIs, and sources that come and go by HTTP.
//!
//! An `nvurisrcbin` for each URI and `nvstreammux` behind them. Properties of both are set here. The HTTP server listens on
//! `ip-address` and `port`; `port=0` leaves it out.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 nvmultiurisrcbin uri-list=file:///a.mp4,file:///b.mp4 max-batch-size=4 width=1280 height=720 port=9000 ! \
//!   nvmultistreamtiler ! nvvideoconvert ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod control;
mod imp;
mod rest;
mod server;

glib::wrapper! {
    /// The element `nvmultiurisrcbin`.
    pub struct NvMultiUriSrcBin(ObjectSubclass<imp::NvMultiUriSrcBin>)
        @extends gst::Bin, gst::Element, gst::Object, @implements gst::ChildProxy;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "nvmultiurisrcbin",
        gst::Rank::PRIMARY,
        NvMultiUriSrcBin::static_type(),
    )
}
