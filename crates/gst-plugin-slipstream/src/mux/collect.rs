//! Which frames go into the next batch. Knows no GStreamer: times are running times in nanoseconds.

use std::collections::{BTreeMap, VecDeque};

/// Frames that a lane holds at most: they absorb a stall of three frame periods, on either side. A live lane that gets
/// another one gives up its oldest.
pub(super) const LANE_DEPTH: usize = 4;
/// Ticks that the clock may run ahead of the batches and be made up for; later ones find nothing left to take.
pub(super) const MAX_TICKS_BEHIND: u64 = LANE_DEPTH as u64 - 1;
/// Frames that may stay behind at every tick, against jitter. Whatever a live lane keeps beyond that is nothing but delay.
const CUSHION: usize = 1;
/// Ticks over which a live lane is watched for frames that always stay behind: a second or so.
const WATCHED_TICKS: u32 = 25;

/// What became of a frame that was offered to a lane.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer<F> {
    /// It waits for its batch.
    Taken,
    /// It waits for its batch, and the lane gave up its oldest frame.
    Replaced,
    /// The lane of a source that must lose nothing is full: offer it again after the next batch.
    Full(F),
    /// There is no such lane, or it is closed.
    Closed,
}

#[derive(Debug)]
struct Queued<F> {
    time: u64,
    /// Times before this frame have nothing to do with those from it on.
    starts_anew: bool,
    frame: F,
}

#[derive(Debug)]
struct Lane<F> {
    frames: VecDeque<Queued<F>>,
    live: bool,
    ended: bool,
    starts_anew: bool,
    /// Added to the times of a recorded source that joined later or plays by the clock, so that its first frame is due
    /// when it arrives.
    offset: i128,
    watch: Watch,
}

/// Looks for frames that stay in a lane tick after tick.
#[derive(Debug, Default)]
struct Watch {
    ticks: u32,
    /// Least number of frames left after any of these ticks.
    least: usize,
}

impl Watch {
    /// Learns that `left` frames stayed at a tick. Returns how many the lane is to give up.
    fn observe(&mut self, left: usize) -> usize {
        self.least = if self.ticks == 0 { left } else { self.least.min(left) };
        self.ticks += 1;
        if self.ticks < WATCHED_TICKS {
            return 0;
        }
        self.ticks = 0;
        self.least.saturating_sub(CUSHION)
    }
}

/// What goes out at a tick of the clock.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tick<F> {
    /// Time of the batch.
    pub(super) time: u64,
    /// The lanes' frames.
    pub(super) batch: Vec<(u32, F)>,
    /// The lane of each frame that was given up because the lane lagged behind for long.
    pub(super) given_up: Vec<u32>,
}

impl<F> Lane<F> {
    /// When the next frame is due.
    fn due(&self) -> Option<u64> {
        let head = self.frames.front()?;
        Some(u64::try_from(i128::from(head.time) + self.offset).unwrap_or_default())
    }

    /// The time of the next frame if it begins anew; asked once.
    fn takes_up(&mut self) -> Option<u64> {
        let head = self.frames.front_mut()?;
        std::mem::take(&mut head.starts_anew).then_some(head.time)
    }
}

/// The waiting frames of every source.
#[derive(Debug)]
pub(super) struct Collector<F> {
    lanes: BTreeMap<u32, Lane<F>>,
    /// Time of the last batch.
    last: Option<u64>,
    /// Whether the last batch was one of the clock.
    ticking: bool,
    /// How far the batches run ahead of the clock, after recorded sources alone were faster than it.
    ahead: u64,
}

impl<F> Default for Collector<F> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), last: None, ticking: false, ahead: 0 }
    }
}

impl<F> Collector<F> {
    /// Opens a lane, empty.
    pub(super) fn open(&mut self, lane: u32) {
        let fresh = Lane {
            frames: VecDeque::with_capacity(LANE_DEPTH),
            live: false,
            ended: false,
            starts_anew: true,
            offset: 0,
            watch: Watch::default(),
        };
        self.lanes.insert(lane, fresh);
    }

