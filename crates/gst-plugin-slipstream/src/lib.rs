//! GStreamer elements of Slipstream.
//!
//! | element | does |
//! |---|---|
//! | [`slipmux`](mux) | puts frames of many sources into batches, without copying or waiting |
//! | [`slipinfer`](infer) | finds objects with a neural network configured in DeepStream's nvinfer format |
//! | [`sliptrack`](track) | follows objects and gives them numbers that stay |
//! | [`sliptiler`](tiler) | lays the frames of a batch out as tiles of one picture |
//! | [`sliposd`](osd) | draws boxes, labels and statistics |
//! | [`slipdemux`](demux) | takes batches apart again |
//! | [`slipscenesrc`](scenesrc) | shows a simulated street, and tells what is really there |
//!
//! All of them but `slipmux` also take plain `video/x-raw`, which counts as a batch of one. Programs that link this crate
//! call [`plugin_register_static`] instead of loading the shared library, and read and write metadata through
//! [`Batch`](meta::Batch).

pub mod demux;
pub mod infer;
pub mod mux;
pub mod osd;
pub mod scenesrc;
pub mod tiler;
pub mod track;
mod transform;

pub use slipstream_buffer::{frame, meta};

/// `format!` for enumerations of GObject with `allow_name_conflict`, to be imported as `format` where they are derived:
/// glib's macro (0.22) expects the same type from it as that of a literal. Runs once for each type, so what it leaks is small.
#[macro_export]
macro_rules! format_type_name {
    ($($arguments:tt)*) => {
        &*::std::boxed::Box::leak(::std::format!($($arguments)*).into_boxed_str())
    };
}

fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
    mux::register(plugin)?;
    infer::register(plugin)?;
    track::register(plugin)?;
    tiler::register(plugin)?;
    osd::register(plugin)?;
    demux::register(plugin)?;
    scenesrc::register(plugin)?;
    Ok(())
}

/// What GStreamer reads from the shared library.
#[allow(missing_docs, reason = "the items are written by the macro")]
mod description {
    use super::plugin_init;

    gst::plugin_define!(
        slipstream,
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
