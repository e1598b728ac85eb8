//! Records that only follow signed changes: resources, groups, secrets.

mod group;
mod resource;
mod secret;

pub use group::{GroupEvent, GroupState};
pub use resource::{ResourceEvent, ResourceState};
pub use secret::{SecretEvent, SecretState};
