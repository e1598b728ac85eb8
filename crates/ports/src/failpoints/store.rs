//! The store with its fail points: a commit is a step named after the events in it.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_model::{Body, StreamId};
use tokio::sync::watch;

use super::passing::{Failed, Failpoints};
use crate::store::{Projector, Query, SealedRow};
use crate::{Append, AppendError, Row, Store, StoreError, Stored};

/// What reading is called in orders.
const READING: &str = "read the store";

/// A store that is watched.
pub struct Watched(pub Arc<dyn Store>, pub &'static Failpoints);

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        Self::Unavailable(failed.0)
    }
}

/// The kinds of its events, each once, in order.
fn commit(command: &[Append]) -> String {
    let records = command.iter().flat_map(|append| &append.records);
    let mut kinds: Vec<&str> = records.map(|record| record.event.kind.as_str()).collect();
    kinds.dedup();
    format!("commit {}", kinds.join("+"))
}

#[async_trait]
impl Store for Watched {
    async fn append(&self, command: Vec<Append>) -> Result<u64, AppendError> {
        let call = commit(&command);
        self.1.before(&call).await.map_err(StoreError::from)?;
        let position = self.0.append(command).await?;
        self.1.after(&call);
        Ok(position)
    }

    async fn stream(&self, stream: &StreamId, after: u64) -> Result<Vec<Stored>, StoreError> {
        self.1.reading(READING).await?;
        self.0.stream(stream, after).await
    }

    async fn events(&self, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.1.reading(READING).await?;
        self.0.events(from, limit).await
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.0.committed()
    }

    fn revision(&self, table: &str) -> Option<u64> {
        self.0.revision(table)
    }

    async fn row(&self, table: &str, id: &str) -> Result<Option<Row>, StoreError> {
        self.1.reading(READING).await?;
        self.0.row(table, id).await
    }

    async fn rows(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.1.reading(READING).await?;
        self.0.rows(query).await
    }

    async fn bodies(&self, position: u64) -> Result<Vec<Body>, StoreError> {
        self.1.reading(READING).await?;
        self.0.bodies(position).await
    }

    async fn erase_body(&self, position: u64, field: &str) -> Result<(), StoreError> {
        let call = format!("erase {field}");
        self.1.before(&call).await?;
        self.0.erase_body(position, field).await?;
        self.1.after(&call);
        Ok(())
    }

    async fn claimed_at(&self, scope: &str, key: &str) -> Result<Option<u64>, StoreError> {
        self.1.reading(READING).await?;
        self.0.claimed_at(scope, key).await
    }

    async fn sealed(
        &self,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<SealedRow>, StoreError> {
        self.1.reading(READING).await?;
        self.0.sealed(id, version).await
    }

    async fn erase_sealed(&self, id: &str) -> Result<(), StoreError> {
        let call = "erase sealed";
        self.1.before(call).await?;
        self.0.erase_sealed(id).await?;
        self.1.after(call);
        Ok(())
    }

    async fn rebuild(&self, projector: Arc<Projector>) -> Result<(), StoreError> {
        self.0.rebuild(projector).await
    }

    async fn check(&self, projector: Arc<Projector>) -> Result<(), StoreError> {
        self.0.check(projector).await
    }
}
