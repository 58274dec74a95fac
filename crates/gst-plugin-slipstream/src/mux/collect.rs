//! Which frames go into the next batch. Knows no GStreamer: times are running times in nanoseconds.

use std::collections::{BTreeMap, VecDeque};

/// Frames that a lane holds at most. Two absorb a jitter of one frame period either way; a live lane that gets a third
/// gives up its oldest, so it lags by two frame periods at most.
const LANE_DEPTH: usize = 2;

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
    /// Added to the times of a recorded source that plays by the clock, so that its first frame is due when it arrives.
    offset: i128,
}

/// The waiting frames of every source.
#[derive(Debug)]
pub(super) struct Collector<F> {
    lanes: BTreeMap<u32, Lane<F>>,
}

impl<F> Default for Collector<F> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new() }
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

    /// The batch of the clock's tick at `now`: the next frame of each live lane that has one, and of each recorded lane
    /// whose next frame is due.
    pub(super) fn tick(&mut self, now: u64) -> Vec<(u32, F)> {
        let mut batch = Vec::with_capacity(self.lanes.len());
        for (&index, lane) in &mut self.lanes {
            let Some(head) = lane.frames.front_mut() else { continue };
            if std::mem::take(&mut head.starts_anew) {
                lane.offset = i128::from(now) - i128::from(head.time);
            }
            if !lane.live && i128::from(head.time) + lane.offset > i128::from(now) {
                continue;
            }
            if let Some(head) = lane.frames.pop_front() {
                batch.push((index, head.frame));
            }
        }
        batch
    }

    /// The next batch of recorded sources and its time, once each lane that has not ended holds a frame: the earliest
    /// frame, and of the other lanes those that come less than half of `period` later.
    pub(super) fn collect(&mut self, period: u64) -> Option<(u64, Vec<(u32, F)>)> {
        if self.lanes.values().any(|lane| lane.frames.is_empty() && !lane.ended) {
            return None;
        }
        let head = |lane: &Lane<F>| lane.frames.front().map(|head| head.time);
        let first = self.lanes.values().filter_map(head).min()?;
        let due = |lane: &Lane<F>| head(lane).is_some_and(|time| time - first < period.div_ceil(2).max(1));
        let lanes = self.lanes.iter_mut().filter(|(_, lane)| due(lane));
        let batch =
            lanes.filter_map(|(&index, lane)| lane.frames.pop_front().map(|head| (index, head.frame)));
        Some((first, batch.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = 40;

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
        assert_eq!(c.tick(5), [(0, "a0")]);
        assert_eq!(c.tick(45), []);
    }

    #[test]
    fn a_live_lane_keeps_its_newest_frames() {
        let mut c = collector(&[true]);
        c.offer(0, 0, "a0");
        c.offer(0, 40, "a1");
        assert_eq!(c.offer(0, 80, "a2"), Offer::Replaced);
        assert_eq!(c.tick(85), [(0, "a1")]);
        assert_eq!(c.tick(125), [(0, "a2")]);
    }

    #[test]
    fn a_recorded_lane_loses_nothing() {
        let mut c = collector(&[false]);
        c.offer(0, 0, "a0");
        c.offer(0, 40, "a1");
        assert_eq!(c.offer(0, 80, "a2"), Offer::Full("a2"));
        assert_eq!(c.collect(PERIOD), Some((0, vec![(0, "a0")])));
        assert_eq!(c.offer(0, 80, "a2"), Offer::Taken);
    }

    #[test]
    fn a_recorded_lane_plays_at_its_own_pace_from_when_it_arrives() {
        let mut c = collector(&[false]);
        c.offer(0, 1000, "a0");
        c.offer(0, 1200, "a1");
        assert_eq!(c.tick(40), [(0, "a0")]);
        assert_eq!(c.tick(200), []);
        assert_eq!(c.tick(240), [(0, "a1")]);
    }

    #[test]
    fn a_recorded_lane_that_starts_over_loses_nothing_and_goes_on_in_time() {
        let mut c = collector(&[false]);
        c.offer(0, 0, "a0");
        assert_eq!(c.tick(40), [(0, "a0")]);
        c.offer(0, 40, "a1");
        c.end(0);
        c.restart(0);
        assert_eq!(c.offer(0, 0, "b0"), Offer::Taken);
        assert_eq!(c.tick(80), [(0, "a1")]);
        assert_eq!(c.tick(120), [(0, "b0")]);
        c.offer(0, 80, "b1");
        assert_eq!(c.tick(160), []);
        assert_eq!(c.tick(200), [(0, "b1")]);
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
}
