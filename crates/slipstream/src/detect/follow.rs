//! Numbers for the objects of each file.

use std::sync::Arc;
use std::time::Duration;

use slipstream_infer::Detection;
use slipstream_meta::{Picture, PixelFormat};
use slipstream_track::{IdAllocator, Tracker, TrackerConfig};

use super::SeenObject;
use super::read::Frame;

/// Follows objects through one file after the other; each counts for itself.
pub(super) struct Follower {
    config: Option<Arc<TrackerConfig>>,
    /// The file that it is at.
    current: Option<(usize, Tracker)>,
    /// Kept for its memory only.
    detections: Vec<slipstream_track::Detection>,
}

impl Follower {
    /// With no tracker, objects get no numbers.
    pub(super) fn new(config: Option<Arc<TrackerConfig>>) -> Self {
        Self { config, current: None, detections: Vec::new() }
    }

    /// What was `found` on the next frame of `file`, with its numbers.
    pub(super) fn follow(
        &mut self,
        file: usize,
        frame: &Frame,
        picture: &Picture<'_>,
        found: Vec<Detection>,
    ) -> Vec<SeenObject> {
        let mut objects: Vec<_> = found
            .into_iter()
            .map(|found| SeenObject { found, id: None, classifications: Vec::new() })
            .collect();
        let Some(config) = &self.config else { return objects };
        if self.current.as_ref().is_none_or(|(current, _)| *current != file) {
            self.current = Some((file, Tracker::new(config.clone(), IdAllocator::new())));
        }
        let Some((_, tracker)) = &mut self.current else { return objects };
        self.detections.clear();
        self.detections.extend(objects.iter().map(|SeenObject { found, .. }| {
            let class = i32::try_from(found.class_id).unwrap_or(i32::MAX);
            slipstream_track::Detection::new(found.rect, found.confidence, class)
        }));
        let has_luma = matches!(picture.format(), PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Gray8);
        let tracks = tracker.update(&slipstream_track::Frame {
            size: picture.size(),
            number: frame.number,
            time: frame.time.and_then(|time| Duration::try_from_secs_f64(time).ok()),
            picture: has_luma.then_some(*picture),
            detections: Some(&self.detections),
        });
        for track in tracks.live {
            if let Some(object) = track.detection.and_then(|index| objects.get_mut(index)) {
                object.id = Some(track.id);
            }
        }
        objects
    }
}
