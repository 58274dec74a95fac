//! The elements from outside: in harnesses and small pipelines.

mod common;
mod demux;
mod examples;
mod infer;
mod infer_second;
mod launch;
mod mux;
mod mux_load;
mod nvmm;
mod osd;
mod registry;
mod scenesrc;
mod tiler;
mod track;
mod track_looks;
