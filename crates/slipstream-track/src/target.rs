//! One object, as a tracker keeps it.

use std::collections::VecDeque;

use slipstream_meta::{Point, Rect, Size};

use crate::associate::Candidate;
use crate::associate::ocsort::{consistency, unit};
use crate::border::Border;
use crate::follow::{Appearance, Sighting};
use crate::kalman::{BoxFilter, MotionModel, Sensor};
use crate::tracks::{TrackPoint, TrackState};

/// Frames over which the direction of a target is taken: OC-SORT's Δt.
const DIRECTION_FRAMES: u32 = 3;
/// How much of an embedding is kept when a new one comes (BoT-SORT).
const EMBEDDING_KEPT: f32 = 0.9;
/// Classes that an object may have been taken for.
const MOST_CLASSES: usize = 8;
/// How much of the votes for classes is kept at each look: a few dozen looks count.
const VOTES_KEPT: f32 = 0.97;

#[derive(Debug)]
pub(crate) struct Target {
    /// 0 until confirmed.
    pub(crate) id: u64,
    pub(crate) state: TrackState,
    /// Where the object is, or is expected to be: what is to be seen of it.
    pub(crate) rect: Rect,
    /// The same with what lies beyond the border.
    pub(crate) whole: Rect,
    border: Border,
    /// Size of the picture; 0 × 0 where it has no border.
    picture: Size,
    /// Where it was in the frame before.
    pub(crate) before: Rect,
    pub(crate) class_id: i32,
    /// What the detector took it for, with the confidences summed up.
    votes: Vec<(i32, f32)>,
    pub(crate) confidence: f32,
    /// Frames since it was first found.
    pub(crate) age: u32,
    /// Looks since it was first found.
    pub(crate) looks: u32,
    /// Looks in a row after the first in which it was found.
    pub(crate) streak: u32,
    /// Looks in a row in which it was not found.
    pub(crate) misses: u32,
    /// Frames since the first of these.
    pub(crate) missing: u32,
    /// Frames since it was last found.
    pub(crate) lost: u32,
    /// Frames since it was last found or seen.
    blind: u32,
    pub(crate) detection: Option<usize>,
    pub(crate) filter: BoxFilter,
    /// The filter when the object was last found, and where that was, with what lay beyond the border.
    saved: BoxFilter,
    found: Rect,
    /// Boxes that the detector gave lately, with their ages, newest last.
    seen: VecDeque<(u32, Rect)>,
    direction: Option<Point>,
    /// What it looks like to the correlation filter.
    pub(crate) appearance: Option<Appearance>,
    /// What it looks like to the network for re-identification; of length 1 in space.
    pub(crate) embedding: Option<Box<[f32]>>,
    pub(crate) trail: VecDeque<TrackPoint>,
    pub(crate) past: VecDeque<TrackPoint>,
}

impl Target {
    /// `picture` is the size of the picture whose border cuts objects, 0 × 0 where none is known or it is to count for nothing.
    pub(crate) fn new(model: &MotionModel, candidate: &Candidate, picture: Size) -> Self {
        let Candidate { rect, confidence, class_id, index, .. } = *candidate;
        let filter = BoxFilter::new(model, &rect);
        let mut target = Self {
            id: 0,
            state: TrackState::Tentative,
            rect,
            whole: rect,
            border: Border::of(&rect, picture, None),
            picture,
            before: rect,
            class_id,
            votes: vec![(class_id, confidence)],
            confidence,
            age: 0,
            looks: 0,
            streak: 0,
            misses: 0,
            missing: 0,
            lost: 0,
            blind: 0,
            detection: Some(index),
            filter,
            saved: filter,
            found: rect,
            seen: VecDeque::from([(0, rect)]),
            direction: None,
            appearance: None,
            embedding: None,
            trail: VecDeque::new(),
            past: VecDeque::new(),
        };
        target.remember(candidate.embedding.as_deref());
        target
    }

