//! Words about how long tapes are kept.

use std::str::FromStr;

use clap::Subcommand;

/// `retention …`
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// How long, and the room they take
    #[command(after_help = "Example:\n  portcullis retention show")]
    Show,
    /// Keep the tapes of these for another time; three owners sign
    #[command(
        after_help = "Examples:\n  portcullis retention set exec=90d shell=365d\n  portcullis retention set exec=forever\n\nA tape is erased once it is that old, unless somebody holds it (sessions hold). Its heads and the record of its\nsession stay, so that what was erased is known, and nothing else can be put in its place."
    )]
    Set {
        /// `shell`, `exec` or `task`, and for how many days
        #[arg(required = true, value_name = "ACTION=DAYS")]
        kept: Vec<Kept>,
    },
}

/// For how long the tapes of an action are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) action: String,
    /// For ever without.
    pub(crate) days: Option<u32>,
}

impl FromStr for Kept {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?}: say which and for how long, as in exec=90d or shell=forever");
        let (action, time) = text.split_once('=').ok_or_else(wrong)?;
        let days = match time {
            "forever" => None,
            days => {
                let days = days.strip_suffix('d').unwrap_or(days);
                Some(days.parse().map_err(|_| wrong())?)
            }
        };
        let action = action.to_owned();
        Ok(Self { action, days })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_days_or_for_ever() {
        let kept = |action: &str, days| {
            let action = action.to_owned();
            Ok(Kept { action, days })
        };
        assert_eq!("exec=90d".parse(), kept("exec", Some(90)));
        assert_eq!("exec=90".parse(), kept("exec", Some(90)));
        assert_eq!("shell=forever".parse(), kept("shell", None));
        for wrong in [
            "",
            "exec",
            "exec=",
            "exec=ever",
            "exec=-1d",
            "exec=1h",
            "exec=5000000000d",
        ] {
            assert!(
                wrong
                    .parse::<Kept>()
                    .is_err_and(|told| told.contains("exec=90d")),
                "{wrong}"
            );
        }
    }
}
