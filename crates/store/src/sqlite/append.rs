//! Writing one command inside the batch's transaction, or refusing it without a trace.

use portcullis_model::Event;
use portcullis_model::event::Claim;
use portcullis_ports::store::SealedRow;
use portcullis_ports::{Append, AppendError, Record};
use rusqlite::{Connection, params};

use super::rows;

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
/// The savepoint makes a refusal undo what the command wrote before it, and nothing else.
pub fn write(connection: &Connection, command: &[Append], first: u64) -> Result<u64, Failure> {
    run(connection, "SAVEPOINT command")?;
    let outcome = write_all(connection, command, first);
    match outcome {
        Err(Failure::Broken(_)) => return outcome,
        Err(Failure::Refused(_)) => run(connection, "ROLLBACK TO command")?,
        Ok(_) => {}
    }
    run(connection, "RELEASE command")?;
    outcome
}

/// Takes or gives back what an event claims.
pub fn settle_claims(connection: &Connection, event: &Event, position: u64) -> Result<(), Failure> {
    for claim in &event.claims {
        if claim.release {
            connection
                .prepare_cached("DELETE FROM claims WHERE scope = ?1 AND key = ?2")?
                .execute([&claim.scope, &claim.key])?;
        } else {
            take(connection, claim, position)?;
        }
    }
    Ok(())
}

fn write_all(connection: &Connection, command: &[Append], first: u64) -> Result<u64, Failure> {
    let mut position = first;
    for append in command {
        expect_version(connection, append)?;
        for record in &append.records {
            write_record(connection, record, position)?;
            position += 1;
        }
        match &append.row {
            Some(row) => rows::put(connection, row)?,
            None => rows::remove(connection, append.stream.as_str())?,
        }
        for row in &append.sealed {
            keep_sealed(connection, row)?;
        }
    }
    Ok(position)
}

fn expect_version(connection: &Connection, append: &Append) -> Result<(), Failure> {
    let actual: u64 = connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM events WHERE stream = ?1")?
        .query_row([append.stream.as_str()], |row| row.get(0))?;
    if actual == append.expected {
        return Ok(());
    }
    Err(Failure::Refused(AppendError::Conflict {
        stream: append.stream.clone(),
        expected: append.expected,
        actual,
    }))
}

fn write_record(connection: &Connection, record: &Record, position: u64) -> Result<(), Failure> {
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
    settle_claims(connection, event, position)?;
    for body in &record.bodies {
        connection
            .prepare_cached(
                "INSERT INTO bodies (position, field, salt, text) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![position, body.field, body.salt, body.text])?;
    }
    Ok(())
}

fn take(connection: &Connection, claim: &Claim, position: u64) -> Result<(), Failure> {
    let taken = connection
        .prepare_cached(
            "INSERT INTO claims (scope, key, position) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![claim.scope, claim.key, position])?;
    if taken == 1 {
        return Ok(());
    }
    Err(Failure::Refused(AppendError::Claimed {
        scope: claim.scope.clone(),
        key: claim.key.clone(),
    }))
}

/// Never in place of another: a lost secret cannot be made anew.
fn keep_sealed(connection: &Connection, row: &SealedRow) -> Result<(), Failure> {
    let kept = connection
        .prepare_cached(
            "INSERT INTO sealed (id, version, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![row.id, row.version, row.bytes])?;
    if kept == 1 {
        return Ok(());
    }
    Err(Failure::Refused(AppendError::Claimed {
        scope: "sealed".to_owned(),
        key: format!("{} version {}", row.id, row.version),
    }))
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
