//! The four views.

use super::layout::{Cover, EAST, Layout, NORTH, ParkedKind, Route, SOUTH, SignalPost, Traffic, WEST};
use crate::camera::Mount;
use crate::math::{Rng, V2, V3, v2, v3};
use crate::model::cycle::CycleKind;
use crate::model::sign::SignKind;
use crate::model::vehicle::VehicleKind;

const CONCRETE: V3 = v3(0.38, 0.37, 0.35);
const WOOD: V3 = v3(0.20, 0.12, 0.06);
const STEEL: V3 = v3(0.10, 0.11, 0.12);
const HEDGE: V3 = v3(0.045, 0.085, 0.03);
/// How far roads reach beyond what is looked at, in metres.
const FAR: f32 = 400.0;

fn mount(x: f32, y: f32, z: f32, yaw: f32, pitch: f32, focal: f32) -> Mount {
    Mount { position: v3(x, y, z), yaw, pitch, focal }
}

fn parked_car(rng: &mut Rng) -> ParkedKind {
    use VehicleKind::{Estate, Hatchback, Saloon, Suv, Van};
    ParkedKind::Vehicle(rng.pick(&[Hatchback, Hatchback, Saloon, Estate, Suv, Van], Hatchback))
}

fn limit(rng: &mut Rng) -> SignKind {
    SignKind::SpeedLimit(rng.pick(&[30, 40, 50], 50))
}

