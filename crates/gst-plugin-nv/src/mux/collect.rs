//! Which frames go into the next batch, by DeepStream's rules. Knows no GStreamer: times are nanoseconds.

use std::collections::{BTreeMap, VecDeque};

/// Frames that wait in a lane at most before whoever brings another one has to wait (DeepStream: about 10).
pub(super) const QUEUE_DEPTH: usize = 10;

/// A source: the number of its pad, and which of the sources that had this number one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneId {
    pub(super) pad: u32,
    pub(super) serial: u64,
}

/// What is said about a source between its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It has joined.
    Added,
    /// It begins anew.
    Reset,
    /// It has ended.
    Ended,
    /// It has left.
    Left,
}

/// How many frames make a batch, and how many of them one source may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Open sources share the batch: each may give a whole part of it, and what is left over goes to whoever comes first.
    Even { batch_size: usize },
    /// A frame of each source; sources that have ended are not waited for.
    OneEach { batch_size: usize },
    /// So many frames of each source that is open; `batch_size` of them where it is given.
    Adaptive { batch_size: Option<usize>, per_source: usize },
}

/// From when on a batch that is not full waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It waits for ever.
    Endless,
    /// So long from its first frame on.
    SinceFirstFrame(u64),
    /// So long from the batch before on.
    SinceLastBatch(u64),
}

/// When a batch is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) sharing: Sharing,
    pub(super) patience: Patience,
}

/// A moment for which frames are lined up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Running time of the batch: later frames wait.
    pub(super) time: u64,
    /// Frames that are earlier by more than this are too late; the batch waits this long.
    pub(super) window: u64,
}

/// What became of a frame that was offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer<F> {
    /// It waits for its batch.
    Taken,
    /// The lane is full: offer it again later.
    Full(F),
    /// There is no such lane, or it has ended.
    Closed,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<F> {
    /// Say this about a source.
    Say(LaneId, Mark),
    /// Send these frames; none where the moment of a [`Slot`] passed without one.
    Push(Vec<(LaneId, F)>),
    /// Nothing, until something changes or this time comes.
    Wait(Option<u64>),
    /// All sources have ended.
    End,
    /// There is no source.
    NoSources,
}

#[derive(Debug)]
enum Item<F> {
    Frame { time: u64, frame: F },
    Mark(Mark),
}

#[derive(Debug)]
struct Lane<F> {
    items: VecDeque<Item<F>>,
    frames: usize,
    ended: bool,
    /// Frames of it in the batch under way.
    given: usize,
}

impl<F> Lane<F> {
    /// Whether there is something to come from it.
    fn is_open(&self) -> bool {
        !self.ended || self.frames > 0
    }

    fn head_time(&self) -> Option<u64> {
        match self.items.front()? {
            Item::Frame { time, .. } => Some(*time),
            Item::Mark(_) => None,
        }
    }

    fn pop_frame(&mut self) -> Option<F> {
        self.head_time()?;
        let Some(Item::Frame { frame, .. }) = self.items.pop_front() else { return None };
        self.frames -= 1;
        Some(frame)
    }
}

/// The waiting frames of every source, and the batch under way.
#[derive(Debug)]
pub(super) struct Collector<F> {
    lanes: BTreeMap<LaneId, Lane<F>>,
    batch: Vec<(LaneId, F)>,
    /// When the batch under way got its first frame, or its slot began.
    since: Option<u64>,
    last_batch: Option<u64>,
    /// Who gave a frame last: the next in turn is the one behind it.
    last: Option<LaneId>,
    turns: Vec<LaneId>,
    dropped: Vec<LaneId>,
}

impl<F> Default for Collector<F> {
    fn default() -> Self {
        Self {
            lanes: BTreeMap::new(),
            batch: Vec::new(),
            since: None,
            last_batch: None,
            last: None,
            turns: Vec::new(),
            dropped: Vec::new(),
        }
    }
}

impl<F> Collector<F> {
    /// Opens a lane.
    pub(super) fn open(&mut self, id: LaneId) {
        let items = VecDeque::from([Item::Mark(Mark::Added)]);
        self.lanes.insert(id, Lane { items, frames: 0, ended: false, given: 0 });
    }

