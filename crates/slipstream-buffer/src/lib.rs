//! What Slipstream attaches to GStreamer buffers.
//!
//! [`meta`] is the metadata of batches and of single pictures, [`frame`] are views of the pictures themselves. Elements,
//! programs and language bindings share this crate; the elements themselves are in `gst-plugin-slipstream`.

pub mod frame;
pub mod meta;
mod registration;