/// A two-way shopping street with parked cars, seen along the road from a lamp post.
pub(super) fn street(rng: &mut Rng) -> Layout {
    let mut l = Layout::empty(mount(6.6, -9.0, 5.2, -0.27, 0.235, 0.86), Cover::Asphalt);
    const LANE: f32 = 1.75;
    const CYCLES: f32 = 4.3;
    const KERB: f32 = 7.4;
    const FRONT: f32 = 11.4;
    const END: f32 = 118.0;
    for side in [-1.0f32, 1.0] {
        let span = |a: f32, b: f32| ((side * a).min(side * b), (side * a).max(side * b));
        let (a, b) = span(KERB, FRONT + 0.5);
        l.patch((a, -60.0), (b, END), Cover::Slabs);
        let (a, b) = span(KERB, KERB + 0.22);
        l.patch((a, -60.0), (b, END), Cover::Kerb);
        let (a, b) = span(3.55, 5.05);
        l.patch((a, -60.0), (b, END), Cover::CycleLane);
        let (a, b) = span(3.5, 3.62);
        l.mark((a, -60.0), (b, END), Some((2.0, 3.0)));
        let (a, b) = span(5.05, 5.17);
        l.mark((a, -60.0), (b, END), None);
        l.row(rng, true, (-30.0, END + 2.0), side * FRONT, side, true);
    }
    l.mark((-0.07, -60.0), (0.07, 21.0), Some((3.0, 7.0)));
    l.mark((-0.07, 27.0), (0.07, END), Some((3.0, 7.0)));
    l.zebra((-KERB, 22.4), (KERB, 25.4), true);
    l.mark((-3.4, 26.6), (0.0, 27.0), None);
    l.mark((0.0, 20.8), (3.4, 21.2), None);
    // The street ends at a cross street and a house front.
    l.patch((-60.0, END), (60.0, END + 12.0), Cover::Asphalt);
    l.row(rng, false, (-40.0, 40.0), END + 13.0, 1.0, false);
    l.phases = vec![13.0, 6.0];
    for (x, dir) in [(LANE, NORTH), (-LANE, SOUTH)] {
        let start = if dir == NORTH { v2(x, -55.0) } else { v2(x, END + 5.0) };
        let stop = if dir == NORTH { 20.4 + 55.0 } else { END + 5.0 - 27.4 };
        l.lane(start, dir, END + 58.0, 11.0, 0.24, Traffic::City).gates.push((stop, 0));
    }
    for (x, dir) in [(CYCLES, NORTH), (-CYCLES, SOUTH)] {
        let start = if dir == NORTH { v2(x, -35.0) } else { v2(x, END + 5.0) };
        let stop = if dir == NORTH { 20.4 + 35.0 } else { END + 5.0 - 27.4 };
        l.lane(start, dir, END + 38.0, 4.8, 0.11, Traffic::Cycles).gates.push((stop, 0));
    }
    for x in [-9.6, 9.6] {
        l.walk(&[v2(x, -24.0), v2(x, END + 6.0)], 1.1, 0.26);
    }
    for (from, to) in [(-9.0, 9.0), (9.0, -9.0)] {
        let s: f32 = if from < 0.0 { -1.0 } else { 1.0 };
        l.routes.push(Route {
            points: vec![v2(from, 70.0), v2(s * 7.9, 24.0), v2(-s * 7.9, 24.0), v2(to, 75.0)],
            spread: 1.1,
            rate: 0.09,
            gate: Some((1, 1)),
        });
    }
    for side in [-1.0f32, 1.0] {
        let facing = if side > 0.0 { NORTH } else { SOUTH };
        let mut y = if side > 0.0 { 30.5 } else { -8.0 };
        while y < 96.0 {
            let near_zebra = (15.0..31.0).contains(&y);
            if !near_zebra && rng.chance(0.78) {
                l.park(side * (6.27 + rng.range(-0.08, 0.08)), y, facing, parked_car(rng));
            }
            y += rng.range(6.0, 7.2);
        }
        let mut y = if side > 0.0 { 17.0 } else { 5.0 };
        while y < 110.0 {
            l.tree(rng, side * 8.2, y);
            y += 17.0;
        }
        for i in 0..5 {
            l.lamp(side * 7.8, 10.0 + 25.0 * i as f32, (-side * 1.6, 0.0), 7.0);
        }
    }
    l.sign(7.85, 27.4, SOUTH, SignKind::Crossing, 1.0);
    l.sign(-7.85, 20.6, NORTH, SignKind::Crossing, 1.0);
    l.sign(8.9, 9.5, SOUTH, limit(rng), 0.95);
    l.sign(-7.75, 29.0, SOUTH, SignKind::NoEntry, 0.9);
    l.sign(-7.7, 14.5, v2(0.4, -0.9), SignKind::Stop, 1.05);
    l.signals.push(SignalPost { at: v2(7.7, 20.9), facing: SOUTH, group: 0 });
    l.signals.push(SignalPost { at: v2(-7.7, 27.0), facing: NORTH, group: 0 });
    for y in [10.5, 11.1, 11.7] {
        l.park(-8.3, y, v2(0.9, 0.43), ParkedKind::Cycle(CycleKind::Bicycle));
    }
    l.block(v3(-9.9, 14.2, 0.0), v3(-9.4, 15.8, 0.46), WOOD);
    l.block(v3(7.9, 33.0, 0.0), v3(8.4, 33.5, 1.0), STEEL);
    l
}

