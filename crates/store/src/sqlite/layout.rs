//! What stands in the file's own list of tables, and whether anything else does. What somebody adds there decides what our
//! statements do: a trigger changes rows that no event speaks of.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result};

/// `rows.keys` repeats `row_keys`, so that a row is read in one go and its index is rewritten only
/// when they differ.
pub const TABLES: &str = "
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream   TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    leaf     BLOB NOT NULL,
    UNIQUE (stream, seq)
) STRICT;
CREATE TABLE bodies (
    position INTEGER NOT NULL,
    field    TEXT NOT NULL,
    salt     TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (position, field)
) STRICT, WITHOUT ROWID;
CREATE TABLE claims (
    scope    TEXT NOT NULL,
    key      TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE rows (
    id      TEXT PRIMARY KEY,
    noun    TEXT NOT NULL,
    version INTEGER NOT NULL,
    keys    TEXT NOT NULL,
    state   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rows_of_noun ON rows (noun, id);
CREATE TABLE row_keys (
    noun  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    id    TEXT NOT NULL,
    PRIMARY KEY (noun, key, value, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE sealed (
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;
";

/// What is said of an object: its kind, the table it belongs to, and the statement that makes it.
type Said = (String, String, Option<String>);

/// What the file has that we do not make, lacks, or has otherwise than we make it: the first such thing, in words.
pub fn foreign(connection: &Connection) -> Result<Option<String>> {
    let ours = Connection::open_in_memory()?;
    ours.execute_batch(TABLES)?;
    let (mut ours, found) = (objects(&ours)?, objects(connection)?);
    for (name, said) in found {
        let kind = said.first().map_or("object", |(kind, ..)| kind.as_str());
        match ours.remove(&name) {
            None => {
                return Ok(Some(format!(
                    "the {kind} {name} in it is not of this program"
                )));
            }
            Some(known) if known != said => {
                return Ok(Some(format!("the {kind} {name} in it was changed")));
            }
            Some(_) => {}
        }
    }
    let lacking = ours.into_keys().next();
    Ok(lacking.map(|name| format!("it lacks {name}")))
}

/// All there is, by name. A name may be there more than once.
fn objects(connection: &Connection) -> Result<BTreeMap<String, Vec<Said>>> {
    let mut statement = connection
        .prepare("SELECT name, type, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2, 3, 4")?;
    let mut rows = statement.query([])?;
    let mut objects = BTreeMap::<_, Vec<_>>::new();
    while let Some(row) = rows.next()? {
        let sql: Option<String> = row.get(3)?;
        let sql = sql.map(|sql| sql.split_whitespace().collect::<Vec<_>>().join(" "));
        let said = (row.get(1)?, row.get(2)?, sql);
        objects.entry(row.get(0)?).or_default().push(said);
    }
    Ok(objects)
}
