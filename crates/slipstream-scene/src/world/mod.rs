//! What moves, and by which rules. Knows metres and seconds, no pixels.

pub(crate) mod layout;
mod traffic;
mod views;
mod walkers;

use crate::View;
use crate::math::{Rng, V2, v2};
use crate::model::Palette;
use crate::model::cycle::CycleKind;
use crate::model::person::Build;
use crate::model::sign::SignKind;
use crate::model::vehicle::VehicleKind;
use layout::{Layout, ParkedKind};

/// Longest step of the simulation in seconds; longer frames are cut into several.
const STEP: f32 = 0.05;
/// Seconds that pass before the first frame, so that the scene is busy from the start.
const WARM_UP: f32 = 45.0;
/// Seconds between the end of one signal group's green and the start of the next one's.
const CLEARANCE: f32 = 3.0;

/// What an actor is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    Vehicle(VehicleKind),
    /// A two-wheeler; the rider has an id of his own.
    Cycle {
        kind: CycleKind,
        rider: Option<(u64, Build)>,
    },
    Person(Build),
    Sign {
        kind: SignKind,
        scale: f32,
    },
}

/// Something that is drawn and known to the truth.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) id: u64,
    pub(crate) body: Body,
    pub(crate) palette: Box<Palette>,
    pub(crate) at: V2,
    /// Unit vector of the direction it faces.
    pub(crate) heading: V2,
    /// Metres covered so far: drives legs and pedals.
    pub(crate) travelled: f32,
    /// Speed in m/s.
    pub(crate) speed: f32,
    /// Slowing down: the brake lamps are on.
    pub(crate) braking: bool,
    /// Waits with its lamps off.
    pub(crate) parked: bool,
}

/// The simulated world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) layout: Layout,
    rng: Rng,
    next_id: u64,
    time: f32,
    traffic: traffic::TrafficState,
    walkers: walkers::Walkers,
    /// What never moves: parked vehicles and signs.
    pub(crate) still: Vec<Actor>,
}

impl World {
    pub(crate) fn new(view: View, seed: u64) -> Self {
        // The view's number keeps views of one seed from sharing their dice.
        let mut rng = Rng::new(seed.wrapping_mul(0x9E37_79B9).wrapping_add(1 + view as u64));
        let layout = Layout::new(view, seed, &mut rng);
        let mut world = Self {
            traffic: traffic::TrafficState::new(&layout, &mut rng),
            walkers: walkers::Walkers::new(&layout, &mut rng),
            layout,
            rng,
            next_id: 1,
            time: 0.0,
            still: Vec::new(),
        };
        world.place_still();
        world.advance(WARM_UP);
        world
    }

    fn place_still(&mut self) {
        for i in 0..self.layout.parked.len() {
            let spot = self.layout.parked[i];
            let actor = match spot.kind {
                ParkedKind::Vehicle(kind) => new_vehicle(kind, &mut self.next_id, &mut self.rng),
                ParkedKind::Cycle(kind) => new_cycle(kind, false, &mut self.next_id, &mut self.rng),
            };
            self.still.push(Actor { at: spot.at, heading: spot.facing.unit(), parked: true, ..actor });
        }
        for i in 0..self.layout.signs.len() {
            let post = self.layout.signs[i];
            let body = Body::Sign { kind: post.kind, scale: post.scale };
            let actor = new_actor(body, crate::model::paint::COMMON, &mut self.next_id);
            self.still.push(Actor { at: post.at, heading: post.facing.unit(), parked: true, ..actor });
        }
    }

    /// Lets `seconds` pass.
    pub(crate) fn advance(&mut self, seconds: f32) {
        let steps = (seconds / STEP).ceil().max(1.0);
        let dt = seconds / steps;
        for _ in 0..steps as u32 {
            self.time += dt;
            let green = Signals::at(&self.layout.phases, self.time);
            self.traffic.step(&self.layout, green, dt, &mut self.next_id, &mut self.rng);
            self.walkers.step(&self.layout, green, dt, &mut self.next_id, &mut self.rng);
        }
    }

    /// Everything that moves, in an order that does not depend on anything but the past.
    pub(crate) fn moving(&self) -> impl Iterator<Item = &Actor> {
        self.traffic.actors().chain(self.walkers.actors())
    }

    /// How the traffic lights stand.
    pub(crate) fn signals(&self) -> Signals {
        Signals::at(&self.layout.phases, self.time)
    }
}

/// State of the traffic lights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signals {
    /// The group that has green, and for how much longer, in seconds.
    green: Option<(usize, f32)>,
    /// The group whose green ended less than [`CLEARANCE`] ago.
    pub(crate) amber: Option<usize>,
}

impl Signals {
    fn at(phases: &[f32], time: f32) -> Self {
        let cycle: f32 = phases.iter().map(|p| p + CLEARANCE).sum();
        let mut rest = if cycle > 0.0 { time % cycle } else { return Self { green: None, amber: None } };
        for (group, &seconds) in phases.iter().enumerate() {
            if rest < seconds {
                return Self { green: Some((group, seconds - rest)), amber: None };
            }
            rest -= seconds;
            if rest < CLEARANCE {
                return Self { green: None, amber: Some(group) };
            }
            rest -= CLEARANCE;
        }
        Self { green: None, amber: None }
    }

    pub(crate) fn is_green(&self, group: usize) -> bool {
        self.green.is_some_and(|(g, _)| g == group)
    }

    /// Seconds for which a group still has green.
    pub(crate) fn time_left(&self, group: usize) -> f32 {
        self.green.filter(|g| g.0 == group).map_or(0.0, |g| g.1)
    }
}

fn take(next: &mut u64) -> u64 {
    let id = *next;
    *next += 1;
    id
}

fn new_actor(body: Body, palette: Palette, next_id: &mut u64) -> Actor {
    Actor {
        id: take(next_id),
        body,
        palette: Box::new(palette),
        at: v2(0.0, 0.0),
        heading: layout::NORTH,
        travelled: 0.0,
        speed: 0.0,
        braking: false,
        parked: false,
    }
}

fn new_vehicle(kind: VehicleKind, next_id: &mut u64, rng: &mut Rng) -> Actor {
    let palette = crate::model::vehicle::palette(kind, rng);
    new_actor(Body::Vehicle(kind), palette, next_id)
}

fn new_cycle(kind: CycleKind, ridden: bool, next_id: &mut u64, rng: &mut Rng) -> Actor {
    let mut palette = crate::model::paint::COMMON;
    crate::model::person::dress(&mut palette, rng);
    crate::model::cycle::palette(kind, &mut palette, rng);
    let rider = ridden.then(|| (take(next_id), Build::new(rng)));
    new_actor(Body::Cycle { kind, rider }, palette, next_id)
}

fn new_person(next_id: &mut u64, rng: &mut Rng) -> Actor {
    let mut palette = crate::model::paint::COMMON;
    crate::model::person::dress(&mut palette, rng);
    new_actor(Body::Person(Build::new(rng)), palette, next_id)
}
