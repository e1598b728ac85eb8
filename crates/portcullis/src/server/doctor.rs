//! `doctor`: what is wrong with an installation, read without changing anything.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use portcullis_engine::{Diagnosis, diagnose};
use portcullis_ports::Reserve;
use serde::Serialize;

use super::config::Config;
use super::folder::DataFolder;
use super::ports;
use crate::args::Global;
use crate::args::server::DoctorArgs;
use crate::outcome::Outcome;
use crate::output;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    ok: bool,
    detail: String,
}

/// Runs `doctor`.
pub(crate) async fn run(global: &Global, args: DoctorArgs) -> anyhow::Result<Outcome> {
    let folder = DataFolder::open(&global.data)?;
    let mut checks = vec![check("data folder", private(folder.path()))];
    checks.push(check(
        "configuration",
        Config::read(&folder, args.config.as_deref())
            .and_then(|config| config.check_roles(None))
            .map(|()| "readable".to_owned()),
    ));
    checks.push(check("online key", private(&folder.online_key())));
    checks.push(check(
        "certificate",
        folder
            .certificate()
            .metadata()
            .map(|_| "there".to_owned())
            .map_err(Into::into),
    ));
    checks.push(check("reserve", reserve(&folder)));
    match ports(&folder) {
        Ok(ports) => checks.extend(diagnose(&ports).await.into_iter().map(Check::from)),
        Err(error) => checks.push(check("store", Err(error))),
    }
    let sound = checks.iter().all(|check| check.ok);
    if global.json {
        output::json(&checks)?;
    } else {
        for Check { what, ok, detail } in &checks {
            let mark = if *ok { "ok  " } else { "FAIL" };
            output::line(format!("{mark}  {what:<18} {detail}"))?;
        }
    }
    Ok(if sound {
        Outcome::Done
    } else {
        Outcome::Program(1)
    })
}

impl From<Diagnosis> for Check {
    fn from(found: Diagnosis) -> Self {
        Self {
            what: found.what.to_owned(),
            ok: found.ok,
            detail: found.detail,
        }
    }
}

fn check(what: &str, found: anyhow::Result<String>) -> Check {
    let ok = found.is_ok();
    Check {
        what: what.to_owned(),
        ok,
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
    let mode = path.metadata()?.permissions().mode() & 0o777;
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(format!("private ({mode:o})"));
    }
    anyhow::bail!(
        "{} can be read by others ({mode:o}): chmod go= {}",
        path.display(),
        path.display()
    )
}