/// Two roads that cross under traffic lights, seen from a corner.
pub(super) fn crossing(rng: &mut Rng) -> Layout {
    let mut l = Layout::empty(mount(-12.6, -17.5, 8.2, 0.60, 0.36, 0.80), Cover::Slabs);
    const HALF: f32 = 7.2;
    const REACH: f32 = 120.0;
    // The pavements' corners first, then the two carriageways over them.
    for c in [-1.0f32, 1.0] {
        let (a, b) = ((c * HALF).min(c * (HALF + 0.25)), (c * HALF).max(c * (HALF + 0.25)));
        l.patch((a, -REACH), (b, REACH), Cover::Kerb);
        l.patch((-REACH, a), (REACH, b), Cover::Kerb);
    }
    l.patch((-HALF, -REACH), (HALF, REACH), Cover::Asphalt);
    l.patch((-REACH, -HALF), (REACH, HALF), Cover::Asphalt);
    for c in [-1.0f32, 1.0] {
        let out = |a: f32, b: f32| ((c * a).min(c * b), (c * a).max(c * b));
        // Middle lines, lane lines, stop lines and zebras on the four arms.
        let (a, b) = out(12.6, REACH);
        for m in [-0.16f32, 0.06] {
            l.mark((m, a), (m + 0.1, b), None);
            l.mark((a, m), (b, m + 0.1), None);
        }
        for m in [-3.55f32, 3.45] {
            l.mark((m, a), (m + 0.1, b), Some((2.0, 5.0)));
            l.mark((a, m), (b, m + 0.1), Some((2.0, 5.0)));
        }
        let (a, b) = out(12.2, 12.6);
        l.mark(
            if c < 0.0 { (0.1, a) } else { (-HALF, a) },
            if c < 0.0 { (HALF, b) } else { (-0.1, b) },
            None,
        );
        l.mark(
            if c < 0.0 { (a, -HALF) } else { (a, 0.1) },
            if c < 0.0 { (b, -0.1) } else { (b, HALF) },
            None,
        );
        let (a, b) = out(8.2, 11.2);
        l.zebra((-HALF, a), (HALF, b), true);
        l.zebra((a, -HALF), (b, HALF), false);
    }
    l.phases = vec![11.0, 11.0];
    let stop = 60.0 - 13.2;
    for x in [1.75, 5.3] {
        l.lane(v2(x, -60.0), NORTH, 150.0, 11.0, 0.13, Traffic::City).gates.push((stop, 0));
        l.lane(v2(-x, 90.0), SOUTH, 150.0, 11.0, 0.13, Traffic::City).gates.push((stop + 30.0, 0));
        l.lane(v2(-60.0, -x), EAST, 150.0, 11.0, 0.12, Traffic::City).gates.push((stop, 1));
        l.lane(v2(90.0, x), WEST, 150.0, 11.0, 0.12, Traffic::City).gates.push((stop + 30.0, 1));
    }
    // Cycles keep to the right-hand edge of the road.
    l.lane(v2(6.75, -60.0), NORTH, 150.0, 5.0, 0.07, Traffic::Cycles).gates.push((stop, 0));
    l.lane(v2(90.0, 6.75), WEST, 150.0, 5.0, 0.07, Traffic::Cycles).gates.push((stop + 30.0, 1));
    l.lane(v2(-60.0, -6.75), EAST, 150.0, 5.0, 0.06, Traffic::Cycles).gates.push((stop, 1));
    let pavement = 9.7;
    for c in [-1.0f32, 1.0] {
        for (along, group) in [(true, 0), (false, 1)] {
            // Along a road people walk with its own green across the other one.
            for back in [-1.0f32, 1.0] {
                let p = |s: f32| if along { v2(c * pavement, back * s) } else { v2(back * s, c * pavement) };
                l.routes.push(Route {
                    points: vec![p(-45.0), p(-8.3), p(8.3), p(60.0)],
                    spread: 1.2,
                    rate: 0.10,
                    gate: Some((1, group)),
                });
            }
        }
    }
    let near = 13.6;
    l.row(rng, true, (near, 110.0), near, 1.0, true);
    l.row(rng, true, (near, 110.0), -near, -1.0, true);
    l.row(rng, false, (near + 14.0, 110.0), near, 1.0, true);
    l.row(rng, false, (near, 110.0), -near, -1.0, true);
    l.row(rng, false, (-110.0, -near - 14.0), near, 1.0, true);
    for (i, s) in [22.0, 36.0, 52.0, 70.0].into_iter().enumerate() {
        l.tree(rng, 9.0, s);
        l.tree(rng, -9.0, s + 3.0);
        l.tree(rng, s + 4.0, 9.0);
        if i > 0 {
            l.tree(rng, s, -9.0);
        }
        l.lamp(8.0, s - 6.0, (-1.8, 0.0), 7.5);
        l.lamp(s - 6.0, 8.0, (0.0, -1.8), 7.5);
        l.lamp(-8.0, s - 6.0, (1.8, 0.0), 7.5);
    }
    for c in [-1.0f32, 1.0] {
        l.signals.push(SignalPost {
            at: v2(c * 8.0, c * 8.0),
            facing: if c > 0.0 { SOUTH } else { NORTH },
            group: 0,
        });
        l.signals.push(SignalPost {
            at: v2(c * 8.0, -c * 8.0),
            facing: if c > 0.0 { WEST } else { EAST },
            group: 1,
        });
    }
    l.sign(8.3, 13.2, SOUTH, SignKind::NoEntry, 1.0);
    l.sign(-8.2, 14.0, v2(0.3, -0.95), SignKind::Yield, 1.1);
    l.sign(13.0, 8.2, WEST, SignKind::Crossing, 1.0);
    l.sign(8.2, 24.0, SOUTH, limit(rng), 1.0);
    l.sign(14.2, -8.1, v2(-0.95, -0.3), SignKind::Stop, 1.1);
    for s in [28.0, 35.0, 43.0] {
        l.park(-9.5 + 1.0, -s, NORTH, parked_car(rng));
    }
    for i in 0..6 {
        let s = 8.0 + 0.9 * i as f32;
        l.block(v3(7.75, s, 0.0), v3(7.87, s + 0.12, 0.9), STEEL);
        l.block(v3(-s, 7.75, 0.0), v3(-s + 0.12, 7.87, 0.9), STEEL);
    }
    l
}

