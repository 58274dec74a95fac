//! What the elements have in common: tables of properties, bins around GStreamer's own elements.

pub(crate) mod bin;
pub(crate) mod properties;
