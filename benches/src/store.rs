//! The store: durable events a second with 64 commands in flight, and how long one alone takes
//! beside a bare fdatasync of the same minute.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_model::event::{ENVELOPE_VERSION, Event};
use portcullis_model::id::TypedId as _;
use portcullis_model::{IdentityId, RequestId, StreamId, TenantId, Timestamp};
use portcullis_ports::{Append, Record, Row, Store};
use portcullis_store::SqliteStore;
use serde_json::json;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// Runs whose median is printed.
const RUNS: usize = 5;
/// Commands waiting for their answer at any time.
const IN_FLIGHT: u64 = 64;
/// Commands one after the other of each of those.
const ROUNDS: u64 = 150;
/// Events in a command.
const EVENTS: u64 = 3;
/// Commands and syncs measured alone.
const ALONE: u64 = 500;
/// What a lone command adds to the log, about: so much is written before each bare fdatasync.
const SYNCED: usize = 24 * 1024;

/// Prints the figures.
pub async fn run() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut rates = Vec::new();
    for number in 0..RUNS {
        let place = folder.path().join(format!("{number}.db"));
        rates.push(events_per_second(&place).await?);
    }
    rates.sort_by(f64::total_cmp);
    let median = rates.get(RUNS / 2).copied().unwrap_or_default();
    println!(
        "store: {median:.0} events/s durable, {IN_FLIGHT} commands of {EVENTS} events in flight \
         (runs {rates:.0?})"
    );
    let (mut commands, mut syncs) = alone(folder.path()).await?;
    for (name, times) in [
        ("one command alone", &mut commands),
        ("fdatasync", &mut syncs),
    ] {
        times.sort_unstable();
        let at = |part: usize| {
            millis(
                times
                    .get(times.len() * part / 100)
                    .copied()
                    .unwrap_or_default(),
            )
        };
        println!("store: {name}: p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
    }
    Ok(())
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
async fn alone(folder: &Path) -> Result<(Vec<Duration>, Vec<Duration>), Failure> {
    let store = SqliteStore::open(folder.join("alone.db"))?;
    let mut bare = File::create(folder.join("bare"))?;
    let (mut commands, mut syncs) = (Vec::new(), Vec::new());
    let block = vec![0; SYNCED];
    for number in 0..ALONE {
        let command = command(number)?;
        let begun = Instant::now();
        store.append(command).await?;
        commands.push(begun.elapsed());
        let begun = Instant::now();
        bare.write_all(&block)?;
        bare.sync_data()?;
        syncs.push(begun.elapsed());
    }
    Ok((commands, syncs))
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

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
