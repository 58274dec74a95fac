//! How long to wait before the next try.

use std::time::Duration;

/// First wait: a camera that was only restarted is seen again soon.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait: a camera that comes back after a night is seen within this.
const LONGEST: Duration = Duration::from_secs(30);
/// Each wait is this much longer than the one before.
const FACTOR: u32 = 2;
/// Share of a wait that chance adds or takes away, so that many cameras do not knock on one recorder at once.
const JITTER: f64 = 0.2;

/// Capped exponential back-off with jitter.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait; `chance` is a random number in 0…1.
    pub(super) fn next(&mut self, chance: f64) -> Duration {
        let wait = FIRST.saturating_mul(FACTOR.saturating_pow(self.tries)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        wait.mul_f64(1.0 + JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0))
    }

    /// The last try went well.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_over_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next(0.5).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(0.5), FIRST);
    }

    #[test]
    fn chance_moves_a_wait_by_a_fifth() {
        assert_eq!(Backoff::default().next(0.0), Duration::from_millis(800));
        assert_eq!(Backoff::default().next(1.0), Duration::from_millis(1200));
    }

    #[test]
    fn a_camera_that_is_away_for_months_overflows_nothing() {
        let mut backoff = Backoff { tries: u32::MAX - 1 };
        backoff.next(0.5);
        assert_eq!(backoff.next(0.5), LONGEST);
        assert_eq!(backoff.next(0.5), LONGEST);
    }
}
