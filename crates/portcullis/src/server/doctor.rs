//! `doctor`: what is wrong with an installation, read without changing anything.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use portcullis_engine::{Diagnosis, Health, diagnose};
use portcullis_ports::{Reserve, StoreError};
use serde::Serialize;

use super::config::{Config, UnlockSection};
use super::folder::{DataFolder, OF_OTHERS};
use super::ports;
use crate::args::Global;
use crate::args::server::DoctorArgs;
use crate::outcome::Outcome;
use crate::output;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    health: Health,
    detail: String,
}

/// Runs `doctor`.
pub(crate) async fn run(global: &Global, args: DoctorArgs) -> anyhow::Result<Outcome> {
    let folder = DataFolder::open(&global.data)?;
    let checks = look(&folder, args.config.as_deref()).await;
    if global.json {
        output::json(&checks)?;
    } else {
        for Check {
            what,
            health,
            detail,
        } in &checks
        {
            let mark = match health {
                Health::Ok => "ok  ",
                Health::Note => "note",
                Health::Fail => "FAIL",
            };
            output::line(format!("{mark}  {what:<18} {detail}"))?;
        }
    }
    let sound = checks.iter().all(|check| check.health != Health::Fail);
    Ok(if sound {
        Outcome::Done
    } else {
        Outcome::Program(1)
    })
}

async fn look(folder: &DataFolder, named: Option<&Path>) -> Vec<Check> {
    let config = Config::read(folder, named);
    // Without a configuration, what `init` wrote.
    let unlock = config
        .as_ref()
        .map_or_else(|_| UnlockSection::default(), |config| config.unlock.clone());
    let readable = config.and_then(|config| config.check_roles(None));
    let certificate = folder.certificate();
    let certificate = certificate
        .metadata()
        .with_context(|| format!("looking at {}", certificate.display()));
    let mut checks = vec![
        check("data folder", private(folder.path())),
        check("configuration", readable.map(|()| "readable".to_owned())),
        check("online key", private(&unlock.identity_in(folder))),
        check("certificate", certificate.map(|_| "there".to_owned())),
        check("reserve", reserve(folder)),
    ];
    match ports(folder) {
        Ok(ports) => checks.extend(diagnose(&ports).await.into_iter().map(Check::from)),
        Err(error) if is_in_use(&error) => checks.push(Check {
            what: "store".to_owned(),
            health: Health::Note,
            detail:
                "a server runs on it; to have store, policy and ledger looked at, stop it first"
                    .to_owned(),
        }),
        Err(error) => checks.push(check("store", Err(error))),
    }
    checks
}

fn is_in_use(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<StoreError>();
    matches!(cause, Some(StoreError::InUse(_)))
}

impl From<Diagnosis> for Check {
    fn from(found: Diagnosis) -> Self {
        Self {
            what: found.what.to_owned(),
            health: found.health,
            detail: found.detail,
        }
    }
}

fn check(what: &str, found: anyhow::Result<String>) -> Check {
    let health = if found.is_ok() {
        Health::Ok
    } else {
        Health::Fail
    };
    Check {
        what: what.to_owned(),
        health,
        detail: found.unwrap_or_else(|error| format!("{error:#}")),
    }
}

fn reserve(folder: &DataFolder) -> anyhow::Result<String> {
    if folder.reserve().is_whole() {
        return Ok("set aside".to_owned());
    }
    anyhow::bail!(
        "not whole: it was given up because evidence could not be written; make room on the disk, the server sets it aside again and then lets privileged work begin"
    )
}

fn private(path: &Path) -> anyhow::Result<String> {
    let found = path
        .metadata()
        .with_context(|| format!("looking at {}", path.display()))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & OF_OTHERS == 0 {
        return Ok(format!("private ({mode:o})"));
    }
    anyhow::bail!(
        "{} can be read by others ({mode:o}): chmod go= {}",
        path.display(),
        path.display()
    )
}
