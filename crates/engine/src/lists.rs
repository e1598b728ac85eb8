//! Lists, a page at a time: what it costs depends on the page, not on how much there is to see.

use portcullis_flow::Machine;
use portcullis_model::StreamId;
use serde::Serialize;

use crate::Engine;
use crate::failure::Failure;
use crate::journal::Span;

/// How many items a page has when nobody says.
pub const PAGE: usize = 50;

/// The most items a page can have.
pub const MOST_PER_PAGE: usize = 200;

/// Rows read in one go while looking for what may be seen.
const CHUNK: usize = 256;

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub struct Page {
    /// Only what comes after this identifier, which the page before gave as `next`.
    pub after: Option<String>,
    /// At most this many, from 1 to [`MOST_PER_PAGE`].
    pub limit: usize,
}

/// A part of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Part<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to ask for as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The order of a list. Identifiers begin with the time they were made at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    NewestFirst,
    OldestFirst,
}

impl<T> Part<T> {
    /// The same part, each item made into something else.
    pub(crate) fn try_map<U>(
        self,
        mut make: impl FnMut(T) -> Result<U, Failure>,
    ) -> Result<Part<U>, Failure> {
        let items: Result<Vec<_>, _> = self.items.into_iter().map(&mut make).collect();
        Ok(Part {
            items: items?,
            next: self.next,
        })
    }
}

impl Engine {
    /// The streams of a noun that `shown` lets through, one page of them. A cursor is only ever the identifier of
    /// something that was shown, so that it tells nothing.
    pub(crate) async fn part<M: Machine>(
        &self,
        page: &Page,
        order: Order,
        shown: impl Fn(&M) -> bool + Send,
    ) -> Result<Part<(StreamId, M)>, Failure> {
        let mut items: Vec<(StreamId, M)> = Vec::new();
        let mut span = Span {
            after: page.after.clone(),
            limit: CHUNK,
            newest_first: order == Order::NewestFirst,
        };
        loop {
            let rows = self.journal.span::<M>(&span).await?;
            let last = rows.len() < CHUNK;
            span.after = rows.last().map(|(stream, _)| stream.to_string());
            for row in rows.into_iter().filter(|(_, state)| shown(state)) {
                if items.len() == page.limit {
                    let next = items.last().map(|(stream, _)| stream.to_string());
                    return Ok(Part { items, next });
                }
                items.push(row);
            }
            if last {
                return Ok(Part { items, next: None });
            }
        }
    }
}
