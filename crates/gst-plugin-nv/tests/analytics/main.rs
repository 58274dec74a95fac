//! The elements that look at frames, follow objects, and show both.

mod common;
mod infer;
mod osd;
mod registry;
mod routes;
mod segvisual;
mod tiler;
mod track;
