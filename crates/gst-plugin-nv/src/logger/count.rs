//! Frames per second of each source. Knows no GStreamer: times are nanoseconds of any clock.

use std::collections::BTreeMap;
use std::fmt::Write;

const SECOND: f64 = 1e9;

/// Frames of each source since the last line.
#[derive(Debug, Default)]
pub(super) struct Counter {
    frames: BTreeMap<u32, u64>,
    since: Option<u64>,
}

impl Counter {
    /// Counts a frame of a source.
    pub(super) fn count(&mut self, source: u32) {
        *self.frames.entry(source).or_default() += 1;
    }

    /// The line that is due at `now`, once every `interval`. Sources that were seen once are in each.
    pub(super) fn line(&mut self, now: u64, interval: u64) -> Option<String> {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_sub(since);
        if passed < interval.max(1) {
            return None;
        }
        self.since = Some(now);
        let mut line = String::from("**PERF : ");
        for (source, frames) in &mut self.frames {
            let rate = std::mem::take(frames) as f64 * SECOND / passed as f64;
            // writing to a string does not fail
            let _ = write!(line, "FPS_{source} ({rate:.2})\t");
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_rate_of_each_source() {
        let mut counter = Counter::default();
        assert_eq!(counter.line(1_000, 1_000_000_000), None, "the clock starts");
        (0..30).for_each(|_| counter.count(0));
        (0..25).for_each(|_| counter.count(4));
        assert_eq!(counter.line(900_000_000, 1_000_000_000), None);
        let line = counter.line(2_000_001_000, 1_000_000_000).unwrap();
        assert_eq!(line, "**PERF : FPS_0 (15.00)\tFPS_4 (12.50)\t");
        counter.count(0);
        assert_eq!(
            counter.line(3_000_001_000, 1_000_000_000).unwrap(),
            "**PERF : FPS_0 (1.00)\tFPS_4 (0.00)\t"
        );
    }
}
