//! What can be said about an installation without opening its vault.

mod tapes;

use portcullis_flow::installation::Installation;
use portcullis_flow::records::{HostState, ResourceState};
use portcullis_ledger::{Checkpoint, NoteVerifier, SignedCheckpoint, TILE_WIDTH, hash_tile_path};
use portcullis_model::OwnerRole;
use serde::Serialize;

use crate::bundles;
use crate::failure::Failure;
use crate::inspection;
use crate::ports::Ports;
use crate::sequencer::{LogFiles, latest};
use crate::steady::{self, SET_BACK};
use crate::unlock;

/// How something that was looked at stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Worth knowing, and nothing is wrong.
    Note,
    /// Not as it should be.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// What.
    pub what: &'static str,
    /// How it stands.
    pub health: Health,
    /// What was found.
    pub detail: String,
}

/// What is known beside the installation's own files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// A checkpoint that somebody kept, which the ledger has to continue.
    pub kept: Option<&'a [u8]>,
    /// How many bytes tapes may take.
    pub tape_quota: Option<u64>,
    /// Whether every tape is read from its beginning to its end.
    pub read_tapes: bool,
}

/// Looks at everything there is to see without the vault's keys. Changes nothing.
pub async fn diagnose(ports: &Ports, beside: Beside<'_>) -> Vec<Diagnosis> {
    vec![
        Diagnosis::of(
            "store",
            inspection::rows(ports).await.map(|()| "sound".to_owned()),
        ),
        Diagnosis::of("key slots", slots(ports).await),
        Diagnosis::told("installation", installation(ports).await),
        Diagnosis::of("policy", policy(ports).await),
        Diagnosis::of("evidence", evidence(ports).await),
        Diagnosis::told("side doors", side_doors(ports).await),
        Diagnosis::told("tapes", tapes::look(ports, &beside).await),
        Diagnosis::told("ledger", ledger(ports, beside.kept).await),
        Diagnosis::of("events", events(ports).await),
        Diagnosis::of("clock", clock(ports).await),
    ]
}

impl Diagnosis {
    fn of(what: &'static str, found: Result<String, Failure>) -> Self {
        Self::told(what, found.map(|detail| (Health::Ok, detail)))
    }

    fn told(what: &'static str, found: Result<(Health, String), Failure>) -> Self {
        let (health, detail) = found.unwrap_or_else(|failure| (Health::Fail, failure.to_string()));
        Self {
            what,
            health,
            detail,
        }
    }
}

async fn slots(ports: &Ports) -> Result<String, Failure> {
    let slots = unlock::slots(ports).await?;
    let problems = slots.check();
    if problems.is_empty() {
        let labels: Vec<_> = slots
            .iter()
            .map(|slot| format!("{} ({})", slot.label(), slot.kind()))
            .collect();
        return Ok(labels.join(", "));
    }
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Err(Failure::Damaged(told.join("; ")))
}

async fn record(ports: &Ports) -> Result<Installation, Failure> {
    let (tenant, installation) = unlock::whose(ports).await?;
    let loaded = ports
        .journal(tenant)
        .load::<Installation>(installation)
        .await?;
    Ok(loaded.get()?.clone())
}

async fn installation(ports: &Ports) -> Result<(Health, String), Failure> {
    let record = record(ports).await?;
    if record.evaluation {
        return Err(Failure::Conflict(
            "for evaluation, with demo identities: do not trust it with anything".to_owned(),
        ));
    }
    if record.frozen.is_some() {
        let detail = "frozen: nothing opens until its owners sign portcullis thaw";
        return Ok((Health::Note, detail.to_owned()));
    }
    match record.founding {
        None => Ok((Health::Ok, "founded".to_owned())),
        Some((_, until)) if ports.clock.now() < until => {
            let hours = until.since(ports.clock.now()).as_secs() / 3600;
            let roles = [OwnerRole::Iam, OwnerRole::Pam, OwnerRole::Resource].map(OwnerRole::as_str);
            let detail = format!(
                "being founded for {hours} more hours: one administrator may enroll owners until three have enrolled ({})",
                roles.join(", ")
            );
            Ok((Health::Note, detail))
        }
        Some(_) => Err(Failure::Conflict(
            "the founding time is over and fewer than three owners have enrolled: make a new installation".to_owned(),
        )),
    }
}

