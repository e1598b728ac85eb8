//! `backup`: a copy of an installation in one file, and an installation made of such a copy.
//!
//! What opens the vault is not in it: neither the online key nor the passphrase. Secrets stay sealed as they are.

mod contents;
mod create;
mod restore;
mod verify;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::args::Global;
use crate::args::server::BackupCommand;
use crate::outcome::Outcome;
use crate::secret_file::{self, offline_passphrase};

/// Runs `backup …`.
pub(crate) async fn run(global: &Global, command: BackupCommand) -> anyhow::Result<Outcome> {
    match command {
        BackupCommand::Create { file } => create::run(global, &file),
        BackupCommand::Verify {
            file,
            passphrase_file,
        } => {
            let passphrase = passphrase_file.as_deref().map(secret_file::read);
            verify::run(global, &file, passphrase.transpose()?).await
        }
        BackupCommand::Restore {
            file,
            passphrase_file,
        } => {
            let passphrase = offline_passphrase(passphrase_file.as_deref())?;
            restore::run(global, &file, passphrase).await
        }
    }
}

/// A folder to work in, beside a file, gone when dropped. It is not open to others: what is in it tells who did what.
fn scratch(beside: &Path, prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(beside)
}
