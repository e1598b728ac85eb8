//! Policy bundles at rest: one blob each, named by its digest.

use std::collections::BTreeMap;

use portcullis_model::Digest;
use portcullis_policy::Bundle;

use crate::failure::Failure;
use crate::ports::Ports;

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
    let bundle = Bundle::from_files(files)?;
    if bundle.digest() == digest {
        Ok(bundle)
    } else {
        Err(damaged("holds another bundle"))
    }
}
