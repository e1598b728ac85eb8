//! Leave to take access away. It is never refused: whoever holds a recorded grant can make one.

use portcullis_model::{GrantId, ResourceId, SecretId};
use serde::{Deserialize, Serialize};

/// Why access is taken away, or what was given is put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Its time is over.
    Expired,
    /// Its holder gave it back.
    Released,
    /// Somebody who may took it back.
    Revoked,
    /// What the target has differs from the record.
    Reconcile,
    /// A credential that was used is replaced.
    Rotate,
    /// The session it was used in is over.
    SessionEnd,
}

/// A grant as it stands in the record, and why there is something to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedGrant {
    /// The grant.
    pub grant: GrantId,
    /// The resource it is for.
    pub resource: ResourceId,
    /// Why.
    pub reason: Duty,
}

/// A secret as it stands in the record, whose present value is to be taken out of force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedSecret {
    /// The secret.
    pub secret: SecretId,
    /// The resource it opens.
    pub resource: ResourceId,
}

/// Leave to narrow: to remove, end or reconcile what a grant gave, or to rotate a secret. Whoever takes one
/// gives nothing for it; it is spent by its use like any permit.
///
/// ```compile_fail,E0277
/// fn is_clone<T: Clone>() {}
/// is_clone::<portcullis_policy::DutyPermit>();
/// ```
#[derive(Debug)]
#[must_use = "access that should be taken away is still there"]
pub struct DutyPermit {
    on: Record,
    resource: ResourceId,
    reason: Duty,
}

/// What a duty follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A grant.
    Grant(GrantId),
    /// A secret.
    Secret(SecretId),
}

/// Makes the permit. Total: no policy, control or state of the grant can refuse it.
pub const fn duty(recorded: &RecordedGrant) -> DutyPermit {
    DutyPermit {
        on: Record::Grant(recorded.grant),
        resource: recorded.resource,
        reason: recorded.reason,
    }
}

/// Makes the permit to put another value in a secret's place. Total as well: the one before it counts for less.
pub const fn duty_to_rotate(recorded: &RecordedSecret) -> DutyPermit {
    DutyPermit {
        on: Record::Secret(recorded.secret),
        resource: recorded.resource,
        reason: Duty::Rotate,
    }
}

impl DutyPermit {
    /// What it follows from.
    pub const fn on(&self) -> Record {
        self.on
    }

    /// The resource at which to narrow.
    pub const fn resource(&self) -> ResourceId {
        self.resource
    }

    /// Why.
    pub const fn reason(&self) -> Duty {
        self.reason
    }
}
