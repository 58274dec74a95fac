//! What a tracker is given.

use std::sync::Arc;
use std::time::Duration;

use slipstream_meta::{Picture, Rect, Size};

/// A frame of a camera, as a tracker sees it.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Size of the picture in whose pixels the rectangles are; 0 × 0 where nobody knows.
    pub size: Size,
    /// Number of the frame. Numbers grow; one that is left out is a frame that was lost.
    pub number: u64,
    /// When the frame was taken, on a clock of the caller's choice; only handed on.
    pub time: Option<Duration>,
    /// What is to be seen, for following objects by sight and for the motion of the camera. It may be smaller than
    /// `size`; only luma is looked at.
    pub picture: Option<Picture<'a>>,
    /// What the detector found, or `None` if it did not look at this frame.
    pub detections: Option<&'a [Detection]>,
}

impl<'a> Frame<'a> {
    /// A frame without a time and a picture.
    pub fn new(size: Size, number: u64, detections: &'a [Detection]) -> Self {
        Self { size, number, time: None, picture: None, detections: Some(detections) }
    }
}

/// An object that a detector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Where. Empty and not finite rectangles are passed over.
    pub rect: Rect,
    /// How sure the detector is, 0…1. What is not a number counts as 0.
    pub confidence: f32,
    /// What.
    pub class_id: i32,
    /// What it looks like: a vector from a network for re-identification, of the same length for all detections of a
    /// tracker. Its length in space does not matter.
    pub embedding: Option<Arc<[f32]>>,
}

impl Detection {
    /// A detection without an embedding.
    pub fn new(rect: Rect, confidence: f32, class_id: i32) -> Self {
        Self { rect, confidence, class_id, embedding: None }
    }
}
