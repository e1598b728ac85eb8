//! Moments and spans in words.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// In UTC, to the second.
pub(super) fn absolute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How far away it is.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> String {
    let secs = at.as_second().saturating_sub(now.as_second());
    match secs {
        0 => "now".to_owned(),
        1.. => format!("in {}", roughly(secs)),
        _ => format!("{} ago", roughly(secs.saturating_neg())),
    }
}

/// A span to the second, in the largest unit that fits into it without a rest.
pub(super) fn span(secs: i64) -> String {
    for (unit, word) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "min")] {
        if secs >= unit && secs.checked_rem(unit) == Some(0) {
            return format!("{} {word}", secs.checked_div(unit).unwrap_or(0));
        }
    }
    format!("{secs} s")
}

/// A span, in the largest unit of which there are two or more.
fn roughly(secs: i64) -> String {
    for (unit, word) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "min")] {
        let whole = secs.checked_div(unit).unwrap_or(0);
        if whole >= 2 || (whole == 1 && secs.checked_rem(unit) == Some(0)) {
            return format!("{whole} {word}");
        }
    }
    format!("{secs} s")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_by_how_far_away_it_is() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let told = |secs: i64| relative(Timestamp::from_second(1_000_000 + secs).unwrap(), now);
        assert_eq!(told(0), "now");
        assert_eq!(told(3600), "in 1 h");
        assert_eq!(told(3599), "in 59 min");
        assert_eq!(told(-90), "90 s ago");
        assert_eq!(told(-3 * DAY - 5), "3 d ago");
    }

    #[test]
    fn a_span_that_is_agreed_on_is_told_to_the_second() {
        for (secs, told) in [
            (1000 * HOUR, "1000 h"),
            (48 * HOUR, "2 d"),
            (90 * MINUTE, "90 min"),
            (HOUR, "1 h"),
            (90, "90 s"),
            (0, "0 s"),
        ] {
            assert_eq!(span(secs), told);
        }
    }
}
