//! Records that only follow signed changes: resources, groups, tasks.

mod group;
mod resource;
mod task;

pub use group::{GroupEvent, GroupState};
pub use resource::{ResourceEvent, ResourceState};
pub use task::{TaskEvent, TaskState, place};
