//! What a restored installation finds at its targets: the backup knows neither what was given there after it was taken,
//! nor which secrets were rotated.

use serde::{Deserialize, Serialize};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The resource's name.
    pub resource: String,
    /// What was looked at there: `secret db-admin`, `rosa: read`, `our certificates`.
    pub what: String,
    /// How it stands.
    pub stands: Standing,
}

/// How it stands; what matters most is least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Somebody holds a right there that no grant gave.
    HeldWithoutGrant,
    /// What a grant gave is not proved to be gone.
    NotProvedGone,
    /// The target refuses the secret, or what it is to do there.
    Refused,
    /// The target could not be asked.
    Unreachable,
    /// Nothing here can ask the target.
    NotAsked,
    /// The target accepts the secret.
    Accepted,
}

impl Standing {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused: see whether it was rotated since, and what it may do there",
            Self::HeldWithoutGrant => "held, and no grant gave it",
            Self::NotProvedGone => "not proved to be gone",
            Self::Unreachable => "the target could not be asked",
            Self::NotAsked => "nothing here can ask the target",
        }
    }
}
