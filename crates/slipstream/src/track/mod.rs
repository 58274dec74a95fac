//! Tracking on files: detections and tracks in the text format of the MOTChallenge.
//!
//! A line is a box: `frame,id,left,top,width,height,confidence` and columns that mean nothing here. Frames count from 1;
//! the number of a detection is −1. Lines may come in any order.

mod read;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use slipstream_meta::{Rect, Size};
use slipstream_track::{Detection, Frame, IdAllocator, Tracker, TrackerConfig};

pub use self::read::{MotError, read_detections};
pub use self::write::write_tracks;

/// Frames without a detection after which no tracker keeps anything: longer gaps are stepped over.
const LONGEST_GAP: u64 = 10_000;

/// Detections of each frame that has some.
pub type Detections = BTreeMap<u64, Vec<Detection>>;

/// A box of a track in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackBox {
    /// Number of the track.
    pub id: u64,
    /// Where it is.
    pub rect: Rect,
    /// How sure the tracker is, 0…1.
    pub confidence: f32,
}

/// Boxes of tracks in each frame that has some.
pub type TrackBoxes = BTreeMap<u64, Vec<TrackBox>>;

/// Runs a tracker over all frames from the first to the last with a detection, whose pictures are of `size`: 0 × 0 where
/// nobody knows. With `past`, boxes that the tracker held
/// back until it was sure of them are added. `progress` is told the number of each frame that is done.
pub fn track(
    config: Arc<TrackerConfig>,
    detections: &Detections,
    size: Size,
    past: bool,
    mut progress: impl FnMut(u64),
) -> TrackBoxes {
    let mut tracker = Tracker::new(config, IdAllocator::new());
    let mut boxes = TrackBoxes::new();
    let mut next = detections.keys().next().copied().unwrap_or_default();
    for (&number, found) in detections {
        let first_empty = next.max(number.saturating_sub(LONGEST_GAP));
        let frames = (first_empty..number).map(|empty| (empty, &[][..])).chain([(number, found.as_slice())]);
        for (number, found) in frames {
            let tracks = tracker.update(&Frame::new(size, number, found));
            let live = tracks.live.iter().map(|track| TrackBox {
                id: track.id,
                rect: track.rect,
                confidence: track.confidence,
            });
            let live: Vec<_> = live.collect();
            if past {
                for track in tracks.past {
                    for point in track.points.iter().filter(|point| point.frame != number) {
                        let past = TrackBox { id: track.id, rect: point.rect, confidence: point.confidence };
                        boxes.entry(point.frame).or_default().push(past);
                    }
                }
            }
            if !live.is_empty() {
                boxes.entry(number).or_default().extend(live);
            }
            progress(number);
        }
        next = number.saturating_add(1);
    }
    boxes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detections(frames: impl Iterator<Item = u64>) -> Detections {
        let at = |frame: u64| Detection::new(Rect::new(5.0 * (frame % 50) as f32, 40.0, 50.0, 100.0), 0.9, 0);
        frames.map(|frame| (frame, vec![at(frame)])).collect()
    }

    #[test]
    fn what_was_held_back_is_added_once() {
        let config = Arc::new(TrackerConfig::named("sort").unwrap());
        // SORT believes nothing new after its first three frames until it was seen four times.
        let mut found = detections(20..30);
        found.insert(1, vec![Detection::new(Rect::new(900.0, 40.0, 50.0, 100.0), 0.9, 0)]);
        let live = track(config.clone(), &found, Size::default(), false, |_| {});
        assert_eq!(live.keys().copied().collect::<Vec<_>>(), [1, 23, 24, 25, 26, 27, 28, 29]);
        let all = track(config, &found, Size::default(), true, |_| {});
        assert_eq!(all.keys().copied().collect::<Vec<_>>(), [1, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
        assert!(all.values().all(|boxes| boxes.len() == 1));
        assert!(all.range(20..).all(|(_, boxes)| boxes[0].id == 2));
    }

    #[test]
    fn a_gap_of_any_length_is_stepped_over() {
        let found = detections((1..10).chain(u64::MAX - 9..=u64::MAX));
        let mut frames = 0;
        let boxes = track(Arc::default(), &found, Size::default(), false, |_| frames += 1);
        assert!(frames < 2 * LONGEST_GAP, "{frames}");
        assert!(boxes.contains_key(&u64::MAX));
    }
}
