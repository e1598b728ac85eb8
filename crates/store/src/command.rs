//! What a command must look like before any store takes it: what it says twice, it says alike.

use std::collections::BTreeSet;

use portcullis_model::event::MOST_LEAF_BYTES;
use portcullis_ports::{Append, AppendError, Record, Row};

/// The largest number a store's columns hold.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Refuses a command that contradicts itself.
pub fn examine(command: &[Append]) -> Result<(), AppendError> {
    if command.is_empty() {
        return Err(AppendError::Malformed("it appends nothing".to_owned()));
    }
    command
        .iter()
        .try_for_each(|append| examine_append(append).map_err(AppendError::Malformed))
}

fn examine_append(append: &Append) -> Result<(), String> {
    let stream = &append.stream;
    if append.records.is_empty() {
        return Err(format!("the append to {stream} has no events"));
    }
    let mut seq = append.expected;
    for record in &append.records {
        seq = seq.saturating_add(1);
        examine_record(record, append, seq)?;
    }
    if let Some(row) = &append.row {
        examine_row(row, append, seq)?;
    }
    match append
        .sealed
        .iter()
        .find(|row| !(1..=LARGEST).contains(&row.version))
    {
        Some(row) => Err(format!("{} cannot have version {}", row.id, row.version)),
        None => Ok(()),
    }
}

fn examine_record(record: &Record, append: &Append, seq: u64) -> Result<(), String> {
    let event = &record.event;
    if event.stream != append.stream || event.seq != seq || seq > LARGEST {
        return Err(format!(
            "event {seq} of {} calls itself event {} of {}",
            append.stream, event.seq, event.stream
        ));
    }
    if record.leaf.is_empty()
        || record.leaf.len() > MOST_LEAF_BYTES
        || event.at.as_millis() > LARGEST
    {
        return Err(format!(
            "event {seq} of {} has a leaf of {} bytes at {} ms: one of them is out of range",
            append.stream,
            record.leaf.len(),
            event.at.as_millis()
        ));
    }
    let mut fields = BTreeSet::new();
    for body in &record.bodies {
        if !event.bodies.contains(&body.commit()) || !fields.insert(&body.field) {
            return Err(format!(
                "event {seq} of {} does not commit to its text {}",
                append.stream, body.field
            ));
        }
    }
    Ok(())
}

fn examine_row(row: &Row, append: &Append, last: u64) -> Result<(), String> {
    if row.id == append.stream.as_str() && row.version == last {
        return Ok(());
    }
    Err(format!(
        "the row of {} at version {last} calls itself {} at version {}",
        append.stream, row.id, row.version
    ))
}