    /// Says something about a source, behind the frames that wait. Those that end or leave give no more.
    pub(super) fn mark(&mut self, id: LaneId, mark: Mark) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if matches!(mark, Mark::Ended | Mark::Left) {
            if lane.ended && mark == Mark::Ended {
                return;
            }
            lane.ended = true;
        }
        lane.items.push_back(Item::Mark(mark));
    }

    /// A source that had ended goes on.
    pub(super) fn reopen(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.ended = false;
        }
    }

    /// Forgets the frames that wait in a lane.
    pub(super) fn flush(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.items.retain(|item| matches!(item, Item::Mark(_)));
            lane.frames = 0;
        }
    }

    /// Begins anew with the same sources.
    pub(super) fn restart(&mut self) {
        self.lanes.retain(|_, lane| !lane.items.iter().any(|item| matches!(item, Item::Mark(Mark::Left))));
        for lane in self.lanes.values_mut() {
            lane.items = VecDeque::from([Item::Mark(Mark::Added)]);
            (lane.frames, lane.ended, lane.given) = (0, false, 0);
        }
        self.batch.clear();
        self.dropped.clear();
        (self.since, self.last_batch, self.last) = (None, None, None);
    }

    /// Offers a frame of running time `time`.
    pub(super) fn offer(&mut self, id: LaneId, time: u64, frame: F) -> Offer<F> {
        let Some(lane) = self.lanes.get_mut(&id).filter(|lane| !lane.ended) else { return Offer::Closed };
        if lane.frames >= QUEUE_DEPTH {
            return Offer::Full(frame);
        }
        lane.frames += 1;
        lane.items.push_back(Item::Frame { time, frame });
        Offer::Taken
    }

    /// Whose frames were too late since this was asked last.
    pub(super) fn dropped(&mut self) -> impl Iterator<Item = LaneId> + '_ {
        self.dropped.drain(..)
    }

    /// What is to be done next at the time `now`.
    pub(super) fn next(&mut self, rules: &Rules, now: u64) -> Step<F> {
        if let Some((id, mark)) = self.take_mark() {
            return Step::Say(id, mark);
        }
        self.fill(rules.sharing);
        if !self.batch.is_empty() {
            self.since.get_or_insert(now);
        }
        let deadline = match (rules.patience, self.since) {
            (Patience::Endless, _) | (_, None) => None,
            (Patience::SinceFirstFrame(wait), Some(since)) => Some(since.saturating_add(wait)),
            (Patience::SinceLastBatch(wait), Some(since)) => {
                Some(self.last_batch.unwrap_or(since).saturating_add(wait))
            }
        };
        let full = self.batch.len() >= self.limits(rules.sharing).batch;
        let late = deadline.is_some_and(|deadline| now >= deadline);
        if !self.batch.is_empty() && (full || late || !self.any_open()) {
            return self.push(now);
        }
        self.idle().unwrap_or(Step::Wait(deadline))
    }

    /// As [`next`](Self::next), for frames that are lined up by their times.
    pub(super) fn next_aligned(&mut self, slot: Slot, batch_size: usize, now: u64) -> Step<F> {
        if let Some((id, mark)) = self.take_mark() {
            return Step::Say(id, mark);
        }
        let has_begun = self.last_batch.is_some() || !self.batch.is_empty();
        if !has_begun && self.lanes.values().all(|lane| lane.frames == 0) {
            return self.idle().unwrap_or(Step::Wait(None));
        }
        let mut complete = true;
        for (&id, lane) in &mut self.lanes {
            let second = |lane: &Lane<F>| match lane.items.get(1)? {
                Item::Frame { time, .. } => Some(*time),
                Item::Mark(_) => None,
            };
            while let Some(time) = lane.head_time() {
                let superseded = second(lane).is_some_and(|next| next <= slot.time);
                if time.saturating_add(slot.window) >= slot.time && !superseded {
                    break;
                }
                lane.pop_frame();
                self.dropped.push(id);
            }
            if lane.given == 0
                && self.batch.len() < batch_size
                && lane.head_time().is_some_and(|time| time <= slot.time)
                && let Some(frame) = lane.pop_frame()
            {
                lane.given += 1;
                self.batch.push((id, frame));
            }
            let served = lane.given > 0 || lane.head_time().is_some_and(|time| time > slot.time);
            complete &= served || !lane.is_open();
        }
        let deadline = self.since.get_or_insert(now).saturating_add(slot.window);
        if !self.any_open() && self.batch.is_empty() {
            return self.idle().unwrap_or(Step::Wait(None));
        }
        if complete || now >= deadline || self.batch.len() >= batch_size {
            return self.push(now);
        }
        Step::Wait(Some(deadline))
    }

    fn any_open(&self) -> bool {
        self.lanes.values().any(Lane::is_open)
    }

    /// What there is to do without a frame.
    fn idle(&self) -> Option<Step<F>> {
        match (self.lanes.is_empty(), self.any_open()) {
            (true, _) => Some(Step::NoSources),
            (false, false) if self.batch.is_empty() => Some(Step::End),
            _ => None,
        }
    }

    fn push(&mut self, now: u64) -> Step<F> {
        self.lanes.values_mut().for_each(|lane| lane.given = 0);
        (self.since, self.last_batch) = (None, Some(now));
        Step::Push(std::mem::take(&mut self.batch))
    }

    /// The first thing to be said about a source none of whose frames is under way.
    fn take_mark(&mut self) -> Option<(LaneId, Mark)> {
        let says = |lane: &Lane<F>| match lane.items.front() {
            Some(Item::Mark(mark)) if lane.given == 0 => Some(*mark),
            _ => None,
        };
        let (id, mark) = self.lanes.iter().find_map(|(&id, lane)| Some((id, says(lane)?)))?;
        if mark == Mark::Left {
            self.lanes.remove(&id);
        } else {
            self.lanes.get_mut(&id)?.items.pop_front();
        }
        Some((id, mark))
    }

    fn limits(&self, sharing: Sharing) -> Limits {
        let open = self.lanes.values().filter(|lane| lane.is_open()).count();
        // One whose last frame is in the batch under way has ended only for the next.
        let ended = self.lanes.values().filter(|lane| !lane.is_open() && lane.given == 0).count();
        match sharing {
            Sharing::Even { batch_size } => {
                let open = open.max(1);
                Limits { batch: batch_size, each: batch_size / open, extra: batch_size % open }
            }
            Sharing::OneEach { batch_size } => {
                Limits { batch: batch_size.saturating_sub(ended).max(1), each: 1, extra: 0 }
            }
            Sharing::Adaptive { batch_size, per_source } => {
                let all = (self.lanes.len() - ended).max(1) * per_source;
                Limits { batch: batch_size.unwrap_or(all).max(1), each: per_source, extra: 0 }
            }
        }
    }

    /// Takes frames in turn, as many as may be taken.
    fn fill(&mut self, sharing: Sharing) {
        loop {
            // Who gave its last frame leaves its share to the others.
            let limits = self.limits(sharing);
            let mut extra: usize =
                self.lanes.values().map(|lane| lane.given.saturating_sub(limits.each)).sum();
            self.turns.clear();
            self.turns.extend(self.lanes.keys().copied().filter(|id| Some(*id) > self.last));
            self.turns.extend(self.lanes.keys().copied().filter(|id| Some(*id) <= self.last));
            let before = self.batch.len();
            for id in &self.turns {
                if self.batch.len() >= limits.batch {
                    return;
                }
                let Some(lane) = self.lanes.get_mut(id) else { continue };
                let is_extra = lane.given >= limits.each;
                if is_extra && extra >= limits.extra {
                    continue;
                }
                let Some(frame) = lane.pop_frame() else { continue };
                lane.given += 1;
                extra += usize::from(is_extra);
                self.last = Some(*id);
                self.batch.push((*id, frame));
            }
            if self.batch.len() == before {
                return;
            }
        }
    }
}

struct Limits {
    batch: usize,
    each: usize,
    extra: usize,
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
