//! `slipscenesrc`: a simulated street camera, for pipelines without a camera and for tests that need to know the truth.
//!
//! Shows the cameras of the demo: each has a view, a light and a world of its own, and the same pictures come on every run.
//! With `truth=true` the frames carry what is really there, as if a perfect detector had looked at them.
//!
//! # Example
//!
//! ```text
//! gst-launch-1.0 slipscenesrc is-live=true truth=true ! video/x-raw,width=960,height=540 ! sliptrack ! sliposd ! \
//!   videoconvert ! autovideosink
//! ```

use gst::{glib, prelude::*};

mod imp;

glib::wrapper! {
    /// The element `slipscenesrc`.
    pub struct SlipSceneSrc(ObjectSubclass<imp::SlipSceneSrc>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "slipscenesrc", gst::Rank::NONE, SlipSceneSrc::static_type())
}
