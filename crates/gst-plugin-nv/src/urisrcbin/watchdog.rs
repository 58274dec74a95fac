//! When a camera is to be connected to again. Knows no GStreamer: times are durations since any moment.

use std::time::Duration;

/// What the properties say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// Without data for so long; `None` never.
    pub(super) silence: Option<Duration>,
    /// After a first connection that failed; `None` never.
    pub(super) first_failure: Option<Duration>,
    /// Attempts in a row; `None` endlessly.
    pub(super) attempts: Option<u32>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again after this.
    Wait(Duration),
    /// Connect anew: the number of the attempt, from 1.
    Reconnect(u32),
    /// It was tried often enough.
    GiveUp,
}

/// What is known about a connection.
#[derive(Debug)]
pub(super) struct Watchdog {
    patience: Patience,
    /// When data came, or a connection was begun.
    last_sign: Duration,
    failed: bool,
    had_data: bool,
    attempts: u32,
    given_up: bool,
}

/// How often is looked where nothing is due.
const LOOK: Duration = Duration::from_secs(1);

impl Watchdog {
    pub(super) fn new(patience: Patience, now: Duration) -> Self {
        Self { patience, last_sign: now, failed: false, had_data: false, attempts: 0, given_up: false }
    }

    pub(super) fn data(&mut self, now: Duration) {
        (self.last_sign, self.had_data, self.failed, self.attempts) = (now, true, false, 0);
    }

    /// The connection failed or ended; whether it will be tried again, so that nobody else needs to know.
    pub(super) fn fail(&mut self) -> bool {
        if self.given_up || self.wait().is_none() {
            return false;
        }
        self.failed = true;
        true
    }

    fn wait(&self) -> Option<Duration> {
        if self.had_data {
            self.patience.silence
        } else {
            self.patience.first_failure.or(self.patience.silence)
        }
    }

    pub(super) fn judge(&mut self, now: Duration) -> Verdict {
        let Some(wait) = self.wait().filter(|_| !self.given_up) else { return Verdict::Wait(LOOK) };
        // Before the first data only a failure counts, unless silence is watched.
        if !self.failed && !self.had_data && self.patience.silence.is_none() {
            return Verdict::Wait(LOOK);
        }
        let passed = now.saturating_sub(self.last_sign);
        if passed < wait {
            return Verdict::Wait((wait - passed).min(LOOK));
        }
        if self.patience.attempts.is_some_and(|most| self.attempts >= most) {
            self.given_up = true;
            return Verdict::GiveUp;
        }
        self.attempts += 1;
        (self.last_sign, self.failed) = (now, false);
        Verdict::Reconnect(self.attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn patience(silence: u64, first: u64, attempts: Option<u32>) -> Patience {
        let seconds = |n| (n > 0).then(|| S(n));
        Patience { silence: seconds(silence), first_failure: seconds(first), attempts }
    }

    #[test]
    fn silence_is_noticed_and_attempts_are_counted() {
        let mut dog = Watchdog::new(patience(10, 0, Some(2)), S(0));
        dog.data(S(5));
        assert_eq!(dog.judge(S(6)), Verdict::Wait(S(1)));
        assert_eq!(dog.judge(S(15)), Verdict::Reconnect(1));
        assert_eq!(dog.judge(S(16)), Verdict::Wait(S(1)));
        assert!(dog.fail(), "handled here");
        assert_eq!(dog.judge(S(25)), Verdict::Reconnect(2));
        dog.data(S(26));
        assert_eq!(dog.judge(S(36)), Verdict::Reconnect(1), "data sets the count back");
        assert_eq!(dog.judge(S(46)), Verdict::Reconnect(2));
        assert_eq!(dog.judge(S(56)), Verdict::GiveUp);
        assert!(!dog.fail());
    }

    #[test]
    fn a_first_connection_is_tried_again_only_if_asked_for() {
        assert!(!Watchdog::new(patience(0, 0, None), S(0)).fail());
        let mut dog = Watchdog::new(patience(0, 3, None), S(0));
        assert_eq!(dog.judge(S(100)), Verdict::Wait(LOOK), "slow is not failed");
        assert!(dog.fail());
        assert_eq!(dog.judge(S(100)), Verdict::Reconnect(1));
        assert!(dog.fail());
        assert_eq!(dog.judge(S(102)), Verdict::Wait(S(1)));
        assert_eq!(dog.judge(S(103)), Verdict::Reconnect(2));
        dog.data(S(104));
        assert!(!dog.fail(), "only the first");
    }
}
