//! A process killed while it writes, and a log torn as by a power cut: only whole commands remain.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use portcullis_model::Claim;
use portcullis_ports::Store;
use portcullis_ports::conformance::store::world::{append, event, project, stream};
use portcullis_store::SqliteStore;
use serde_json::json;
use tokio::task::JoinSet;

const PLACE: &str = "PORTCULLIS_STORE_TO_BE_KILLED";

/// Two streams, five events and a claim.
async fn write(store: &dyn Store, number: u64) -> u64 {
    let (one, two) = (stream(2 * number), stream(2 * number + 1));
    let mut first = event(&one, 1, json!({ "text": "x".repeat(200) }));
    first.claims.push(Claim::take("number", number.to_string()));
    let rest = (2..=3).map(|seq| event(&one, seq, json!({})));
    let one = append(None, std::iter::once(first).chain(rest).collect());
    let two = append(
        None,
        (1..=2).map(|seq| event(&two, seq, json!({}))).collect(),
    );
    store.append(vec![one, two]).await.unwrap()
}

/// Not a test of its own: what the test below starts and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by another test, in a process that is killed"]
async fn writes_until_it_is_killed() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only way to hand a test a folder"
    )]
    let place = std::env::var(PLACE).unwrap();
    let store = Arc::new(SqliteStore::open(Path::new(&place).join("store.db")).unwrap());
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for round in 0.. {
                let number = round * 8 + writer;
                let position = write(&*store, number).await;
                writeln!(std::io::stdout(), "\nwritten {number} {position}").unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// Every command is there whole or not at all; gives how many there are.
async fn assert_whole_commands(place: &Path) -> u64 {
    let store = SqliteStore::open(place.join("store.db")).unwrap();
    store.check(Arc::new(project)).await.unwrap();
    let events = *store.committed().borrow();
    assert_eq!(events % 5, 0, "a command was cut");
    let mut first = 0;
    while first < events {
        let command = store.events(first, 5).await.unwrap();
        let number = portcullis_model::Event::from_leaf(&command[0].leaf)
            .unwrap()
            .claims[0]
            .key
            .clone();
        assert_eq!(
            store.claimed_at("number", &number).await.unwrap(),
            Some(first)
        );
        for (stream, version) in [
            (stream(2 * number.parse::<u64>().unwrap()), 3),
            (stream(2 * number.parse::<u64>().unwrap() + 1), 2),
        ] {
            let row = store
                .row("request", stream.as_str())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(row.version, version);
        }
        first += 5;
    }
    events / 5
}

#[tokio::test]
async fn a_killed_process_leaves_every_answered_command_and_no_half_one() {
    let place = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "killed::writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(PLACE, place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    for line in lines.map_while(Result::ok) {
        if let Some(line) = line.strip_prefix("written ") {
            let (number, position) = line.split_once(' ').unwrap();
            answered.push((
                number.parse::<u64>().unwrap(),
                position.parse::<u64>().unwrap(),
            ));
            if answered.len() == 100 {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    assert!(
        answered.len() >= 100,
        "only {} commands were answered",
        answered.len()
    );

    let written = assert_whole_commands(place.path()).await;
    assert!(written >= u64::try_from(answered.len()).unwrap());
    let store = SqliteStore::open(place.path().join("store.db")).unwrap();
    for (number, position) in answered {
        let leaf = &store.events(position, 1).await.unwrap()[0].leaf;
        let event = portcullis_model::Event::from_leaf(leaf).unwrap();
        assert_eq!((event.stream, event.seq), (stream(2 * number), 1));
    }
}

#[tokio::test]
async fn a_torn_log_shows_whole_commands_only() {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path().join("store.db")).unwrap();
    for number in 0..20 {
        write(&store, number).await;
    }
    let log = fs::read(place.path().join("store.db-wal")).unwrap();
    let mut seen = Vec::new();
    for part in 0..=16 {
        let torn = tempfile::tempdir().unwrap();
        fs::copy(place.path().join("store.db"), torn.path().join("store.db")).unwrap();
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(torn.path().join("store.db-wal"))
            .unwrap();
        let length = log.len() * part / 16;
        file.write_all(&log[..length]).unwrap();
        // The rest of the page that was being written is not what it should be.
        file.write_all(&[0xa5; 2048]).unwrap();
        drop(file);
        seen.push(assert_whole_commands(torn.path()).await);
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!((seen[0], seen[16]), (0, 20));
    assert!(seen[8] > 0 && seen[8] < 20, "{seen:?}");
}
