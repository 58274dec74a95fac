//! The data model of Slipstream.
//!
//! A [`BatchMeta`] describes the frames that travel together through a pipeline: frames hold objects, objects hold
//! classifications, and frames carry display items to be drawn. [`Picture`] and [`PictureMut`] are views of raw video
//! planes, the one type in which pixels reach the algorithms. Nothing here knows GStreamer.

mod analytics;
mod batch;
mod event;
mod geometry;
mod inference;
mod picture;
mod style;
mod track;
mod user;

pub use analytics::{ANALYTICS_FRAME_META, ANALYTICS_OBJECT_META, AnalyticsFrame, AnalyticsObject};
pub use batch::{BatchMeta, Classification, FrameMeta, ObjectMeta, SourceMeta};
pub use event::{EventMessage, EventMeta, EventObject, FaceObject, PersonObject, VehicleObject};
pub use geometry::{Point, Rect, Size};
pub use inference::{Mask, SegmentationMeta, Tensor, TensorMeta};
pub use picture::{
    ChannelOrder, ColorMatrix, ColorRange, Colorimetry, MAX_PLANES, Picture, PictureError, PictureMut,
    PixelFormat, Plane, PlaneMut,
};
pub use style::{Color, DisplayItem, Text};
pub use track::{TrackLists, TrackRecord, TrackSample};
pub use user::{UserData, UserMeta, UserMetas};
