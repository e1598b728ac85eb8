//! Words about when and how often something is asked for.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::Span;

/// When, for how long and how often.
#[derive(Debug, Args)]
pub(crate) struct WindowArgs {
    /// For how long, from the moment it is granted, or from its start
    #[arg(long = "for", value_name = "TIME", default_value = "1h")]
    pub(crate) span: Span,
    /// From when, to have it approved ahead: a time from now (2h), or a moment (2026-01-31T22:00Z). It ends when it was to
    /// end, however late it is approved
    #[arg(long = "from", value_name = "WHEN")]
    pub(crate) start: Option<Start>,
    /// How many sessions one approval is good for, or `any` number while it lasts; each is decided and recorded by itself
    #[arg(long, value_name = "N")]
    pub(crate) uses: Option<Uses>,
}

/// When something is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    In(Duration),
    At(Timestamp),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(Span(span)) = text.parse() {
            return Ok(Self::In(span));
        }
        let moment = text.parse().map(Self::At);
        moment.map_err(|_| {
            format!(
                "{text:?} is no moment: say how far away it is, as in 90m or 2h, or when it is, as in 2026-01-31T22:00Z or \
                 2026-01-31T23:00+01:00"
            )
        })
    }
}

/// How often one approval is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uses {
    Counted(u32),
    Any,
}

impl FromStr for Uses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(most @ 1..) => Ok(Self::Counted(most)),
            _ if text == "any" => Ok(Self::Any),
            _ => Err(format!("{text:?} is no number of uses: say 5, or any")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_span_from_now_or_a_moment_with_its_offset() {
        assert_eq!("2h".parse(), Ok(Start::In(Duration::from_hours(2))));
        let at: Start = "2026-01-31T23:00+01:00".parse().unwrap();
        assert_eq!("2026-01-31T22:00Z".parse(), Ok(at));
        for wrong in ["", "tonight", "22:00", "2026-01-31T22:00", "2h ago", "-2h"] {
            let told = wrong.parse::<Start>().unwrap_err();
            assert!(told.contains("2026-01-31T22:00Z"), "{told}");
        }
    }

    #[test]
    fn uses_are_a_number_or_any() {
        assert_eq!("5".parse(), Ok(Uses::Counted(5)));
        assert_eq!("any".parse(), Ok(Uses::Any));
        for wrong in ["", "0", "-1", "many", "4294967296", "1.5"] {
            assert!(wrong.parse::<Uses>().unwrap_err().contains("say 5, or any"));
        }
    }
}
