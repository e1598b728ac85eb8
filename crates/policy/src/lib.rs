//! The line, the two path sets, guardrails, decisions, permits and leases. Floor 1: no clock, no
//! randomness, no file; a bundle comes in as bytes, the moment and the facts with every question.
//!
//! [`Bundle::line`] says which path an action takes, [`Bundle::decide`] what that path says of it, and
//! [`Bundle::authorize`] makes the [`Permit`] that every dangerous thing takes by value.

pub mod authorize;
pub mod bundle;
mod circumstances;
pub mod decision;
pub mod duty;
mod entities;
pub mod lease;
pub mod line;
pub mod permit;
pub mod query;
mod question;
mod vocabulary;

pub use authorize::Refusal;
pub use bundle::{Bundle, BundleError, ChangeKind, Preset, change_kind, shipped};
pub use decision::{Decision, Denial, DenialCause, PolicyRef};
pub use duty::{Duty, DutyPermit, Record, RecordedGrant, RecordedSecret, duty, duty_to_rotate};
pub use lease::{
    Lease, LeaseBody, LeaseError, LeaseSigner, LeaseVerifier, SignedLease, VerifyingKey,
};
pub use line::{DrawnBy, LineQuery};
pub use permit::{
    Act, Administer, AssignEntitlement, OpenSession, Ordinary, PathKind, Permit, Privileged,
    ReleaseSecret, ReplayTape, RunTask, SessionPermit, WatchSession,
};
pub use query::{Object, PolicyAction, Query};