async fn evidence(ports: &Ports) -> Result<String, Failure> {
    match record(ports).await?.failing {
        None => Ok("is being written".to_owned()),
        Some(what) => Err(Failure::Unavailable(format!(
            "could not be written, and nothing privileged begins until the server has found that it can: {what}"
        ))),
    }
}

async fn clock(ports: &Ports) -> Result<String, Failure> {
    match steady::behind_record(ports.clock.as_ref(), ports.store.as_ref()).await? {
        None => Ok("is not behind the last entry of the ledger".to_owned()),
        Some(behind) => Err(Failure::Conflict(format!(
            "{SET_BACK} (it is behind by {behind:?})"
        ))),
    }
}

async fn events(ports: &Ports) -> Result<String, Failure> {
    let key = NoteVerifier::parse(&record(ports).await?.ledger_key)?;
    let size = inspection::events(ports, &key).await?;
    Ok(format!(
        "the store has the ledger's {size}, as they were recorded"
    ))
}

async fn policy(ports: &Ports) -> Result<String, Failure> {
    let active = record(ports).await?.bundle;
    bundles::load(ports, active).await?;
    Ok(format!("bundle {active} is whole"))
}

/// How many ways into hosts, beside ours, nobody has decided on.
async fn side_doors(ports: &Ports) -> Result<(Health, String), Failure> {
    let (tenant, _) = unlock::whose(ports).await?;
    let journal = ports.journal(tenant);
    let now = ports.clock.now();
    let mut open = Vec::new();
    for (_, host) in journal.find::<HostState>(&[]).await? {
        let undecided = host.doors.values().filter(|door| !door.is_decided(now));
        let resource = journal.load::<ResourceState>(host.resource).await?;
        let resource = resource.get()?;
        match undecided.count() {
            0 => {}
            _ if resource.removed => {}
            count => open.push(format!("{count} at {}", resource.resource.name)),
        }
    }
    if open.is_empty() {
        return Ok((Health::Ok, "none that nobody decided on".to_owned()));
    }
    let detail = format!(
        "{} that nobody decided on: portcullis side-doors list RESOURCE",
        open.join(", ")
    );
    Ok((Health::Note, detail))
}

/// Whether the log's first tile is there, in whatever width.
fn has_begun(ports: &Ports) -> Result<bool, Failure> {
    for width in 1..=TILE_WIDTH {
        if ports.tiles.read(&hash_tile_path(0, 0, width))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The checkpoint that somebody kept, as long as it is this ledger's.
fn earlier(kept: Option<&[u8]>, key: &NoteVerifier) -> Result<Vec<Checkpoint>, Failure> {
    let opened = kept.map(|kept| SignedCheckpoint::open(kept, std::slice::from_ref(key)));
    let opened = opened.transpose();
    let opened = opened
        .map_err(|error| Failure::Invalid(format!("the checkpoint that was kept: {error}")))?;
    Ok(opened
        .iter()
        .map(|signed| signed.checkpoint().clone())
        .collect())
}

async fn ledger(ports: &Ports, kept: Option<&[u8]>) -> Result<(Health, String), Failure> {
    let key = NoteVerifier::parse(&record(ports).await?.ledger_key)?;
    let earlier = earlier(kept, &key)?;
    let committed = *ports.store.committed().borrow();
    let Some(signed) = latest(ports.tiles.as_ref(), &key)? else {
        if record(ports).await?.founding.is_none() || has_begun(ports)? {
            return Err(Failure::Damaged(
                "the checkpoint is gone: restore the ledger's folder from a copy".to_owned(),
            ));
        }
        let detail = "no checkpoint yet: the server signs one when it runs".to_owned();
        return Ok((Health::Note, detail));
    };
    let size = signed.checkpoint().size();
    if committed < size {
        return Err(Failure::Damaged(format!(
            "the store has {committed} events, the ledger {size}: the store was rolled back"
        )));
    }
    let files = LogFiles(std::sync::Arc::clone(&ports.tiles));
    portcullis_ledger::audit_log(&files, signed.checkpoint(), &earlier)
        .map_err(|error| Failure::Damaged(error.to_string()))?;
    let kept = earlier.first().map(Checkpoint::size);
    let kept =
        kept.map(|kept| format!(", which continue the {kept} of the checkpoint that was kept"));
    let detail = format!(
        "{size} events verified{}, {} more committed",
        kept.unwrap_or_default(),
        committed - size
    );
    Ok((Health::Ok, detail))
}