    /// One frame later.
    pub(crate) fn predict(&mut self, model: &MotionModel) {
        self.age = self.age.saturating_add(1);
        self.lost = self.lost.saturating_add(1);
        self.blind = self.blind.saturating_add(1);
        self.missing = if self.misses > 0 { self.missing.saturating_add(1) } else { 0 };
        self.detection = None;
        self.before = self.rect;
        if self.state == TrackState::Shadow {
            self.filter.stop_growth(model);
        }
        self.filter.predict(model);
        self.take_rect(model);
    }

    fn take_rect(&mut self, model: &MotionModel) {
        let rect = self.filter.rect(model);
        if is_usable(&rect) {
            self.whole = rect;
            self.rect = self.border.visible(&rect, self.picture);
        }
    }

    /// Takes part in the motion of the camera.
    pub(crate) fn shift(&mut self, way: Point) {
        self.rect = self.rect.shifted(way.x, way.y);
        self.whole = self.whole.shifted(way.x, way.y);
        self.before = self.before.shifted(way.x, way.y);
        self.filter.shift(way);
        self.saved.shift(way);
        self.found = self.found.shifted(way.x, way.y);
        for (_, rect) in &mut self.seen {
            *rect = rect.shifted(way.x, way.y);
        }
    }

    /// The box that the detector gave last.
    pub(crate) fn last_seen(&self) -> Rect {
        self.seen.back().map_or(self.rect, |(_, rect)| *rect)
    }

    /// The box that the detector gave Δt frames ago, or the oldest one since; else the newest.
    fn seen_before(&self) -> Option<Rect> {
        let within = self.seen.iter().find(|(age, _)| self.age.saturating_sub(*age) <= DIRECTION_FRAMES);
        within.or_else(|| self.seen.back()).map(|(_, rect)| *rect)
    }

    /// OC-SORT's momentum: how well going to `rect` keeps to the direction so far, from 0.5 to −0.5.
    pub(crate) fn direction_consistency(&self, rect: &Rect) -> f32 {
        let (Some(direction), Some(from)) = (self.direction, self.seen_before()) else { return 0.0 };
        consistency(direction, &from, rect)
    }

    /// Cosine of the embeddings, where both have one of the same length.
    pub(crate) fn similarity(&self, candidate: &Candidate) -> Option<f32> {
        let (own, other) = (self.embedding.as_deref()?, candidate.embedding.as_deref()?);
        let length = norm(other);
        let fits = own.len() == other.len() && length > 0.0 && length.is_finite();
        fits.then(|| own.iter().zip(other).map(|(a, b)| a * b).sum::<f32>() / length)
    }

    /// Takes a detection as this object in this frame; the variance of what it measures is scaled by `noise`. With
    /// `replay`, the way to it is made up for.
    pub(crate) fn observe(&mut self, model: &MotionModel, candidate: &Candidate, noise: f32, replay: bool) {
        let rect = candidate.rect;
        self.border = Border::of(&rect, self.picture, Some(&self.whole));
        let whole = self.border.whole(&rect, &self.whole);
        let mut followed = self.filter;
        followed.update(model, &whole, Sensor::Detector { noise });
        if replay && self.lost > 1 {
            self.replay(model, whole, noise);
            // Where it was seen meanwhile, its way needs no making up; its size does.
            if self.blind <= 1 {
                self.filter.take_place_of(&followed);
            }
        } else {
            self.filter = followed;
        }
        if let Some(before) = self.seen_before() {
            self.direction = Some(unit(&before, &rect));
        }
        while self.seen.len() > DIRECTION_FRAMES as usize {
            self.seen.pop_front();
        }
        self.seen.push_back((self.age, rect));
        self.found = whole;
        self.saved = self.filter;
        self.take_rect(model);
        self.confidence = candidate.confidence;
        self.vote(candidate.class_id, candidate.confidence);
        self.remember(candidate.embedding.as_deref());
        self.detection = Some(candidate.index);
        self.looks = self.looks.saturating_add(1);
        self.streak = self.streak.saturating_add(1);
        (self.misses, self.missing, self.lost, self.blind) = (0, 0, 0, 0);
    }

