//! What a view consists of: everything that stands still, and the ways on which things move.

use crate::View;
use crate::camera::Mount;
use crate::math::{Rng, V2, V3, v2, v3};
use crate::model::cycle::CycleKind;
use crate::model::sign::SignKind;
use crate::model::vehicle::VehicleKind;

/// A lane for traffic: a straight line.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) start: V2,
    pub(crate) dir: V2,
    pub(crate) length: f32,
    /// Common speed in m/s.
    pub(crate) speed: f32,
    /// Vehicles per second.
    pub(crate) rate: f32,
    pub(crate) traffic: Traffic,
    /// Stop line: metres from the start, and the signal group that opens it.
    pub(crate) gates: Vec<(f32, usize)>,
}

/// What runs on a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    City,
    Fast,
    Slow,
    Cycles,
}

/// A way for people on foot.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) points: Vec<V2>,
    /// People keep up to this distance to either side of the line, in metres.
    pub(crate) spread: f32,
    /// People per second.
    pub(crate) rate: f32,
    /// The point at which people wait, and the signal group that lets them go on.
    pub(crate) gate: Option<(usize, usize)>,
}

/// What the ground is covered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    Asphalt,
    CycleLane,
    Slabs,
    Cobbles,
    Grass,
    Kerb,
}

/// A rectangle on the ground.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patch {
    pub(crate) low: V2,
    pub(crate) high: V2,
    pub(crate) cover: Cover,
}

/// White paint on the road; dashed along its longer side if it has a period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) low: V2,
    pub(crate) high: V2,
    /// Length of a dash and of a dash with its gap, in metres.
    pub(crate) dash: Option<(f32, f32)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Building {
    pub(crate) low: V2,
    pub(crate) high: V2,
    pub(crate) height: f32,
    pub(crate) wall: V3,
    pub(crate) style: u32,
    pub(crate) shops: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    pub(crate) at: V2,
    pub(crate) height: f32,
    pub(crate) radius: f32,
}

/// A street lamp; its light hangs at `at` + `arm`, `height` metres up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LampPost {
    pub(crate) at: V2,
    pub(crate) arm: V2,
    pub(crate) height: f32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SignPost {
    pub(crate) at: V2,
    /// Where the sign looks.
    pub(crate) facing: V2,
    pub(crate) kind: SignKind,
    pub(crate) scale: f32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ParkedKind {
    Vehicle(VehicleKind),
    Cycle(CycleKind),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Parked {
    pub(crate) at: V2,
    pub(crate) facing: V2,
    pub(crate) kind: ParkedKind,
}

/// A plain block: barrier, bench, bollard, hedge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) low: V3,
    pub(crate) high: V3,
    pub(crate) color: V3,
}

/// A traffic light, seen from `facing`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignalPost {
    pub(crate) at: V2,
    pub(crate) facing: V2,
    pub(crate) group: usize,
}

/// Everything about a view that does not move.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) mount: Mount,
    pub(crate) base: Cover,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) routes: Vec<Route>,
    /// Seconds of green for each signal group in turn.
    pub(crate) phases: Vec<f32>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) buildings: Vec<Building>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) lamps: Vec<LampPost>,
    pub(crate) signs: Vec<SignPost>,
    pub(crate) parked: Vec<Parked>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) signals: Vec<SignalPost>,
}

pub(super) const NORTH: V2 = v2(0.0, 1.0);
pub(super) const SOUTH: V2 = v2(0.0, -1.0);
pub(super) const EAST: V2 = v2(1.0, 0.0);
pub(super) const WEST: V2 = v2(-1.0, 0.0);

/// Colours of plaster, brick and stone.
const WALLS: [V3; 9] = [
    v3(0.52, 0.46, 0.36),
    v3(0.33, 0.15, 0.10),
    v3(0.60, 0.56, 0.50),
    v3(0.42, 0.25, 0.17),
    v3(0.46, 0.45, 0.43),
    v3(0.58, 0.44, 0.26),
    v3(0.30, 0.31, 0.33),
    v3(0.62, 0.60, 0.55),
    v3(0.45, 0.34, 0.28),
];

impl Layout {
    pub(crate) fn new(view: View, seed: u64, rng: &mut Rng) -> Self {
        let mut layout = match view {
            View::Street => super::views::street(rng),
            View::Crossing => super::views::crossing(rng),
            View::Motorway => super::views::motorway(rng),
            View::Plaza => super::views::plaza(rng),
        };
        if seed > 0 {
            layout.vary_camera(rng);
        }
        layout
    }

    /// Another camera on another pole, looking at about the same place.
    fn vary_camera(&mut self, rng: &mut Rng) {
        let mount = &mut self.mount;
        let lift = rng.range(0.62, 1.3);
        mount.position.z *= lift;
        mount.position.x += rng.range(-1.6, 1.6);
        mount.position.y += rng.range(-3.0, 4.0);
        mount.pitch = (mount.pitch * (0.35 + 0.65 * lift) + rng.range(-0.05, 0.06)).clamp(0.05, 0.6);
        mount.yaw += rng.range(-0.16, 0.16);
        mount.focal *= rng.range(0.82, 1.55);
    }

