//! What only the file itself can show: its bytes, its limits, its damage.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::Path;

use portcullis_model::{Claim, Event};
use portcullis_ports::conformance::store::world::{append, event, project, stream};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

use super::*;

fn note(number: u64, seq: u64) -> Event {
    let keys = json!({ "owner": format!("owner {}", number % 3), "seq": (seq % 2).to_string() });
    event(
        &stream(number),
        seq,
        json!({ "keys": keys, "text": "x".repeat(300) }),
    )
}

fn command(number: u64) -> Vec<Append> {
    let mut events: Vec<_> = (1..=3).map(|seq| note(number, seq)).collect();
    events[0]
        .claims
        .push(Claim::take("number", number.to_string()));
    vec![append(None, events)]
}

/// Every row of a table, as SQLite has them.
fn dump(connection: &Connection, table: &str) -> Vec<Vec<Value>> {
    let mut statement = connection
        .prepare(&format!("SELECT * FROM {table}"))
        .unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns).map(|column| row.get(column)).collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

async fn derived(store: &SqliteStore) -> [Vec<Vec<Value>>; 3] {
    let dumped = store
        .readers
        .run(|connection| Ok(["rows", "row_keys", "claims"].map(|table| dump(connection, table))));
    dumped.await.unwrap()
}

/// Changes a closed store's file behind its back.
fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

