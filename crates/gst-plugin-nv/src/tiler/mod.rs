//! `nvmultistreamtiler`: lays the frames of batches out as tiles of one picture.
//!
//! Tile *i* (column *i* mod `columns`, row *i* / `columns`) is that of the source at pad *i*, and keeps its picture until the
//! next frame comes. The picture carries *one* frame's metadata, as in DeepStream: what the latest frames of all sources
//! held, in the pixels of the tiles.

use gst::{glib, prelude::*};

mod grid;
mod imp;
mod merge;
mod state;

glib::wrapper! {
    /// The element `nvmultistreamtiler`.
    pub struct NvMultiStreamTiler(ObjectSubclass<imp::NvMultiStreamTiler>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "nvmultistreamtiler",
        gst::Rank::PRIMARY,
        NvMultiStreamTiler::static_type(),
    )
}
