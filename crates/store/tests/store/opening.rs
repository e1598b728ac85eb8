//! Files that are no store of ours: refused with their name, and left as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use portcullis_ports::conformance::store::world::{append, event, project, stream};
use portcullis_ports::{Store as _, StoreError};
use portcullis_store::{SqliteStore, snapshot};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

/// A closed store with a few pages of events.
async fn filled(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    for number in 0..50 {
        let events = (1..=4)
            .map(|seq| event(&stream(number), seq, json!({ "text": "x".repeat(300) })))
            .collect();
        store.append(vec![append(None, events)]).await.unwrap();
    }
}

fn refusal(path: &Path) -> StoreError {
    let before = fs::read(path).ok();
    let error = SqliteStore::open(path)
        .err()
        .expect("it is no store of ours");
    assert_eq!(fs::read(path).ok(), before, "the file was changed");
    error
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (_folder, path) = place();
    fs::write(&path, "hello, I am a letter to my aunt\n".repeat(50)).unwrap();
    let error = refusal(&path);
    assert!(
        matches!(&error, StoreError::Damaged(text) if text.contains("store.db")),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_cut_short_is_refused() {
    let (_folder, path) = place();
    filled(&path).await;
    let whole = fs::read(&path).unwrap();
    for length in [
        10,
        99,
        100,
        512,
        4096,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refusal(&path);
        assert!(
            matches!(&error, StoreError::Damaged(text) if text.contains("store.db")),
            "{length}: {error}"
        );
    }
    fs::write(&path, &whole).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(*store.committed().borrow(), 200);
}

#[test]
fn a_database_of_another_program_is_refused() {
    for marks in ["", "PRAGMA application_id = 7;"] {
        let (_folder, path) = place();
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch(&format!("{marks} CREATE TABLE letters (text TEXT)"))
            .unwrap();
        drop(other);
        let error = refusal(&path);
        assert!(error.to_string().contains("another program"), "{error}");
        assert!(error.to_string().contains("store.db"), "{error}");
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let (_folder, path) = place();
    filled(&path).await;
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    drop(newer);
    let error = refusal(&path);
    assert!(
        matches!(error, StoreError::Version { found: 2, known: 1 }),
        "{error}"
    );
}

#[tokio::test]
async fn a_read_only_file_is_refused() {
    let (_folder, path) = place();
    filled(&path).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let error = refusal(&path);
    assert!(
        matches!(&error, StoreError::Unavailable(text) if text.contains("read-only")),
        "{error}"
    );
}

#[test]
fn a_folder_and_a_path_into_nowhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().to_owned(),
        folder.path().join("none/store.db"),
    ] {
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let (_folder, path) = place();
    fs::write(&path, b"").unwrap();
    filled(&path).await;
    assert_eq!(*SqliteStore::open(&path).unwrap().committed().borrow(), 200);
}

#[test]
fn a_store_in_use_is_not_opened_a_second_time() {
    let (_folder, path) = place();
    let first = SqliteStore::open(&path).unwrap();
    let error = SqliteStore::open(&path).err().unwrap();
    assert!(
        error.to_string().contains("open in another program"),
        "{error}"
    );
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn a_store_whose_tables_are_not_those_we_make_is_refused_by_name() {
    for (sql, said) in [
        (
            "CREATE TRIGGER gift AFTER INSERT ON events BEGIN UPDATE rows SET state = x'7b7d'; END",
            "the trigger gift in it is not of this program",
        ),
        (
            "CREATE VIEW seen AS SELECT * FROM rows",
            "the view seen in it is not of this program",
        ),
        (
            "CREATE INDEX narrow ON rows (version)",
            "the index narrow in it is not of this program",
        ),
        (
            "CREATE TABLE letters (text TEXT)",
            "the table letters in it is not of this program",
        ),
        (
            "ALTER TABLE sealed ADD COLUMN of TEXT DEFAULT ''",
            "the table sealed in it was changed",
        ),
        (
            "DROP TABLE rows; CREATE VIEW rows AS SELECT * FROM sealed",
            "the view rows in it was changed",
        ),
        ("DROP INDEX rows_of_noun", "it lacks rows_of_noun"),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema
             SET sql = replace(sql, 'state   BLOB NOT NULL', 'state   BLOB CHECK (1)') WHERE name = 'rows'",
            "the table rows in it was changed",
        ),
    ] {
        let (_folder, path) = place();
        filled(&path).await;
        let other = Connection::open(&path).unwrap();
        other.execute_batch(sql).unwrap();
        drop(other);
        let error = refusal(&path);
        assert!(
            matches!(&error, StoreError::Damaged(text) if text.contains(said) && text.contains("store.db")),
            "{sql}: {error}"
        );
        let copied = snapshot(&path, &path.with_extension("copy"), 10, &project, &|_| Ok(Vec::new()));
        assert!(copied.unwrap_err().to_string().contains(said), "{sql}");
    }
}
