//! A group's record.

use std::collections::BTreeMap;

use portcullis_model::event::Claim;
use portcullis_model::{ChangeId, Group, StreamId};
use serde::{Deserialize, Serialize};

use crate::{Machine, Meta};

crate::events! {
    /// What can happen to a group.
    pub enum GroupEvent {
        /// It was added.
        Added "group.added" {
            /// The record.
            group: Group,
            /// The change that signed it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
        /// Its record was replaced.
        Set "group.set" {
            /// The record.
            group: Group,
            /// The change that signed it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
        /// It was removed.
        Removed "group.removed" {
            /// Its name, free again.
            name: String,
            /// The change that signed it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
    }
}

/// A group as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// The record.
    pub group: Group,
    /// Whether it was removed.
    pub removed: bool,
}

impl Machine for GroupState {
    type Event = GroupEvent;

    const NOUN: &'static str = "group";

    fn apply(state: Option<Self>, event: &GroupEvent, _meta: &Meta) -> Option<Self> {
        match (state, event) {
            (None, GroupEvent::Added { group, .. }) => Some(Self {
                group: group.clone(),
                removed: false,
            }),
            (Some(state), _) if state.removed => None,
            (Some(state), GroupEvent::Set { group, .. })
                if state.group.name == group.name && state.group.path == group.path =>
            {
                Some(Self {
                    group: group.clone(),
                    removed: false,
                })
            }
            (Some(state), GroupEvent::Removed { .. }) => Some(Self {
                removed: true,
                ..state
            }),
            _ => None,
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        if self.removed {
            return BTreeMap::from([("removed".to_owned(), String::new())]);
        }
        BTreeMap::from([
            ("name".to_owned(), self.group.name.clone()),
            ("path".to_owned(), self.group.path.as_str().to_owned()),
        ])
    }

    fn claims(event: &GroupEvent, _stream: &StreamId) -> Vec<Claim> {
        match event {
            GroupEvent::Added { group, .. } => {
                vec![Claim::take("name", format!("group/{}", group.name))]
            }
            GroupEvent::Set { .. } => Vec::new(),
            GroupEvent::Removed { name, .. } => {
                vec![Claim::give_back("name", format!("group/{name}"))]
            }
        }
    }
}
