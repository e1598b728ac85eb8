//! Whether time goes on quietly. A clock that jumps ahead would have every tape be over at once, and nothing brings one back.

use std::time::Duration;

use portcullis_model::Timestamp;

/// How far the clock may run ahead of measured time before that is a jump.
const JUMP: Duration = Duration::from_mins(10);

/// How long it is quiet.
pub(super) struct Calm {
    /// The clock's time when measured time was none.
    origin: Timestamp,
    since: Duration,
}

impl Calm {
    pub(super) fn new(now: Timestamp, elapsed: Duration) -> Self {
        Self {
            origin: now.minus(elapsed),
            since: elapsed,
        }
    }

    /// Whether the clock has gone with measured time for so long.
    pub(super) fn lasts(&mut self, now: Timestamp, elapsed: Duration, at_least: Duration) -> bool {
        let origin = now.minus(elapsed);
        let ahead = origin.since(self.origin);
        if ahead > JUMP {
            tracing::warn!(
                ?ahead,
                "the clock jumped: by its age no tape is erased for an hour"
            );
            *self = Self::new(now, elapsed);
        }
        elapsed.saturating_sub(self.since) >= at_least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_clock_that_jumps_ahead_has_to_be_quiet_again_for_as_long() {
        let begun = Timestamp::from_millis(1_000_000_000);
        let at = |elapsed: Duration, ahead: Duration| begun.plus(elapsed).plus(ahead);
        let mut calm = Calm::new(begun, Duration::ZERO);
        let mut lasts =
            |elapsed: Duration, ahead: Duration| calm.lasts(at(elapsed, ahead), elapsed, HOUR);
        assert!(!lasts(HOUR / 2, Duration::ZERO));
        assert!(lasts(HOUR, Duration::ZERO));
        assert!(lasts(2 * HOUR, Duration::from_mins(9)), "a slow drift");
        let year = HOUR * 24 * 365;
        assert!(!lasts(2 * HOUR, year));
        assert!(!lasts(Duration::from_mins(179), year));
        assert!(lasts(3 * HOUR, year));
        assert!(!lasts(4 * HOUR, 2 * year));
    }
}
