//! `backup verify`: unpacked beside it, looked through, and thrown away.

use std::path::Path;

use anyhow::Context;
use portcullis_engine::{
    Beside, Diagnosis, Health, Unlock, Vouched, diagnose, try_opening, vouched,
};
use portcullis_model::{Secret, Timestamp};

use super::{contents, scratch};
use crate::args::Global;
use crate::outcome::Outcome;
use crate::secret_file;
use crate::server::doctor::{Check, tell};
use crate::server::folder::DataFolder;
use crate::server::ports_of_copy;

/// What is said of a running installation, and not of a copy.
const NOT_OF_A_COPY: [&str; 3] = ["installation", "clock", "evidence"];

/// Runs it.
pub(super) async fn run(
    global: &Global,
    file: &Path,
    passphrase: Option<Secret<String>>,
) -> anyhow::Result<Outcome> {
    let beside = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let scratch = scratch(beside.unwrap_or_else(|| Path::new(".")), ".verifying-")
        .context("a backup is unpacked beside itself to be verified")?;
    let folder = DataFolder::bare(scratch.path());
    let checks = match contents::unpack(file, &folder) {
        Err(error) => vec![Check::of("members", Err(error))],
        Ok((about, unpacked)) => {
            let whole = format!(
                "{} files, {} bytes, all as they were written; says it was taken at {}",
                unpacked.files, unpacked.bytes, about.taken_at
            );
            let mut checks = vec![Check::of("members", Ok(whole))];
            checks.extend(look(&folder, about.taken_at, passphrase).await);
            checks
        }
    };
    tell(global, &checks)
}

async fn look(
    folder: &DataFolder,
    said: Timestamp,
    passphrase: Option<Secret<String>>,
) -> Vec<Check> {
    let ports = match ports_of_copy(folder) {
        Ok(ports) => ports,
        Err(error) => return vec![Check::of("store", Err(error))],
    };
    let of_a_copy = |found: &Diagnosis| !NOT_OF_A_COPY.contains(&found.what);
    let found = diagnose(&ports, Beside::default())
        .await
        .into_iter()
        .filter(of_a_copy);
    let mut checks: Vec<_> = found.map(Check::from).collect();
    let vouched = vouched(&ports, said).await.map(|vouched| {
        let Vouched { events, as_of } = vouched;
        format!("for all {events} events, of which the last was at {as_of}")
    });
    checks.push(Check::of(
        "the ledger vouches",
        vouched.map_err(anyhow::Error::from),
    ));
    checks.push(match passphrase {
        None => Check {
            what: "passphrase".to_owned(),
            health: Health::Note,
            detail: "not tried: --passphrase-file FILE tells whether it opens the backup"
                .to_owned(),
        },
        Some(given) => {
            let unlock = Unlock::Passphrase(secret_file::without_blanks(&given));
            let opened = try_opening(ports, unlock).await;
            let opened = opened.map(|_| "opens the vault".to_owned());
            Check::of("passphrase", opened.map_err(anyhow::Error::from))
        }
    });
    checks
}
