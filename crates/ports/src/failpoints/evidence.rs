//! Tapes and the ledger's files with their fail points.

use std::io::{self, Read};
use std::sync::Arc;

use async_trait::async_trait;

use super::passing::{Failed, Failpoints};
use crate::{BlobError, BlobWriter, Blobs, TileError, Tiles};

/// Blobs that are watched.
pub struct WatchedBlobs(pub Arc<dyn Blobs>, pub &'static Failpoints);

/// A blob being written that is watched.
struct WatchedWriter {
    inner: Box<dyn BlobWriter>,
    name: String,
    points: &'static Failpoints,
}

/// A log's files that are watched.
pub struct WatchedTiles(pub Arc<dyn Tiles>, pub &'static Failpoints);

/// What blobs of its sort are called in steps: `tapes`.
fn sort(name: &str) -> &str {
    name.split_once('/').map_or(name, |(sort, _)| sort)
}

fn unwritten(name: &str) -> impl FnOnce(Failed) -> BlobError + '_ {
    move |failed| BlobError {
        name: name.to_owned(),
        verb: "written",
        cause: io::Error::other(failed.0),
    }
}

impl WatchedBlobs {
    fn watched(&self, name: &str, inner: Box<dyn BlobWriter>) -> Box<dyn BlobWriter> {
        Box::new(WatchedWriter {
            inner,
            name: name.to_owned(),
            points: self.1,
        })
    }
}

#[async_trait]
impl Blobs for WatchedBlobs {
    async fn create(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError> {
        let call = format!("create {}", sort(name));
        self.1.before(&call).await.map_err(unwritten(name))?;
        let inner = self.0.create(name).await?;
        self.1.after(&call);
        Ok(self.watched(name, inner))
    }

    async fn reopen(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError> {
        Ok(self.watched(name, self.0.reopen(name).await?))
    }

    async fn truncate(&self, name: &str, bytes: u64) -> Result<(), BlobError> {
        let call = format!("truncate {}", sort(name));
        self.1.before(&call).await.map_err(unwritten(name))?;
        self.0.truncate(name, bytes).await?;
        self.1.after(&call);
        Ok(())
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BlobError> {
        self.0.read(name).await
    }

    async fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, BlobError> {
        self.0.open(name).await
    }

    async fn remove(&self, name: &str) -> Result<(), BlobError> {
        let call = format!("remove {}", sort(name));
        self.1.before(&call).await.map_err(unwritten(name))?;
        self.0.remove(name).await?;
        self.1.after(&call);
        Ok(())
    }

    async fn bytes(&self, prefix: &str) -> Result<u64, BlobError> {
        self.0.bytes(prefix).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        self.0.list(prefix).await
    }
}

#[async_trait]
impl BlobWriter for WatchedWriter {
    async fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let call = format!("write {}", sort(&self.name));
        let before = self.points.before(&call).await;
        before.map_err(unwritten(&self.name))?;
        self.inner.append(bytes).await?;
        self.points.after(&call);
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), BlobError> {
        let call = format!("sync {}", sort(&self.name));
        let before = self.points.before(&call).await;
        before.map_err(unwritten(&self.name))?;
        self.inner.sync().await?;
        self.points.after(&call);
        Ok(())
    }
}

impl WatchedTiles {
    fn call(
        &self,
        call: &str,
        act: impl FnOnce() -> Result<(), TileError>,
    ) -> Result<(), TileError> {
        self.1.before_blocking(call).map_err(|failed| TileError {
            path: call.to_owned(),
            verb: "written",
            cause: io::Error::other(failed.0),
        })?;
        act()?;
        self.1.after(call);
        Ok(())
    }
}

impl Tiles for WatchedTiles {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TileError> {
        self.0.read(path)
    }

    fn write(&self, files: &[(String, Vec<u8>)]) -> Result<(), TileError> {
        self.call("write the ledger", || self.0.write(files))
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), TileError> {
        self.call("publish the checkpoint", || self.0.publish(checkpoint))
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, TileError> {
        self.0.checkpoint()
    }
}
