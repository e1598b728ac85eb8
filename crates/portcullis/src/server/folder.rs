//! The data folder: what lies where, and with which permissions.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use portcullis_ports::Reserve;
use portcullis_store::FileReserve;

use crate::outcome::Stuck;

/// The size of the file that is given up when the disk is full, so that the failure itself can be recorded.
const RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// The permissions that nobody but the owner is to have.
pub(crate) const OF_OTHERS: u32 = 0o077;

/// A data folder.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// A folder that is there.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let found = path.canonicalize().map_err(|error| Stuck {
            what: format!("there is no data folder {}: {error}", path.display()),
            next: "make one with portcullis init, or say where it is with --data DIR".to_owned(),
        })?;
        Ok(Self(found))
    }

    /// Makes a folder for a new installation.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        make_private(path)?;
        let folder = Self(path.canonicalize()?);
        closed_to_others(path)?;
        for inner in ["keys", "ledger", "run", "tls"] {
            let inner = folder.0.join(inner);
            make_private(&inner)?;
            closed_to_others(&inner)?;
        }
        folder
            .reserve()
            .set_aside()
            .context("setting the reserve of 64 MiB aside: is the disk full?")?;
        Ok(folder)
    }

    /// A private folder as it is, with nothing made in it yet.
    pub(crate) fn bare(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store.db")
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("ledger")
    }

    /// Tapes lie in `tapes/`, policy bundles in `bundles/`, both below the folder itself.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.0.clone()
    }

    pub(crate) fn online_key(&self) -> PathBuf {
        self.0.join("keys/online.age")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.join("tls/certificate.pem")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("portcullis.toml")
    }

    /// Where a running server says its addresses.
    pub(crate) fn addresses(&self) -> PathBuf {
        self.0.join("run/addresses.json")
    }

    /// What is given up when the disk is full.
    pub(crate) fn reserve(&self) -> FileReserve {
        FileReserve::new(self.0.join("reserve"), RESERVE_BYTES)
    }
}

/// Refuses a folder that was there before and that others may enter: whose it is, is not ours to change.
pub(crate) fn closed_to_others(path: &Path) -> anyhow::Result<()> {
    let mode = path.metadata()?.permissions().mode() & 0o777;
    if mode & OF_OTHERS == 0 {
        return Ok(());
    }
    let path = path.display();
    anyhow::bail!(Stuck {
        what: format!("{path} is open to others ({mode:o}), and keys are to lie in it"),
        next: format!("chmod go= {path}, or name a folder that is not there yet"),
    })
}

pub(crate) fn make_private(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making {}", path.display()))
}

/// Creates a file that only its owner can read; it must not be there yet.
pub(crate) fn private_file(path: &Path) -> anyhow::Result<fs::File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("creating {}", path.display()))
}

/// Writes a private file in one step: whoever reads sees the old or the new one.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    make_private(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)
        .with_context(|| format!("writing {}", path.display()))?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}
