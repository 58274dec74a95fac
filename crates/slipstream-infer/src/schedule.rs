//! Which frames of a batch are worth an inference.
//!
//! Sources take turns inside every batch: who was looked at longest ago comes first, whoever is new before all. So each
//! batch costs about the same and no source waits longer than the others. Nothing here reads a clock: times are passed in.

use std::collections::HashMap;
use std::time::Duration;

/// How many frames are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Policy {
    /// Of each source one frame, then that many not (`interval` of the config). Each batch gets an even share of the
    /// sources. 0 chooses every frame.
    Interval(u32),
    /// All frames of one batch, then that many batches not, as DeepStream understands `interval`.
    Batches(u32),
    /// As many frames of each batch as can be looked at in a share of the time from one batch to the next.
    Budget {
        /// The share, in 0…1.
        share: f64,
        /// Time from one batch to the next; `None` learns it from the times passed to [`Scheduler::select`]. To be given
        /// where a slow detector slows the batches down.
        period: Option<Duration>,
    },
}

/// Weight of the newest measurement in running means.
const SMOOTHING: f64 = 0.125;

/// Batches after which a source that is not seen any more is forgotten, even if nobody said that it was removed.
const FORGET_AFTER: u64 = 4096;

/// Chooses frames, batch by batch.
#[derive(Debug, Clone)]
pub struct Scheduler {
    policy: Policy,
    pace: Pace,
    sources: HashMap<u32, Source>,
    batch: u64,
    /// Turns that the sources have earned and not yet had under [`Policy::Interval`]: each source earns one unit a batch, a
    /// turn costs interval + 1.
    credit: usize,
}

/// How many images fit into a share of the time between batches, learned from how long they took.
#[derive(Debug, Clone)]
pub struct Pace {
    workers: usize,
    last_batch: Option<Duration>,
    /// Running mean of the time between batches, in seconds.
    period: Option<f64>,
    /// Running mean of the time of one image on one worker, in seconds.
    cost: Option<f64>,
}

impl Pace {
    /// The pace of a network that looks at `workers` images side by side.
    pub fn new(workers: usize) -> Self {
        Self { workers: workers.max(1), last_batch: None, period: None, cost: None }
    }

    /// A batch came at `now`, on any clock that only goes forward.
    pub fn tick(&mut self, now: Duration) {
        if let Some(last) = self.last_batch.replace(now) {
            smooth(&mut self.period, now.saturating_sub(last).as_secs_f64());
        }
    }

    /// Learns that `images` took `time` from start to end.
    pub fn measured(&mut self, images: usize, time: Duration) {
        if images > 0 {
            let rounds = images.div_ceil(self.workers);
            smooth(&mut self.cost, time.as_secs_f64() / rounds as f64);
        }
    }

