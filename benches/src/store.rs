//! The store: durable events a second with 64 commands in flight, and how long one alone takes
//! beside a bare fdatasync of the same minute.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use portcullis_model::event::{ENVELOPE_VERSION, Event};
use portcullis_model::id::TypedId as _;
use portcullis_model::{IdentityId, RequestId, StreamId, TenantId, Timestamp};
use portcullis_ports::{Append, Record, Row, Store};
use portcullis_store::SqliteStore;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Failure;
use crate::disk::Disk;
use crate::measure::Samples;
use crate::report::Figure;

/// Runs whose median is printed.
const RUNS: usize = 7;
/// Commands waiting for their answer at any time.
const IN_FLIGHT: u64 = 64;
/// Commands one after the other of each of those.
const ROUNDS: u64 = 150;
/// Events in a command.
const EVENTS: u64 = 3;
/// Commands and syncs measured alone.
const ALONE: u64 = 500;
/// Durable events a second that the project asks for.
const WANTED: f64 = 20_000.0;

/// Measures it.
pub async fn run() -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    let mut rates = Samples::default();
    for number in 0..RUNS {
        let place = folder.path().join(format!("{number}.db"));
        rates.push(events_per_second(&place).await?);
    }
    let (commands, syncs) = alone(folder.path()).await?;
    let name = format!("{IN_FLIGHT} commands of {EVENTS} events in flight");
    let mut figures = vec![Figure::median(name, &rates, "events/s").at_least(WANTED)];
    for part in [50, 99] {
        let sync = syncs.percentile(part);
        figures.push(
            Figure::percentile("one command alone", part, &commands, "ms")
                .beside("fdatasync", sync),
        );
    }
    figures.extend(Figure::p50_and_p99("bare fdatasync", &syncs, "ms"));
    Ok(figures)
}

async fn events_per_second(place: &Path) -> Result<f64, Failure> {
    let store = Arc::new(SqliteStore::open(place)?);
    let mut work = Vec::new();
    for number in 0..IN_FLIGHT {
        let numbers = (0..ROUNDS).map(|round| round * IN_FLIGHT + number);
        work.push(numbers.map(command).collect::<Result<Vec<_>, _>>()?);
    }
    let begun = Instant::now();
    let mut writers = JoinSet::new();
    for commands in work {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for command in commands {
                store.append(command).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    let events = u32::try_from(IN_FLIGHT * ROUNDS * EVENTS)?;
    Ok(f64::from(events) / begun.elapsed().as_secs_f64())
}

/// In turns, so that both meet the same disk.
async fn alone(folder: &Path) -> Result<(Samples, Samples), Failure> {
    let store = SqliteStore::open(folder.join("alone.db"))?;
    let mut disk = Disk::open(folder)?;
    let mut commands = Samples::default();
    for number in 0..ALONE {
        let command = command(number)?;
        let begun = Instant::now();
        store.append(command).await?;
        commands.push_millis(begun.elapsed());
        disk.sync()?;
    }
    Ok((commands, disk.times))
}

/// A new stream with its first events and its row, as a request has them.
fn command(number: u64) -> Result<Vec<Append>, Failure> {
    let [high, low] = [number / 251, number % 251].map(|part| u8::try_from(part % 256));
    let mut random = [7; 10];
    [random[0], random[9]] = [high?, low?];
    let stream: StreamId =
        RequestId::from_parts(Timestamp::from_millis(1_795_000_000_000 + number), random).into();
    let mut records = Vec::new();
    for seq in 1..=EVENTS {
        let event = event(&stream, seq);
        let leaf = event.to_leaf()?;
        records.push(Record {
            event,
            leaf,
            bodies: Vec::new(),
        });
    }
    let keys = [
        ("requester", "idn_0000000005e008000000000000"),
        ("state", "waiting"),
    ];
    let row = Row {
        table: "request".to_owned(),
        id: stream.to_string(),
        version: EVENTS,
        keys: BTreeMap::from(keys.map(|(key, value)| (key.to_owned(), value.to_owned()))),
        state: vec![b' '; 600],
    };
    Ok(vec![Append {
        stream,
        expected: 0,
        records,
        row: Some(row),
        sealed: Vec::new(),
    }])
}

fn event(stream: &StreamId, seq: u64) -> Event {
    let at = Timestamp::from_millis(1_795_000_000_000);
    Event {
        v: ENVELOPE_VERSION,
        tenant: TenantId::from_parts(at, [0; 10]),
        stream: stream.clone(),
        seq,
        kind: "request.submitted".to_owned(),
        kind_v: 1,
        at,
        actor: Some(IdentityId::from_parts(at, [1; 10])),
        claims: Vec::new(),
        bodies: Vec::new(),
        data: json!({ "resource": "res_0000000005e008000000000000", "path": "privileged", "text": "x".repeat(110) }),
    }
}