/// A motorway of three lanes each way, seen from a bridge; a path for people and cycles runs beside it.
pub(super) fn motorway(rng: &mut Rng) -> Layout {
    let mut l = Layout::empty(mount(2.5, 0.0, 7.4, 0.06, 0.175, 1.12), Cover::Grass);
    const EDGE: f32 = 16.0;
    l.patch((-EDGE, -40.0), (EDGE, FAR), Cover::Asphalt);
    l.patch((-1.3, -40.0), (1.3, FAR), Cover::Grass);
    l.patch((18.6, -40.0), (23.0, FAR), Cover::CycleLane);
    l.patch((18.4, -40.0), (18.6, FAR), Cover::Kerb);
    for side in [-1.0f32, 1.0] {
        let span = |a: f32, b: f32| ((side * a).min(side * b), (side * a).max(side * b));
        for x in [1.9, 12.9] {
            let (a, b) = span(x, x + 0.2);
            l.mark((a, -40.0), (b, FAR), None);
        }
        for x in [5.6, 9.25] {
            let (a, b) = span(x, x + 0.15);
            l.mark((a, -40.0), (b, FAR), Some((4.0, 12.0)));
        }
        for (i, x) in [3.8, 7.45, 11.1].into_iter().enumerate() {
            let (speed, traffic) =
                if i == 2 { (21.0, Traffic::Slow) } else { (28.0 - 3.0 * i as f32, Traffic::Fast) };
            let rate = [0.36, 0.62, 0.52][i];
            let (start, dir) = if side > 0.0 { (v2(x, -30.0), NORTH) } else { (v2(-x, 270.0), SOUTH) };
            l.lane(start, dir, 300.0, speed, rate, traffic);
        }
        // Crash barriers.
        let (a, b) = span(0.55, 0.75);
        l.block(v3(a, -40.0, 0.35), v3(b, FAR, 0.8), v3(0.15, 0.155, 0.16));
        let (a, b) = span(16.5, 16.7);
        l.block(v3(a, -40.0, 0.35), v3(b, FAR, 0.8), v3(0.15, 0.155, 0.16));
    }
    l.lane(v2(22.2, -20.0), NORTH, 200.0, 5.2, 0.12, Traffic::Cycles);
    l.lane(v2(19.4, 170.0), SOUTH, 200.0, 5.2, 0.12, Traffic::Cycles);
    l.walk(&[v2(20.8, -10.0), v2(20.8, 160.0)], 0.8, 0.20);
    let mut y = 25.0;
    while y < 260.0 {
        for side in [-1.0f32, 1.0] {
            if rng.chance(0.85) {
                // The path takes its room on the right.
                let x = if side > 0.0 { rng.range(26.0, 29.0) } else { rng.range(-25.0, -21.0) };
                let at = y + rng.range(-3.0, 3.0);
                l.tree(rng, x, at);
            }
            if rng.chance(0.7) {
                let (x, at) = (side * rng.range(33.0, 46.0), y + rng.range(-4.0, 4.0));
                l.tree(rng, x, at);
            }
        }
        y += 9.0;
    }
    for i in 0..6 {
        l.lamp(0.0, 58.0 + 38.0 * i as f32, (3.4, 0.0), 11.0);
        l.lamp(0.0, 58.0 + 38.0 * i as f32, (-3.4, 0.0), 11.0);
    }
    let fast = SignKind::SpeedLimit(rng.pick(&[80, 100, 120], 100));
    l.sign(15.4, 33.0, SOUTH, fast, 1.7);
    l.sign(15.4, 62.0, SOUTH, SignKind::Warning, 1.7);
    l.sign(17.6, 24.0, SOUTH, SignKind::NoEntry, 1.1);
    l.sign(-15.6, 45.0, SOUTH, SignKind::NoEntry, 1.7);
    l.row(rng, true, (70.0, 190.0), -62.0, -1.0, false);
    l.row(rng, true, (90.0, 230.0), 58.0, 1.0, false);
    // A bridge in the distance.
    l.block(v3(-80.0, 196.0, 6.0), v3(80.0, 206.0, 7.6), CONCRETE);
    for x in [-17.6, -0.4, 16.8] {
        l.block(v3(x, 199.0, 0.0), v3(x + 0.9, 203.0, 6.0), CONCRETE);
    }
    l
}

