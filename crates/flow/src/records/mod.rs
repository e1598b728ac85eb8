//! Records: resources, groups and tasks, which only follow signed changes, and what looks at hosts found.

mod group;
mod host;
mod resource;
mod task;

pub use group::{GroupEvent, GroupState};
pub use host::{Door, HostEvent, HostState, Kept, differences};
pub use resource::{ResourceEvent, ResourceState};
pub use task::{TaskEvent, TaskState, place};
