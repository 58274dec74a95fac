//! What a decoder leaves out when it cannot keep up with its camera.

use std::time::Duration;

/// Coded pictures that wait longer than this for the decoder show that it cannot keep up: a longer delay is noticed.
const MAX_LAG: Duration = Duration::from_secs(1);
/// Every picture is decoded again once a key frame waits no longer than this.
const CAUGHT_UP: Duration = Duration::from_millis(500);

/// Leaves out whole groups of coded pictures while a decoder lags behind. Key frames are always decoded, and no picture
/// whose predecessors are missing: there is less to see, but nothing broken.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    is_behind: bool,
}

impl CatchUp {
    /// Whether to decode a picture that waited for `lag`.
    pub(super) fn takes(&mut self, is_key_frame: bool, lag: Duration) -> bool {
        if is_key_frame && lag <= CAUGHT_UP {
            self.is_behind = false;
        } else if lag > MAX_LAG {
            self.is_behind = true;
        }
        is_key_frame || !self.is_behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(100);
    const LATE: Duration = Duration::from_millis(1500);
    const BETWEEN: Duration = Duration::from_millis(700);

    #[test]
    fn a_decoder_that_keeps_up_takes_everything() {
        let mut catch_up = CatchUp::default();
        assert!(catch_up.takes(true, SOON));
        assert!(catch_up.takes(false, SOON));
        assert!(catch_up.takes(false, BETWEEN), "a short delay is no reason");
    }

    #[test]
    fn a_decoder_that_lags_takes_key_frames_until_one_comes_in_time() {
        let mut catch_up = CatchUp::default();
        assert!(!catch_up.takes(false, LATE));
        assert!(!catch_up.takes(false, SOON), "its predecessor is missing");
        assert!(catch_up.takes(true, BETWEEN));
        assert!(!catch_up.takes(false, SOON), "not caught up yet");
        assert!(catch_up.takes(true, SOON));
        assert!(catch_up.takes(false, SOON));
    }
}
