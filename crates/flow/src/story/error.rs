//! What can be wrong with a story.

use portcullis_model::StreamId;
use portcullis_model::event::EventError;

use crate::machine::FoldError;

/// Why events are not a whole story.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// An event cannot be read.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A stream's events do not follow on each other.
    #[error("entry altered or dropped: {0}")]
    OutOfPlace(#[from] FoldError),
    /// No request, grant or change is told of.
    #[error("entries dropped: no request, no grant and no change is told of")]
    Nothing,
    /// A stream lacks an event.
    #[error("entry dropped: event {seq} of {stream} is missing")]
    Gap {
        /// The stream.
        stream: StreamId,
        /// The place of the first one missing.
        seq: u64,
    },
    /// A stream's events are not in their order.
    #[error("entries reordered: event {seq} of {stream} comes after its event {after}")]
    Reordered {
        /// The stream.
        stream: StreamId,
        /// The event out of order.
        seq: u64,
        /// The one before it.
        after: u64,
    },
    /// Something is named that is not there.
    #[error("entries dropped: {by} names {missing}, and nothing is told of it")]
    Missing {
        /// What names it.
        by: StreamId,
        /// What is named.
        missing: String,
    },
    /// Something rests on what another stream does not say.
    #[error("entry dropped: {stream} lacks {lacks}, on which {rests} rests")]
    Unfounded {
        /// Where it should be.
        stream: StreamId,
        /// What should be there.
        lacks: String,
        /// What rests on it.
        rests: String,
    },
    /// Two streams say different things of the same.
    #[error("entries of different stories: {one} and {other} do not agree on {what}")]
    Contradiction {
        /// One.
        one: StreamId,
        /// The other.
        other: StreamId,
        /// What they should agree on.
        what: &'static str,
    },
    /// A stream that belongs to no story.
    #[error("entry added: {stream} is a stream of {noun}, which belongs to no request or change")]
    Stranger {
        /// The stream.
        stream: StreamId,
        /// The noun of its events.
        noun: String,
    },
}
