//! Tiling and drawing on video planes.
//!
//! Everything works on the planes that a decoder delivers and an encoder takes (I420, NV12); no picture is turned into
//! RGB on the way. [`Grid`] and [`Scaler`] lay the pictures of many sources into one canvas, [`Overlay`] draws what was
//! found on them: boxes, labels, display items, a statistics bar, and cards for sources without a picture.
//!
//! ```
//! use slipstream_draw::{Grid, Overlay, OverlayStyle, Scaler};
//! use slipstream_meta::{Colorimetry, FrameMeta, Picture, PictureMut, PixelFormat, Plane, PlaneMut, Size};
//!
//! // A grey frame of 64x36 pixels, to be the fourth of four tiles on a canvas of 200x120.
//! let (size, canvas_size) = (Size::new(64, 36), Size::new(200, 120));
//! let (luma, chroma) = (vec![90; 64 * 36], vec![128; 64 * 18]);
//! let planes = [Plane { data: &luma, stride: 64 }, Plane { data: &chroma, stride: 64 }, Plane::default()];
//! let source = Picture::new(PixelFormat::Nv12, size, Colorimetry::default(), planes)?;
//!
//! let (mut luma, mut chroma) = (vec![16; 200 * 120], vec![128; 200 * 60]);
//! let planes = [PlaneMut { data: &mut luma, stride: 200 }, PlaneMut { data: &mut chroma, stride: 200 }, PlaneMut::default()];
//! let mut canvas = PictureMut::new(PixelFormat::Nv12, canvas_size, Colorimetry::default(), planes)?;
//!
//! let tile = Grid::for_sources(4).tile(canvas_size, 3).ok_or("no such tile")?;
//! Scaler::new().scale(&source, &mut canvas, tile)?;
//!
//! let mut frame = FrameMeta::new(3, "Yard".into(), 0, size);
//! frame.viewport = tile;
//! Overlay::new(OverlayStyle::default()).draw_frame(&mut canvas, &frame);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
pub use overlay::{MapStyle, Overlay, OverlayStyle};
pub use plane::{blur, dim, fill};
pub use style::class_color;
pub use tile::{Grid, Scaler, fit};
