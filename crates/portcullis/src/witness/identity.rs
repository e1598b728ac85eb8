//! Who a witness is: a name and a key, made at its first start and never changed.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_ledger::Cosigner;
use portcullis_model::Secret;
use portcullis_ports::Entropy as _;

use crate::outcome::Stuck;
use crate::secret_file;
use crate::server::OsEntropy;
use crate::server::folder::replace_private;

/// The file with name and seed, in the witness's folder.
const FILE: &str = "key";

/// The witness of a folder; a new one if there is none yet.
pub(super) fn of(folder: &Path, name: Option<&str>) -> anyhow::Result<Cosigner> {
    let path = folder.join(FILE);
    if !path.exists() {
        let Some(name) = name else {
            return Err(Stuck {
                what: format!("there is no witness in {} yet", folder.display()),
                next: "say what the new one is to be called: --name witness.example".to_owned(),
            }
            .into());
        };
        begin(&path, name)?;
    }
    let kept = secret_file::read(&path)?;
    let cosigner = read(&kept).with_context(|| format!("in {}", path.display()))?;
    match name {
        Some(name) if name != cosigner.key().name() => bail!(
            "the witness in {} is {}: a key goes with one name, so make another folder for {name}",
            folder.display(),
            cosigner.key().name()
        ),
        _ => Ok(cosigner),
    }
}

fn begin(path: &Path, name: &str) -> anyhow::Result<()> {
    let mut seed = [0; 32];
    OsEntropy.fill(&mut seed);
    let seed = Secret::new(seed);
    let text = Secret::new(format!("{name} {}\n", STANDARD.encode(seed.expose())));
    // A name that no key can have is refused before it is kept.
    read(&text)?;
    replace_private(path, text.expose().as_bytes())
}

fn read(kept: &Secret<String>) -> anyhow::Result<Cosigner> {
    let malformed =
        "it is not a witness's key: put the file back from a copy, or begin in another folder";
    let (name, seed) = kept
        .expose()
        .trim_end()
        .split_once(' ')
        .context(malformed)?;
    let seed = STANDARD.decode(seed).map(Secret::new).context(malformed)?;
    let seed = seed.expose().as_slice().try_into().context(malformed)?;
    Ok(Cosigner::from_seed(name, seed)?)
}
