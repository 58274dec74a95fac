//! Numbers for the objects of each file.

use std::sync::Arc;
use std::time::Duration;

use slipstream_meta::{ObjectMeta, Picture, PixelFormat};
use slipstream_track::{Detection, IdAllocator, Tracker, TrackerConfig};

use super::read::Frame;

/// Follows objects through one file after the other; each counts for itself.
pub(super) struct Follower {
    config: Option<Arc<TrackerConfig>>,
    /// The file that it is at.
    current: Option<(usize, Tracker)>,
    /// Kept for its memory only.
    detections: Vec<Detection>,
}

impl Follower {
    /// With no tracker, objects get no numbers.
    pub(super) fn new(config: Option<Arc<TrackerConfig>>) -> Self {
        Self { config, current: None, detections: Vec::new() }
    }

    /// Numbers the `objects` of the next frame of `file`.
    pub(super) fn follow(
        &mut self,
        file: usize,
        frame: &Frame,
        picture: &Picture<'_>,
        objects: &mut [ObjectMeta],
    ) {
        let Some(config) = &self.config else { return };
        if self.current.as_ref().is_none_or(|(current, _)| *current != file) {
            self.current = Some((file, Tracker::new(config.clone(), IdAllocator::new())));
        }
        let Some((_, tracker)) = &mut self.current else { return };
        self.detections.clear();
        let seen =
            objects.iter().map(|object| Detection::new(object.rect, object.confidence, object.class_id));
        self.detections.extend(seen);
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
                object.tracking_id = Some(track.id);
            }
        }
    }
}
