//! Leave to take access away. It is never refused: whoever holds a recorded grant can make one.

use portcullis_model::{GrantId, ResourceId};
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

/// Leave to narrow what a grant gave: remove, end, rotate, reconcile. Whoever takes one gives nothing for
/// it; it is spent by its use like any permit.
///
/// ```compile_fail,E0277
/// fn is_clone<T: Clone>() {}
/// is_clone::<portcullis_policy::DutyPermit>();
/// ```
#[derive(Debug)]
#[must_use = "access that should be taken away is still there"]
pub struct DutyPermit {
    recorded: RecordedGrant,
}

/// Makes the permit. Total: no policy, control or state of the grant can refuse it.
pub const fn duty(recorded: &RecordedGrant) -> DutyPermit {
    DutyPermit {
        recorded: *recorded,
    }
}

impl DutyPermit {
    /// The grant it is about.
    pub const fn grant(&self) -> GrantId {
        self.recorded.grant
    }

    /// The resource at which to narrow.
    pub const fn resource(&self) -> ResourceId {
        self.recorded.resource
    }

    /// Why.
    pub const fn reason(&self) -> Duty {
        self.recorded.reason
    }
}
