//! The tracker of one camera.

use std::sync::Arc;

use slipstream_meta::Size;

use crate::associate::{Association, Candidate, Scene, Scratch};
use crate::camera::CommonMotion;
use crate::config::{Confirmation, Report, TrackerConfig};
use crate::follow::{Eye, Follow, View};
use crate::frame::{Detection, Frame};
use crate::id::IdAllocator;
use crate::target::{Target, is_usable};
use crate::tracks::{PastTrack, TerminatedTrack, Track, TrackPoint, TrackState, Tracks};
use crate::usual::UsualConfidence;

/// Part of an object that others in front of it may hide for its looks to be learnt.
const MOST_HIDDEN: f32 = 0.3;
/// Frames between two looks from which on sizes are measured by sight. With fewer that wins next to nothing (0.15 HOTA with one)
/// and costs as much time as following itself.
const SIZED_FROM: u64 = 3;

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Tracker {
    config: Arc<TrackerConfig>,
    ids: IdAllocator,
    targets: Vec<Target>,
    /// Frames since the start or the last reset.
    frames: u64,
    /// Frames since the last look.
    frames_unseen: u64,
    /// Number of the frame before.
    number: Option<u64>,
    usual: UsualConfidence,
    eye: Option<Eye>,
    // What follows is kept for its memory only.
    candidates: Vec<Candidate>,
    matched: Vec<Option<usize>>,
    scratch: Scratch,
    common: CommonMotion,
    live: Vec<Track>,
    shadow: Vec<Track>,
    terminated: Vec<TerminatedTrack>,
    past: Vec<PastTrack>,
}

