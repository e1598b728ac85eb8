//! What is in a backup, and where in a data folder it belongs.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use portcullis_model::Timestamp;
use portcullis_store::Unpacked;
use serde::{Deserialize, Serialize};

use crate::server::folder::DataFolder;

/// The layout of what is in a backup.
const FORMAT: u32 = 1;

/// The member that says what the backup is.
pub(super) const ABOUT: &str = "about.json";

/// The store, as it was at one moment.
pub(super) const STORE: &str = "store.db";

/// The ledger's newest checkpoint.
pub(super) const CHECKPOINT: &str = "ledger/checkpoint";

/// Single files that are in it where they are there.
pub(super) const FILES: [&str; 2] = ["portcullis.toml", "tls/certificate.pem"];

/// The folder of the ledger.
pub(super) const LEDGER: &str = "ledger";

/// The other folders whose files are in it.
pub(super) const FOLDERS: [&str; 2] = ["bundles", "tapes"];

/// What comes first by itself, or is written to see whether something can be written.
pub(super) const IN_PASSING: [&str; 2] = [CHECKPOINT, "tapes/probe"];

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    format: u32,
    /// The version of the program that made it.
    program: String,
    /// When it was made, as it says: nothing vouches for that.
    pub(super) taken_at: Timestamp,
}

impl About {
    pub(super) fn at(taken_at: Timestamp) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at,
        }
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        // The format first: of another one, nothing else need be as here.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(bytes)?;
        if format != FORMAT {
            bail!(
                "it has format {format}, and this program knows {FORMAT}: use the program that made it"
            );
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// Whether a member of this name belongs in a data folder.
fn is_known(name: &str) -> bool {
    let inside = |folder: &&str| {
        let below = name.strip_prefix(*folder);
        below.is_some_and(|below| below.starts_with('/'))
    };
    [ABOUT, STORE].contains(&name)
        || FILES.contains(&name)
        || [LEDGER].iter().chain(&FOLDERS).any(inside)
}

/// Unpacks a backup into a data folder where nothing else is.
pub(super) fn unpack(file: &Path, folder: &DataFolder) -> anyhow::Result<(About, Unpacked)> {
    let unpacked = portcullis_store::unpack(file, folder.path(), is_known)?;
    let about = folder.path().join(ABOUT);
    let bytes = fs::read(&about).context("the backup does not say what it is")?;
    let about_it = About::parse(&bytes).context("what the backup says of itself")?;
    fs::remove_file(&about)?;
    Ok((about_it, unpacked))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_in_a_data_folder_is_unpacked_into_one() {
        for name in [
            "store.db",
            "ledger/checkpoint",
            "tapes/ses_1",
            "tls/certificate.pem",
        ] {
            assert!(is_known(name), "{name}");
        }
        for name in [
            "keys/online.age",
            "store.db-wal",
            "ledger",
            "tls/key.pem",
            "run/x",
            "x",
        ] {
            assert!(!is_known(name), "{name}");
        }
    }

    #[test]
    fn another_format_is_refused_whatever_else_it_says() {
        let about = serde_json::to_vec(&About::at(Timestamp::from_millis(7))).unwrap();
        assert_eq!(
            About::parse(&about).unwrap().taken_at,
            Timestamp::from_millis(7)
        );
        let told = About::parse(br#"{"format": 2, "moon": 1}"#).unwrap_err();
        assert!(told.to_string().contains("format 2"), "{told}");
        assert!(About::parse(b"{}").is_err());
    }
}
