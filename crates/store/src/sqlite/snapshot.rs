//! A copy of a store as it is at one moment, also while a server writes it.

use std::path::Path;

use portcullis_model::Timestamp;
use portcullis_ports::StoreError;
use portcullis_ports::store::Projector;
use rusqlite::{Connection, OptionalExtension as _};

use super::faults::opening_fault;
use super::read;
use super::rebuild::rebuild;
use super::schema::{self, Wanted};
use super::strays::{self, SealedWith};

/// What was there to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// How many events there were, those that are left out of the copy among them.
    pub there: u64,
    /// When the last one in the copy was.
    pub as_of: Option<Timestamp>,
}

/// Copies a store's file to a place where there is none yet: its first `events`, what they amount to and what was
/// sealed with them, whole and without a log
/// beside them, marked as a copy ([`SqliteStore::open_copy`](crate::SqliteStore::open_copy)). Whoever has the store open is
/// not held up.
pub fn snapshot(
    store: &Path,
    to: &Path,
    events: u64,
    projector: &Projector,
    sealed_with: &SealedWith,
) -> Result<Copied, StoreError> {
    copy(store, to)?;
    let fault = |error: rusqlite::Error| opening_fault(to, &error);
    let connection = Connection::open(to).map_err(fault)?;
    schema::harden(&connection).map_err(fault)?;
    // What is left out is not to be read out of the file's free pages either.
    let wiped = connection.pragma_update(None, "secure_delete", true);
    wiped.map_err(fault)?;
    let there = read::count(&connection).map_err(fault)?;
    for table in ["events", "bodies"] {
        let later = format!("DELETE FROM {table} WHERE position >= ?1");
        connection.execute(&later, [events]).map_err(fault)?;
    }
    strays::forget(&connection, sealed_with)?;
    schema::mark_as_copy(&connection).map_err(fault)?;
    rebuild(&connection, projector)?;
    let as_of = "SELECT at FROM events ORDER BY position DESC LIMIT 1";
    let as_of = connection.query_row(as_of, [], |row| row.get(0)).optional();
    Ok(Copied {
        there,
        as_of: as_of.map_err(fault)?.map(Timestamp::from_millis),
    })
}

fn copy(store: &Path, to: &Path) -> Result<(), StoreError> {
    let fault = |error: rusqlite::Error| opening_fault(store, &error);
    let connection = schema::open_reader(store).map_err(fault)?;
    schema::recognise(store, &connection, Wanted::Store)?;
    let place = to.to_str().ok_or_else(|| {
        StoreError::Unavailable(format!("{} is no name that SQLite takes", to.display()))
    })?;
    // The copy is written through this connection; the store itself is open for reading only.
    connection
        .pragma_update(None, "query_only", false)
        .map_err(fault)?;
    let copied = connection.execute("VACUUM INTO ?1", [place]);
    copied.map(drop).map_err(|error| {
        StoreError::Unavailable(format!(
            "{} cannot be copied to {place}: {error}",
            store.display()
        ))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use portcullis_model::Event;
    use portcullis_ports::Store as _;
    use portcullis_ports::conformance::store::world::{append, event, project, stream};
    use portcullis_ports::store::SealedRow;
    use serde_json::json;

    use super::snapshot;
    use crate::{SqliteStore, adopt, forget_strays};

    #[tokio::test]
    async fn a_copy_is_the_first_events_of_a_store_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let store = SqliteStore::open(path("store.db")).unwrap();
        let written = async |number| {
            let first = event(&stream(number), 1, json!("text"));
            store.append(vec![append(None, vec![first])]).await.unwrap()
        };
        for number in 0..20 {
            written(number).await;
        }
        let snapshot = |to, events| snapshot(&path("store.db"), &path(to), events, &project, &none);
        let copied = snapshot("copy.db", 15).unwrap();
        let last = store.events(14, 1).await.unwrap();
        let last = Event::from_leaf(&last[0].leaf).unwrap();
        assert_eq!((copied.there, copied.as_of), (20, Some(last.at)));
        written(20).await;
        let copy = SqliteStore::open_copy(path("copy.db")).unwrap();
        copy.check(Arc::new(project)).await.unwrap();
        assert_eq!(
            copy.events(0, 100).await.unwrap(),
            store.events(0, 15).await.unwrap()
        );
        let there = snapshot("copy.db", 15).unwrap_err();
        assert!(there.to_string().contains("copy.db"), "{there}");
        snapshot("whole.db", u64::from(u32::MAX)).unwrap();
        let whole = SqliteStore::open_copy(path("whole.db")).unwrap();
        assert_eq!(whole.events(0, 100).await.unwrap().len(), 21);
        let missing = super::snapshot(&path("missing.db"), &path("other.db"), 1, &project, &none);
        assert!(missing.is_err() && !path("other.db").exists());
    }

    #[expect(clippy::unnecessary_wraps, reason = "what a copy is asked with")]
    fn none(_: &Event) -> Result<Vec<(String, Option<u64>)>, String> {
        Ok(Vec::new())
    }

    #[tokio::test]
    async fn what_was_sealed_with_events_that_are_left_out_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let store = SqliteStore::open(path("store.db")).unwrap();
        let row = |version| SealedRow {
            id: "secret".to_owned(),
            version,
            bytes: vec![7],
        };
        for seq in 1..=3 {
            let mut writing = append(None, vec![event(&stream(seq), 1, json!("text"))]);
            writing.sealed.push(row(seq));
            store.append(vec![writing]).await.unwrap();
        }
        let with = |event: &Event| {
            let first = event.stream == stream(1);
            Ok(vec![("secret".to_owned(), first.then_some(1))])
        };
        super::snapshot(&path("store.db"), &path("copy.db"), 2, &project, &with).unwrap();
        let copy = SqliteStore::open_copy(path("copy.db")).unwrap();
        assert_eq!(copy.sealed("secret", None).await.unwrap(), Some(row(2)));
        let mut again = append(None, vec![event(&stream(3), 1, json!("text"))]);
        again.sealed.extend([row(3), row(9)]);
        copy.append(vec![again]).await.unwrap();
        drop(copy);
        assert_eq!(forget_strays(&path("copy.db"), &with).unwrap(), 1);
        let copy = SqliteStore::open_copy(path("copy.db")).unwrap();
        assert_eq!(copy.sealed("secret", None).await.unwrap(), Some(row(3)));
    }

    #[tokio::test]
    async fn a_copy_is_no_store_until_it_is_adopted() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let store = SqliteStore::open(path("store.db")).unwrap();
        let first = event(&stream(1), 1, json!("text"));
        store.append(vec![append(None, vec![first])]).await.unwrap();
        snapshot(&path("store.db"), &path("copy.db"), 1, &project, &none).unwrap();
        let refused = SqliteStore::open(path("copy.db")).err().unwrap();
        assert!(refused.to_string().contains("backup restore"), "{refused}");
        let again = snapshot(&path("copy.db"), &path("other.db"), 1, &project, &none);
        assert!(again.is_err(), "a copy was made of a copy");
        drop(SqliteStore::open_copy(path("copy.db")).unwrap());
        adopt(&path("copy.db")).unwrap();
        let adopted = SqliteStore::open(path("copy.db")).unwrap();
        assert_eq!(*adopted.committed().borrow(), 1);
        let told = adopt(&path("copy.db")).unwrap_err();
        assert!(told.to_string().contains("open in another"), "{told}");
    }
}
