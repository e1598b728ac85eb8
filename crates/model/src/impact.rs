//! What an action can do, as data. Never derived from who asks, for how long, or under which label.

use serde::{Deserialize, Serialize};

/// How sensitive what an action shows can be. Ordered: more is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// Nothing.
    None,
    /// Data of the organisation without a special label.
    Internal,
    /// Data somebody labelled sensitive.
    Sensitive,
    /// Credentials, keys, password hashes: what opens other doors.
    Secret,
}

/// How much of it. Ordered: more is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// Nothing.
    None,
    /// A number of records known beforehand.
    Bounded,
    /// Whatever is there.
    Unbounded,
}

/// How far the effect reaches. Ordered: wider is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Nothing is touched.
    None,
    /// Single records or files.
    Record,
    /// A table, a directory, a service.
    Object,
    /// A whole host or database.
    Resource,
    /// Beyond the resource: other systems, or the control of access itself.
    Estate,
}

/// What an action can do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent respects, each asked for by policies by name"
)]
pub struct Impact {
    /// Whether state at the target can change.
    pub changes_state: bool,
    /// The most sensitive thing it can show.
    pub discloses: Disclosure,
    /// How much it can show.
    pub amount: Amount,
    /// Whether it can change who may do what, or what is recorded of it.
    pub alters_security: bool,
    /// Whether it can make the service slower or absent for others.
    pub degrades_service: bool,
    /// Whether everything it does can be undone. Showing sensitive data never can.
    pub reversible: bool,
    /// How far it reaches.
    pub scope: Scope,
}

impl Impact {
    /// The impact of doing nothing: the least element.
    pub const fn nothing() -> Self {
        Self {
            changes_state: false,
            discloses: Disclosure::None,
            amount: Amount::None,
            alters_security: false,
            degrades_service: false,
            reversible: true,
            scope: Scope::None,
        }
    }

    /// The impact of what is not understood: the greatest element.
    pub const fn worst() -> Self {
        Self {
            changes_state: true,
            discloses: Disclosure::Secret,
            amount: Amount::Unbounded,
            alters_security: true,
            degrades_service: true,
            reversible: false,
            scope: Scope::Estate,
        }
    }

    /// The impact of doing both: the least upper bound.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            changes_state: self.changes_state || other.changes_state,
            discloses: self.discloses.max(other.discloses),
            amount: self.amount.max(other.amount),
            alters_security: self.alters_security || other.alters_security,
            degrades_service: self.degrades_service || other.degrades_service,
            reversible: self.reversible && other.reversible,
            scope: self.scope.max(other.scope),
        }
    }

    /// Whether `other` is at least as bad in every respect.
    pub fn is_within(&self, other: &Self) -> bool {
        self.join(other) == *other
    }
}

/// An impact and the reason for it, naming the construct that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classified {
    /// What the action can do.
    pub impact: Impact,
    /// Why, for a person: lower case, no full stop.
    pub reason: String,
}

impl Classified {
    /// The worst impact, with the reason nothing better could be said.
    pub fn worst(reason: impl Into<String>) -> Self {
        Self {
            impact: Impact::worst(),
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_within_everything_and_the_worst_is_within_nothing_less() {
        let read = Impact {
            discloses: Disclosure::Internal,
            scope: Scope::Object,
            ..Impact::nothing()
        };
        assert!(Impact::nothing().is_within(&read));
        assert!(read.is_within(&Impact::worst()));
        assert!(!Impact::worst().is_within(&read));
    }

    #[test]
    fn joining_keeps_the_worse_side_of_each_respect() {
        let read = Impact {
            discloses: Disclosure::Sensitive,
            reversible: false,
            ..Impact::nothing()
        };
        let write = Impact {
            changes_state: true,
            scope: Scope::Record,
            ..Impact::nothing()
        };
        let both = read.join(&write);
        assert!(both.changes_state && !both.reversible);
        assert_eq!(both.discloses, Disclosure::Sensitive);
        assert_eq!(both.scope, Scope::Record);
    }
}
