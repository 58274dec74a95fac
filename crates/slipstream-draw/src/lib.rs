//! Tiling and drawing on video planes.
//!
//! Everything works on the planes that a decoder delivers and an encoder takes (I420, NV12); no picture is turned into
//! RGB on the way. [`Grid`] and [`Scaler`] lay the pictures of many sources into one canvas, [`Overlay`] draws what was
//! found on them: boxes, labels, display items, a statistics bar, and cards for sources without a picture.
//!
//! Drawing works on [`PixelFormat`](slipstream_meta::PixelFormat)s of every kind; canvases of a [`Scaler`] are I420 or
//! NV12.

mod convert;
mod error;
mod overlay;
mod plane;
mod style;
mod text;
mod tile;

pub use convert::ycbcr;
pub use error::DrawError;
pub use overlay::{Overlay, OverlayStyle};
pub use plane::{dim, fill};
pub use style::class_color;
pub use tile::{Grid, Scaler, fit};