    pub(super) fn empty(mount: Mount, base: Cover) -> Self {
        Self {
            mount,
            base,
            lanes: Vec::new(),
            routes: Vec::new(),
            phases: Vec::new(),
            patches: Vec::new(),
            marks: Vec::new(),
            buildings: Vec::new(),
            trees: Vec::new(),
            lamps: Vec::new(),
            signs: Vec::new(),
            parked: Vec::new(),
            blocks: Vec::new(),
            signals: Vec::new(),
        }
    }

    pub(super) fn patch(&mut self, low: (f32, f32), high: (f32, f32), cover: Cover) {
        self.patches.push(Patch { low: v2(low.0, low.1), high: v2(high.0, high.1), cover });
    }

    pub(super) fn mark(&mut self, low: (f32, f32), high: (f32, f32), dash: Option<(f32, f32)>) {
        self.marks.push(Mark { low: v2(low.0, low.1), high: v2(high.0, high.1), dash });
    }

    /// Zebra stripes that run along the road's direction: `along_y` for roads along y.
    pub(super) fn zebra(&mut self, low: (f32, f32), high: (f32, f32), along_y: bool) {
        const STRIPE: f32 = 0.5;
        let (from, to) = if along_y { (low.0, high.0) } else { (low.1, high.1) };
        let mut at = from + STRIPE * 0.5;
        while at + STRIPE <= to {
            if along_y {
                self.mark((at, low.1), (at + STRIPE, high.1), None);
            } else {
                self.mark((low.0, at), (high.0, at + STRIPE), None);
            }
            at += 2.0 * STRIPE;
        }
    }

    pub(super) fn lane(
        &mut self,
        start: V2,
        dir: V2,
        length: f32,
        speed: f32,
        rate: f32,
        traffic: Traffic,
    ) -> &mut Lane {
        let index = self.lanes.len();
        self.lanes.push(Lane { start, dir, length, speed, rate, traffic, gates: Vec::new() });
        &mut self.lanes[index]
    }

    /// People who walk both ways along a line.
    pub(super) fn walk(&mut self, points: &[V2], spread: f32, rate: f32) {
        let points = points.to_vec();
        let back = points.iter().rev().copied().collect();
        self.routes.push(Route { points, spread, rate: rate * 0.5, gate: None });
        self.routes.push(Route { points: back, spread, rate: rate * 0.5, gate: None });
    }

    /// A row of houses between `from` and `to` along one axis, their fronts on the line `front` of the other.
    /// `side` says in which direction the houses stand back from the line.
    pub(super) fn row(
        &mut self,
        rng: &mut Rng,
        along_y: bool,
        (from, to): (f32, f32),
        front: f32,
        side: f32,
        shops: bool,
    ) {
        let mut at = from;
        let mut last = usize::MAX;
        while at < to {
            let length = rng.range(9.0, 19.0).min((to - at).max(6.0));
            let depth = 14.0;
            let height = 1.1 + 3.1 * (rng.range(3.0, 6.4)).floor();
            let back = front + side * depth;
            let (a, b) = (front.min(back), front.max(back));
            let mut wall = rng.below(WALLS.len());
            if wall == last {
                wall = (wall + 1) % WALLS.len();
            }
            last = wall;
            let (low, high) =
                if along_y { (v2(a, at), v2(b, at + length)) } else { (v2(at, a), v2(at + length, b)) };
            self.buildings.push(Building {
                low,
                high,
                height,
                wall: WALLS[wall] * rng.range(0.85, 1.1),
                style: rng.below(1 << 16) as u32,
                shops: shops && rng.chance(0.8),
            });
            at += length;
        }
    }

    pub(super) fn tree(&mut self, rng: &mut Rng, x: f32, y: f32) {
        self.trees.push(Tree { at: v2(x, y), height: rng.range(6.0, 9.0), radius: rng.range(1.7, 2.6) });
    }

    pub(super) fn lamp(&mut self, x: f32, y: f32, arm: (f32, f32), height: f32) {
        self.lamps.push(LampPost { at: v2(x, y), arm: v2(arm.0, arm.1), height });
    }

    pub(super) fn sign(&mut self, x: f32, y: f32, facing: V2, kind: SignKind, scale: f32) {
        self.signs.push(SignPost { at: v2(x, y), facing, kind, scale });
    }

    pub(super) fn block(&mut self, low: V3, high: V3, color: V3) {
        self.blocks.push(Block { low, high, color });
    }

    pub(super) fn park(&mut self, x: f32, y: f32, facing: V2, kind: ParkedKind) {
        self.parked.push(Parked { at: v2(x, y), facing, kind });
    }
}
