//! The shape all machines share: decide from state, command and facts; apply events to state.

use std::collections::BTreeMap;

use portcullis_model::event::{Claim, EventError, Payload};
use portcullis_model::{Event, IdentityId, StreamId, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

/// What an event says beside its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its place in the stream, from 1.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who caused it, unless the server did by itself.
    pub actor: Option<IdentityId>,
}

impl Meta {
    /// Reads it off an envelope.
    pub fn of(event: &Event) -> Self {
        Self {
            stream: event.stream.clone(),
            seq: event.seq,
            at: event.at,
            actor: event.actor,
        }
    }
}

/// A pure state machine over one stream. Decisions are functions of their own, one per command, on
/// the state type: a command that makes no sense in a state is refused, never ignored.
pub trait Machine: Sized + Clone + Serialize + DeserializeOwned {
    /// What can happen to it.
    type Event: Payload + Clone;

    /// The noun of its events and the name of its table.
    const NOUN: &'static str;

    /// The state after an event; `None` when the event cannot follow on this state, which only a
    /// damaged store can cause.
    fn apply(state: Option<Self>, event: &Self::Event, meta: &Meta) -> Option<Self>;

    /// What its row is looked up by.
    fn keys(&self) -> BTreeMap<String, String>;

    /// What an event uses up or gives back for good.
    fn claims(_event: &Self::Event, _stream: &StreamId) -> Vec<Claim> {
        Vec::new()
    }
}

/// Why a stream does not fold to a state.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// An event cannot be read.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An event cannot follow on the ones before it.
    #[error("{stream} has the event {kind} at {seq}, which cannot follow on those before it")]
    OutOfPlace {
        /// The stream.
        stream: StreamId,
        /// The event's kind.
        kind: String,
        /// Its place.
        seq: u64,
    },
}

/// Applies one event as the ledger has it.
pub fn step<M: Machine>(state: Option<M>, event: &Event) -> Result<M, FoldError> {
    let payload = M::Event::from_event(event)?;
    M::apply(state, &payload, &Meta::of(event)).ok_or_else(|| FoldError::OutOfPlace {
        stream: event.stream.clone(),
        kind: event.kind.clone(),
        seq: event.seq,
    })
}

/// The state a stream's events amount to; `None` for an empty stream.
pub fn fold<'a, M: Machine>(
    events: impl IntoIterator<Item = &'a Event>,
) -> Result<Option<M>, FoldError> {
    events
        .into_iter()
        .try_fold(None, |state, event| step(state, event).map(Some))
}

/// Declares a machine's events: an enum tagged with `kind`, and the name of each variant for its leaf.
#[macro_export]
macro_rules! events {
    (
        $(#[$doc:meta])*
        pub enum $name:ident {
            $($(#[$vdoc:meta])* $variant:ident $kind:literal { $($body:tt)* })+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "kind", deny_unknown_fields)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $kind)] $variant { $($body)* },)+
        }

        impl portcullis_model::Payload for $name {
            fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind,)+
                }
            }
        }
    };
}
