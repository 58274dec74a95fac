//! Vehicles that follow each other along lanes.

use super::layout::{Lane, Layout, Traffic};
use super::{Actor, Body, Signals, new_cycle, new_vehicle};
use crate::math::Rng;
use crate::model::cycle::CycleKind;
use crate::model::vehicle::VehicleKind;

// The intelligent driver model (Treiber, Hennecke and Helbing, 2000) with its authors' values for city traffic.
/// Greatest acceleration in m/s².
const ACCELERATION: f32 = 1.6;
/// Comfortable braking in m/s².
const BRAKING: f32 = 2.4;
/// Hardest braking in m/s².
const EMERGENCY: f32 = 8.0;
/// Time gap to the vehicle ahead in seconds.
const HEADWAY: f32 = 1.25;
/// Distance kept while standing, in metres.
const STANDING_GAP: f32 = 2.0;
/// Braking harder than this lights the brake lamps, in m/s².
const BRAKE_LAMPS: f32 = 0.7;

#[derive(Debug)]
struct Driver {
    actor: Actor,
    /// Metres from the lane's start to the vehicle's middle.
    along: f32,
    /// Metres to the left of the lane's middle.
    aside: f32,
    desired: f32,
    length: f32,
}

#[derive(Debug)]
struct LaneState {
    /// From the first on the lane (farthest along) to the last.
    drivers: Vec<Driver>,
    /// Seconds until the next vehicle wants to enter.
    wait: f32,
}

#[derive(Debug)]
pub(super) struct TrafficState {
    lanes: Vec<LaneState>,
}

impl TrafficState {
    pub(super) fn new(layout: &Layout, rng: &mut Rng) -> Self {
        let lanes = layout.lanes.iter().map(|l| LaneState { drivers: Vec::new(), wait: rng.wait(l.rate) });
        Self { lanes: lanes.collect() }
    }

    pub(super) fn actors(&self) -> impl Iterator<Item = &Actor> {
        self.lanes.iter().flat_map(|l| l.drivers.iter().map(|d| &d.actor))
    }

    pub(super) fn step(
        &mut self,
        layout: &Layout,
        signals: Signals,
        dt: f32,
        next_id: &mut u64,
        rng: &mut Rng,
    ) {
        for (lane, state) in layout.lanes.iter().zip(&mut self.lanes) {
            state.wait -= dt;
            if state.wait <= 0.0 {
                if state.enter(lane, next_id, rng) {
                    state.wait = rng.wait(lane.rate);
                } else {
                    // No room yet: try again soon.
                    state.wait = 0.5;
                }
            }
            state.drive(lane, signals, dt);
            state.drivers.retain(|d| d.along < lane.length);
        }
    }
}

impl LaneState {
    fn enter(&mut self, lane: &Lane, next_id: &mut u64, rng: &mut Rng) -> bool {
        let (vehicle, cycle) = choose(lane.traffic, rng);
        let length = vehicle.map_or(cycle.length(), |v| v.extent().x);
        let heavy = matches!(vehicle, Some(VehicleKind::Bus | VehicleKind::Lorry));
        let desired = lane.speed * rng.range(0.86, 1.1) * if heavy { 0.85 } else { 1.0 };
        let mut speed = desired;
        if let Some(last) = self.drivers.last() {
            let gap = last.along - (last.length + length) * 0.5;
            if gap < STANDING_GAP + last.actor.speed.min(desired) * HEADWAY {
                return false;
            }
            speed = speed.min(last.actor.speed + 0.15 * gap);
        }
        let mut actor = match vehicle {
            Some(kind) => new_vehicle(kind, next_id, rng),
            None => new_cycle(cycle, true, next_id, rng),
        };
        actor.speed = speed;
        actor.heading = lane.dir;
        let slack = if vehicle.is_some() { 0.18 } else { 0.3 };
        let aside = rng.range(-slack, slack);
        actor.at = lane.start + lane.dir.left() * aside;
        self.drivers.push(Driver { actor, along: 0.0, aside, desired, length });
        true
    }

