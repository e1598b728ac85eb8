//! The two control paths.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which of the two control paths an action takes. Computed from its impact, never asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Access requests: an entitlement on the person's own account, removed on time.
    Ordinary,
    /// Privileged access: brokered, recorded, stepped up, with hidden credentials.
    Privileged,
}

impl Path {
    /// The word used in policies, output and leaves.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Privileged => "privileged",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
