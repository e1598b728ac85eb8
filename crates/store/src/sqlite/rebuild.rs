//! Making rows and claims anew from the events alone.

use std::fmt::Display;

use portcullis_model::Event;
use portcullis_ports::StoreError;
use portcullis_ports::store::Projector;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::append::Failure;
use super::claims::{self, Claims};
use super::faults::fault;
use super::rows;

/// Rebuilds in one transaction: readers see the old rows or the new ones, and an error leaves the old.
pub fn rebuild(connection: &Connection, projector: &Projector) -> Result<(), StoreError> {
    let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    let transaction = begun.map_err(|error| fault(&error))?;
    replay(&transaction, projector)?;
    transaction.commit().map_err(|error| fault(&error))
}

fn replay(connection: &Connection, projector: &Projector) -> Result<(), StoreError> {
    let broken = |error: rusqlite::Error| fault(&error);
    connection
        .execute_batch("DELETE FROM row_keys; DELETE FROM rows; DELETE FROM claims;")
        .map_err(broken)?;
    each_event(connection, |event, position| {
        settle(connection, event, position)?;
        project(connection, event, position, projector)
    })
}

/// Goes over all events, the first one first.
pub fn each_event(
    connection: &Connection,
    mut look: impl FnMut(&Event, u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let broken = |error: rusqlite::Error| fault(&error);
    let mut statement = connection
        .prepare("SELECT position, leaf FROM events ORDER BY position")
        .map_err(broken)?;
    let mut events = statement.query([]).map_err(broken)?;
    while let Some(row) = events.next().map_err(broken)? {
        let position: u64 = row.get(0).map_err(broken)?;
        let leaf = row.get_ref(1).map_err(broken)?;
        let leaf = leaf
            .as_blob()
            .map_err(|error| unreadable(position, &error))?;
        let event = Event::from_leaf(leaf).map_err(|error| unreadable(position, &error))?;
        look(&event, position)?;
    }
    Ok(())
}

fn settle(connection: &Connection, event: &Event, position: u64) -> Result<(), StoreError> {
    match Claims::default().check(connection, event) {
        Ok(()) => claims::settle(connection, event, position).map_err(|error| fault(&error)),
        Err(Failure::Broken(error)) => Err(fault(&error)),
        Err(Failure::Refused(refusal)) => Err(unreadable(position, &refusal)),
    }
}

fn project(
    connection: &Connection,
    event: &Event,
    position: u64,
    projector: &Projector,
) -> Result<(), StoreError> {
    let stream = event.stream.as_str();
    let before = rows::find(connection, stream).map_err(|error| fault(&error))?;
    let after = projector(before.as_ref(), event).map_err(|error| unreadable(position, &error))?;
    let kept = match &after {
        Some(row) if row.id != stream => {
            return Err(unreadable(
                position,
                &format!("its row calls itself {}", row.id),
            ));
        }
        Some(row) => rows::put(connection, row),
        None => rows::remove(connection, stream),
    };
    kept.map_err(|error| fault(&error))
}

/// That an event is not one that can be replayed.
pub fn unreadable(position: u64, cause: &dyn Display) -> StoreError {
    StoreError::Damaged(format!("event {position} cannot be replayed: {cause}"))
}
