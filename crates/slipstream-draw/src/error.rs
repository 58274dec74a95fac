//! What can go wrong.

use slipstream_meta::{PixelFormat, Rect, Size};

/// A picture that cannot be tiled.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DrawError {
    /// The scaler writes two formats only.
    #[error("cannot scale onto a canvas in {0:?}; I420 and Nv12 are supported")]
    CanvasFormat(PixelFormat),
    /// The target holds no pixel, is not a number, or leaves the canvas.
    #[error(
        "cannot scale onto {rect:?} of a canvas of {canvas}: the rectangle must have an area and lie inside"
    )]
    Target {
        /// The rectangle asked for.
        rect: Rect,
        /// Size of the canvas.
        canvas: Size,
    },
}
