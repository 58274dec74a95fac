//! `sliptiler`: lays the frames of a batch out as tiles of one picture.
//!
//! Tile *i* shows the *i*-th source. Unless given, there are ⌊√N⌋ rows and ⌈N / rows⌉ columns for N sources. A tile keeps
//! the last frame of its source, and the description of the picture lists that frame with its objects in the picture's
//! pixels, so that `sliposd` draws on it. Sources can come and go.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 slipmux name=mux ! sliptiler width=1200 height=600 ! videoconvert ! autovideosink \
//!   videotestsrc is-live=true ! mux. videotestsrc is-live=true pattern=ball ! mux.
//! ```

use gst::{glib, prelude::*};

mod imp;

glib::wrapper! {
    /// The element `sliptiler`.
    pub struct SlipTiler(ObjectSubclass<imp::SlipTiler>) @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "sliptiler", gst::Rank::NONE, SlipTiler::static_type())
}
