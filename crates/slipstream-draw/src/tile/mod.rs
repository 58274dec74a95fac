//! Laying the pictures of many sources into one.

mod grid;
mod resample;
mod scale;

pub use grid::{Grid, fit};
pub use scale::Scaler;
