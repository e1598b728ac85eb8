//! What can be said about an installation without opening its vault.

use portcullis_flow::installation::Installation;
use portcullis_ledger::NoteVerifier;
use portcullis_model::OwnerRole;

use crate::failure::Failure;
use crate::ports::Ports;
use crate::sequencer::{LogFiles, latest};
use crate::unlock;

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// What.
    pub what: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// Looks at everything there is to see without the vault's keys. Changes nothing.
pub async fn diagnose(ports: &Ports) -> Vec<Diagnosis> {
    vec![
        Diagnosis::of(
            "store",
            ports
                .store
                .check()
                .await
                .map(|()| "sound".to_owned())
                .map_err(Into::into),
        ),
        Diagnosis::of("key slots", slots(ports).await),
        Diagnosis::of("installation", installation(ports).await),
        Diagnosis::of("evidence", evidence(ports).await),
        Diagnosis::of("ledger", ledger(ports).await),
    ]
}

impl Diagnosis {
    fn of(what: &'static str, found: Result<String, Failure>) -> Self {
        let ok = found.is_ok();
        Self {
            what,
            ok,
            detail: found.unwrap_or_else(|failure| failure.to_string()),
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

async fn installation(ports: &Ports) -> Result<String, Failure> {
    let record = record(ports).await?;
    if record.evaluation {
        return Err(Failure::Conflict(
            "for evaluation, with demo identities: do not trust it with anything".to_owned(),
        ));
    }
    match record.founding {
        None => Ok("founded".to_owned()),
        Some((_, until)) if ports.clock.now() < until => {
            let hours = until.since(ports.clock.now()).as_secs() / 3600;
            let roles = [OwnerRole::Iam, OwnerRole::Pam, OwnerRole::Resource].map(OwnerRole::as_str);
            Err(Failure::Conflict(format!(
                "being founded for {hours} more hours: one administrator may enroll owners until three have enrolled ({})",
                roles.join(", ")
            )))
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

async fn ledger(ports: &Ports) -> Result<String, Failure> {
    let key = NoteVerifier::parse(&record(ports).await?.ledger_key)?;
    let committed = *ports.store.committed().borrow();
    let Some(signed) = latest(ports.tiles.as_ref(), &key)? else {
        return Err(Failure::Unavailable(
            "no checkpoint yet: start the server once".to_owned(),
        ));
    };
    let size = signed.checkpoint().size();
    if committed < size {
        return Err(Failure::Damaged(format!(
            "the store has {committed} events, the ledger {size}: the store was rolled back"
        )));
    }
    let files = LogFiles(std::sync::Arc::clone(&ports.tiles));
    portcullis_ledger::audit_log(&files, signed.checkpoint(), &[])
        .map_err(|error| Failure::Damaged(error.to_string()))?;
    Ok(format!(
        "{size} events verified, {} more committed",
        committed - size
    ))
}