    fn drive(&mut self, lane: &Lane, signals: Signals, dt: f32) {
        let mut ahead: Option<(f32, f32)> = None;
        for driver in &mut self.drivers {
            let speed = driver.actor.speed;
            let nose = driver.along + driver.length * 0.5;
            let free = 1.0 - power4(speed / driver.desired.max(0.1));
            let mut acceleration = ACCELERATION * free;
            if let Some((tail, leader)) = ahead {
                acceleration = acceleration.min(follow(speed, free, tail - nose, leader));
            }
            for &(line, group) in &lane.gates {
                let distance = line - nose;
                // Who cannot stop in time goes on.
                let can_stop = distance > speed * speed / (2.0 * 0.6 * EMERGENCY);
                if distance > -0.5 && can_stop && !signals.is_green(group) {
                    acceleration = acceleration.min(follow(speed, free, distance + STANDING_GAP - 0.5, 0.0));
                }
            }
            acceleration = acceleration.max(-EMERGENCY);
            let speed = (speed + acceleration * dt).max(0.0);
            let actor = &mut driver.actor;
            actor.braking = acceleration < -BRAKE_LAMPS || speed < 0.3;
            actor.speed = speed;
            actor.travelled += speed * dt;
            driver.along += speed * dt;
            actor.at = lane.start + lane.dir * driver.along + lane.dir.left() * driver.aside;
            ahead = Some((driver.along - driver.length * 0.5, speed));
        }
    }
}

/// Acceleration behind something that moves at `leader` m/s, `gap` metres ahead.
fn follow(speed: f32, free: f32, gap: f32, leader: f32) -> f32 {
    let closing = speed * (speed - leader) / (2.0 * (ACCELERATION * BRAKING).sqrt());
    let wanted = STANDING_GAP + (speed * HEADWAY + closing).max(0.0);
    let ratio = wanted / gap.max(0.1);
    ACCELERATION * (free - ratio * ratio)
}

fn power4(v: f32) -> f32 {
    v * v * v * v
}

/// Which vehicle comes next; `None` stands for the two-wheeler beside it.
fn choose(traffic: Traffic, rng: &mut Rng) -> (Option<VehicleKind>, CycleKind) {
    use VehicleKind::{Bus, Estate, Hatchback, Lorry, Saloon, Suv, Van};
    let dice = rng.unit();
    let car = rng.pick(&[Hatchback, Hatchback, Saloon, Saloon, Estate, Suv, Suv], Hatchback);
    let (heavy, van, motorcycle) = match traffic {
        Traffic::City => (rng.pick(&[(Bus, 0.09), (Lorry, 0.05)], (Bus, 0.09)), 0.12, 0.13),
        Traffic::Fast => ((Lorry, 0.05), 0.10, 0.10),
        Traffic::Slow => (rng.pick(&[(Lorry, 0.42), (Lorry, 0.42), (Bus, 0.3)], (Lorry, 0.4)), 0.14, 0.05),
        Traffic::Cycles => return (None, CycleKind::Bicycle),
    };
    let kind = if dice < heavy.1 {
        Some(heavy.0)
    } else if dice < heavy.1 + van {
        Some(Van)
    } else if dice < heavy.1 + van + motorcycle {
        None
    } else {
        Some(car)
    };
    (kind, CycleKind::Motorcycle)
}

impl Driver {
    #[cfg(test)]
    fn span(&self) -> (f32, f32) {
        (self.along - self.length * 0.5, self.along + self.length * 0.5)
    }
}

impl Body {
    /// Greatest speed of such an actor in m/s.
    #[cfg(test)]
    fn top_speed(&self) -> f32 {
        match self {
            Body::Vehicle(_) => 40.0,
            Body::Cycle { .. } => 40.0,
            Body::Person(_) => 3.0,
            Body::Sign { .. } => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::World;
    use crate::View;
    use std::collections::BTreeMap;

    #[test]
    fn vehicles_on_a_lane_never_touch() {
        for view in View::ALL {
            let mut world = World::new(view, 3);
            for _ in 0..1500 {
                world.advance(0.04);
                for lane in &world.traffic.lanes {
                    for pair in lane.drivers.windows(2) {
                        assert!(
                            pair[0].span().0 > pair[1].span().1,
                            "{view:?}: {:?}",
                            (pair[0].span(), pair[1].span())
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_moves_faster_than_he_can_and_ids_are_unique() {
        for view in View::ALL {
            let mut world = World::new(view, 5);
            let mut before = BTreeMap::new();
            for _ in 0..1000 {
                world.advance(0.04);
                let mut now = BTreeMap::new();
                for actor in world.moving() {
                    assert!(now.insert(actor.id, actor.at).is_none(), "two actors have the id {}", actor.id);
                    if let Some(&was) = before.get(&actor.id) {
                        let moved = (actor.at - was).length();
                        assert!(
                            moved <= actor.body.top_speed() * 0.04 + 1e-3,
                            "{view:?} {:?}: {moved} m",
                            actor.body
                        );
                    }
                }
                before = now;
            }
        }
    }
}