    /// How many images fit into `share`, 0…1, of the time between batches: `period`, or the one learned from
    /// [`tick`](Self::tick). 1 at least, and as long as nothing is known.
    pub fn images(&self, share: f64, period: Option<Duration>) -> usize {
        let period = period.map(|period| period.as_secs_f64()).or(self.period);
        let (Some(period), Some(cost)) = (period, self.cost) else { return 1 };
        // casts from f64 saturate, so that no cost is a great many images
        let rounds = share.clamp(0.0, 1.0) * period / cost.max(f64::MIN_POSITIVE);
        let workers = self.workers as f64;
        // whole rounds of all workers, or less than one
        let images = if rounds >= 1.0 { rounds.floor() * workers } else { rounds * workers };
        (images as usize).max(1)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Source {
    /// The batch in which a frame was chosen last.
    chosen: Option<u64>,
    /// The batch with the newest frame.
    seen: u64,
    /// Frames since the chosen one, the newest included.
    frames: u32,
}

impl Scheduler {
    /// A scheduler for a detector that looks at `workers` images side by side.
    pub fn new(policy: Policy, workers: usize) -> Self {
        Self { policy, pace: Pace::new(workers), sources: HashMap::new(), batch: 0, credit: 0 }
    }

    /// How many frames are chosen.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Another policy from the next batch on; turns are kept.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// For each frame of a batch, given by its source's number, whether it is to be looked at. `now` is the time on any clock
    /// that only goes forward. Of several frames of one source at most one is chosen, unless all frames are.
    pub fn select(&mut self, now: Duration, frames: &[u32]) -> Vec<bool> {
        self.batch += 1;
        self.pace.tick(now);
        for &source in frames {
            let source = self.sources.entry(source).or_default();
            source.seen = self.batch;
            source.frames = source.frames.saturating_add(1);
        }
        let batch = self.batch;
        self.sources.retain(|_, source| batch - source.seen < FORGET_AFTER);

        if let Policy::Batches(interval) = self.policy {
            let has_turn = (self.batch - 1).is_multiple_of(u64::from(interval) + 1);
            return vec![has_turn; frames.len()];
        }
        if self.policy == Policy::Interval(0) {
            frames.iter().for_each(|&source| self.choose(source));
            return vec![true; frames.len()];
        }
        let mut candidates: Vec<_> = frames
            .iter()
            .enumerate()
            .filter_map(|(position, &number)| {
                let source = self.sources.get(&number).filter(|source| self.is_due(source))?;
                Some((source.chosen, number, position))
            })
            .collect();
        // None, never chosen, comes before every batch
        candidates.sort_unstable();
        candidates.dedup_by_key(|candidate| candidate.1);
        candidates.truncate(self.share());
        if let Policy::Interval(interval) = self.policy {
            self.credit = self.credit.saturating_sub(candidates.len() * (interval as usize + 1));
        }
        let mut chosen = vec![false; frames.len()];
        for (_, source, position) in candidates {
            if let Some(chosen) = chosen.get_mut(position) {
                *chosen = true;
            }
            self.choose(source);
        }
        chosen
    }

    /// Learns that `images` chosen frames took `time` from start to end.
    pub fn measured(&mut self, images: usize, time: Duration) {
        self.pace.measured(images, time);
    }

    /// Forgets a source that is gone. Should its number come back, it is new.
    pub fn remove(&mut self, source: u32) {
        self.sources.remove(&source);
    }

    /// Greatest number of frames that are chosen from a batch.
    pub fn images_per_batch(&self) -> usize {
        match self.policy {
            Policy::Interval(0) | Policy::Batches(_) => usize::MAX,
            Policy::Interval(interval) => self.sources.len().div_ceil(interval as usize + 1).max(1),
            Policy::Budget { share, period } => self.pace.images(share, period),
        }
    }

    /// How many frames of the present batch may be chosen.
    fn share(&mut self) -> usize {
        let Policy::Interval(interval) = self.policy else { return self.images_per_batch() };
        let (sources, turn) = (self.sources.len(), interval as usize + 1);
        // turns that nobody wanted do not pile up
        self.credit = (self.credit + sources).min(sources + turn);
        (self.credit / turn).max(1)
    }

    fn is_due(&self, source: &Source) -> bool {
        match self.policy {
            Policy::Interval(interval) => source.chosen.is_none() || source.frames > interval,
            Policy::Budget { .. } | Policy::Batches(_) => true,
        }
    }

    fn choose(&mut self, source: u32) {
        if let Some(source) = self.sources.get_mut(&source) {
            source.chosen = Some(self.batch);
            source.frames = 0;
        }
    }
}

fn smooth(mean: &mut Option<f64>, value: f64) {
    *mean = Some(mean.map_or(value, |mean| mean + (value - mean) * SMOOTHING));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs `batches` of the same sources and returns the numbers of the batches in which each was chosen.
    fn turns(scheduler: &mut Scheduler, sources: &[u32], batches: u64) -> Vec<Vec<u64>> {
        let mut turns = vec![Vec::new(); sources.len()];
        for batch in 0..batches {
            let chosen = scheduler.select(Duration::from_millis(40 * batch), sources);
            let count = chosen.iter().filter(|&&chosen| chosen).count();
            // four workers that take 10 ms for an image each
            scheduler.measured(count, Duration::from_millis(10) * count.div_ceil(4) as u32);
            for (turns, _) in turns.iter_mut().zip(chosen).filter(|(_, chosen)| *chosen) {
                turns.push(batch);
            }
        }
        turns
    }

    #[test]
    fn whole_batches_have_turns_where_that_is_asked_for() {
        let turns = turns(&mut Scheduler::new(Policy::Batches(2), 1), &[4, 7, 7], 9);
        assert_eq!(turns, vec![vec![0, 3, 6]; 3]);
    }

    #[test]
    fn interval_counts_the_frames_of_each_source() {
        // source 1 has a frame in every fifth batch only
        let mut scheduler = Scheduler::new(Policy::Interval(1), 1);
        let mut slow = Vec::new();
        for batch in 0..40u64 {
            let frames: &[u32] = if batch % 5 == 0 { &[0, 1] } else { &[0] };
            let chosen = scheduler.select(Duration::from_millis(batch), frames);
            slow.extend(chosen.get(1).copied());
        }
        let gaps: Vec<_> = slow.iter().enumerate().filter(|(_, chosen)| **chosen).map(|(i, _)| i).collect();
        assert!(gaps.len() >= 3 && gaps.windows(2).all(|pair| pair[1] - pair[0] <= 3), "{slow:?}");
    }

    #[test]
    fn interval_0_chooses_all_frames() {
        let mut scheduler = Scheduler::new(Policy::Interval(0), 1);
        assert_eq!(scheduler.select(Duration::ZERO, &[3, 3, 1]), [true; 3]);
    }

    #[test]
    fn budget_fills_the_share_of_the_period() {
        let policy = Policy::Budget { share: 0.5, period: None };
        let mut scheduler = Scheduler::new(policy, 4);
        let sources: Vec<u32> = (0..30).collect();
        turns(&mut scheduler, &sources, 50);
        // half of 40 ms holds two rounds of 10 ms on four workers
        assert_eq!(scheduler.images_per_batch(), 8);
        for _ in 0..50 {
            scheduler.measured(4, Duration::from_millis(40));
        }
        // a round takes twice the budget: half of the workers get an image
        assert_eq!(scheduler.images_per_batch(), 2);
    }

    #[test]
    fn new_sources_come_first_and_removed_ones_are_forgotten() {
        let mut scheduler = Scheduler::new(Policy::Budget { share: 0.5, period: None }, 1);
        for _ in 0..7 {
            scheduler.select(Duration::ZERO, &[0, 1, 2]);
        }
        assert_eq!(scheduler.select(Duration::ZERO, &[0, 1, 2, 9]), [false, false, false, true]);
        scheduler.remove(9);
        assert_eq!(scheduler.sources.len(), 3);
        for _ in 0..FORGET_AFTER {
            scheduler.select(Duration::ZERO, &[0]);
        }
        assert_eq!(scheduler.sources.len(), 1);
    }

    proptest! {
        /// Every source gets exactly each (interval + 1)-th of its frames, and no batch more than its share.
        #[test]
        fn interval_gives_every_source_its_turn_and_every_batch_its_share(count in 1u32..60, interval in 1u32..9) {
            let sources: Vec<u32> = (0..count).collect();
            let turns = turns(&mut Scheduler::new(Policy::Interval(interval), 4), &sources, 100);
            let period = u64::from(interval) + 1;
            for turns in &turns {
                prop_assert!(turns[0] < period, "{turns:?}");
                prop_assert!(turns.windows(2).all(|pair| pair[1] - pair[0] == period), "{turns:?}");
            }
            let share = u64::from(count).div_ceil(period) as usize;
            let least = (u64::from(count) / period) as usize;
            for batch in 0..100 {
                let chosen = turns.iter().filter(|turns| turns.contains(&batch)).count();
                prop_assert!((least..=share).contains(&chosen), "{chosen} of {count} in batch {batch}");
            }
        }

        /// With N sources and k frames chosen per batch nobody waits longer than ⌈N / k⌉ batches, whatever k is.
        #[test]
        fn nobody_starves(count in 1u32..60, workers in 1usize..9, share in 0.01f64..1.0, cost in 1u64..100) {
            let period = Some(Duration::from_millis(40));
            let mut scheduler = Scheduler::new(Policy::Budget { share, period }, workers);
            scheduler.measured(1, Duration::from_millis(cost));
            let sources: Vec<u32> = (0..count).collect();
            let k = scheduler.images_per_batch();
            let longest = (count as usize).div_ceil(k) as u64;
            let mut last = vec![0u64; sources.len()];
            for batch in 1..200u64 {
                let chosen = scheduler.select(Duration::from_millis(batch * 40), &sources);
                let chosen_count = chosen.iter().filter(|&&chosen| chosen).count();
                prop_assert_eq!(chosen_count, k.min(sources.len()));
                for (last, chosen) in last.iter_mut().zip(chosen) {
                    if chosen {
                        *last = batch;
                    }
                    prop_assert!(batch - *last < longest, "waited {} of {longest}", batch - *last);
                }
            }
        }

        /// Frames may come and go as they like: while any source has a frame, one is chosen, and never a frame too early.
        #[test]
        fn irregular_sources_keep_their_interval(
            interval in 1u32..6,
            batches in prop::collection::vec(prop::collection::vec(0u32..12, 0..12), 1..120),
        ) {
            let mut scheduler = Scheduler::new(Policy::Interval(interval), 4);
            let mut frames: HashMap<u32, Option<u32>> = HashMap::new();
            for (i, batch) in batches.iter().enumerate() {
                let chosen = scheduler.select(Duration::from_millis(i as u64), batch);
                prop_assert_eq!(chosen.len(), batch.len());
                let due = batch.iter().any(|s| frames.get(s).copied().flatten().is_none_or(|since| since >= interval));
                prop_assert!(!due || chosen.contains(&true));
                for &source in batch {
                    let since = frames.entry(source).or_insert(None);
                    *since = since.map(|since| since + 1);
                }
                for (&source, _) in batch.iter().zip(&chosen).filter(|(_, chosen)| **chosen) {
                    let since = frames.insert(source, Some(0)).flatten();
                    prop_assert!(since.is_none_or(|since| since > interval), "{source} after {since:?}");
                }
            }
        }
    }
}
