//! Whose signatures a change needs: by what it does to the record as it stands.

use portcullis_model::{Identity, OwnerRole, Timestamp};
use serde::{Deserialize, Serialize};

use super::ChangeBody;

/// Whose signatures a change needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "signatures", rename_all = "snake_case")]
pub enum Needed {
    /// Nobody's but the proposer's: while the installation is being founded.
    Nobody,
    /// Any one owner's: it can only narrow access.
    AnyOwner,
    /// One of each of these roles, all different people.
    Each {
        /// The roles.
        roles: Vec<OwnerRole>,
    },
}

impl Needed {
    /// Whether these would not all be there once the others are.
    pub fn exceeds(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::Nobody, _) | (Self::AnyOwner, Self::AnyOwner | Self::Each { .. }) => false,
            (Self::AnyOwner, Self::Nobody) | (Self::Each { .. }, Self::Nobody | Self::AnyOwner) => {
                true
            }
            (Self::Each { roles }, Self::Each { roles: others }) => {
                roles.iter().any(|role| !others.contains(role))
            }
        }
    }
}

impl ChangeBody {
    /// Whose signatures this change needs once the installation is founded. `before` is the record of the
    /// identity it is about, as it stands.
    pub fn needed(&self, before: Option<&Identity>) -> Needed {
        use OwnerRole::{Iam, Pam, Resource};
        match self {
            Self::ActivateBundle {
                widening: false, ..
            }
            | Self::RemoveResource { .. }
            | Self::RemoveTask { .. } => Needed::AnyOwner,
            Self::PutIdentity { identity, .. } if narrows(identity, before) => Needed::AnyOwner,
            Self::PutIdentity { identity, .. } if identity.roles.is_empty() => Needed::Each {
                roles: vec![Iam, Pam],
            },
            // One owner alone could approve in somebody's place, or ask in it.
            Self::ReopenEnrolment { .. } if before.is_some_and(|known| known.roles.is_empty()) => {
                Needed::Each {
                    roles: vec![Iam, Pam],
                }
            }
            Self::ActivateBundle { .. }
            | Self::PutResource { .. }
            | Self::PutIdentity { .. }
            | Self::ReopenEnrolment { .. }
            | Self::PutGroup { .. }
            // A policy that forbids its members something would miss them.
            | Self::RemoveGroup { .. }
            | Self::PutTask { .. }
            | Self::AddSecret { .. }
            // What goes is evidence, of what others did and of what owners did.
            | Self::SetRetention { .. }
            | Self::LetGo { .. }
            | Self::EraseTape { .. }
            | Self::Thaw { .. } => Needed::Each {
                roles: vec![Iam, Pam, Resource],
            },
        }
    }
}

impl std::fmt::Display for Needed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => f.write_str("no signature"),
            Self::AnyOwner => f.write_str("the signature of any owner"),
            Self::Each { roles } => {
                let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
                write!(
                    f,
                    "the signatures of different owners: {}",
                    names.join(", ")
                )
            }
        }
    }
}

fn narrows(after: &Identity, before: Option<&Identity>) -> bool {
    before.is_some_and(|before| {
        before.name == after.name
            && before.kind == after.kind
            && before.owner == after.owner
            && after.roles.is_subset(&before.roles)
            && (before.active || !after.active)
            && after.ends_at.unwrap_or(Timestamp::MAX) <= before.ends_at.unwrap_or(Timestamp::MAX)
    })
}
