//! Whether the events of a story are all there, judged by nothing but what they say of each other.
//!
//! For an outsider who holds leaves of the ledger and no store. A stream counts its events from 1; a request
//! names its approval flow and its grant, a grant its request and its sessions, a session both. So whatever is
//! missing is named by something that is there, or the story has no end yet, and then this says so.

mod checks;
mod error;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Display;

use portcullis_model::{Event, StreamId};

use crate::change::Change;
use crate::grant::Grant;
use crate::request::Request;
use crate::session::Session;
use crate::{Machine, fold};

pub use error::StoryError;

/// A story of which nothing is missing up to where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Whose it is: the requests, grants, sessions, changes and secrets it tells of.
    pub about: Vec<StreamId>,
    /// What has no end yet, in words; empty when the story is over.
    pub unfinished: Vec<String>,
}

impl Story {
    /// Reads a story in the order of the ledger.
    ///
    /// # Errors
    /// [`StoryError`], naming the first thing that is missing or does not belong here.
    pub fn read(events: &[Event]) -> Result<Self, StoryError> {
        let told = Told::gather(events)?;
        let mut story = Self {
            about: told.about(),
            unfinished: Vec::new(),
        };
        checks::requests(&told, &mut story)?;
        checks::grants(&told, &mut story)?;
        checks::sessions(&told, &mut story)?;
        checks::changes(&told, &mut story)?;
        secrets::check(&told, &mut story)?;
        Ok(story)
    }

    fn goes_on(&mut self, what: impl Display, why: impl Display) {
        self.unfinished.push(format!("{what} {why}"));
    }
}

/// The events that name people and resources.
const RECORDS: [&str; 4] = [
    "identity.added",
    "identity.set",
    "resource.added",
    "resource.set",
];

/// What streams amount to, and the events they amount to it by.
type Streams<'a, M> = BTreeMap<StreamId, (M, Vec<&'a Event>)>;

/// All that the events tell, by stream.
struct Told<'a> {
    requests: Streams<'a, Request>,
    grants: Streams<'a, Grant>,
    sessions: Streams<'a, Session>,
    changes: Streams<'a, Change>,
    /// Of secrets only what concerns the story: their streams are about other stories too.
    secrets: BTreeMap<StreamId, Vec<&'a Event>>,
}

impl<'a> Told<'a> {
    fn gather(events: &'a [Event]) -> Result<Self, StoryError> {
        let mut streams: BTreeMap<StreamId, Vec<&Event>> = BTreeMap::new();
        for event in events {
            let stream = streams.entry(event.stream.clone()).or_default();
            if let Some(last) = stream.last()
                && last.seq >= event.seq
            {
                return Err(StoryError::Reordered {
                    stream: event.stream.clone(),
                    seq: event.seq,
                    after: last.seq,
                });
            }
            stream.push(event);
        }
        let mut told = Self {
            requests: BTreeMap::new(),
            grants: BTreeMap::new(),
            sessions: BTreeMap::new(),
            changes: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        for (stream, events) in streams {
            told.sort_in(stream, events)?;
        }
        if told.requests.is_empty() && told.changes.is_empty() && told.grants.is_empty() {
            return Err(StoryError::Nothing);
        }
        Ok(told)
    }

    fn about(&self) -> Vec<StreamId> {
        let requests = self.requests.keys().chain(self.changes.keys());
        let uses = self.grants.keys().chain(self.sessions.keys());
        let all = requests.chain(uses).chain(self.secrets.keys());
        all.cloned().collect()
    }

    fn sort_in(&mut self, stream: StreamId, events: Vec<&'a Event>) -> Result<(), StoryError> {
        match events.first().map(|event| event.noun()) {
            Some(Request::NOUN) => whole(&mut self.requests, stream, events),
            Some(Grant::NOUN) => whole(&mut self.grants, stream, events),
            Some(Session::NOUN) => whole(&mut self.sessions, stream, events),
            Some(Change::NOUN) => whole(&mut self.changes, stream, events),
            Some(secrets::NOUN) => {
                self.secrets.insert(stream, events);
                Ok(())
            }
            None => Ok(()),
            // Their records stand beside the story, for the names in it.
            Some(_) if events.iter().all(|event| RECORDS.contains(&&*event.kind)) => Ok(()),
            Some(noun) => Err(StoryError::Stranger {
                noun: noun.to_owned(),
                stream,
            }),
        }
    }
}

/// Takes in a stream that has to be there from its first event on, without gaps.
fn whole<'a, M: Machine>(
    streams: &mut Streams<'a, M>,
    stream: StreamId,
    events: Vec<&'a Event>,
) -> Result<(), StoryError> {
    for (seq, event) in (1..).zip(&events) {
        if event.seq != seq {
            return Err(StoryError::Gap { stream, seq });
        }
    }
    let Some(state) = fold::<M>(events.iter().copied())? else {
        return Ok(());
    };
    streams.insert(stream, (state, events));
    Ok(())
}
