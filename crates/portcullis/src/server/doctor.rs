//! `doctor`: what is wrong with an installation, read without changing anything.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use portcullis_api::TlsIdentity;
use portcullis_engine::{Beside, Diagnosis, Health, Ports, Unlock, diagnose, try_opening};
use portcullis_ports::{Reserve, StoreError};
use serde::Serialize;

use super::config::{Config, UnlockSection};
use super::folder::{DataFolder, OF_OTHERS};
use super::ports;
use crate::args::Global;
use crate::args::server::DoctorArgs;
use crate::outcome::Outcome;
use crate::{output, secret_file};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) what: String,
    pub(super) health: Health,
    pub(super) detail: String,
}

/// Runs `doctor`.
pub(crate) async fn run(global: &Global, args: DoctorArgs) -> anyhow::Result<Outcome> {
    let folder = DataFolder::open(&global.data)?;
    let kept = args
        .checkpoint
        .as_deref()
        .map(|path| std::fs::read(path).with_context(|| format!("reading {}", path.display())));
    let kept = kept.transpose()?;
    tell(global, &look(&folder, &args, kept.as_deref()).await)
}

/// Tells what was found, and fails if anything is wrong.
pub(super) fn tell(global: &Global, checks: &[Check]) -> anyhow::Result<Outcome> {
    if global.json {
        output::json(&checks)?;
    } else {
        for Check {
            what,
            health,
            detail,
        } in checks
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

async fn look(folder: &DataFolder, args: &DoctorArgs, kept: Option<&[u8]>) -> Vec<Check> {
    let config = Config::read(folder, args.config.as_deref());
    // Without a configuration, what `init` wrote.
    let unlock = config
        .as_ref()
        .map_or_else(|_| UnlockSection::default(), |config| config.unlock.clone());
    let tape_quota = config.as_ref().ok().and_then(|config| config.tape.quota());
    let readable = config.and_then(|config| config.check_roles(None));
    let certificate = folder.certificate();
    let certificate = certificate
        .metadata()
        .with_context(|| format!("looking at {}", certificate.display()));
    let mut checks = vec![
        Check::of("data folder", private(folder.path())),
        Check::of("configuration", readable.map(|()| "readable".to_owned())),
        Check::of("online key", private(&unlock.identity_in(folder))),
        Check::of("certificate", certificate.map(|_| "there".to_owned())),
        Check::of("reserve", reserve(folder)),
    ];
    match ports(folder) {
        Ok(ports) => {
            let beside = Beside {
                kept,
                tape_quota,
                read_tapes: args.tapes,
            };
            checks.extend(diagnose(&ports, beside).await.into_iter().map(Check::from));
            checks.push(Check::of("vault", vault(folder, &unlock, ports).await));
        }
        Err(error) if is_in_use(&error) => checks.push(Check {
            what: "store".to_owned(),
            health: Health::Note,
            detail:
                "a server runs on it; to have store, policy and ledger looked at, stop it first"
                    .to_owned(),
        }),
        Err(error) => checks.push(Check::of("store", Err(error))),
    }
    checks
}

fn is_in_use(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<StoreError>();
    matches!(cause, Some(StoreError::InUse(_)))
}

impl Check {
    pub(super) fn of(what: &str, found: anyhow::Result<String>) -> Self {
        let health = if found.is_ok() {
            Health::Ok
        } else {
            Health::Fail
        };
        Self {
            what: what.to_owned(),
            health,
            detail: found.unwrap_or_else(|error| format!("{error:#}")),
        }
    }
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

/// Whether a server would start with the online key, and with the certificate that lies beside it.
async fn vault(
    folder: &DataFolder,
    unlock: &UnlockSection,
    ports: Ports,
) -> anyhow::Result<String> {
    let path = unlock.identity_in(folder);
    let identity = secret_file::read(&path)?;
    let key = try_opening(ports, Unlock::Online(identity)).await;
    let key = key.with_context(|| format!("opening it with {}", path.display()))?;
    let certificate = folder.certificate();
    let named = || format!("the server's certificate {}", certificate.display());
    let cert_pem = std::fs::read_to_string(&certificate).with_context(named)?;
    TlsIdentity { cert_pem, key }.check().with_context(named)?;
    Ok("opens with the online key, and holds the key of the certificate".to_owned())
}

fn reserve(folder: &DataFolder) -> anyhow::Result<String> {
    if folder.reserve().is_whole() {
        return Ok("set aside".to_owned());
    }
    anyhow::bail!(
        "not whole: it was given up because evidence could not be written, or removed; make room on the disk, and the server sets it aside again"
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
