//! A few connections that read, each on a blocking thread while it does.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_ports::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{faults, schema};

/// Reads at the same time. More would only wait for the same processors.
const MOST_READERS: usize = 4;

/// The reading connections, opened when first needed.
pub struct Readers {
    shelf: Arc<Shelf>,
    free: Arc<Semaphore>,
}

struct Shelf {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of a store's file.
    pub fn new(path: PathBuf) -> Self {
        let idle = Mutex::new(Vec::new());
        Self {
            shelf: Arc::new(Shelf { path, idle }),
            free: Arc::new(Semaphore::new(MOST_READERS)),
        }
    }

    /// Runs a query; what it sees is one committed state only if it is one statement.
    pub async fn run<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.inspect(move |connection| query(connection).map_err(|error| faults::fault(&error)))
            .await
    }

    /// Runs something that has its own opinion of what it reads.
    pub async fn inspect<T, F>(&self, look: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let free = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))?;
        let shelf = Arc::clone(&self.shelf);
        let reading = tokio::task::spawn_blocking(move || {
            let connection = shelf.take()?;
            let outcome = look(&connection);
            shelf.put(connection);
            drop(free);
            outcome
        });
        reading
            .await
            .map_err(|error| StoreError::Unavailable(format!("a read was cut off: {error}")))?
    }
}

impl Shelf {
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.map_or_else(
            || schema::open_reader(&self.path).map_err(|error| faults::fault(&error)),
            Ok,
        )
    }

    fn put(&self, connection: Connection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}
