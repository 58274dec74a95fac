//! The tracker of one camera.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::TrackerConfig;
use crate::frame::{Detection, Frame};
use crate::id::IdAllocator;
use crate::target::Target;
use crate::tracks::{PastTrack, TerminatedTrack, Track, TrackPoint, TrackState, Tracks};

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Tracker {
    config: Arc<TrackerConfig>,
    ids: IdAllocator,
    targets: Vec<Target>,
    live: Vec<Track>,
    shadow: Vec<Track>,
    terminated: Vec<TerminatedTrack>,
    past: Vec<PastTrack>,
}

impl Tracker {
    /// A tracker that knows of no object yet and takes the numbers of its tracks from `ids`.
    pub fn new(config: Arc<TrackerConfig>, ids: IdAllocator) -> Self {
        Self {
            config,
            ids,
            targets: Vec::new(),
            live: Vec::new(),
            shadow: Vec::new(),
            terminated: Vec::new(),
            past: Vec::new(),
        }
    }

    /// Forgets all objects: after a seek, a reconnection or a change of size. Numbers go on.
    pub fn reset(&mut self) {
        self.targets.clear();
    }

    /// Takes the next frame and says where all objects are.
    pub fn update(&mut self, frame: &Frame<'_>) -> Tracks<'_> {
        self.live.clear();
        self.shadow.clear();
        self.terminated.clear();
        self.past.clear();
        for target in &mut self.targets {
            target.age = target.age.saturating_add(1);
            target.detection = None;
        }
        if let Some(detections) = frame.detections {
            self.look(frame, detections);
        }
        self.report();
        Tracks {
            live: &self.live,
            shadow: &self.shadow,
            terminated: &self.terminated,
            past: &self.past,
            targets: &self.targets,
        }
    }

    fn look(&mut self, frame: &Frame<'_>, detections: &[Detection]) {
        let is_usable = |d: &Detection| {
            let Detection { rect, .. } = d;
            [rect.left, rect.top, rect.width, rect.height].iter().all(|v| v.is_finite()) && !rect.is_empty()
        };
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (t, target) in self.targets.iter().enumerate() {
            for (d, detection) in detections.iter().enumerate().filter(|(_, d)| is_usable(d)) {
                let iou = target.rect.iou(&detection.rect);
                if iou >= self.config.min_iou && target.class_id == detection.class_id {
                    pairs.push((iou, t, d));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut taken = vec![false; detections.len()];
        for (_, t, d) in pairs {
            let (Some(target), Some(taken), Some(detection)) =
                (self.targets.get_mut(t), taken.get_mut(d), detections.get(d))
            else {
                continue;
            };
            if *taken || target.detection.is_some() {
                continue;
            }
            *taken = true;
            target.detection = Some(d);
            target.rect = detection.rect;
            target.confidence = detection.confidence;
            target.hits += 1;
            target.lost = 0;
            let point = TrackPoint {
                frame: frame.number,
                time: frame.time,
                rect: target.rect,
                confidence: target.confidence,
                age: target.age,
            };
            while target.trail.len() >= self.config.trail_length.max(1) {
                target.trail.pop_front();
            }
            target.trail.push_back(point);
            if target.hits >= self.config.probation {
                if target.id == 0 {
                    target.id = self.ids.allocate();
                }
                target.state = TrackState::Confirmed;
                if !target.past.is_empty() {
                    let points = std::mem::take(&mut target.past);
                    self.past.push(PastTrack { id: target.id, class_id: target.class_id, points });
                }
            } else {
                target.past.push(point);
            }
        }
        for target in &mut self.targets {
            if target.detection.is_none() {
                target.lost += 1;
                let is_confirmed = target.id != 0;
                target.state = if !is_confirmed || target.lost > self.config.max_shadow {
                    TrackState::Terminated
                } else {
                    TrackState::Shadow
                };
                if target.state == TrackState::Terminated && is_confirmed {
                    let Target { id, class_id, age, .. } = *target;
                    let points = target.trail.drain(..).collect();
                    self.terminated.push(TerminatedTrack { id, class_id, age, points });
                }
            }
        }
        self.targets.retain(|target| target.state != TrackState::Terminated);
        for (d, detection) in detections.iter().enumerate().filter(|(_, d)| is_usable(d)) {
            if taken.get(d).is_none_or(|taken| *taken) {
                continue;
            }
            let point = TrackPoint {
                frame: frame.number,
                time: frame.time,
                rect: detection.rect,
                confidence: detection.confidence,
                age: 0,
            };
            self.targets.push(Target {
                id: 0,
                state: TrackState::Tentative,
                rect: detection.rect,
                class_id: detection.class_id,
                confidence: detection.confidence,
                age: 0,
                hits: 1,
                lost: 0,
                detection: Some(d),
                trail: VecDeque::from([point]),
                past: vec![point],
            });
        }
    }

    fn report(&mut self) {
        for (slot, target) in self.targets.iter().enumerate() {
            let Target { id, rect, class_id, confidence, state, age, detection, .. } = *target;
            let track = Track { id, rect, class_id, confidence, state, age, detection, slot };
            match state {
                TrackState::Confirmed => self.live.push(track),
                TrackState::Shadow => self.shadow.push(track),
                TrackState::Tentative | TrackState::Terminated => {}
            }
        }
    }
}
