//! A copy of a store as it is at one moment, also while a server writes it.

use std::path::Path;

use portcullis_ports::StoreError;

use super::faults::opening_fault;
use super::schema;

/// Copies a store's file to a place where there is none yet: one committed state of it, whole and without a log beside
/// it. Whoever has it open is not held up. How many events it has.
pub fn snapshot(store: &Path, to: &Path) -> Result<u64, StoreError> {
    let fault = |error: rusqlite::Error| opening_fault(store, &error);
    let connection = schema::open_reader(store).map_err(fault)?;
    schema::recognise(store, &connection)?;
    let place = to.to_str().ok_or_else(|| {
        StoreError::Unavailable(format!("{} is no name that SQLite takes", to.display()))
    })?;
    // The copy is written through this connection; the store itself is open for reading only.
    connection
        .pragma_update(None, "query_only", false)
        .map_err(fault)?;
    connection
        .execute("VACUUM INTO ?1", [place])
        .map_err(|error| {
            StoreError::Unavailable(format!(
                "{} cannot be copied to {place}: {error}",
                store.display()
            ))
        })?;
    let copy = schema::open_reader(to).map_err(fault)?;
    copy.query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .map_err(fault)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use portcullis_ports::Store as _;
    use portcullis_ports::conformance::store::world::{append, event, project, stream};
    use serde_json::json;

    use super::snapshot;
    use crate::SqliteStore;

    #[tokio::test]
    async fn a_copy_is_one_state_of_a_store_that_is_being_written() {
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
        assert_eq!(snapshot(&path("store.db"), &path("copy.db")).unwrap(), 20);
        written(20).await;
        let copy = SqliteStore::open(path("copy.db")).unwrap();
        copy.check(Arc::new(project)).await.unwrap();
        assert_eq!(
            copy.events(0, 100).await.unwrap(),
            store.events(0, 20).await.unwrap()
        );
        let there = snapshot(&path("store.db"), &path("copy.db")).unwrap_err();
        assert!(there.to_string().contains("copy.db"), "{there}");
        let missing = snapshot(&path("missing.db"), &path("other.db"));
        assert!(missing.is_err() && !path("other.db").exists());
    }
}