    /// Removes a lane and what waits in it.
    pub(super) fn close(&mut self, lane: u32) {
        self.lanes.remove(&lane);
    }

    /// The lane's source begins anew, perhaps after it had ended; what waits keeps its turn.
    pub(super) fn restart(&mut self, lane: u32) {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.ended = false;
            lane.starts_anew = true;
        }
    }

    /// Forgets what waits in a lane and that it had ended.
    pub(super) fn reset(&mut self, lane: u32) {
        self.restart(lane);
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.frames.clear();
        }
    }

    /// Says whether a lane's source is live: never waited for, newest frames first.
    pub(super) fn set_live(&mut self, lane: u32, live: bool) {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.live = live;
        }
    }

    /// Begins a new timeline of batches.
    pub(super) fn reset_time(&mut self) {
        (self.last, self.ticking, self.ahead) = (None, false, 0);
        self.lanes.values_mut().for_each(|lane| lane.offset = 0);
    }

    /// Whether any lane's source is live.
    pub(super) fn any_live(&self) -> bool {
        self.lanes.values().any(|lane| lane.live)
    }

    /// The source will send no more frames.
    pub(super) fn end(&mut self, lane: u32) {
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.ended = true;
        }
    }

    /// Whether there were lanes and nothing is left to come from any of them.
    pub(super) fn finished(&self) -> bool {
        !self.lanes.is_empty() && self.lanes.values().all(|lane| lane.ended && lane.frames.is_empty())
    }

    /// Offers the frame of running time `time` to a lane.
    pub(super) fn offer(&mut self, lane: u32, time: u64, frame: F) -> Offer<F> {
        let Some(lane) = self.lanes.get_mut(&lane).filter(|lane| !lane.ended) else { return Offer::Closed };
        let mut offer = Offer::Taken;
        if lane.frames.len() >= LANE_DEPTH {
            if !lane.live {
                return Offer::Full(frame);
            }
            lane.frames.pop_front();
            offer = Offer::Replaced;
        }
        let starts_anew = std::mem::take(&mut lane.starts_anew);
        lane.frames.push_back(Queued { time, starts_anew, frame });
        offer
    }

    /// The tick of the clock at `now`: the next frame of each live lane that has one, and of each recorded lane whose next
    /// frame is due.
    pub(super) fn tick(&mut self, now: u64) -> Tick<F> {
        if !std::mem::replace(&mut self.ticking, true) {
            self.ahead = self.last.map_or(0, |last| (last + 1).saturating_sub(now));
            for lane in self.lanes.values_mut() {
                match lane.frames.front_mut() {
                    Some(head) => head.starts_anew = true,
                    None => lane.starts_anew = true,
                }
            }
        }
        let now = now + self.ahead;
        self.last = Some(now);
        let mut tick = Tick { time: now, batch: Vec::with_capacity(self.lanes.len()), given_up: Vec::new() };
        for (&index, lane) in &mut self.lanes {
            if let Some(first) = lane.takes_up() {
                lane.offset = i128::from(now) - i128::from(first);
            }
            if lane.live {
                let left = lane.frames.len().saturating_sub(1);
                for _ in 0..lane.watch.observe(left) {
                    lane.frames.pop_front();
                    tick.given_up.push(index);
                }
            } else if lane.due().is_some_and(|due| due > now) {
                continue;
            }
            if let Some(head) = lane.frames.pop_front() {
                tick.batch.push((index, head.frame));
            }
        }
        tick
    }

    /// The next batch of recorded sources and its time, once each lane that has not ended holds a frame: the earliest
    /// frame, and of the other lanes those that come less than half of `period` later. Times never go back: a source that
    /// joins late or starts over takes up where the others are.
    pub(super) fn collect(&mut self, period: u64) -> Option<(u64, Vec<(u32, F)>)> {
        if self.lanes.values().any(|lane| lane.frames.is_empty() && !lane.ended) {
            return None;
        }
        for lane in self.lanes.values_mut() {
            if let Some(first) = lane.takes_up() {
                let late = self.last.filter(|&last| first < last);
                lane.offset = late.map_or(0, |last| i128::from(last + period) - i128::from(first));
            }
        }
        let first = self.lanes.values().filter_map(Lane::due).min()?;
        let until = first + period.div_ceil(2).max(1);
        let lanes = self.lanes.iter_mut().filter(|(_, lane)| lane.due().is_some_and(|due| due < until));
        let batch =
            lanes.filter_map(|(&index, lane)| lane.frames.pop_front().map(|head| (index, head.frame)));
        let batch = batch.collect();
        let time = self.last.map_or(first, |last| first.max(last));
        (self.last, self.ticking) = (Some(time), false);
        Some((time, batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = 40;

    fn tick(c: &mut Collector<&'static str>, now: u64) -> (u64, Vec<(u32, &'static str)>) {
        let tick = c.tick(now);
        assert!(tick.given_up.is_empty(), "{tick:?}");
        (tick.time, tick.batch)
    }

    fn collector(live: &[bool]) -> Collector<&'static str> {
        let mut collector = Collector::default();
        for (index, &live) in (0..).zip(live) {
            collector.open(index);
            collector.set_live(index, live);
        }
        collector
    }

    #[test]
    fn a_live_lane_never_makes_the_others_wait() {
        let mut c = collector(&[true, true]);
        assert_eq!(c.offer(0, 0, "a0"), Offer::Taken);
        assert_eq!(tick(&mut c, 5), (5, vec![(0, "a0")]));
        assert_eq!(tick(&mut c, 45), (45, vec![]));
    }

    #[test]
    fn a_live_lane_keeps_its_newest_frames() {
        let mut c = collector(&[true]);
        for (time, frame) in (0..).step_by(40).zip(["a0", "a1", "a2", "a3"]) {
            assert_eq!(c.offer(0, time, frame), Offer::Taken);
        }
        assert_eq!(c.offer(0, 160, "a4"), Offer::Replaced);
        assert_eq!(tick(&mut c, 165), (165, vec![(0, "a1")]));
        assert_eq!(tick(&mut c, 205), (205, vec![(0, "a2")]));
    }

    #[test]
    fn a_live_lane_that_lags_for_long_catches_up() {
        let mut c = collector(&[true]);
        // three frames too many, as after a stall of the network
        (0..3).for_each(|time| _ = c.offer(0, time, "late"));
        let mut given_up = 0;
        for i in 0..100 {
            assert_eq!(c.offer(0, 3 + i, "frame"), Offer::Taken);
            let tick = c.tick(100 + i * PERIOD);
            assert_eq!(tick.batch.len(), 1);
            given_up += tick.given_up.len();
        }
        assert_eq!(given_up, 2, "one stays against jitter");
    }

    #[test]
    fn a_live_lane_that_catches_up_by_itself_loses_nothing() {
        let mut c = collector(&[true]);
        // a burst of four after every four ticks
        for i in 0..50 {
            (0..4).for_each(|n| assert_eq!(c.offer(0, i * 4 + n, "frame"), Offer::Taken));
            (0..4).for_each(|n| assert_eq!(tick(&mut c, 100 + (i * 4 + n) * PERIOD).1.len(), 1));
        }
    }

    #[test]
    fn a_recorded_lane_loses_nothing() {
        let mut c = collector(&[false]);
        for (time, frame) in (0..).step_by(40).zip(["a0", "a1", "a2", "a3"]) {
            assert_eq!(c.offer(0, time, frame), Offer::Taken);
        }
        assert_eq!(c.offer(0, 160, "a4"), Offer::Full("a4"));
        assert_eq!(c.collect(PERIOD), Some((0, vec![(0, "a0")])));
        assert_eq!(c.offer(0, 160, "a4"), Offer::Taken);
    }

    #[test]
    fn a_recorded_lane_plays_at_its_own_pace_from_when_it_arrives() {
        let mut c = collector(&[false]);
        c.offer(0, 1000, "a0");
        c.offer(0, 1200, "a1");
        assert_eq!(tick(&mut c, 40), (40, vec![(0, "a0")]));
        assert_eq!(tick(&mut c, 200), (200, vec![]));
        assert_eq!(tick(&mut c, 240), (240, vec![(0, "a1")]));
    }

    #[test]
    fn a_recorded_lane_that_starts_over_loses_nothing_and_goes_on_in_time() {
        let mut c = collector(&[false]);
        c.offer(0, 0, "a0");
        assert_eq!(tick(&mut c, 40), (40, vec![(0, "a0")]));
        c.offer(0, 40, "a1");
        c.end(0);
        c.restart(0);
        assert_eq!(c.offer(0, 0, "b0"), Offer::Taken);
        assert_eq!(tick(&mut c, 80), (80, vec![(0, "a1")]));
        assert_eq!(tick(&mut c, 120), (120, vec![(0, "b0")]));
        c.offer(0, 80, "b1");
        assert_eq!(tick(&mut c, 160), (160, vec![]));
        assert_eq!(tick(&mut c, 200), (200, vec![(0, "b1")]));
    }

    #[test]
    fn recorded_lanes_of_different_rates_keep_in_step() {
        let mut c = collector(&[false, false]);
        c.offer(0, 0, "a0");
        assert_eq!(c.collect(PERIOD), None, "the second lane has no frame yet");
        c.offer(1, 0, "b0");
        assert_eq!(c.collect(PERIOD), Some((0, vec![(0, "a0"), (1, "b0")])));
        c.offer(0, 40, "a1");
        c.offer(1, 200, "b1");
        assert_eq!(c.collect(PERIOD), Some((40, vec![(0, "a1")])));
        c.end(0);
        assert_eq!(c.collect(PERIOD), Some((200, vec![(1, "b1")])));
        assert!(!c.finished());
        c.end(1);
        assert!(c.finished());
        assert_eq!(c.offer(1, 240, "b2"), Offer::Closed);
    }

    #[test]
    fn a_recorded_lane_that_joins_late_takes_up_where_the_others_are() {
        let mut c = collector(&[false]);
        c.offer(0, 1000, "a0");
        assert_eq!(c.collect(PERIOD), Some((1000, vec![(0, "a0")])));
        c.open(1);
        c.offer(0, 1040, "a1");
        c.offer(1, 0, "b0");
        assert_eq!(c.collect(PERIOD), Some((1040, vec![(0, "a1"), (1, "b0")])));
        c.offer(0, 1080, "a2");
        c.offer(1, 80, "b1");
        assert_eq!(c.collect(PERIOD), Some((1080, vec![(0, "a2")])));
        c.offer(0, 1120, "a3");
        assert_eq!(c.collect(PERIOD), Some((1120, vec![(0, "a3"), (1, "b1")])));
    }

    #[test]
    fn times_never_go_back_when_a_live_source_joins_or_leaves() {
        let mut c = collector(&[false]);
        for i in 0..10 {
            c.offer(0, i * PERIOD, "a");
            assert_eq!(c.collect(PERIOD), Some((i * PERIOD, vec![(0, "a")])));
        }
        // the clock is far behind
        c.open(1);
        c.set_live(1, true);
        c.offer(0, 400, "a");
        c.offer(1, 40, "b");
        assert_eq!(tick(&mut c, 40), (361, vec![(0, "a"), (1, "b")]));
        c.offer(0, 440, "a");
        assert_eq!(tick(&mut c, 80), (401, vec![(0, "a")]));
        c.close(1);
        c.offer(0, 480, "a");
        assert_eq!(c.collect(PERIOD), Some((441, vec![(0, "a")])));
    }
}