impl Tracker {
    /// A tracker that knows of no object yet and takes the numbers of its tracks from `ids`.
    pub fn new(config: Arc<TrackerConfig>, ids: IdAllocator) -> Self {
        let eye = config.follow.map(|follow| Eye::new(follow.sigma));
        Self {
            config,
            ids,
            targets: Vec::new(),
            frames: 0,
            frames_unseen: 0,
            number: None,
            usual: UsualConfidence::default(),
            eye,
            candidates: Vec::new(),
            matched: Vec::new(),
            scratch: Scratch::default(),
            common: CommonMotion::default(),
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

    /// Takes the next frame and says where all objects are. An object is reported from the look on that confirms it, and on
    /// frames between looks; once a look has missed it, it is in shadow, unless it is followed by sight.
    pub fn update(&mut self, frame: &Frame<'_>) -> Tracks<'_> {
        self.live.clear();
        self.shadow.clear();
        self.terminated.clear();
        self.past.clear();
        self.frames = self.frames.saturating_add(1);
        self.predict(frame.number);
        let view = frame.picture.as_ref().map(|picture| View::new(picture, frame.size));
        if let Some(detections) = frame.detections {
            self.choose(detections);
            if self.config.camera_motion {
                self.follow_camera();
            }
            self.associate();
            self.settle(view.as_ref());
            let unseen = std::mem::take(&mut self.frames_unseen);
            self.start(if self.config.cut_by_border { frame.size } else { Size::default() }, unseen > 0);
            self.learn(view.as_ref(), unseen >= SIZED_FROM);
        } else {
            self.frames_unseen = self.frames_unseen.saturating_add(1);
            self.follow(view.as_ref());
        }
        self.finish(frame);
        Tracks {
            live: &self.live,
            shadow: &self.shadow,
            terminated: &self.terminated,
            past: &self.past,
            targets: &self.targets,
        }
    }

    /// Looks for all that is thought to be in sight.
    fn follow(&mut self, view: Option<&View<'_>>) {
        let (Some(view), Some(eye), Some(follow)) = (view, &mut self.eye, &self.config.follow) else {
            return;
        };
        for target in self.targets.iter_mut().filter(|target| target.state != TrackState::Shadow) {
            sight(target, eye, view, follow, &self.config);
        }
    }

    /// Moves all targets on to this frame, over frames that were lost too.
    fn predict(&mut self, number: u64) {
        let last = self.number.replace(number);
        // After so many frames all that was out of sight is given up anyway.
        let most = u64::from(self.config.max_shadow) + 1;
        let steps = last.map_or(1, |last| number.saturating_sub(last)).clamp(1, most);
        for target in &mut self.targets {
            for _ in 0..steps {
                target.predict(&self.config.motion);
            }
        }
    }

    /// Collects the detections that count.
    fn choose(&mut self, detections: &[Detection]) {
        self.candidates.clear();
        for (index, detection) in detections.iter().enumerate() {
            let Detection { rect, confidence, class_id, ref embedding } = *detection;
            let confidence = if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) };
            if is_usable(&rect) && confidence >= self.config.min_confidence {
                let embedding = embedding.clone();
                self.usual.learn(class_id, confidence);
                self.candidates.push(Candidate {
                    index,
                    rect,
                    confidence,
                    class_id,
                    embedding,
                    level: 1.0,
                    target: None,
                });
            }
        }
        if self.config.relative_confidence {
            for candidate in &mut self.candidates {
                candidate.level = self.usual.of(candidate.class_id);
            }
        }
        if self.candidates.len() > self.config.max_targets {
            self.candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
            self.candidates.truncate(self.config.max_targets);
        }
    }

    /// Moves all targets as the camera's own motion moved them.
    fn follow_camera(&mut self) {
        let least = self.config.new_confidence;
        let seen = |target: &&Target| target.state == TrackState::Confirmed && target.misses == 0;
        let expected = self.targets.iter().filter(seen).map(|target| target.rect);
        let found = self.candidates.iter().filter(|c| c.confidence >= least * c.level).map(|c| c.rect);
        if let Some(way) = self.common.estimate(expected, found) {
            self.targets.iter_mut().for_each(|target| target.shift(way));
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
    fn settle(&mut self, view: Option<&View<'_>>) {
        let config = &*self.config;
        for (target, matched) in self.targets.iter_mut().zip(&self.matched) {
            let Some(candidate) = matched.and_then(|index| self.candidates.get(index)) else {
                target.miss();
                let is_confirmed = target.state == TrackState::Confirmed;
                let is_seen = match (view, &mut self.eye, &config.follow) {
                    (Some(view), Some(eye), Some(follow))
                        if is_confirmed && target.misses <= follow.patience =>
                    {
                        sight(target, eye, view, follow, config)
                    }
                    _ => false,
                };
                let is_new = target.state == TrackState::Tentative;
                let is_old_enough =
                    matches!(config.confirmation, Confirmation::Age(age) if target.looks >= age);
                if is_new && target.misses >= config.early_termination {
                    target.state = TrackState::Terminated;
                } else if (is_confirmed && !is_seen) || (is_new && is_old_enough) {
                    target.state = TrackState::Shadow;
                }
                continue;
            };
            target.observe(&config.motion, candidate, config.noise(candidate.confidence), config.replay);
            if config.report == Report::Detection {
                target.rect = candidate.rect;
            }
            let is_believed = match config.confirmation {
                Confirmation::EachStreak(looks) => target.streak >= looks || self.frames <= u64::from(looks),
                Confirmation::Streak(looks) => {
                    target.streak >= looks || target.state != TrackState::Tentative
                }
                Confirmation::Age(looks) => target.looks >= looks,
            };
            if is_believed {
                target.state = TrackState::Confirmed;
            } else if target.state == TrackState::Confirmed {
                target.state = TrackState::Shadow;
            }
        }
    }

    /// Starts tracks where there are none, in a picture of the size given. Between looks that are far apart, that is `rare`,
    /// waiting for a second one takes long.
    fn start(&mut self, picture: Size, rare: bool) {
        let config = &*self.config;
        let least = config.new_confidence;
        let old = self.targets.len();
        for candidate in
            self.candidates.iter().filter(|c| c.target.is_none() && c.confidence >= least * c.level)
        {
            if self.targets.len() >= config.max_targets {
                break;
            }
            let known = self.targets.get(..old).unwrap_or_default();
            if config.max_overlap_of_new < 1.0
                && known.iter().any(|target| {
                    target.rect.iou(&candidate.rect) > config.max_overlap_of_new
                        && !config.association.tells_apart(target, candidate)
                })
            {
                continue;
            }
            let mut target = Target::new(&config.motion, candidate, picture);
            let is_believed = match config.confirmation {
                Confirmation::EachStreak(looks) => self.frames <= u64::from(looks),
                Confirmation::Streak(looks) => {
                    let is_sure = rare && candidate.confidence >= self.usual.of(candidate.class_id);
                    looks == 0 || self.frames == 1 || is_sure
                }
                Confirmation::Age(looks) => looks == 0,
            };
            if is_believed {
                target.state = TrackState::Confirmed;
            }
            self.targets.push(target);
        }
    }

    /// Learns what the objects found look like, unless others hide them, and where `is_sized` how large they look.
    fn learn(&mut self, view: Option<&View<'_>>, is_sized: bool) {
        let (Some(view), Some(eye), Some(follow)) = (view, &mut self.eye, &self.config.follow) else {
            return;
        };
        for index in 0..self.targets.len() {
            let Some(target) = self.targets.get(index).filter(|target| target.detection.is_some()) else {
                continue;
            };
            let (rect, whole) = (target.rect, target.whole);
            let is_known = target.appearance.is_some();
            // Who stands lower in the picture stands nearer to the camera.
            let is_before =
                |other: &&Target| other.detection.is_some() && other.rect.bottom() > rect.bottom();
            let hidden = |other: &Target| rect.intersection(&other.rect).map_or(0.0, |common| common.area());
            let most_hidden = self.targets.iter().filter(is_before).map(hidden).fold(0.0, f32::max);
            if is_known && most_hidden > MOST_HIDDEN * rect.area() {
                continue;
            }
            if let Some(target) = self.targets.get_mut(index) {
                eye.learn(view, &whole, follow, follow.rate, &mut target.appearance);
                match &mut target.appearance {
                    Some(appearance) if is_sized => eye.measure(view, &whole, appearance),
                    Some(appearance) => appearance.forget_size(),
                    None => {}
                }
            }
        }
    }

    /// Gives up what was out of sight for too long, and writes down where all else is.
    fn finish(&mut self, frame: &Frame<'_>) {
        let config = &*self.config;
        for target in &mut self.targets {
            if target.missing > config.max_shadow {
                target.state = TrackState::Terminated;
            }
            if target.state == TrackState::Confirmed
                && target.detection.is_none()
                && has_left(target, frame.size)
            {
                target.state = TrackState::Shadow;
            }
            if target.state == TrackState::Terminated && target.id != 0 {
                let Target { id, class_id, age, lost, .. } = *target;
                let points = std::mem::take(&mut target.trail).into();
                self.terminated.push(TerminatedTrack { id, class_id, age: age.saturating_sub(lost), points });
            }
        }
        self.targets.retain(|target| target.state != TrackState::Terminated);

        let most_trail = config.trail_length.max(1);
        let most_past = most_trail.max(config.max_shadow as usize + 1);
        for (slot, target) in self.targets.iter_mut().enumerate() {
            let Target { rect, class_id, confidence, state, age, detection, .. } = *target;
            let point = TrackPoint { frame: frame.number, time: frame.time, rect, confidence, age };
            if state == TrackState::Confirmed {
                if target.id == 0 {
                    target.id = self.ids.allocate();
                }
                if !target.past.is_empty() {
                    let points = std::mem::take(&mut target.past).into();
                    self.past.push(PastTrack { id: target.id, class_id, points });
                }
            } else {
                push_bounded(&mut target.past, point, most_past);
            }
            if detection.is_some() || state == TrackState::Confirmed {
                push_bounded(&mut target.trail, point, most_trail);
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

/// Looks where `target` is; whether it was seen.
fn sight(
    target: &mut Target,
    eye: &mut Eye,
    view: &View<'_>,
    follow: &Follow,
    config: &TrackerConfig,
) -> bool {
    let Some(appearance) = &target.appearance else { return false };
    let found = eye.find(view, &target.whole, follow, appearance);
    let is_seen = found.confidence >= follow.min_confidence && is_usable(&found.rect);
    if is_seen {
        target.sight(&config.motion, &found);
        if follow.refresh > 0.0 {
            eye.learn(view, &target.whole, follow, follow.refresh, &mut target.appearance);
        }
    }
    is_seen
}

/// Whether nothing of a target is in the picture any more, where its size is known.
fn has_left(target: &Target, size: Size) -> bool {
    let rect = &target.rect;
    let is_within = |low: f32, high: f32, side: u32| side == 0 || (high > 0.0 && low < side as f32);
    !(is_within(rect.left, rect.right(), size.width) && is_within(rect.top, rect.bottom(), size.height))
}

fn push_bounded(list: &mut std::collections::VecDeque<TrackPoint>, point: TrackPoint, most: usize) {
    while list.len() >= most {
        list.pop_front();
    }
    list.push_back(point);
}
