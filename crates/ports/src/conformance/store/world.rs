//! The events and rows the suite works with. Tests of one store use them too.

use std::collections::BTreeMap;

use portcullis_model::event::ENVELOPE_VERSION;
use portcullis_model::id::TypedId as _;
use portcullis_model::{Claim, Event, RequestId, StreamId, TenantId, Timestamp};
use serde_json::{Value, json};

use crate::store::Query;
use crate::{Append, Record, Row, Store};

/// A stream of its own for each number.
pub fn stream(number: u64) -> StreamId {
    RequestId::from_parts(Timestamp::from_millis(number), [7; 10]).into()
}

/// The `seq`th event of a stream.
pub fn event(stream: &StreamId, seq: u64, data: Value) -> Event {
    let at = Timestamp::from_millis(1_000 + seq);
    Event {
        v: ENVELOPE_VERSION,
        tenant: TenantId::from_parts(Timestamp::default(), [1; 10]),
        stream: stream.clone(),
        seq,
        kind: "request.noted".to_owned(),
        kind_v: 1,
        at,
        actor: None,
        claims: Vec::new(),
        bodies: Vec::new(),
        data,
    }
}

/// The events, in order, as an append to their stream; the row is what [`project`] makes of them.
///
/// # Panics
/// Without an event, or when one has no row or leaf.
pub fn append(before: Option<&Row>, events: Vec<Event>) -> Append {
    let mut row = before.cloned();
    for event in &events {
        row = project(row.as_ref(), event).unwrap();
    }
    Append {
        stream: events[0].stream.clone(),
        expected: events[0].seq - 1,
        records: events.into_iter().map(record).collect(),
        row,
        sealed: Vec::new(),
    }
}

/// A row with the event's number and data; what the data says under `keys` is looked up by. An event
/// whose data is `"gone"` removes it.
pub fn project(before: Option<&Row>, event: &Event) -> Result<Option<Row>, String> {
    if event.data == "gone" {
        return Ok(None);
    }
    let mut keys: BTreeMap<String, String> = before.map(|row| row.keys.clone()).unwrap_or_default();
    if let Some(said) = event.data.get("keys") {
        keys = serde_json::from_value(said.clone()).map_err(|error| error.to_string())?;
    }
    Ok(Some(Row {
        table: event.noun().to_owned(),
        id: event.stream.to_string(),
        version: event.seq,
        keys,
        state: serde_json::to_vec(&event.data).map_err(|error| error.to_string())?,
    }))
}

pub(super) fn record(event: Event) -> Record {
    Record {
        leaf: event.to_leaf().unwrap(),
        event,
        bodies: Vec::new(),
    }
}

pub(super) fn note(stream: &StreamId, seq: u64) -> Event {
    event(stream, seq, json!({ "note": seq }))
}

pub(super) fn claiming(stream: &StreamId, seq: u64, claim: Claim) -> Event {
    let mut event = note(stream, seq);
    event.claims.push(claim);
    event
}

pub(super) fn keyed(stream: &StreamId, seq: u64, keys: &[(&str, &str)]) -> Event {
    let keys: BTreeMap<_, _> = keys.iter().copied().collect();
    event(stream, seq, json!({ "keys": keys }))
}

pub(super) async fn count(store: &dyn Store) -> usize {
    store.events(0, usize::MAX).await.unwrap().len()
}

pub(super) async fn ids(store: &dyn Store, query: Query) -> Vec<String> {
    let rows = store.rows(query).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}
