//! What a change would change.

use portcullis_model::{
    Digest, Group, GroupId, Identity, IdentityId, Resource, ResourceId, SecretId, SessionId, Task,
    TaskId, digest::CanonicalError,
};
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use crate::installation::Frozen;
use crate::retention::Retention;

/// What would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangeBody {
    /// Another policy bundle becomes active.
    ActivateBundle {
        /// Which.
        bundle: Digest,
        /// The one it was compared with: activation is refused when another is active by then.
        replaces: Digest,
        /// Whether it does more than add a `forbid` outside the line.
        widening: bool,
    },
    /// A resource is added, or its record replaced.
    PutResource {
        /// The record.
        resource: Resource,
        /// The record it was compared with, if there was one: it takes the place of no other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Digest>,
    },
    /// A resource is removed; its grants are revoked.
    RemoveResource {
        /// Which.
        resource: ResourceId,
    },
    /// An identity is added, or its record replaced.
    PutIdentity {
        /// The record.
        identity: Identity,
        /// The record it was compared with, if there was one: it takes the place of no other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Digest>,
    },
    /// Somebody who has enrolled may enroll again: whoever holds the token can become them.
    ReopenEnrolment {
        /// Who.
        identity: IdentityId,
    },
    /// A group is added, or its members set.
    PutGroup {
        /// The record.
        group: Group,
        /// The record it was compared with, if there was one: it takes the place of no other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Digest>,
    },
    /// A group is removed.
    RemoveGroup {
        /// Which.
        group: GroupId,
    },
    /// A task is declared, or declared anew.
    PutTask {
        /// The record, with what was seen at its host.
        task: Task,
        /// The record it was compared with, if there was one: it takes the place of no other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Digest>,
    },
    /// A task is removed; what it allowed ends.
    RemoveTask {
        /// Which.
        task: TaskId,
        /// Its name, for who signs.
        name: String,
    },
    /// A secret, sealed already, may be used.
    AddSecret {
        /// Which.
        secret: SecretId,
        /// Its unique name.
        name: String,
        /// What it is: `password`, `ssh_key`.
        kind: String,
        /// Its public half or fingerprint, if it has one.
        public: String,
    },
    /// Tapes are kept for another time.
    SetRetention {
        /// For how long.
        retention: Retention,
        /// What it takes the place of, and of no other.
        replaces: Retention,
    },
    /// The tape of a session is not held any more.
    LetGo {
        /// Which session's.
        session: SessionId,
    },
    /// The tape of a session is erased.
    EraseTape {
        /// Which session's.
        session: SessionId,
    },
    /// A frozen installation opens again.
    Thaw {
        /// What it was frozen by, and when: no other freeze is thawed by it.
        frozen: Frozen,
        /// What was found at the targets, for who signs.
        found: Vec<Finding>,
        /// How many more there was no room for.
        more: u64,
    },
}

impl ChangeBody {
    /// What sort of change it is, as it is written and as policies name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ActivateBundle { .. } => "activate_bundle",
            Self::PutResource { .. } => "put_resource",
            Self::RemoveResource { .. } => "remove_resource",
            Self::PutIdentity { .. } => "put_identity",
            Self::ReopenEnrolment { .. } => "reopen_enrolment",
            Self::PutGroup { .. } => "put_group",
            Self::RemoveGroup { .. } => "remove_group",
            Self::PutTask { .. } => "put_task",
            Self::RemoveTask { .. } => "remove_task",
            Self::AddSecret { .. } => "add_secret",
            Self::SetRetention { .. } => "set_retention",
            Self::LetGo { .. } => "let_go",
            Self::EraseTape { .. } => "erase_tape",
            Self::Thaw { .. } => "thaw",
        }
    }

    /// The digest that signatures bind.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Digest::of(self)
    }
}
