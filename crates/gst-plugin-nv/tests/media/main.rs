//! Decoding, converting, encoding and showing under DeepStream's names.

mod common;
mod convert;
mod decode;
mod encode;
mod properties;
mod screen;
