//! Slipstream's elements under DeepStream's names: `gst-launch-1.0` lines and programs written for DeepStream run on any
//! machine.
//!
//! A plugin of its own, because it changes what `decodebin` picks: nobody who did not ask for these names gets them. What an
//! element does is in `gst-plugin-slipstream` and in the libraries under it; here are names, properties and caps, and what
//! is DeepStream's way alone.

mod basics;
mod caps;
mod convert;
mod decoder;
mod demux;
mod encoder;
mod event;
mod infer;
mod jpeg;
mod logger;
mod look;
mod message;
mod multiurisrcbin;
mod mux;
mod osd;
mod pixels;
mod query;
mod segvisual;
mod sink;
mod tiler;
mod track;
mod urisrcbin;

fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
    sink::register(plugin)?;
    jpeg::register(plugin)?;
    encoder::register(plugin)?;
    decoder::register(plugin)?;
    convert::register(plugin)?;
    infer::register(plugin)?;
    mux::register(plugin)?;
    demux::register(plugin)?;
    logger::register(plugin)?;
    urisrcbin::register(plugin)?;
    multiurisrcbin::register(plugin)?;
    osd::register(plugin)?;
    segvisual::register(plugin)?;
    tiler::register(plugin)?;
    track::register(plugin)?;
    Ok(())
}

/// What GStreamer reads from the shared library.
#[allow(missing_docs, reason = "the items are written by the macro")]
mod description {
    use super::plugin_init;

    gst::plugin_define!(
        nvslipstream,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MIT/X11",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        "https://github.com/slipstream-video/slipstream",
        env!("BUILD_REL_DATE")
    );
}

pub use description::plugin_register_static;