/// A square for people on foot, with a road along its far side.
pub(super) fn plaza(rng: &mut Rng) -> Layout {
    let mut l = Layout::empty(mount(-3.5, -10.5, 4.6, 0.10, 0.215, 0.88), Cover::Cobbles);
    const ROAD: f32 = 22.0;
    l.patch((-90.0, ROAD - 4.0), (90.0, ROAD - 0.2), Cover::Slabs);
    l.patch((-90.0, ROAD - 0.2), (90.0, ROAD), Cover::Kerb);
    l.patch((-90.0, ROAD), (90.0, ROAD + 9.0), Cover::Asphalt);
    l.patch((-90.0, ROAD + 9.0), (90.0, ROAD + 9.2), Cover::Kerb);
    l.patch((-90.0, ROAD + 9.2), (90.0, ROAD + 14.0), Cover::Slabs);
    l.mark((-90.0, ROAD + 4.4), (-2.4, ROAD + 4.52), Some((2.0, 5.0)));
    l.mark((3.6, ROAD + 4.4), (90.0, ROAD + 4.52), Some((2.0, 5.0)));
    l.zebra((-1.2, ROAD), (2.4, ROAD + 9.0), false);
    for (a, b) in [(-15.0, -9.0), (9.5, 15.5)] {
        l.patch((a - 0.2, 8.8), (b + 0.2, 14.2), Cover::Kerb);
        l.patch((a, 9.0), (b, 14.0), Cover::Grass);
        l.tree(rng, (a + b) * 0.5 - 1.2, 11.0);
        l.tree(rng, (a + b) * 0.5 + 1.8, 12.6);
        for (low, high) in [((a, 9.0), (b, 9.35)), ((a, 13.65), (b, 14.0))] {
            l.block(v3(low.0, low.1, 0.0), v3(high.0, high.1, 0.55), HEDGE);
        }
        l.block(v3((a + b) * 0.5 - 0.9, 7.9, 0.0), v3((a + b) * 0.5 + 0.9, 8.4, 0.46), WOOD);
    }
    l.phases = vec![11.0, 6.5];
    l.lane(v2(-75.0, ROAD + 2.3), EAST, 150.0, 9.5, 0.22, Traffic::City).gates.push((75.0 - 2.6, 0));
    l.lane(v2(75.0, ROAD + 6.7), WEST, 150.0, 9.5, 0.22, Traffic::City).gates.push((75.0 - 3.8, 0));
    l.lane(v2(-45.0, 17.0), EAST, 90.0, 3.8, 0.09, Traffic::Cycles);
    l.lane(v2(45.0, 5.8), WEST, 90.0, 3.6, 0.09, Traffic::Cycles);
    l.walk(&[v2(-32.0, 3.0), v2(32.0, 6.5)], 2.2, 0.30);
    l.walk(&[v2(-12.0, -8.0), v2(-3.0, 6.0), v2(-20.0, 19.6), v2(-60.0, 20.0)], 1.6, 0.15);
    l.walk(&[v2(12.0, -8.0), v2(4.0, 6.0), v2(21.0, 19.6), v2(60.0, 20.0)], 1.6, 0.15);
    l.walk(&[v2(-55.0, ROAD + 11.2), v2(55.0, ROAD + 11.2)], 1.2, 0.26);
    let cross = |points: Vec<V2>, at: usize| Route { points, spread: 1.1, rate: 0.11, gate: Some((at, 1)) };
    l.routes.push(cross(
        vec![
            v2(-4.0, -9.0),
            v2(0.0, 10.0),
            v2(0.6, ROAD - 0.7),
            v2(0.6, ROAD + 9.6),
            v2(30.0, ROAD + 11.0),
            v2(60.0, ROAD + 11.0),
        ],
        2,
    ));
    l.routes.push(cross(
        vec![v2(-55.0, ROAD + 10.8), v2(0.6, ROAD + 9.7), v2(0.6, ROAD - 0.7), v2(1.0, 8.0), v2(7.0, -9.0)],
        1,
    ));
    l.row(rng, false, (-75.0, 75.0), ROAD + 14.0, 1.0, true);
    for x in [-33.0, -19.0, 17.0, 31.0] {
        l.tree(rng, x, ROAD + 11.6);
    }
    for x in [-22.0, -8.0, 6.5, 20.0] {
        l.lamp(x, 18.4, (0.0, 0.0), 4.6);
        l.lamp(x + 2.0, ROAD + 10.0, (0.0, -1.5), 7.0);
    }
    l.lamp(-7.6, 6.0, (0.0, 0.0), 4.4);
    l.lamp(8.2, 9.0, (0.0, 0.0), 4.4);
    l.sign(-2.6, ROAD - 0.8, SOUTH, SignKind::Crossing, 1.0);
    l.sign(4.4, ROAD - 0.8, v2(-0.35, -0.94), SignKind::NoEntry, 0.95);
    l.sign(-10.2, ROAD - 0.9, v2(0.2, -0.98), SignKind::Stop, 1.05);
    l.sign(12.0, ROAD - 0.9, v2(-0.3, -0.95), limit(rng), 1.0);
    l.signals.push(SignalPost { at: v2(-1.8, ROAD - 0.6), facing: WEST, group: 0 });
    l.signals.push(SignalPost { at: v2(3.2, ROAD + 9.6), facing: EAST, group: 0 });
    for i in 0..9 {
        let x = -26.0 + 6.2 * i as f32;
        l.block(v3(x, ROAD - 0.75, 0.0), v3(x + 0.16, ROAD - 0.59, 0.85), STEEL);
    }
    for i in 0..4 {
        l.park(15.0 + 0.75 * i as f32, 16.2, v2(0.15, -0.99), ParkedKind::Cycle(CycleKind::Bicycle));
    }
    l.park(-17.0, 16.4, v2(0.3, -0.95), ParkedKind::Cycle(CycleKind::Motorcycle));
    l
}
