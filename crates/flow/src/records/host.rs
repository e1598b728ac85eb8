//! What is known of a resource's host beside ours: its side doors, as looks found them, and what owners said of each.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_model::{DoorId, DoorKind, IdentityId, ResourceId, SideDoor, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Machine, Meta};

crate::events! {
    /// What can happen to what is known of a host.
    pub enum HostEvent {
        /// An owner looked at it.
        Looked "host.looked_at" {
            /// Whose host.
            resource: ResourceId,
            /// Doors that were not known.
            found: Vec<SideDoor>,
            /// Doors that are there no more.
            gone: BTreeSet<DoorId>,
        }
        /// An owner said that a door stays; the reason is a text beside.
        Kept "host.door_kept" {
            /// Which.
            door: DoorId,
            /// Until when, if not for good.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            until: Option<Timestamp>,
        }
    }
}

/// A door and what was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// What it is.
    #[serde(rename = "is")]
    pub door: SideDoor,
    /// When a look first found it.
    pub found_at: Timestamp,
    /// Who said that it stays, if anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// That a door stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Who said so.
    pub by: IdentityId,
    /// When.
    pub at: Timestamp,
    /// Until when, if not for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What is known of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostState {
    /// Whose host.
    pub resource: ResourceId,
    /// When it was looked at last.
    pub looked_at: Timestamp,
    /// By whom.
    pub looked_by: IdentityId,
    /// What the look found, by what each is called.
    pub doors: BTreeMap<DoorId, Door>,
}

impl Door {
    /// Whether an owner's word stands that it stays.
    pub fn is_decided(&self, now: Timestamp) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| kept.until.is_none_or(|until| now < until))
    }
}

/// What a look changes of what is known: doors that were not known, and doors that are there no more. What was known of a
/// place that could not be looked at this time is neither.
pub fn differences(
    known: Option<&HostState>,
    seen: &[SideDoor],
) -> (Vec<SideDoor>, BTreeSet<DoorId>) {
    let nothing = BTreeMap::new();
    let doors = known.map_or(&nothing, |known| &known.doors);
    let by_name: BTreeMap<_, _> = seen.iter().map(|door| (door.id(), door)).collect();
    let found = by_name.iter().filter(|(id, _)| !doors.contains_key(id));
    let found = found.map(|(_, door)| (*door).clone()).collect();
    let unread = seen.iter().filter(|door| door.kind == DoorKind::Unread);
    let unread: BTreeSet<_> = unread.map(|door| door.place.as_str()).collect();
    let gone = doors.iter().filter(|(id, door)| {
        let is_unread =
            door.door.kind != DoorKind::Unread && unread.contains(door.door.place.as_str());
        !by_name.contains_key(id) && !is_unread
    });
    (found, gone.map(|(id, _)| id.clone()).collect())
}

impl Machine for HostState {
    type Event = HostEvent;

    const NOUN: &'static str = "host";

    fn apply(state: Option<Self>, event: &HostEvent, meta: &Meta) -> Option<Self> {
        match event {
            HostEvent::Looked {
                resource,
                found,
                gone,
            } => {
                let mut doors = match state {
                    Some(known) if known.resource == *resource => known.doors,
                    Some(_) => return None,
                    None => BTreeMap::new(),
                };
                if !gone.iter().all(|id| doors.contains_key(id)) {
                    return None;
                }
                doors.retain(|id, _| !gone.contains(id));
                doors.extend(found.iter().map(|door| {
                    let known = Door {
                        door: door.clone(),
                        found_at: meta.at,
                        kept: None,
                    };
                    (door.id(), known)
                }));
                Some(Self {
                    resource: *resource,
                    looked_at: meta.at,
                    looked_by: meta.actor?,
                    doors,
                })
            }
            HostEvent::Kept { door, until } => {
                let mut state = state?;
                state.doors.get_mut(door)?.kept = Some(Kept {
                    by: meta.actor?,
                    at: meta.at,
                    until: *until,
                });
                Some(state)
            }
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("resource".to_owned(), self.resource.to_string())])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use portcullis_model::HostId;
    use portcullis_model::id::TypedId;

    use super::*;

    fn resource(number: u8) -> ResourceId {
        ResourceId::from_parts(Timestamp::from_millis(1), [number; 10])
    }

