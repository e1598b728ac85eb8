//! The questions a store answers, each in one statement.

use portcullis_model::{Body, StreamId};
use portcullis_ports::Stored;
use portcullis_ports::store::SealedRow;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

/// A stream's events after its first `after`.
pub fn stream(connection: &Connection, stream: &StreamId, after: u64) -> Result<Vec<Stored>> {
    let mut statement = connection.prepare_cached(
        "SELECT position, leaf FROM events WHERE stream = ?1 AND seq > ?2 ORDER BY seq",
    )?;
    let found = statement.query_map(params![stream.as_str(), reachable(after)], stored)?;
    found.collect()
}

/// Events from a position on.
pub fn events(connection: &Connection, from: u64, limit: usize) -> Result<Vec<Stored>> {
    let mut statement = connection.prepare_cached(
        "SELECT position, leaf FROM events WHERE position >= ?1 ORDER BY position LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![reachable(from), limit], stored)?;
    found.collect()
}

/// How many events are committed.
pub fn count(connection: &Connection) -> Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(position), -1) + 1 FROM events")?
        .query_row([], |row| row.get(0))
}

/// The texts kept beside an event.
pub fn bodies(connection: &Connection, position: u64) -> Result<Vec<Body>> {
    let mut statement = connection.prepare_cached(
        "SELECT field, salt, text FROM bodies WHERE position = ?1 ORDER BY field",
    )?;
    let found = statement.query_map([reachable(position)], |row| {
        Ok(Body {
            field: row.get(0)?,
            salt: row.get(1)?,
            text: row.get(2)?,
        })
    })?;
    found.collect()
}

/// The position of the event that used something up.
pub fn claimed_at(connection: &Connection, scope: &str, key: &str) -> Result<Option<u64>> {
    connection
        .prepare_cached("SELECT position FROM claims WHERE scope = ?1 AND key = ?2")?
        .query_row([scope, key], |row| row.get(0))
        .optional()
}

/// A sealed secret: a version, or the newest.
pub fn sealed(
    connection: &Connection,
    id: &str,
    version: Option<u64>,
) -> Result<Option<SealedRow>> {
    connection
        .prepare_cached(
            "SELECT id, version, bytes FROM sealed WHERE id = ?1 AND (?2 IS NULL OR version = ?2) \
             ORDER BY version DESC LIMIT 1",
        )?
        .query_row(params![id, version.map(reachable)], |row| {
            Ok(SealedRow {
                id: row.get(0)?,
                version: row.get(1)?,
                bytes: row.get(2)?,
            })
        })
        .optional()
}

fn stored(row: &rusqlite::Row<'_>) -> Result<Stored> {
    Ok(Stored {
        position: row.get(0)?,
        leaf: row.get(1)?,
    })
}

/// What is asked for beyond the largest number a column holds is not there, which is no error.
fn reachable(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
