//! Failed attempts: counted by whom and from where, and answered ever more slowly.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_model::Timestamp;

/// The delay after the first failure; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(500);

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(30);

/// Failures older than this are forgotten.
const REMEMBERED: Duration = Duration::from_mins(15);

/// The most callers remembered; beyond it the oldest are forgotten.
const MOST: usize = 10_000;

/// How often callers failed of late.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<String, (u32, Timestamp)>>);

impl Attempts {
    /// How long a caller has to wait before the next attempt is looked at.
    pub(crate) fn delay(&self, who: &str) -> Duration {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = known.get(who).map_or(0, |(failures, _)| *failures);
        match failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST.saturating_mul(1 << doublings.min(10)).min(LONGEST),
        }
    }

    /// Waits that long.
    pub(crate) async fn wait(&self, who: &str) {
        tokio::time::sleep(self.delay(who)).await;
    }

    /// An attempt failed.
    pub(crate) fn failed(&self, who: &str, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, at)| now.since(*at) < REMEMBERED);
        if known.len() >= MOST {
            let oldest = known
                .iter()
                .min_by_key(|(_, (_, at))| *at)
                .map(|(who, _)| who.clone());
            if let Some(oldest) = oldest {
                known.remove(&oldest);
            }
        }
        let entry = known.entry(who.to_owned()).or_insert((0, now));
        *entry = (entry.0.saturating_add(1), now);
    }

    /// An attempt succeeded.
    pub(crate) fn succeeded(&self, who: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_and_end_with_success() {
        let attempts = Attempts::default();
        let now = Timestamp::from_millis(0);
        assert_eq!(attempts.delay("olaf"), Duration::ZERO);
        for expected in [500, 1000, 2000] {
            attempts.failed("olaf", now);
            assert_eq!(attempts.delay("olaf"), Duration::from_millis(expected));
        }
        (0..50).for_each(|_| attempts.failed("olaf", now));
        assert_eq!(attempts.delay("olaf"), LONGEST);
        assert_eq!(attempts.delay("pia"), Duration::ZERO);
        attempts.succeeded("olaf");
        assert_eq!(attempts.delay("olaf"), Duration::ZERO);
    }

    #[test]
    fn old_failures_are_forgotten() {
        let attempts = Attempts::default();
        attempts.failed("olaf", Timestamp::from_millis(0));
        attempts.failed("pia", Timestamp::from_millis(0).plus(REMEMBERED));
        assert_eq!(attempts.delay("olaf"), Duration::ZERO);
    }
}
