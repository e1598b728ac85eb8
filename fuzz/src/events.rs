//! Stored events: leaves of the ledger, one a line, read back, applied to their machines, and read as a story.

use std::collections::BTreeMap;

use portcullis_flow::change::Change;
use portcullis_flow::grant::Grant;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::installation::Installation;
use portcullis_flow::records::{GroupState, HostState, ResourceState, TaskState};
use portcullis_flow::request::Request;
use portcullis_flow::secret::SecretState;
use portcullis_flow::session::Session;
use portcullis_flow::story::Story;
use portcullis_flow::{Machine, machine::step};
use portcullis_model::digest::canonical_json;
use portcullis_model::{Event, Payload, StreamId};

pub(crate) fn check(bytes: &[u8]) {
    let events: Vec<Event> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| Event::from_leaf(line).ok())
        .collect();
    let mut streams: BTreeMap<&StreamId, Vec<&Event>> = BTreeMap::new();
    for event in &events {
        leaf(event);
        streams.entry(&event.stream).or_default().push(event);
    }
    for events in streams.values() {
        let noun = events.first().map_or("", |event| event.noun());
        for (known, applied) in MACHINES {
            if *known == noun {
                applied(events);
            }
        }
    }
    if let Ok(story) = Story::read(&events) {
        assert!(!story.about.is_empty(), "a story is about something");
    }
}

/// A noun of events, and what takes a stream of them.
type Taker = (&'static str, fn(&[&Event]));

const MACHINES: &[Taker] = &[
    (Change::NOUN, applied::<Change>),
    (Grant::NOUN, applied::<Grant>),
    (GroupState::NOUN, applied::<GroupState>),
    (HostState::NOUN, applied::<HostState>),
    (IdentityState::NOUN, applied::<IdentityState>),
    (Installation::NOUN, applied::<Installation>),
    (Request::NOUN, applied::<Request>),
    (ResourceState::NOUN, applied::<ResourceState>),
    (SecretState::NOUN, applied::<SecretState>),
    (Session::NOUN, applied::<Session>),
    (TaskState::NOUN, applied::<TaskState>),
];

/// What an event is written as is read as the same event.
fn leaf(event: &Event) {
    if let Ok(written) = event.to_leaf() {
        let read = Event::from_leaf(&written);
        let again = read.and_then(|read| read.to_leaf());
        assert_eq!(again.ok(), Some(written), "a leaf has one spelling");
    }
}

/// A payload prints back, and a state that is reached is stored and read as itself.
fn applied<M: Machine>(events: &[&Event]) {
    let mut state: Option<M> = None;
    for event in events {
        if let Ok(payload) = M::Event::from_event(event)
            && let Ok(data) = payload.to_data()
        {
            drop(M::claims(&payload, &event.stream));
            let mut same = (*event).clone();
            same.data.clone_from(&data);
            let again = M::Event::from_event(&same).and_then(|again| again.to_data());
            assert_eq!(again.ok(), Some(data), "an event is written as it is read");
        }
        match step(state.clone(), event) {
            Ok(next) => state = Some(next),
            Err(_) => break,
        }
    }
    if let Some(state) = state
        && let Ok(stored) = canonical_json(&state)
    {
        drop(state.keys());
        let read: Result<M, _> = serde_json::from_slice(&stored);
        let again = read.ok().and_then(|read| canonical_json(&read).ok());
        assert_eq!(again, Some(stored), "a state is stored as it is read");
    }
}

/// Its seeds are leaves that test installations wrote, a file for each kind of stream and one for a whole story.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    Vec::new()
}
