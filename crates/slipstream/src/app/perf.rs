//! Frames per second of each source, as DeepStream's app prints them.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstslipstream::meta::Batch;
use parking_lot::Mutex;

/// Lines between two headers.
const HEADER_EVERY: u32 = 20;

/// Lines printed by all pipelines together.
#[derive(Debug, Default)]
pub(super) struct Printed(AtomicU32);

/// Counts frames and says how many there are.
pub(super) struct Perf {
    counts: Arc<Mutex<Vec<Count>>>,
    interval: Duration,
    next: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// When the first frame came, which is where counting begins.
    since: Option<Instant>,
    lately: u64,
    in_all: u64,
}

impl Perf {
    /// Counts what comes to `pad`.
    pub(super) fn start(pad: &gst::Pad, sources: usize, interval: Duration, now: Instant) -> Self {
        let counts = Arc::new(Mutex::new(vec![Count::default(); sources]));
        pad.add_probe(gst::PadProbeType::BUFFER, {
            let counts = counts.clone();
            move |_, info| {
                if let Some(batch) = info.buffer().and_then(|buffer| buffer.meta::<Batch>()) {
                    let now = Instant::now();
                    let mut counts = counts.lock();
                    for frame in &batch.frames {
                        if let Some(count) = counts.get_mut(frame.pad_index as usize) {
                            count.see(now);
                        }
                    }
                }
                gst::PadProbeReturn::Ok
            }
        });
        Self { counts, interval, next: now + interval }
    }

    /// What is to be printed now, if anything. With `several` pipelines, lines name theirs by `index`.
    pub(super) fn look(
        &mut self,
        now: Instant,
        index: usize,
        several: bool,
        printed: &Printed,
    ) -> Option<String> {
        if now < self.next {
            return None;
        }
        // Not one after the other to make up for time in which nobody asked.
        self.next = (self.next + self.interval).max(now);
        let mut counts = self.counts.lock();
        let rates: Vec<_> = counts.iter_mut().map(|count| count.rates(now, self.interval)).collect();
        let header = printed.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(HEADER_EVERY);
        Some(lines(&rates, header, several.then_some(index)))
    }

    /// Begins anew after a pause.
    pub(super) fn resume(&mut self, now: Instant) {
        self.next = now + self.interval;
        self.counts.lock().fill(Count::default());
    }
}

impl Count {
    fn see(&mut self, now: Instant) {
        if self.since.is_some() {
            self.lately += 1;
        } else {
            self.since = Some(now);
        }
    }

    /// Frames per second lately, and since the first one.
    fn rates(&mut self, now: Instant, interval: Duration) -> (f64, f64) {
        self.in_all += self.lately;
        let lately = std::mem::take(&mut self.lately) as f64 / interval.as_secs_f64();
        let time = self.since.map_or(0.0, |since| now.duration_since(since).as_secs_f64());
        let average = if time > 0.0 { self.in_all as f64 / time } else { 0.0 };
        (lately, average)
    }
}

fn lines(rates: &[(f64, f64)], header: bool, index: Option<usize>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    if header {
        text.push_str("\n**PERF:  ");
        for source in 0..rates.len() {
            let _ = write!(text, "FPS {source} (Avg)\t");
        }
        text.push('\n');
    }
    match index {
        Some(index) => drop(write!(text, "PERF({index}): ")),
        None => text.push_str("**PERF:  "),
    }
    for (lately, average) in rates {
        let _ = write!(text, "{lately:.2} ({average:.2})\t");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_deepstreams() {
        let rates = [(29.97, 29.951), (0.0, 12.5)];
        assert_eq!(lines(&rates, false, None), "**PERF:  29.97 (29.95)\t0.00 (12.50)\t\n");
        assert_eq!(
            lines(&rates, true, Some(1)),
            "\n**PERF:  FPS 0 (Avg)\tFPS 1 (Avg)\t\nPERF(1): 29.97 (29.95)\t0.00 (12.50)\t\n"
        );
    }

    #[test]
    fn rates_count_from_the_first_frame() {
        let start = Instant::now();
        let mut count = Count::default();
        let second = Duration::from_secs(1);
        assert_eq!(count.rates(start, second), (0.0, 0.0));
        for frame in 0..=20 {
            count.see(start + second * frame / 10);
        }
        assert_eq!(count.rates(start + 2 * second, 2 * second), (10.0, 10.0));
        assert_eq!(count.rates(start + 4 * second, 2 * second), (0.0, 5.0));
    }
}
