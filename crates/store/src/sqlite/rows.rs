//! The read models: a row for each stream, and an index of its keys.

use std::collections::BTreeMap;

use portcullis_ports::Row;
use portcullis_ports::store::Query;
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, Error, OptionalExtension as _, Result, params, params_from_iter};

/// A stream's row.
pub fn find(connection: &Connection, id: &str) -> Result<Option<Row>> {
    connection
        .prepare_cached("SELECT id, noun, version, keys, state FROM rows WHERE id = ?1")?
        .query_row([id], row)
        .optional()
}

/// The rows that have all of a query's keys, in the order of their names or the other way round.
pub fn query(connection: &Connection, query: &Query) -> Result<Vec<Row>> {
    let (sql, values) = select(query);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(values), row)?;
    found.collect()
}

/// Puts a stream's row in place of the one it had.
pub fn put(connection: &Connection, row: &Row) -> Result<()> {
    let keys = serde_json::to_string(&row.keys)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    let before = indexed(connection, &row.id)?;
    let unchanged = before
        .as_ref()
        .is_some_and(|(noun, before)| *noun == row.table && *before == keys);
    if !unchanged {
        if let Some((noun, before)) = before {
            remove_keys(connection, &noun, &before, &row.id)?;
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO row_keys (noun, key, value, id) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (key, value) in &row.keys {
            insert.execute([&row.table, key, value, &row.id])?;
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO rows (id, noun, version, keys, state) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO UPDATE SET noun = excluded.noun, version = excluded.version, \
             keys = excluded.keys, state = excluded.state",
        )?
        .execute(params![row.id, row.table, row.version, keys, row.state])?;
    Ok(())
}

/// Removes a stream's row, if it has one.
pub fn remove(connection: &Connection, id: &str) -> Result<()> {
    if let Some((noun, keys)) = indexed(connection, id)? {
        remove_keys(connection, &noun, &keys, id)?;
        connection
            .prepare_cached("DELETE FROM rows WHERE id = ?1")?
            .execute([id])?;
    }
    Ok(())
}

/// The noun and keys a stream's row has now, as stored.
fn indexed(connection: &Connection, id: &str) -> Result<Option<(String, String)>> {
    connection
        .prepare_cached("SELECT noun, keys FROM rows WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

fn remove_keys(connection: &Connection, noun: &str, keys: &str, id: &str) -> Result<()> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM row_keys WHERE noun = ?1 AND key = ?2 AND value = ?3 AND id = ?4",
    )?;
    for (key, value) in parse_keys(keys)? {
        delete.execute([noun, &key, &value, id])?;
    }
    Ok(())
}

/// Sorts behind every identifier: those are ASCII.
const BEHIND_ALL: &str = "\u{10ffff}";

/// One statement per number of keys and order. Its parameters are the noun, the row to start after, the
/// limit, then each key and its value. The index of the first key gives the order; the others narrow.
fn select(query: &Query) -> (String, Vec<Value>) {
    let (further, order, begin) = if query.newest_first {
        ("<", "DESC", BEHIND_ALL)
    } else {
        (">", "ASC", "")
    };
    let after = query.after.clone().unwrap_or_else(|| begin.to_owned());
    let limit = match query.limit {
        0 => -1,
        limit => i64::try_from(limit).unwrap_or(i64::MAX),
    };
    let mut values: Vec<Value> = vec![query.table.clone().into(), after.into(), limit.into()];
    let mut tables = Vec::new();
    let mut wanted = vec![format!("r.noun = ?1 AND r.id {further} ?2")];
    let mut ordered = "r.id";
    for (place, (key, value)) in query.keys.iter().enumerate() {
        let (first, second) = (2 * place + 4, 2 * place + 5);
        tables.push(format!("row_keys k{place}"));
        wanted.push(format!(
            "k{place}.noun = ?1 AND k{place}.key = ?{first} AND k{place}.value = ?{second} \
             AND k{place}.id {further} ?2 AND k{place}.id = r.id"
        ));
        ordered = "k0.id";
        values.extend([key.clone().into(), value.clone().into()]);
    }
    tables.push("rows r".to_owned());
    let sql = format!(
        "SELECT r.id, r.noun, r.version, r.keys, r.state FROM {} WHERE {} ORDER BY {ordered} {order} LIMIT ?3",
        tables.join(" CROSS JOIN "),
        wanted.join(" AND ")
    );
    (sql, values)
}

fn row(row: &rusqlite::Row<'_>) -> Result<Row> {
    let keys: String = row.get(3)?;
    Ok(Row {
        id: row.get(0)?,
        table: row.get(1)?,
        version: row.get(2)?,
        keys: parse_keys(&keys)?,
        state: row.get(4)?,
    })
}

fn parse_keys(text: &str) -> Result<BTreeMap<String, String>> {
    serde_json::from_str(text)
        .map_err(|error| Error::FromSqlConversionFailure(3, Type::Text, Box::new(error)))
}

/// How SQLite would go about a query.
#[cfg(test)]
pub fn explain(connection: &Connection, query: &Query) -> Result<Vec<String>> {
    let (sql, values) = select(query);
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let steps = statement.query_map(params_from_iter(values), |row| row.get(3))?;
    steps.collect()
}
