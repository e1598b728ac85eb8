//! How long tapes are kept, and why one is not kept any longer.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_model::{Action, ChangeId};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_hours(24);

/// How many days tapes are kept, by the name of the action their sessions did: `shell`, `exec`, `task`. What is not
/// named is kept for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Retention(BTreeMap<String, u32>);

/// Why a tape was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Erasure {
    /// It had been kept for as long as its owners wanted.
    Kept {
        /// How many days that is.
        days: u32,
    },
    /// Its owners signed that it is to go.
    Signed {
        /// The change they signed.
        change: ChangeId,
    },
}

impl Retention {
    /// The longest that can be named, in days; what is to be kept for longer is kept for ever.
    pub const LONGEST: u32 = 36_500;

    /// Sets for how many days the tapes of an action are kept; for ever without a number.
    pub fn set(&mut self, action: &str, days: Option<u32>) {
        match days {
            Some(days) => self.0.insert(action.to_owned(), days),
            None => self.0.remove(action),
        };
    }

    /// For how many days the tape of an action is kept, and how long that is; for ever where there is none.
    pub fn of(&self, action: &Action) -> Option<(u32, Duration)> {
        let days = *self.0.get(&action.name)?;
        Some((days, DAY.saturating_mul(days)))
    }

    /// The actions whose tapes are not kept for ever, with how many days they are kept.
    pub fn days(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(action, days)| (action.as_str(), *days))
    }

    /// Whether nothing is ever erased by it.
    pub fn is_for_ever(&self) -> bool {
        self.0.is_empty()
    }
}

/// `exec 90 days, shell 365 days; all others for ever`
impl std::fmt::Display for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_for_ever() {
            return f.write_str("all for ever");
        }
        let named: Vec<_> = self
            .days()
            .map(|(action, days)| format!("{action} {days} days"))
            .collect();
        write!(f, "{}; all others for ever", named.join(", "))
    }
}
