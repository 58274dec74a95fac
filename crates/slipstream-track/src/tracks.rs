//! What a tracker gives back.

use std::collections::VecDeque;
use std::time::Duration;

use slipstream_meta::Rect;

use crate::target::Target;

/// Stage of life of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackState {
    /// New, and not yet believed; not reported.
    Tentative,
    /// Seen, and reported.
    Confirmed,
    /// Was confirmed, and is out of sight; looked for, and not reported as live.
    Shadow,
    /// Given up.
    Terminated,
}

/// A confirmed track, as it is in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Number of the track, unique in its [`crate::IdAllocator`].
    pub id: u64,
    /// Where the object is. It may reach out of the frame.
    pub rect: Rect,
    /// What the object is.
    pub class_id: i32,
    /// How sure the tracker is, 0…1.
    pub confidence: f32,
    /// Stage of life.
    pub state: TrackState,
    /// Frames since the object was first seen.
    pub age: u32,
    /// Index of the frame's detection that was matched; `None` if the rectangle is the tracker's own.
    pub detection: Option<usize>,
    /// Position among the tracker's targets.
    pub(crate) slot: usize,
}

/// Where a track was in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackPoint {
    /// Number of the frame.
    pub frame: u64,
    /// Time of the frame.
    pub time: Option<Duration>,
    /// Where the object was.
    pub rect: Rect,
    /// How sure the tracker was, 0…1.
    pub confidence: f32,
    /// Frames since the object was first seen.
    pub age: u32,
}

/// Where a track was in frames in which it was not reported, told once it is confirmed (again).
#[derive(Debug, Clone, PartialEq)]
pub struct PastTrack {
    /// Number of the track.
    pub id: u64,
    /// What the object is.
    pub class_id: i32,
    /// Where it was, oldest first; never empty.
    pub points: Vec<TrackPoint>,
}

/// A track that was confirmed and has now been given up.
#[derive(Debug, Clone, PartialEq)]
pub struct TerminatedTrack {
    /// Number of the track.
    pub id: u64,
    /// What the object was.
    pub class_id: i32,
    /// Frames from the first to the last in which the object was seen.
    pub age: u32,
    /// Where it was last, oldest first: the trail.
    pub points: Vec<TrackPoint>,
}

/// All that is known after a frame.
#[derive(Debug, Clone, Copy)]
pub struct Tracks<'a> {
    /// Confirmed tracks whose objects are in sight.
    pub live: &'a [Track],
    /// Confirmed tracks whose objects are out of sight, where they are thought to be.
    pub shadow: &'a [Track],
    /// Tracks that were given up with this frame.
    pub terminated: &'a [TerminatedTrack],
    /// What was held back about tracks that were confirmed, or found again, with this frame.
    pub past: &'a [PastTrack],
    pub(crate) targets: &'a [Target],
}

impl<'a> Tracks<'a> {
    /// Where the object of `track`, one of these, was last, oldest first and with this frame at the end.
    pub fn trail(&self, track: &Track) -> impl DoubleEndedIterator<Item = &'a TrackPoint> + use<'a> {
        static NOWHERE: VecDeque<TrackPoint> = VecDeque::new();
        self.targets
            .get(track.slot)
            .filter(|target| target.id == track.id)
            .map_or(&NOWHERE, |t| &t.trail)
            .iter()
    }
}