async fn complaint(path: &Path) -> String {
    let store = SqliteStore::open(path).unwrap();
    match store.check(Arc::new(project)).await {
        Err(StoreError::Damaged(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rebuilt_tables_are_the_same_bytes() {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path().join("store.db")).unwrap();
    for number in 0..20 {
        store.append(command(number)).await.unwrap();
    }
    let mut freed = note(3, 4);
    freed.claims.push(Claim::give_back("number", "5"));
    let row = store.row("request", stream(3).as_str()).await.unwrap();
    store
        .append(vec![append(row.as_ref(), vec![freed])])
        .await
        .unwrap();
    let gone = event(&stream(7), 4, json!("gone"));
    store.append(vec![append(None, vec![gone])]).await.unwrap();

    let before = derived(&store).await;
    assert_eq!(before.each_ref().map(Vec::len), [19, 38, 19]);
    store.rebuild(Arc::new(project)).await.unwrap();
    assert_eq!(derived(&store).await, before);
}

#[tokio::test]
async fn a_full_disk_refuses_whole_commands_and_the_store_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store.db");
    let opened = schema::open(&path, Wanted::Store).unwrap();
    opened
        .connection
        .pragma_update(None, "max_page_count", 60)
        .unwrap();
    let store = SqliteStore::serve(opened).unwrap();
    let mut written = 0;
    let failure = loop {
        match store.append(command(written)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&failure, AppendError::Store(StoreError::Unavailable(text)) if text.contains("full")),
        "{failure}"
    );
    assert!(written > 0);
    let refused = store.append(command(0)).await;
    assert!(
        matches!(refused, Err(AppendError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(*store.committed().borrow(), 3 * written);
    assert!(
        store
            .claimed_at("number", &written.to_string())
            .await
            .unwrap()
            .is_none()
    );
    store.check(Arc::new(project)).await.unwrap();
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.append(command(written)).await.unwrap(), 3 * written);
    store.check(Arc::new(project)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_every_caller_is_answered_and_told_the_truth() {
    let place = tempfile::tempdir().unwrap();
    let opened = schema::open(&place.path().join("store.db"), Wanted::Store).unwrap();
    opened
        .connection
        .pragma_update(None, "max_page_count", 60)
        .unwrap();
    let store = Arc::new(SqliteStore::serve(opened).unwrap());
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        writers.spawn(async move { (number, store.append(command(number)).await.is_ok()) });
    }
    for (number, written) in writers.join_all().await {
        let events = store.stream(&stream(number), 0).await.unwrap().len();
        assert_eq!(events, if written { 3 } else { 0 });
        assert_eq!(
            store
                .claimed_at("number", &number.to_string())
                .await
                .unwrap()
                .is_some(),
            written
        );
    }
    store.check(Arc::new(project)).await.unwrap();
}

#[tokio::test]
async fn an_erased_text_is_in_no_file_any_more() {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path().join("store.db")).unwrap();
    let text = "a reason nobody should read for ever";
    let body = Body::new("reason", [3; 16], text);
    let mut noted = note(1, 1);
    noted.bodies.push(body.commit());
    let mut writing = append(None, vec![noted]);
    writing.records[0].bodies.push(body);
    store.append(vec![writing]).await.unwrap();
    store.append(command(2)).await.unwrap();
    let files = || {
        let files = fs::read_dir(place.path()).unwrap();
        let bytes = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        bytes.flatten().collect::<Vec<u8>>()
    };
    let holds = |bytes: &[u8]| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds(&files()));
    store.erase_body(0, "reason").await.unwrap();
    assert!(!holds(&files()));
}

#[tokio::test]
async fn an_overwritten_page_is_found_by_the_check() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    for number in 0..50 {
        store.append(command(number)).await.unwrap();
    }
    store.check(Arc::new(project)).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    for page in [10, 20, 30] {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&path, &damaged).unwrap();
        complaint(&path).await;
    }
}

#[tokio::test]
async fn the_check_names_what_was_changed_behind_the_stores_back() {
    for (sql, said) in [
        ("DELETE FROM events WHERE position = 1", "lacks events"),
        (
            "DELETE FROM events WHERE position = 0; UPDATE events SET seq = seq - 1 WHERE seq > 0 AND position < 3",
            "position says",
        ),
        (
            "UPDATE events SET leaf = (SELECT leaf FROM events WHERE position = 1) WHERE position = 4",
            "event 4: its leaf",
        ),
        (
            "UPDATE events SET leaf = x'7b7d' WHERE position = 2",
            "event 2: the leaf",
        ),
        (
            "UPDATE events SET at = at + 1 WHERE position = 2",
            "event 2: its leaf",
        ),
        (
            "UPDATE bodies SET text = 'harmless'",
            "the text reason was changed",
        ),
        (
            "INSERT INTO bodies SELECT 99, field, salt, text FROM bodies",
            "1 texts belong to no event",
        ),
        (
            "DELETE FROM claims WHERE key = '1'",
            "the claim of event 3 to number 1 is lost",
        ),
        (
            "INSERT INTO claims VALUES ('number', '9', 0)",
            "no event claims number 9",
        ),
        (
            "UPDATE rows SET state = CAST(replace(state, 'owner 1', 'owner 2') AS BLOB)",
            "was changed: it is not what its events amount to",
        ),
        ("UPDATE rows SET version = version + 1", "was changed"),
        ("UPDATE rows SET noun = 'grant'", "was changed"),
        ("UPDATE rows SET keys = '{}'", "was changed"),
        ("DELETE FROM rows", "is lost"),
        (
            "INSERT INTO rows SELECT 'req_of_nobody', noun, version, '{}', state FROM rows LIMIT 1",
            "no event has the row of req_of_nobody",
        ),
        (
            "UPDATE row_keys SET value = 'owner 9' WHERE value = 'owner 1'",
            "by a owner it does not have",
        ),
        (
            "DELETE FROM row_keys WHERE value = 'owner 1'",
            "the index lacks 1 keys",
        ),
    ] {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store.db");
        let store = SqliteStore::open(&path).unwrap();
        store.append(command(0)).await.unwrap();
        store.append(command(1)).await.unwrap();
        let body = Body::new("reason", [3; 16], "to drop the table");
        let mut noted = note(2, 1);
        noted.bodies.push(body.commit());
        let mut writing = append(None, vec![noted]);
        writing.records[0].bodies.push(body);
        store.append(vec![writing]).await.unwrap();
        store.check(Arc::new(project)).await.unwrap();
        drop(store);
        tamper(&path, sql);
        let complaint = complaint(&path).await;
        assert!(complaint.contains(said), "{sql}: {complaint}");
    }
}

/// Somebody may add to the file while it is open.
#[tokio::test]
async fn what_is_planted_in_an_open_store_is_not_run_and_is_found_by_the_check() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    tamper(
        &path,
        "CREATE TRIGGER gift AFTER INSERT ON events BEGIN UPDATE rows SET state = x'7b7d'; END;
         CREATE VIEW seen AS SELECT * FROM rows",
    );
    for number in 0..2 {
        store.append(command(number)).await.unwrap();
    }
    let seen = |connection: &Connection| {
        let seen =
            connection.query_row("SELECT count(*) FROM seen", [], |row| row.get::<_, u64>(0));
        Ok(seen.is_ok())
    };
    assert!(!store.readers.run(seen).await.unwrap(), "a view was read");
    let complaint = match store.check(Arc::new(project)).await {
        Err(StoreError::Damaged(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(complaint, "the trigger gift in it is not of this program");
    tamper(&path, "DROP TRIGGER gift; DROP VIEW seen");
    store.check(Arc::new(project)).await.unwrap();
}

/// Where something else stands in the first row of a table.
fn changes(connection: &Connection, table: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("SELECT * FROM {table} LIMIT 1"))
        .unwrap();
    let columns: Vec<String> = statement
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let first = statement
        .query_row([], |row| (0..columns.len()).map(|at| row.get(at)).collect())
        .unwrap();
    let first: Vec<Value> = first;
    let other = |(column, value): (&String, &Value)| {
        let other = match value {
            Value::Integer(_) => format!("{column} + 1000"),
            Value::Text(_) => format!("'x' || substr({column}, 2)"),
            Value::Blob(_) => format!("CAST('x' || substr({column}, 2) AS BLOB)"),
            other => panic!("{table}.{column}: {other:?}"),
        };
        let key = connection.query_row(
            "SELECT group_concat(name) FROM pragma_table_info(?1) WHERE pk > 0",
            [table],
            |row| row.get::<_, String>(0),
        );
        let key = key.unwrap();
        format!(
            "UPDATE {table} SET {column} = {other} WHERE ({key}) = (SELECT {key} FROM {table} LIMIT 1)"
        )
    };
    columns.iter().zip(&first).map(other).collect()
}

/// What is sealed shows it by itself, when it is opened.
#[tokio::test]
async fn a_change_in_any_column_is_found_by_the_check() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    store.append(command(0)).await.unwrap();
    let body = Body::new("reason", [3; 16], "to drop the table");
    let mut noted = note(2, 1);
    noted.bodies.push(body.commit());
    let mut writing = append(None, vec![noted]);
    writing.records[0].bodies.push(body);
    store.append(vec![writing]).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let tables = ["events", "bodies", "claims", "rows", "row_keys"];
    let all = Connection::open(&path).unwrap();
    let changes: Vec<String> = tables.iter().flat_map(|one| changes(&all, one)).collect();
    drop(all);
    assert_eq!(changes.len(), 6 + 4 + 3 + 5 + 4);
    for sql in changes {
        fs::write(&path, &whole).unwrap();
        tamper(&path, &sql);
        let complaint = complaint(&path).await;
        assert!(!complaint.is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn lookups_by_key_use_the_index() {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path().join("store.db")).unwrap();
    let asked = Query::table("request")
        .with("owner", "ann")
        .with("state", "open");
    let plan = store
        .readers
        .run(move |connection| rows::explain(connection, &asked));
    let plan = plan.await.unwrap();
    assert!(
        plan[0].contains("k0 USING PRIMARY KEY (noun=? AND key=? AND value=? AND id>?)"),
        "{plan:?}"
    );
    assert!(
        plan.iter().all(|step| step.starts_with("SEARCH")),
        "{plan:?}"
    );
}
