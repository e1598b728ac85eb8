//! The words every other crate speaks. Floor 0: no clock, no randomness, no file, no socket;
//! it knows of no protocol, no store and no policy engine.

pub mod action;
pub mod approval;
pub mod authentication;
pub mod controls;
pub mod digest;
pub mod event;
pub mod id;
pub mod identity;
pub mod impact;
pub mod intent;
pub mod kind;
pub mod path;
pub mod resource;
pub mod secret;
pub mod side_door;
pub mod task;
pub mod time;
pub mod visible;

pub use action::Action;
pub use approval::{ApprovalFlow, Eligible, Stage};
pub use authentication::{Authentication, Factor};
pub use controls::Controls;
pub use digest::Digest;
pub use event::{Body, Claim, Commitment, Event, EventError, Payload};
pub use id::{
    ChangeId, GrantId, GroupId, HostId, IdentityId, InstallationId, RequestId, ResourceId,
    SecretId, SessionId, StreamId, TaskId, TenantId,
};
pub use identity::{Group, Identity, IdentityKind, OwnerRole, Subject};
pub use impact::{Amount, Classified, Disclosure, Impact, Scope};
pub use intent::Intent;
pub use kind::{ActionDescriptor, KindDescriptor, ParamDescriptor};
pub use path::Path;
pub use resource::{Environment, Resource, Sensitivity};
pub use secret::Secret;
pub use side_door::{DoorId, DoorKind, SideDoor};
pub use task::{Argument, Probed, Sighting, Task};
pub use time::Timestamp;
pub use visible::{acts, quoted, visible, visible_lines};
