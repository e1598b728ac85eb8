//! Whether rows and their index are what the events amount to.

use portcullis_model::Event;
use portcullis_ports::Row;
use portcullis_ports::store::Projector;
use rusqlite::{Connection, Result};

use super::check::Findings;
use super::rows;

/// Replays stream after stream, one row in memory at a time, and compares.
pub fn check(
    connection: &Connection,
    projector: &Projector,
    findings: &mut Findings,
) -> Result<()> {
    let mut statement =
        connection.prepare("SELECT stream, leaf FROM events ORDER BY stream, seq")?;
    let mut events = statement.query([])?;
    let mut replay = Replay::default();
    let mut expected = 0;
    while let Some(found) = events.next()? {
        let stream = found.get_ref(0)?.as_str()?;
        if stream != replay.stream {
            expected += replay.compare(connection, findings);
            replay = Replay::of(stream);
        }
        // One that cannot be read is named by the look at the events.
        match Event::from_leaf(found.get_ref(1)?.as_blob()?) {
            Ok(event) => replay.fold(&event, projector, findings),
            Err(_) => replay.broken = true,
        }
    }
    expected += replay.compare(connection, findings);
    index(connection, expected, findings)
}

/// One stream's row, made anew.
#[derive(Default)]
struct Replay {
    stream: String,
    row: Option<Row>,
    /// Whether it cannot be told what the row should be.
    broken: bool,
}

impl Replay {
    fn of(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            ..Self::default()
        }
    }

    fn fold(&mut self, event: &Event, projector: &Projector, findings: &mut Findings) {
        if self.broken {
            return;
        }
        match projector(self.row.as_ref(), event) {
            Ok(row) => self.row = row,
            Err(why) => {
                self.broken = true;
                findings.add(format!("{} cannot be replayed: {why}", self.stream));
            }
        }
    }

    /// Compares with the row that is stored; says how many keys it should have in the index.
    fn compare(&self, connection: &Connection, findings: &mut Findings) -> usize {
        if self.broken || self.stream.is_empty() {
            return 0;
        }
        match rows::find(connection, &self.stream) {
            Ok(stored) if stored == self.row => {}
            Ok(None) => findings.add(format!("the row of {} is lost", self.stream)),
            Ok(Some(_)) => findings.add(format!(
                "the row of {} was changed: it is not what its events amount to",
                self.stream
            )),
            Err(error) => findings.add(format!("the row of {}: {error}", self.stream)),
        }
        self.row.as_ref().map_or(0, |row| row.keys.len())
    }
}

/// Every row belongs to events, and the index has every key of every row and nothing else.
fn index(connection: &Connection, expected: usize, findings: &mut Findings) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT id FROM rows WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = rows.id)",
    )?;
    let mut stray = statement.query([])?;
    while let Some(row) = stray.next()? {
        findings.add(format!(
            "no event has the row of {}",
            row.get::<_, String>(0)?
        ));
    }
    let mut statement = connection.prepare("SELECT noun, key, value, id FROM row_keys")?;
    let mut keys = statement.query([])?;
    let mut found = 0;
    while let Some(key) = keys.next()? {
        let (noun, name): (String, String) = (key.get(0)?, key.get(1)?);
        let (value, id): (String, String) = (key.get(2)?, key.get(3)?);
        let row = rows::find(connection, &id).ok().flatten();
        let has = row.is_some_and(|row| row.table == noun && row.keys.get(&name) == Some(&value));
        if has {
            found += 1;
        } else {
            findings.add(format!("the index finds {id} by a {name} it does not have"));
        }
    }
    if found < expected {
        findings.add(format!(
            "the index lacks {} keys by which rows are found",
            expected - found
        ));
    }
    Ok(())
}
