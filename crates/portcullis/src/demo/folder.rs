//! The demo's folder: locked as long as its demo lives, so that a later one can tell what a dead one left.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::server::folder::private_file;

/// What the names of demos' folders begin with.
pub(super) const PREFIX: &str = "portcullis-demo-";

const LOCK: &str = "lock";

/// A folder of one's own. It goes when it is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    /// Held for the sake of holding it.
    _lock: File,
}

impl Folder {
    /// Makes one where temporary files lie. It has its name only once it is locked.
    pub(crate) fn make() -> anyhow::Result<Self> {
        Self::make_in(&std::env::temp_dir())
    }

    /// The same in another place.
    pub(super) fn make_in(place: &Path) -> anyhow::Result<Self> {
        let hidden = format!(".{PREFIX}");
        let fresh = tempfile::Builder::new().prefix(&hidden).tempdir_in(place)?;
        // Others may pass through to their own folders, and read none of ours.
        fs::set_permissions(fresh.path(), fs::Permissions::from_mode(0o711))?;
        let lock = private_file(&fresh.path().join(LOCK))?;
        lock.lock().context("locking the demo's folder")?;
        let name = fresh.path().file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| name.strip_prefix('.'));
        let path = fresh
            .path()
            .with_file_name(name.context("the temporary folder has no name")?);
        fs::rename(fresh.path(), &path)
            .with_context(|| format!("naming the folder {}", path.display()))?;
        let _renamed = fresh.keep();
        Ok(Self { path, _lock: lock })
    }

    /// Takes over the folder of a demo that is dead. Nothing, when it lives or the folder is somebody else's.
    pub(super) fn of_a_dead_demo(path: &Path) -> Option<Self> {
        let found = path.symlink_metadata().ok()?;
        let ours = found.is_dir()
            && found.uid() == rustix::process::geteuid().as_raw()
            && found.mode() & 0o022 == 0;
        if !ours {
            return None;
        }
        let lock = File::open(path.join(LOCK)).ok()?;
        lock.try_lock().ok()?;
        Some(Self {
            path: path.to_path_buf(),
            _lock: lock,
        })
    }

    /// As when the process is killed: the lock goes, the folder stays.
    #[cfg(test)]
    #[expect(clippy::used_underscore_binding, reason = "given up here for once")]
    pub(super) fn die(self) {
        let dying = std::mem::ManuallyDrop::new(self);
        dying._lock.unlock().ok();
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The lock last: what cannot be removed now is a leftover for the next demo, which goes by the lock.
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = match entry.file_type() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(path),
                Ok(_) if entry.file_name() != LOCK => fs::remove_file(path),
                _ => Ok(()),
            };
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}
