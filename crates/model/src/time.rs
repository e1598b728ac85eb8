//! A moment, as the ledger writes it. Where it comes from is the `Clock` port's business.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The latest moment that can be written.
    pub const MAX: Self = Self(u64::MAX);

    /// A moment from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This moment plus a span; stays at [`Timestamp::MAX`] rather than wrapping.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// This moment less a span; stays at the epoch rather than wrapping.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// The span from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// In UTC and to the second, as people read it: `2026-01-31 23:59:59Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).ok();
        match millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok()) {
            Some(at) => write!(f, "{}", at.strftime("%Y-%m-%d %H:%M:%SZ")),
            None => f.write_str("a moment after the year 9999"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_a_date() {
        for (secs, said) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (951_868_800, "2000-03-01 00:00:00Z"),
            (1_767_225_599, "2025-12-31 23:59:59Z"),
            (1_767_225_600, "2026-01-01 00:00:00Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_millis(secs * 1000).to_string(), said);
        }
        let beyond = "a moment after the year 9999";
        assert_eq!(Timestamp::MAX.to_string(), beyond);
    }
}
