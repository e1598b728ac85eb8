//! A resource's record.

use std::collections::BTreeMap;

use portcullis_model::event::Claim;
use portcullis_model::{ChangeId, Resource, StreamId};
use serde::{Deserialize, Serialize};

use crate::{Machine, Meta};

crate::events! {
    /// What can happen to a resource's record.
    pub enum ResourceEvent {
        /// It was added.
        Added "resource.added" {
            /// The record.
            resource: Resource,
            /// The change that signed it, unless it was made at the founding.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
        /// Its record was replaced.
        Set "resource.set" {
            /// The record.
            resource: Resource,
            /// The change that signed it, unless it was made at the founding.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
        /// It was removed.
        Removed "resource.removed" {
            /// Its name, free again.
            name: String,
            /// The change that signed it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
    }
}

/// A resource as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceState {
    /// The record.
    pub resource: Resource,
    /// Whether it was removed.
    pub removed: bool,
}

impl Machine for ResourceState {
    type Event = ResourceEvent;

    const NOUN: &'static str = "resource";

    fn apply(state: Option<Self>, event: &ResourceEvent, _meta: &Meta) -> Option<Self> {
        match (state, event) {
            (None, ResourceEvent::Added { resource, .. }) => Some(Self {
                resource: resource.clone(),
                removed: false,
            }),
            (Some(state), _) if state.removed => None,
            (Some(state), ResourceEvent::Set { resource, .. })
                if state.resource.name == resource.name =>
            {
                Some(Self {
                    resource: resource.clone(),
                    removed: false,
                })
            }
            (Some(state), ResourceEvent::Removed { .. }) => Some(Self {
                removed: true,
                ..state
            }),
            _ => None,
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        let mut keys = BTreeMap::from([("kind".to_owned(), self.resource.kind.clone())]);
        if self.removed {
            keys.insert("removed".to_owned(), String::new());
        } else {
            keys.insert("name".to_owned(), self.resource.name.clone());
            let owned = self
                .resource
                .owners
                .iter()
                .map(|owner| (format!("owner/{owner}"), String::new()));
            keys.extend(owned);
        }
        keys
    }

    fn claims(event: &ResourceEvent, _stream: &StreamId) -> Vec<Claim> {
        match event {
            ResourceEvent::Added { resource, .. } => {
                vec![Claim::take("name", format!("resource/{}", resource.name))]
            }
            ResourceEvent::Set { .. } => Vec::new(),
            ResourceEvent::Removed { name, .. } => {
                vec![Claim::give_back("name", format!("resource/{name}"))]
            }
        }
    }
}
