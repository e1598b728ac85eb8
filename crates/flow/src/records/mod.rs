//! Records that only follow signed changes: resources, groups.

mod group;
mod resource;

pub use group::{GroupEvent, GroupState};
pub use resource::{ResourceEvent, ResourceState};
