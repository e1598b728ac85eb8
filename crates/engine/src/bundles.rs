//! Policy bundles: read where they can hold up nobody, and at rest, one blob each, named by its digest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_model::Digest;
use portcullis_policy::{Bundle, BundleError};
use tokio::sync::{Semaphore, oneshot};

use crate::failure::Failure;
use crate::ports::Ports;

/// The stack a bundle is read on: enough for the deepest that policy lets through, many times over.
const STACK: usize = 64 * 1024 * 1024;

/// How long a bundle may take that somebody sent, the wait for its turn included.
const WITHIN: Duration = Duration::from_secs(30);

/// Reads a bundle on a thread of its own, off the runtime.
pub async fn read_bundle(
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Result<Bundle, BundleError>, Failure> {
    read_holding(files, ()).await
}

/// The same; `held` is given back when the thread ends, whoever still waits for it.
async fn read_holding(
    files: BTreeMap<String, Vec<u8>>,
    held: impl Send + 'static,
) -> Result<Result<Bundle, BundleError>, Failure> {
    let (tell, told) = oneshot::channel();
    let work = move || {
        // Nobody listens once the caller gave up.
        drop(tell.send(Bundle::from_files(files)));
        drop(held);
    };
    std::thread::Builder::new()
        .name("policy bundle".to_owned())
        .stack_size(STACK)
        .spawn(work)
        .map_err(|error| {
            Failure::Unavailable(format!("no thread to read the bundle on: {error}"))
        })?;
    told.await
        .map_err(|_| Failure::Invalid("this bundle cannot be read".to_owned()))
}

/// Reads bundles that people send: one at a time, and for a while only.
pub(crate) struct Reader(Arc<Semaphore>);

impl Default for Reader {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Reader {
    /// Reads one. A thread that takes too long is let end by itself, and the next waits for it.
    pub(crate) async fn read(
        &self,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<Result<Bundle, BundleError>, Failure> {
        let reading = async {
            let turn = Arc::clone(&self.0).acquire_owned().await;
            read_holding(files, turn).await
        };
        tokio::time::timeout(WITHIN, reading)
            .await
            .unwrap_or_else(|_| {
                let seconds = WITHIN.as_secs();
                Err(Failure::Unavailable(format!(
                    "reading this bundle, or the one before it, takes longer than {seconds} s: make it smaller, \
                     or try again later"
                )))
            })
    }
}

fn name(digest: Digest) -> String {
    format!("bundles/{digest}.json")
}

/// Keeps a bundle; keeping it again changes nothing, and mends what a killed server left half written.
pub(crate) async fn save(ports: &Ports, bundle: &Bundle) -> Result<(), Failure> {
    let name = name(bundle.digest());
    let texts: BTreeMap<_, _> = bundle
        .files()
        .iter()
        .map(|(path, bytes)| (path, String::from_utf8_lossy(bytes)))
        .collect();
    let bytes = serde_json::to_vec(&texts).map_err(|error| Failure::Damaged(error.to_string()))?;
    let mut writer = match ports.blobs.read(&name).await? {
        Some(kept) if kept == bytes => return Ok(()),
        Some(_) => {
            ports.blobs.truncate(&name, 0).await?;
            ports.blobs.reopen(&name).await?
        }
        None => ports.blobs.create(&name).await?,
    };
    writer.append(&bytes).await?;
    writer.sync().await?;
    Ok(())
}

/// Reads a bundle back and checks that it is the one that was asked for.
pub(crate) async fn load(ports: &Ports, digest: Digest) -> Result<Bundle, Failure> {
    let damaged = |what: &str| Failure::Damaged(format!("policy bundle {digest} {what}"));
    let bytes = ports
        .blobs
        .read(&name(digest))
        .await?
        .ok_or_else(|| damaged("is gone"))?;
    let texts: BTreeMap<String, String> =
        serde_json::from_slice(&bytes).map_err(|_| damaged("is not readable"))?;
    let files = texts
        .into_iter()
        .map(|(path, text)| (path, text.into_bytes()))
        .collect();
    let bundle = read_bundle(files).await??;
    if bundle.digest() == digest {
        Ok(bundle)
    } else {
        Err(damaged("holds another bundle"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_bundle_that_takes_too_long_is_told_and_the_next_gets_a_turn() {
        let reader = Reader::default();
        let turn = Arc::clone(&reader.0).acquire_owned().await;
        let waited = reader.read(BTreeMap::new()).await;
        assert!(matches!(waited, Err(Failure::Unavailable(_))), "{waited:?}");
        drop(turn);
        tokio::time::resume();
        for _ in 0..2 {
            let read = reader.read(BTreeMap::new()).await;
            assert!(matches!(read, Ok(Err(_))), "{read:?}");
        }
    }
}
