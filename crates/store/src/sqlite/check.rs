//! Whether the file holds together: SQLite's own check, then what the tables promise each other.

use std::collections::HashMap;

use portcullis_model::Event;
use portcullis_ports::StoreError;
use portcullis_ports::store::Projector;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::faults::fault;
use super::{derived, layout, read};

/// Findings named before the rest is only counted.
const MOST_NAMED: usize = 20;

/// What was found wrong so far.
#[derive(Default)]
pub(super) struct Findings {
    named: Vec<String>,
    more: usize,
}

impl Findings {
    pub(super) fn add(&mut self, finding: String) {
        if self.named.len() < MOST_NAMED {
            self.named.push(finding);
        } else {
            self.more += 1;
        }
    }

    fn report(mut self) -> Result<(), StoreError> {
        if self.named.is_empty() {
            return Ok(());
        }
        if self.more > 0 {
            self.named.push(format!("and {} more", self.more));
        }
        Err(StoreError::Damaged(self.named.join("; ")))
    }
}

/// Checks one committed state of the file; an error lists what is wrong.
pub fn check(connection: &Connection, projector: &Projector) -> Result<(), StoreError> {
    let mut findings = Findings::default();
    look(connection, projector, &mut findings).map_err(|error| fault(&error))?;
    findings.report()
}

fn look(
    connection: &Connection,
    projector: &Projector,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    pages(&snapshot, findings)?;
    if let Some(what) = layout::foreign(&snapshot)? {
        findings.add(what);
    }
    gaps(&snapshot, findings)?;
    events(&snapshot, findings)?;
    stray_bodies(&snapshot, findings)?;
    derived::check(&snapshot, projector, findings)
}

fn pages(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            findings.add(said);
        }
    }
    Ok(())
}

fn gaps(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let present: u64 = connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
    let expected = read::count(connection)?;
    if present != expected {
        findings.add(format!(
            "{present} events are there, and the last one's position says {expected}"
        ));
    }
    let mut statement = connection.prepare(
        "SELECT stream FROM events GROUP BY stream HAVING min(seq) <> 1 OR max(seq) <> count(*)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stream: String = row.get(0)?;
        findings.add(format!("stream {stream} lacks events"));
    }
    Ok(())
}

/// Goes over the leaves: their columns, texts and claims must say what they say.
fn events(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut claims = HashMap::new();
    let mut statement = connection
        .prepare("SELECT position, leaf, stream, seq, kind, at FROM events ORDER BY position")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let position: u64 = row.get(0)?;
        let event = match Event::from_leaf(row.get_ref(1)?.as_blob()?) {
            Ok(event) => event,
            Err(error) => {
                findings.add(format!("event {position}: {error}"));
                continue;
            }
        };
        let agrees = row.get_ref(2)?.as_str()? == event.stream.as_str()
            && row.get::<_, u64>(3)? == event.seq
            && row.get_ref(4)?.as_str()? == event.kind
            && row.get::<_, u64>(5)? == event.at.as_millis();
        if !agrees {
            findings.add(format!(
                "event {position}: its leaf is that of another event"
            ));
        }
        for body in read::bodies(connection, position)? {
            if !event.bodies.contains(&body.commit()) {
                findings.add(format!(
                    "event {position}: the text {} was changed",
                    body.field
                ));
            }
        }
        for claim in event.claims {
            if claim.release {
                claims.remove(&(claim.scope, claim.key));
            } else {
                claims.insert((claim.scope, claim.key), position);
            }
        }
    }
    compare_claims(connection, claims, findings)
}

fn compare_claims(
    connection: &Connection,
    mut expected: HashMap<(String, String), u64>,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT scope, key, position FROM claims")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let claim: (String, String) = (row.get(0)?, row.get(1)?);
        if expected.remove(&claim) != Some(row.get(2)?) {
            findings.add(format!("no event claims {} {}", claim.0, claim.1));
        }
    }
    for ((scope, key), position) in expected {
        findings.add(format!(
            "the claim of event {position} to {scope} {key} is lost"
        ));
    }
    Ok(())
}

fn stray_bodies(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let stray: u64 = connection.query_row(
        "SELECT count(*) FROM bodies WHERE position NOT IN (SELECT position FROM events)",
        [],
        |row| row.get(0),
    )?;
    if stray > 0 {
        findings.add(format!("{stray} texts belong to no event"));
    }
    Ok(())
}
