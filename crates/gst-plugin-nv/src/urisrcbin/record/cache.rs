//! What a camera sent of late. Knows no GStreamer: times are durations since any moment.

use std::collections::VecDeque;
use std::time::Duration;

struct Entry<T> {
    time: Duration,
    bytes: usize,
    item: T,
}

/// The newest part of a coded stream: the last `span` of it, as far as that fits, from the first key frame in there on.
pub(super) struct Cache<T> {
    span: Duration,
    most_bytes: usize,
    bytes: usize,
    entries: VecDeque<Entry<T>>,
    /// Numbers of the key frames among the entries, counted from the first frame that ever came.
    keys: VecDeque<usize>,
    /// Number of the first entry.
    first: usize,
}

impl<T> Cache<T> {
    pub(super) fn new(span: Duration, most_bytes: usize) -> Self {
        Self { span, most_bytes, bytes: 0, entries: VecDeque::new(), keys: VecDeque::new(), first: 0 }
    }

    /// Takes a frame that came at `time`. Frames before the first key frame cannot be shown and are left out.
    pub(super) fn push(&mut self, time: Duration, is_key: bool, bytes: usize, item: T) {
        if is_key {
            self.keys.push_back(self.first + self.entries.len());
        } else if self.entries.is_empty() {
            return;
        }
        self.bytes += bytes;
        self.entries.push_back(Entry { time, bytes, item });
        let too_old = time.saturating_sub(self.span);
        while let Some(&second) = self.keys.get(1) {
            let is_old = self.entries.front().is_some_and(|entry| entry.time < too_old);
            if !is_old && self.bytes <= self.most_bytes {
                return;
            }
            self.drop_front(second - self.first);
        }
        if self.bytes > self.most_bytes {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.drop_front(self.entries.len());
    }

    /// The frames from the first key frame of the last `span` on. Where key frames come more seldom than that, from the
    /// last one on: what is asked for is there, and a little more.
    pub(super) fn last(&self, span: Duration) -> impl Iterator<Item = &T> {
        let from = self.entries.back().map(|newest| newest.time.saturating_sub(span)).unwrap_or_default();
        let is_late = |key: &&usize| self.entry(**key).is_some_and(|entry| entry.time >= from);
        let start = self.keys.iter().find(is_late).or(self.keys.back());
        let skip = start.map_or(0, |start| start - self.first);
        self.entries.iter().skip(skip).map(|entry| &entry.item)
    }

    fn entry(&self, number: usize) -> Option<&Entry<T>> {
        self.entries.get(number.checked_sub(self.first)?)
    }

    fn drop_front(&mut self, count: usize) {
        self.bytes -= self.entries.drain(..count).map(|entry| entry.bytes).sum::<usize>();
        self.first += count;
        while self.keys.front().is_some_and(|key| *key < self.first) {
            self.keys.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    /// A frame a second, each third one a key frame.
    fn cache(span: u64, frames: u64) -> Cache<u64> {
        let mut cache = Cache::new(S(span), usize::MAX);
        (0..frames).for_each(|n| cache.push(S(n), n % 3 == 0, 1, n));
        cache
    }

    fn last(cache: &Cache<u64>, span: u64) -> Vec<u64> {
        cache.last(S(span)).copied().collect()
    }

    #[test]
    fn recordings_begin_with_a_key_frame() {
        let cache = cache(100, 11);
        assert_eq!(last(&cache, 7), [3, 4, 5, 6, 7, 8, 9, 10], "second 3 is just in it");
        assert_eq!(last(&cache, 6), [6, 7, 8, 9, 10]);
        assert_eq!(last(&cache, 0), [9, 10], "none in it: the last one");
        assert_eq!(last(&cache, 100).len(), 11);
    }

    #[test]
    fn no_more_is_kept_than_is_asked_for() {
        assert_eq!(last(&cache(5, 11), 100), [6, 7, 8, 9, 10], "second 5 is no key frame");
        assert_eq!(last(&cache(7, 11), 100).len(), 8);
        assert_eq!(last(&cache(0, 11), 100), [9, 10], "the newest key frame stays");
        let mut full = Cache::new(S(100), 4);
        (0..11).for_each(|n| full.push(S(n), n % 3 == 0, 1, n));
        assert_eq!(last(&full, 100), [9, 10], "four frames are too many with the next key frame");
        (11..20).for_each(|n| full.push(S(n), false, 1, n));
        assert_eq!(last(&full, 100), [] as [u64; 0], "one group larger than all memory is not kept");
        full.push(S(20), true, 1, 20);
        assert_eq!(last(&full, 100), [20]);
    }

    proptest! {
        /// Against keeping everything and looking at it afterwards.
        #[test]
        fn the_last_span_is_there(
            frames in proptest::collection::vec((0u64..3, any::<bool>()), 0..60), span in 0u64..20, asked in 0u64..20
        ) {
            let mut cache = Cache::new(S(span), usize::MAX);
            let mut all = Vec::new();
            let mut time = 0;
            for (n, &(step, is_key)) in frames.iter().enumerate() {
                time += step;
                all.push((time, is_key));
                cache.push(S(time), is_key, 1, n as u64);
            }
            let keys: Vec<_> = (0..all.len()).filter(|&n| all[n].1).collect();
            let asked = asked.min(span);
            let from = time.saturating_sub(asked);
            let start = keys.iter().copied().find(|&n| all[n].0 >= from).or(keys.last().copied());
            let expected: Vec<_> = start.map_or(Vec::new(), |start| (start as u64..all.len() as u64).collect());
            prop_assert_eq!(last(&cache, asked), expected);
            // Nothing is kept that no recording can begin with, but the newest key frame.
            let kept: Vec<_> = cache.last(Duration::MAX).copied().collect();
            prop_assert!(kept.first().is_none_or(|&n| all[n as usize].0 + span >= time || keys.last() == Some(&(n as usize))));
            prop_assert_eq!(kept.len(), cache.entries.len());
        }
    }
}
