//! Writing one command inside the batch's transaction, or refusing it without a trace.

use portcullis_ports::store::SealedRow;
use portcullis_ports::{Append, AppendError, Record};
use rusqlite::{Connection, params};

use super::claims::{self, Claims};
use super::{read, rows};

/// Why a command was not written.
pub enum Failure {
    /// The command is at fault; the others of its batch are not.
    Refused(AppendError),
    /// The store is: nothing more can be written in this transaction.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

/// Writes a command's events from a position on; gives the position after them.
///
/// Everything that could refuse the command is asked before its first row is written. A savepoint
/// would do as well, for a third more of the writing thread's time.
pub fn write(connection: &Connection, command: &[Append], first: u64) -> Result<u64, Failure> {
    let mut claims = Claims::default();
    for (place, append) in command.iter().enumerate() {
        let (before, _) = command.split_at(place);
        check_version(connection, append, before)?;
        for record in &append.records {
            claims.check(connection, &record.event)?;
        }
        check_sealed(connection, append, before)?;
    }
    let mut position = first;
    for append in command {
        position = write_append(connection, append, position)?;
    }
    Ok(position)
}

/// A stream's version is that of the store, or what the same command will have made of it.
fn check_version(
    connection: &Connection,
    append: &Append,
    before: &[Append],
) -> Result<(), Failure> {
    let ahead = before.iter().rfind(|other| other.stream == append.stream);
    let actual = match ahead.and_then(|other| other.records.last()) {
        Some(last) => last.event.seq,
        None => version(connection, append)?,
    };
    if actual == append.expected {
        return Ok(());
    }
    Err(Failure::Refused(AppendError::Conflict {
        stream: append.stream.clone(),
        expected: append.expected,
        actual,
    }))
}

fn version(connection: &Connection, append: &Append) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM events WHERE stream = ?1")?
        .query_row([append.stream.as_str()], |row| row.get(0))
}

/// No secret is put in place of another: a lost one cannot be made anew.
fn check_sealed(
    connection: &Connection,
    append: &Append,
    before: &[Append],
) -> Result<(), Failure> {
    for (place, row) in append.sealed.iter().enumerate() {
        let (earlier, _) = append.sealed.split_at(place);
        let mut kept = before.iter().flat_map(|other| &other.sealed).chain(earlier);
        let same = |other: &SealedRow| other.id == row.id && other.version == row.version;
        if kept.any(same) || read::sealed(connection, &row.id, Some(row.version))?.is_some() {
            return Err(Failure::Refused(AppendError::Claimed {
                scope: "sealed".to_owned(),
                key: format!("{} version {}", row.id, row.version),
            }));
        }
    }
    Ok(())
}

fn write_append(connection: &Connection, append: &Append, first: u64) -> Result<u64, Failure> {
    let mut position = first;
    for record in &append.records {
        write_record(connection, record, position)?;
        position += 1;
    }
    match &append.row {
        Some(row) => rows::put(connection, row)?,
        None => rows::remove(connection, append.stream.as_str())?,
    }
    for row in &append.sealed {
        connection
            .prepare_cached("INSERT INTO sealed (id, version, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![row.id, row.version, row.bytes])?;
    }
    Ok(position)
}

fn write_record(connection: &Connection, record: &Record, position: u64) -> rusqlite::Result<()> {
    let event = &record.event;
    connection
        .prepare_cached(
            "INSERT INTO events (position, stream, seq, kind, at, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            position,
            event.stream.as_str(),
            event.seq,
            event.kind,
            event.at.as_millis(),
            record.leaf
        ])?;
    claims::settle(connection, event, position)?;
    for body in &record.bodies {
        connection
            .prepare_cached(
                "INSERT INTO bodies (position, field, salt, text) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![position, body.field, body.salt, body.text])?;
    }
    Ok(())
}