    /// OC-SORT's re-update: the filter takes the straight way from the last box to this one instead of what it made up
    /// meanwhile.
    fn replay(&mut self, model: &MotionModel, to: Rect, noise: f32) {
        let from = self.found;
        let steps = self.lost;
        self.filter = self.saved;
        for step in 1..=steps {
            let part = step as f32 / steps as f32;
            let between = |a: f32, b: f32| a + (b - a) * part;
            let rect = Rect::new(
                between(from.left, to.left),
                between(from.top, to.top),
                between(from.width, to.width),
                between(from.height, to.height),
            );
            self.filter.predict(model);
            self.filter.update(model, &rect, Sensor::Detector { noise });
        }
    }

    /// Takes where the object was seen without the detector.
    pub(crate) fn sight(&mut self, model: &MotionModel, found: &Sighting) {
        self.filter.update(model, &found.rect, Sensor::Sight { is_sized: found.is_sized });
        self.take_rect(model);
        self.confidence = found.confidence;
        self.blind = 0;
    }

    /// The detector looked and did not find it.
    pub(crate) fn miss(&mut self) {
        self.looks = self.looks.saturating_add(1);
        self.misses = self.misses.saturating_add(1);
        self.missing = self.missing.max(1);
        self.streak = 0;
    }

    /// The class of most votes is the object's.
    fn vote(&mut self, class_id: i32, confidence: f32) {
        // Most objects never change theirs.
        if let [(only, votes)] = self.votes.as_mut_slice()
            && *only == class_id
        {
            *votes = *votes * VOTES_KEPT + confidence;
            return;
        }
        for (_, votes) in &mut self.votes {
            *votes *= VOTES_KEPT;
        }
        let known = self.votes.iter().position(|(class, _)| *class == class_id);
        let least = (0..self.votes.len()).min_by(|a, b| self.votes_of(*a).total_cmp(&self.votes_of(*b)));
        let is_full = self.votes.len() >= MOST_CLASSES;
        match known.or(least.filter(|_| is_full)).and_then(|index| self.votes.get_mut(index)) {
            Some(vote) if vote.0 == class_id => vote.1 += confidence,
            Some(vote) => *vote = (class_id, confidence),
            None => self.votes.push((class_id, confidence)),
        }
        if let Some((class_id, _)) = self.votes.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
            self.class_id = *class_id;
        }
    }

    fn votes_of(&self, index: usize) -> f32 {
        self.votes.get(index).map_or(0.0, |(_, votes)| *votes)
    }

    fn remember(&mut self, embedding: Option<&[f32]>) {
        let Some(new) = embedding else { return };
        let length = norm(new);
        if !(length > 0.0 && length.is_finite()) {
            return;
        }
        match &mut self.embedding {
            Some(kept) if kept.len() == new.len() => {
                for (kept, new) in kept.iter_mut().zip(new) {
                    *kept = *kept * EMBEDDING_KEPT + new / length * (1.0 - EMBEDDING_KEPT);
                }
                let length = norm(kept).max(f32::MIN_POSITIVE);
                kept.iter_mut().for_each(|value| *value /= length);
            }
            kept => *kept = Some(new.iter().map(|value| value / length).collect()),
        }
    }
}

fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// Coordinates beyond this are no pixels of any picture, and squaring them would overflow.
const FARTHEST: f32 = 1e6;

/// Whether a rectangle is one: finite, of this world, and not empty.
pub(crate) fn is_usable(rect: &Rect) -> bool {
    let Rect { left, top, width, height } = *rect;
    // A comparison with what is not a number is false.
    [left, top, width, height].iter().all(|v| v.abs() < FARTHEST)
        && width > f32::EPSILON
        && height > f32::EPSILON
}
