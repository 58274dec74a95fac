//! What is drawn: boxes, texts, lines, arrows, circles, masks.

mod params;

pub(crate) use params::*;