    fn meta(millis: u64) -> Meta {
        Meta {
            stream: HostId::of(resource(1)).into(),
            seq: 1,
            at: Timestamp::from_millis(millis),
            actor: Some(IdentityId::from_parts(Timestamp::from_millis(1), [9; 10])),
        }
    }

    fn door(whom: &str) -> SideDoor {
        SideDoor {
            kind: DoorKind::SshKey,
            whom: whom.to_owned(),
            place: "/keys".to_owned(),
            what: "SHA256:x".to_owned(),
        }
    }

    fn looked(known: Option<HostState>, seen: &[SideDoor], at: u64) -> HostState {
        let (found, gone) = differences(known.as_ref(), seen);
        let event = HostEvent::Looked {
            resource: resource(1),
            found,
            gone,
        };
        HostState::apply(known, &event, &meta(at)).unwrap()
    }

    fn kept(state: HostState, door: &SideDoor, until: Option<u64>) -> Option<HostState> {
        let event = HostEvent::Kept {
            door: door.id(),
            until: until.map(Timestamp::from_millis),
        };
        HostState::apply(Some(state), &event, &meta(20))
    }

    #[test]
    fn a_look_keeps_what_was_said_of_doors_that_are_still_there() {
        let (rosa, olaf) = (door("rosa"), door("olaf"));
        let first = looked(None, std::slice::from_ref(&rosa), 10);
        let kept = kept(first, &rosa, None).unwrap();
        let second = looked(Some(kept), &[rosa.clone(), olaf.clone(), olaf.clone()], 30);
        let now = Timestamp::from_millis(40);
        let rosas = &second.doors[&rosa.id()];
        assert!(rosas.is_decided(now) && rosas.found_at == Timestamp::from_millis(10));
        let olafs = &second.doors[&olaf.id()];
        assert!(!olafs.is_decided(now) && olafs.found_at == Timestamp::from_millis(30));
        let third = looked(Some(second), std::slice::from_ref(&olaf), 50);
        assert_eq!(third.doors.keys().collect::<Vec<_>>(), [&olaf.id()]);
        // What comes back was not decided.
        let fourth = looked(Some(third), &[olaf, rosa.clone()], 60);
        assert!(!fourth.doors[&rosa.id()].is_decided(now));
    }

    #[test]
    fn what_was_known_of_a_place_that_cannot_be_looked_at_is_not_forgotten() {
        let rosa = door("rosa");
        let state = kept(looked(None, std::slice::from_ref(&rosa), 10), &rosa, None).unwrap();
        let mut unread = door("anybody");
        unread.kind = DoorKind::Unread;
        let blind = looked(Some(state), std::slice::from_ref(&unread), 30);
        assert_eq!(blind.doors.len(), 2);
        let again = looked(Some(blind), std::slice::from_ref(&rosa), 40);
        assert!(again.doors[&rosa.id()].is_decided(Timestamp::from_millis(50)));
        assert_eq!(again.doors.len(), 1);
    }

    #[test]
    fn a_door_that_stays_for_a_time_is_undecided_afterwards() {
        let rosa = door("rosa");
        let state = kept(
            looked(None, std::slice::from_ref(&rosa), 10),
            &rosa,
            Some(100),
        );
        let state = state.unwrap();
        let door = &state.doors[&rosa.id()];
        assert!(door.is_decided(Timestamp::from_millis(99)));
        assert!(!door.is_decided(Timestamp::from_millis(100)));
    }

    #[test]
    fn nothing_is_said_of_a_door_or_a_host_that_is_not_there() {
        let state = looked(None, &[door("rosa")], 10);
        assert_eq!(kept(state.clone(), &door("olaf"), None), None);
        let elsewhere = HostEvent::Looked {
            resource: resource(2),
            found: Vec::new(),
            gone: BTreeSet::new(),
        };
        assert_eq!(
            HostState::apply(Some(state.clone()), &elsewhere, &meta(30)),
            None
        );
        let gone = HostEvent::Looked {
            resource: resource(1),
            found: Vec::new(),
            gone: [door("olaf").id()].into(),
        };
        assert_eq!(HostState::apply(Some(state), &gone, &meta(30)), None);
    }
}
