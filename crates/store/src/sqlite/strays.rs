//! Sealed rows that no event speaks of: of events that were cut off, or put there by somebody. They take up versions that are
//! sealed again some day, and would be refused then for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use portcullis_model::Event;
use portcullis_ports::StoreError;
use rusqlite::{Connection, params};

use super::faults::fault;
use super::rebuild::{each_event, unreadable};
use super::schema::{self, Wanted};

/// Which sealed rows came with an event: identifier and version of each; no version where it is the next one by then.
pub type SealedWith = dyn Fn(&Event) -> Result<Vec<(String, Option<u64>)>, String>;

/// Deletes them from a copy out of a backup that nobody has open; how many there were.
pub fn forget_strays(path: &Path, sealed_with: &SealedWith) -> Result<usize, StoreError> {
    if !path.exists() {
        // Opening would make one.
        return Ok(0);
    }
    let opened = schema::open(path, Wanted::Copy)?;
    forget(&opened.connection, sealed_with)
}

/// The same on a connection.
pub fn forget(connection: &Connection, sealed_with: &SealedWith) -> Result<usize, StoreError> {
    let strays = strays(connection, sealed_with)?;
    for (id, version) in &strays {
        connection
            .execute(
                "DELETE FROM sealed WHERE id = ?1 AND version = ?2",
                params![id, version],
            )
            .map_err(|error| fault(&error))?;
    }
    Ok(strays.len())
}

fn strays(
    connection: &Connection,
    sealed_with: &SealedWith,
) -> Result<Vec<(String, u64)>, StoreError> {
    let mut named = BTreeMap::<String, BTreeSet<u64>>::new();
    each_event(connection, |event, position| {
        let came = sealed_with(event).map_err(|why| unreadable(position, &why))?;
        for (id, version) in came {
            let versions = named.entry(id).or_default();
            let next = versions.last().map_or(1, |newest| newest + 1);
            versions.insert(version.unwrap_or(next));
        }
        Ok(())
    })?;
    let is_named = |(id, version): &(String, u64)| {
        let versions = named.get(id);
        versions.is_some_and(|versions| versions.contains(version))
    };
    let mut statement = connection
        .prepare("SELECT id, version FROM sealed")
        .map_err(|error| fault(&error))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: rusqlite::Result<Vec<(String, u64)>> = rows.and_then(Iterator::collect);
    let mut rows = rows.map_err(|error| fault(&error))?;
    rows.retain(|row| !is_named(row));
    Ok(rows)
}
