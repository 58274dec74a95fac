//! The tracker of one camera.

use std::sync::Arc;

use crate::associate::{Association, Candidate, Scene, Scratch};
use crate::config::{Confirmation, Report, TrackerConfig};
use crate::frame::{Detection, Frame};
use crate::id::IdAllocator;
use crate::target::{Target, is_usable};
use crate::tracks::{PastTrack, TerminatedTrack, Track, TrackPoint, TrackState, Tracks};

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Tracker {
    config: Arc<TrackerConfig>,
    ids: IdAllocator,
    targets: Vec<Target>,
    /// Frames since the start or the last reset.
    frames: u64,
    /// Number of the frame before.
    number: Option<u64>,
    agility: f32,
    nis: f32,
    candidates: Vec<Candidate>,
    matched: Vec<Option<usize>>,
    scratch: Scratch,
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
            frames: 0,
            number: None,
            agility: 1.0,
            nis: 1.0,
            candidates: Vec::new(),
            matched: Vec::new(),
            scratch: Scratch::default(),
            live: Vec::new(),
            shadow: Vec::new(),
            terminated: Vec::new(),
            past: Vec::new(),
        }
    }

    /// Forgets all objects: after a seek, a reconnection or a change of size. Numbers go on.
    pub fn reset(&mut self) {
        self.targets.clear();
        self.frames = 0;
        self.number = None;
    }

    /// Takes the next frame and says where all objects are.
    pub fn update(&mut self, frame: &Frame<'_>) -> Tracks<'_> {
        self.live.clear();
        self.shadow.clear();
        self.terminated.clear();
        self.past.clear();
        self.frames += 1;
        self.predict(frame);
        if let Some(detections) = frame.detections {
            self.choose(detections);
            if self.config.camera_motion {
                self.follow_camera();
            }
            self.associate();
            self.settle(frame);
            self.start(frame);
        }
        self.report(frame);
        Tracks {
            live: &self.live,
            shadow: &self.shadow,
            terminated: &self.terminated,
            past: &self.past,
            targets: &self.targets,
        }
    }

    /// Moves all targets on to this frame, over frames that were lost too.
    fn predict(&mut self, frame: &Frame<'_>) {
        let last = self.number.replace(frame.number);
        // After so many frames all that was out of sight is given up anyway.
        let most = u64::from(self.config.max_shadow) + 1;
        let steps = last.map_or(1, |last| frame.number.saturating_sub(last)).clamp(1, most);
        for target in &mut self.targets {
            if target.state == TrackState::Shadow {
                target.filter.stop_growth(&self.config.motion);
            }
            for _ in 0..steps {
                target.predict(&self.config.motion, self.agility);
            }
        }
    }

    /// Collects the detections that count.
    fn choose(&mut self, detections: &[Detection]) {
        self.candidates.clear();
        for (index, detection) in detections.iter().enumerate() {
            let Detection { rect, confidence, class_id, .. } = *detection;
            let confidence = if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) };
            if is_usable(&rect) && confidence >= self.config.min_confidence {
                self.candidates.push(Candidate { index, rect, confidence, class_id, target: None });
            }
        }
        if self.candidates.len() > self.config.max_targets {
            self.candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
            self.candidates.truncate(self.config.max_targets);
        }
    }

    /// Moves all targets as the camera's own motion moved them.
    fn follow_camera(&mut self) {
        let expected: Vec<_> = self
            .targets
            .iter()
            .filter(|t| t.state == TrackState::Confirmed && t.lost <= 1)
            .map(|t| t.rect)
            .collect();
        let found: Vec<_> = self
            .candidates
            .iter()
            .filter(|c| c.confidence >= self.config.new_confidence)
            .map(|c| c.rect)
            .collect();
        let mut ways = Vec::new();
        if let Some(way) = crate::camera::common_motion(&expected, &found, &mut ways) {
            for target in &mut self.targets {
                target.shift(way.x, way.y);
            }
        }
    }

    fn associate(&mut self) {
        self.matched.clear();
        self.matched.resize(self.targets.len(), None);
        let mut scene = Scene {
            targets: &self.targets,
            matched: &mut self.matched,
            candidates: &mut self.candidates,
            scratch: &mut self.scratch,
            check_class: self.config.check_class,
        };
        match &self.config.association {
            Association::Weighted(config) => config.associate(&mut scene),
            Association::Sort(config) => config.associate(&mut scene),
            Association::Byte(config) => config.associate(&mut scene),
            Association::OcSort(config) => config.associate(&mut scene),
            Association::Slip(config) => config.associate(&mut scene),
        }
    }

    /// Tells all targets what became of them.
    fn settle(&mut self, frame: &Frame<'_>) {
        let config = &*self.config;
        for (target, matched) in self.targets.iter_mut().zip(&self.matched) {
            let Some(candidate) = matched.and_then(|index| self.candidates.get(index)) else {
                target.misses = target.misses.saturating_add(1);
                target.streak = 0;
                if target.state == TrackState::Confirmed && target.lost > config.coast {
                    target.state = TrackState::Shadow;
                }
                let ends_early =
                    target.state == TrackState::Tentative && target.misses >= config.early_termination;
                if ends_early || target.lost > config.max_shadow {
                    target.state = TrackState::Terminated;
                } else if matches!(config.confirmation, Confirmation::Age(age) if target.age >= age)
                    && target.state == TrackState::Tentative
                {
                    target.state = TrackState::Shadow;
                }
                continue;
            };
            target.observe(
                &config.motion,
                candidate.rect,
                config.noise_scale(candidate.confidence),
                config.replay,
                self.agility,
            );
            target.rect = match config.report {
                Report::Detection => candidate.rect,
                Report::Estimate => target.filter.rect(&config.motion),
            };
            target.confidence = candidate.confidence;
            target.class_id = candidate.class_id;
            target.detection = Some(candidate.index);
            target.streak = target.streak.saturating_add(1);
            target.evidence += candidate.confidence;
            target.misses = 0;
            target.lost = 0;
            let is_sure = match config.confirmation {
                Confirmation::Streak(hits) => target.streak >= hits || self.frames <= u64::from(hits),
                Confirmation::Hits(hits) => target.streak >= hits || target.state == TrackState::Shadow,
                Confirmation::Age(age) => target.age >= age,
                Confirmation::Evidence(sum) => target.evidence >= sum,
            };
            if is_sure {
                target.state = TrackState::Confirmed;
            } else if target.state == TrackState::Confirmed {
                target.state = TrackState::Shadow;
            }
        }
        for target in &mut self.targets {
            if target.state == TrackState::Terminated && target.id != 0 {
                let Target { id, class_id, age, lost, .. } = *target;
                let points = target.trail.drain(..).collect();
                self.terminated.push(TerminatedTrack { id, class_id, age: age.saturating_sub(lost), points });
            }
        }
        self.targets.retain(|target| target.state != TrackState::Terminated);
        let _ = frame;
    }

    /// Starts tracks where there are none.
    fn start(&mut self, frame: &Frame<'_>) {
        let config = &*self.config;
        let _ = frame;
        for candidate in &self.candidates {
            if candidate.target.is_some()
                || candidate.confidence < config.new_confidence
                || self.targets.len() >= config.max_targets
            {
                continue;
            }
            let Candidate { rect, confidence, class_id, index, .. } = *candidate;
            if config.max_overlap_of_new < 1.0
                && self.targets.iter().any(|t| t.rect.iou(&rect) > config.max_overlap_of_new)
            {
                continue;
            }
            let mut target = Target::new(&config.motion, rect, confidence, class_id);
            target.detection = Some(index);
            let is_sure = match config.confirmation {
                Confirmation::Streak(hits) => self.frames <= u64::from(hits),
                Confirmation::Hits(_) => self.frames == 1,
                Confirmation::Age(age) => age == 0,
                Confirmation::Evidence(sum) => self.frames == 1 || confidence >= sum,
            };
            if is_sure {
                target.state = TrackState::Confirmed;
            }
            self.targets.push(target);
        }
    }

    fn report(&mut self, frame: &Frame<'_>) {
        let length = self.config.trail_length.max(1);
        let most_past = length.max(self.config.max_shadow as usize + 1);
        for (slot, target) in self.targets.iter_mut().enumerate() {
            let Target { rect, class_id, confidence, state, age, detection, .. } = *target;
            let point = TrackPoint { frame: frame.number, time: frame.time, rect, confidence, age };
            if state == TrackState::Confirmed {
                if target.id == 0 {
                    target.id = self.ids.allocate();
                }
                if !target.past.is_empty() {
                    let points = std::mem::take(&mut target.past);
                    self.past.push(PastTrack { id: target.id, class_id, points });
                }
            } else {
                // Bounded, however long a probation or a shadow lasts.
                if target.past.len() >= most_past {
                    target.past.remove(0);
                }
                target.past.push(point);
            }
            if detection.is_some() || state == TrackState::Confirmed {
                while target.trail.len() >= length {
                    target.trail.pop_front();
                }
                target.trail.push_back(point);
            }
            let track = Track { id: target.id, rect, class_id, confidence, state, age, detection, slot };
            match state {
                TrackState::Confirmed => self.live.push(track),
                TrackState::Shadow if target.id != 0 => self.shadow.push(track),
                TrackState::Shadow | TrackState::Tentative | TrackState::Terminated => {}
            }
        }
    }
}
