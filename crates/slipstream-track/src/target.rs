//! One object, as a tracker keeps it.

use std::collections::VecDeque;

use slipstream_meta::Rect;

use crate::tracks::{TrackPoint, TrackState};

#[derive(Debug)]
pub(crate) struct Target {
    /// 0 until confirmed.
    pub(crate) id: u64,
    pub(crate) state: TrackState,
    pub(crate) rect: Rect,
    pub(crate) class_id: i32,
    pub(crate) confidence: f32,
    pub(crate) age: u32,
    /// Detections matched so far.
    pub(crate) hits: u32,
    /// Frames since the last match.
    pub(crate) lost: u32,
    pub(crate) detection: Option<usize>,
    pub(crate) trail: VecDeque<TrackPoint>,
    pub(crate) past: Vec<TrackPoint>,
}
