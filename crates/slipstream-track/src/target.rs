//! One object, as a tracker keeps it.

use std::collections::VecDeque;

use slipstream_meta::{Point, Rect};

use crate::associate::ocsort::{consistency, unit};
use crate::kalman::{BoxFilter, MotionModel, Sensor};
use crate::tracks::{TrackPoint, TrackState};

/// Frames over which the direction of a target is taken: OC-SORT's Δt.
const DIRECTION_FRAMES: u32 = 3;

#[derive(Debug)]
pub(crate) struct Target {
    /// 0 until confirmed.
    pub(crate) id: u64,
    pub(crate) state: TrackState,
    /// Where the object is, or is expected to be.
    pub(crate) rect: Rect,
    pub(crate) class_id: i32,
    pub(crate) confidence: f32,
    pub(crate) age: u32,
    /// Looks after the first in which it was found, without a miss between them.
    pub(crate) streak: u32,
    /// Sum of the confidences of its detections.
    pub(crate) evidence: f32,
    /// Looks in a row in which it was not found.
    pub(crate) misses: u32,
    /// Frames since it was last found.
    pub(crate) lost: u32,
    /// How unsure it is where the object is, in sides of its box (one standard deviation).
    pub(crate) uncertainty: f32,
    pub(crate) detection: Option<usize>,
    pub(crate) filter: BoxFilter,
    /// The filter when the object was last found.
    saved: BoxFilter,
    /// Boxes that the detector gave lately, with their ages, newest last.
    seen: VecDeque<(u32, Rect)>,
    direction: Option<Point>,
    pub(crate) trail: VecDeque<TrackPoint>,
    pub(crate) past: Vec<TrackPoint>,
}

impl Target {
    pub(crate) fn new(model: &MotionModel, rect: Rect, confidence: f32, class_id: i32) -> Self {
        let filter = BoxFilter::new(model, &rect);
        Self {
            id: 0,
            state: TrackState::Tentative,
            rect,
            class_id,
            confidence,
            age: 0,
            streak: 0,
            evidence: confidence,
            misses: 0,
            lost: 0,
            uncertainty: 0.0,
            detection: None,
            filter,
            saved: filter,
            seen: VecDeque::from([(0, rect)]),
            direction: None,
            trail: VecDeque::new(),
            past: Vec::new(),
        }
    }

    /// One frame later.
    pub(crate) fn predict(&mut self, model: &MotionModel, agility: f32) {
        self.age = self.age.saturating_add(1);
        self.lost = self.lost.saturating_add(1);
        self.detection = None;
        self.filter.predict(model, agility);
        let rect = self.filter.rect(model);
        if is_usable(&rect) {
            self.rect = rect;
            let [x, y, _, _] = &self.filter.axes;
            self.uncertainty =
                0.5 * (x.var_position.sqrt() / rect.width + y.var_position.sqrt() / rect.height);
        }
    }

    /// The box that the detector gave last.
    pub(crate) fn last_seen(&self) -> Rect {
        self.seen.back().map_or(self.rect, |(_, rect)| *rect)
    }

    /// The box that the detector gave Δt frames before the one it gave last, or as near to that as there is one.
    fn seen_before(&self, age: u32) -> Option<(u32, Rect)> {
        let old_enough = self.seen.iter().filter(|(seen, _)| *seen < age);
        let within = old_enough.clone().find(|(seen, _)| age - seen <= DIRECTION_FRAMES);
        within.or_else(|| old_enough.last()).copied()
    }

    /// OC-SORT's momentum: how well going to `rect` keeps to the direction so far, from 0.5 to −0.5.
    pub(crate) fn direction_consistency(&self, rect: &Rect) -> f32 {
        let (Some(direction), Some((_, from))) = (self.direction, self.seen_before(self.age)) else {
            return 0.0;
        };
        consistency(direction, &from, rect)
    }

    /// Squared Mahalanobis distance of a box's middle.
    pub(crate) fn distance2(&self, rect: &Rect) -> f32 {
        let [x, y, _, _] = &self.filter.axes;
        let c = rect.center();
        let sx = 0.05 * self.rect.width;
        let sy = 0.05 * self.rect.height;
        let d = |v: f32, m: f32, s: f32| v * v / (m + s * s);
        d(c.x - x.position, x.var_position, sx) + d(c.y - y.position, y.var_position, sy)
    }

    /// Takes the box that the detector gave.
    pub(crate) fn observe(
        &mut self,
        model: &MotionModel,
        rect: Rect,
        scale: f32,
        replay: bool,
        agility: f32,
    ) {
        let sensor = Sensor::Detector { scale };
        if replay && self.lost > 1 {
            self.replay(model, rect, sensor, agility);
        } else {
            self.filter.update(model, &rect, sensor);
        }
        if let Some((_, before)) = self.seen_before(self.age) {
            self.direction = Some(unit(&before, &rect));
        }
        while self.seen.len() > DIRECTION_FRAMES as usize {
            self.seen.pop_front();
        }
        self.seen.push_back((self.age, rect));
        self.saved = self.filter;
    }

    /// Takes part in the motion of the camera.
    pub(crate) fn shift(&mut self, dx: f32, dy: f32) {
        self.rect = self.rect.shifted(dx, dy);
        for filter in [&mut self.filter, &mut self.saved] {
            filter.axes[0].position += dx;
            filter.axes[1].position += dy;
        }
        for (_, rect) in &mut self.seen {
            *rect = rect.shifted(dx, dy);
        }
    }

    /// OC-SORT's re-update: the filter takes the straight way from the last box to this one instead of what it made up
    /// meanwhile.
    fn replay(&mut self, model: &MotionModel, to: Rect, sensor: Sensor, agility: f32) {
        let from = self.last_seen();
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
            self.filter.predict(model, agility);
            self.filter.update(model, &rect, sensor);
        }
    }
}

/// Whether a rectangle is one: finite, and not empty.
pub(crate) fn is_usable(rect: &Rect) -> bool {
    [rect.left, rect.top, rect.width, rect.height].iter().all(|v| v.is_finite()) && !rect.is_empty()
}
