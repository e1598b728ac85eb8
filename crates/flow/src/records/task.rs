//! A task's record.

use std::collections::BTreeMap;

use portcullis_model::event::Claim;
use portcullis_model::{ChangeId, ResourceId, StreamId, Task};
use serde::{Deserialize, Serialize};

use crate::{Machine, Meta};

crate::events! {
    /// What can happen to a task.
    pub enum TaskEvent {
        /// It was declared.
        Declared "task.declared" {
            /// The record.
            task: Task,
            /// The change that signed it.
            change: ChangeId,
        }
        /// It was declared anew: with other words, or because the host has changed.
        Renewed "task.renewed" {
            /// The record.
            task: Task,
            /// The change that signed it.
            change: ChangeId,
        }
        /// It was removed.
        Removed "task.removed" {
            /// Where it ran.
            resource: ResourceId,
            /// Its name there, free again.
            name: String,
            /// The change that signed it.
            change: ChangeId,
        }
    }
}

/// A task as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// The record.
    pub task: Task,
    /// Whether it was removed.
    pub removed: bool,
}

/// What a task is looked up by: its name, which is unique on its resource only.
pub fn place(resource: ResourceId, name: &str) -> String {
    format!("{resource}/{name}")
}

impl Machine for TaskState {
    type Event = TaskEvent;

    const NOUN: &'static str = "task";

    fn apply(state: Option<Self>, event: &TaskEvent, _meta: &Meta) -> Option<Self> {
        match (state, event) {
            (None, TaskEvent::Declared { task, .. }) => Some(Self {
                task: task.clone(),
                removed: false,
            }),
            (Some(state), _) if state.removed => None,
            (Some(state), TaskEvent::Renewed { task, .. })
                if (state.task.resource, &state.task.name) == (task.resource, &task.name) =>
            {
                Some(Self {
                    task: task.clone(),
                    removed: false,
                })
            }
            (Some(state), TaskEvent::Removed { .. }) => Some(Self {
                removed: true,
                ..state
            }),
            _ => None,
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        let named = if self.removed {
            ("removed".to_owned(), String::new())
        } else {
            (
                "place".to_owned(),
                place(self.task.resource, &self.task.name),
            )
        };
        BTreeMap::from([
            named,
            ("resource".to_owned(), self.task.resource.to_string()),
        ])
    }

    fn claims(event: &TaskEvent, _stream: &StreamId) -> Vec<Claim> {
        let key = |resource, name: &str| format!("task/{}", place(resource, name));
        match event {
            TaskEvent::Declared { task, .. } => {
                vec![Claim::take("name", key(task.resource, &task.name))]
            }
            TaskEvent::Renewed { .. } => Vec::new(),
            TaskEvent::Removed { resource, name, .. } => {
                vec![Claim::give_back("name", key(*resource, name))]
            }
        }
    }
}
