//! People on foot.

use super::layout::{Layout, Route};
use super::{Actor, Signals, new_person};
use crate::math::{Rng, V2, v2};

/// Common walking speeds in m/s (Weidmann, 1993: mean 1.34).
const SPEEDS: (f32, f32) = (1.05, 1.65);
/// Nobody runs faster than this, in m/s.
const TOP_SPEED: f32 = 2.2;
/// Distance at which people start to make way for each other, in metres.
const MAKE_WAY: f32 = 1.3;
/// How strongly, in m/s² at no distance.
const PUSH: f32 = 2.6;
/// Seconds in which walkers take up the speed they wish.
const REACTION: f32 = 0.5;
/// Closer than this to a point of the way, the next one is headed for, in metres.
const ARRIVED: f32 = 0.7;
/// Least green that someone needs to start crossing, in seconds.
const ENOUGH_GREEN: f32 = 3.5;
/// Most people on foot at any time.
const CROWD: usize = 64;

#[derive(Debug)]
struct Walker {
    actor: Actor,
    route: usize,
    next: usize,
    aside: f32,
    desired: f32,
    velocity: V2,
}

#[derive(Debug)]
pub(super) struct Walkers {
    walkers: Vec<Walker>,
    /// Seconds until the next one sets out on each route.
    waits: Vec<f32>,
}

impl Walkers {
    pub(super) fn new(layout: &Layout, rng: &mut Rng) -> Self {
        Self { walkers: Vec::new(), waits: layout.routes.iter().map(|r| rng.wait(r.rate)).collect() }
    }

    pub(super) fn actors(&self) -> impl Iterator<Item = &Actor> {
        self.walkers.iter().map(|w| &w.actor)
    }

    pub(super) fn step(
        &mut self,
        layout: &Layout,
        signals: Signals,
        dt: f32,
        next_id: &mut u64,
        rng: &mut Rng,
    ) {
        for (number, (route, wait)) in layout.routes.iter().zip(&mut self.waits).enumerate() {
            *wait -= dt;
            if *wait <= 0.0 {
                *wait = rng.wait(route.rate);
                if self.walkers.len() < CROWD {
                    self.walkers.push(Walker::new(number, route, next_id, rng));
                }
            }
        }
        for i in 0..self.walkers.len() {
            let push = self.push(i);
            let Some(route) = layout.routes.get(self.walkers[i].route) else { continue };
            self.walkers[i].step(route, signals, push, dt);
        }
        let ends = |w: &Walker| layout.routes.get(w.route).map_or(0, |r| r.points.len());
        self.walkers.retain(|w| w.next < ends(w));
    }

    /// The way in which the others press walker `i`, in m/s².
    fn push(&self, i: usize) -> V2 {
        let me = &self.walkers[i];
        let mut push = v2(0.0, 0.0);
        for (j, other) in self.walkers.iter().enumerate() {
            let away = me.actor.at - other.actor.at;
            let distance = away.length();
            if i != j && distance < MAKE_WAY {
                // Past each other on the right, so that two who meet head-on do not stop.
                let aside = me.actor.heading.left() * -0.35;
                push = push + (away.unit() + aside) * (PUSH * (1.0 - distance / MAKE_WAY));
            }
        }
        push
    }
}

impl Walker {
    fn new(number: usize, route: &Route, next_id: &mut u64, rng: &mut Rng) -> Self {
        let mut actor = new_person(next_id, rng);
        let aside = rng.range(-route.spread, route.spread);
        let desired = rng.range(SPEEDS.0, SPEEDS.1);
        actor.travelled = rng.unit();
        let mut walker = Self { actor, route: number, next: 1, aside, desired, velocity: v2(0.0, 0.0) };
        let heading = walker.leg(route, 1);
        walker.actor.heading = heading;
        walker.actor.at = route.points.first().copied().unwrap_or_default() + heading.left() * aside;
        walker.velocity = heading * desired;
        walker.actor.speed = desired;
        walker
    }

    /// Direction of the piece of the way that ends at point `to`.
    fn leg(&self, route: &Route, to: usize) -> V2 {
        match (route.points.get(to.saturating_sub(1)), route.points.get(to)) {
            (Some(&a), Some(&b)) => (b - a).unit(),
            _ => self.actor.heading,
        }
    }

    fn step(&mut self, route: &Route, signals: Signals, push: V2, dt: f32) {
        let Some(&point) = route.points.get(self.next) else { return };
        let goal = point + self.leg(route, self.next).left() * self.aside;
        let way = goal - self.actor.at;
        let mut wish = way.unit() * self.desired;
        let passed = (self.actor.at - point).dot(self.leg(route, self.next)) > 0.0;
        if way.length() < ARRIVED || passed {
            match route.gate {
                Some((gate, group)) if gate == self.next && signals.time_left(group) < ENOUGH_GREEN => {
                    wish = v2(0.0, 0.0);
                }
                _ => self.next += 1,
            }
        }
        let standing = wish.length() < 0.1;
        let force = if standing { push * 0.3 } else { push };
        self.velocity = self.velocity + (wish - self.velocity) * (dt / REACTION).min(1.0) + force * dt;
        let speed = self.velocity.length();
        if speed > TOP_SPEED {
            self.velocity = self.velocity * (TOP_SPEED / speed);
        }
        let actor = &mut self.actor;
        actor.at = actor.at + self.velocity * dt;
        actor.speed = self.velocity.length();
        actor.travelled += actor.speed * dt;
        if actor.speed > 0.25 {
            let turn = (dt * 6.0).min(1.0);
            actor.heading = (actor.heading * (1.0 - turn) + self.velocity.unit() * turn).unit();
        }
    }
}
