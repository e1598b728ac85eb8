//! What a path is asked: who wants to do what to what, and what is known about it.

use portcullis_model::{
    Action, Controls, Digest, Group, Identity, Impact, Path, Resource, Timestamp,
};
use serde::{Deserialize, Serialize};

/// What policies decide about. Each is taken on one path only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAction {
    /// Give a right to the person's own account at the target, for a time.
    AssignEntitlement,
    /// Run a task that the line calls ordinary. Any other task is a session.
    RunTask,
    /// Open a brokered session.
    OpenSession,
    /// Let a secret out of the vault.
    ReleaseSecret,
    /// Look into a session while it runs.
    WatchSession,
    /// Look into a session's tape.
    ReplayTape,
    /// Change Portcullis itself: identities, groups, resources, policies.
    Administer,
}

impl PolicyAction {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AssignEntitlement,
        Self::RunTask,
        Self::OpenSession,
        Self::ReleaseSecret,
        Self::WatchSession,
        Self::ReplayTape,
        Self::Administer,
    ];

    /// The name in policies and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssignEntitlement => "assign_entitlement",
            Self::RunTask => "run_task",
            Self::OpenSession => "open_session",
            Self::ReleaseSecret => "release_secret",
            Self::WatchSession => "watch_session",
            Self::ReplayTape => "replay_tape",
            Self::Administer => "administer",
        }
    }

    /// The only path on which it is ever taken. An entitlement whose impact the line calls privileged
    /// is therefore not to be had at all; a session does what it would have done.
    pub const fn path(self) -> Path {
        match self {
            Self::AssignEntitlement | Self::RunTask => Path::Ordinary,
            Self::OpenSession
            | Self::ReleaseSecret
            | Self::WatchSession
            | Self::ReplayTape
            | Self::Administer => Path::Privileged,
        }
    }
}

/// What something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// A resource.
    Resource(&'a Resource),
    /// The installation as a whole; only [`PolicyAction::Administer`] is done to it.
    Installation,
}

impl<'a> From<&'a Resource> for Object<'a> {
    fn from(resource: &'a Resource) -> Self {
        Self::Resource(resource)
    }
}

/// One question. Everything a decision depends on is in here or in the bundle.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Who acts.
    pub subject: &'a Identity,
    /// On whose behalf, nearest first; empty when acting for itself. Each of them is asked about as well,
    /// so that nobody gets more through another than either has alone.
    pub on_behalf_of: &'a [Identity],
    /// Groups. Those of the other path, and those without anybody involved, are not looked at.
    pub groups: &'a [Group],
    /// On what.
    pub object: Object<'a>,
    /// Doing what, in the terms of the resource's kind.
    pub action: &'a Action,
    /// What that can do.
    pub impact: &'a Impact,
    /// The controls that are met already.
    pub met: Controls,
    /// The present moment.
    pub now: Timestamp,
    /// The digest of exactly this intent, see [`portcullis_model::Intent::digest`]; permits bind it.
    pub intent: Digest,
}
