//! What a tracker tells of a frame besides the objects on it.

use std::sync::Arc;

use crate::Rect;

/// Stretches of tracks that are not among the objects of a frame. All lists are empty where there is no tracker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackLists {
    /// Where tracks that were confirmed on this frame had been before, while it was not yet certain that there was
    /// something to follow. These positions were among the objects of no frame.
    pub past: Vec<TrackRecord>,
    /// Tracks whose object was not seen on this frame and is waited for.
    pub shadow: Vec<TrackRecord>,
    /// Tracks that ended with this frame, as far back as the tracker keeps them.
    pub terminated: Vec<TrackRecord>,
}

/// Positions of one track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackRecord {
    /// The number that stays with the object from frame to frame.
    pub tracking_id: u64,
    /// Class index of the component that found the object; −1 for none.
    pub class_id: i32,
    /// Name of the class, empty if the model has no labels.
    pub label: Arc<str>,
    /// Where it was, oldest first.
    pub samples: Vec<TrackSample>,
}

/// Where a track was on one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackSample {
    /// The frame's number.
    pub frame_number: u64,
    /// The box, in pixels as all rectangles of the frame that carries this.
    pub rect: Rect,
    /// The tracker's confidence in 0…1.
    pub confidence: f32,
    /// Frames since the track began.
    pub age: u32,
}

impl TrackLists {
    /// Whether there is nothing in any list.
    pub fn is_empty(&self) -> bool {
        self.past.is_empty() && self.shadow.is_empty() && self.terminated.is_empty()
    }

    /// Moves all positions along when the region `from` of their picture is drawn onto the region `to` of another one.
    pub fn map(&mut self, from: &Rect, to: &Rect) {
        let lists = [&mut self.past, &mut self.shadow, &mut self.terminated];
        for sample in lists.into_iter().flatten().flat_map(|record| &mut record.samples) {
            sample.rect = sample.rect.mapped(from, to);
        }
    }
}
