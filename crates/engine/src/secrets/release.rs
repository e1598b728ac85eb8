//! Releasing a vaulted secret: what it takes, and what is written before it leaves.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Mutex;

use portcullis_flow::secret::{SecretEvent, SecretState};
use portcullis_model::{Resource, Secret, SessionId, Timestamp};
use portcullis_policy::{
    AssignEntitlement, DutyPermit, Ordinary, Permit, Privileged, Record, ReleaseSecret, ReplayTape,
};
use portcullis_vault::SecretKind;

use super::{Vault, tape_secret};
use crate::failure::Failure;

/// Why a secret may leave the vault. Every variant but the last is made from a permit; the last lets
/// a connector read facts at a target, and its result never reaches a caller.
pub(crate) enum Warrant<'a> {
    /// To be injected into a session.
    Session(Permit<Privileged, ReleaseSecret>, SessionId),
    /// For the server to assign an entitlement.
    Assignment(&'a Permit<Ordinary, AssignEntitlement>),
    /// For the server to take something away.
    Duty(&'a DutyPermit),
    /// For the server to read what an entitlement is worth.
    Facts(&'a FactReads),
}

/// Which secrets left for reading facts since the server started: each is written once, not at every preview.
#[derive(Default)]
pub(crate) struct FactReads(Mutex<BTreeSet<String>>);

impl FactReads {
    fn is_first(&self, name: &str) -> bool {
        self.0
            .lock()
            .is_ok_and(|mut seen| seen.insert(name.to_owned()))
    }
}

impl Warrant<'_> {
    fn check(&self, resource: &Resource, now: Timestamp) -> Result<(), Failure> {
        let (meant, in_time) = match self {
            Self::Session(permit, _) => (permit.resource(), permit.is_valid_at(now)),
            Self::Assignment(permit) => (permit.resource(), permit.is_valid_at(now)),
            // Taking away is never too late.
            Self::Duty(permit) => (permit.resource(), true),
            Self::Facts(_) => (resource.id, true),
        };
        if !in_time {
            return Err(too_late());
        }
        if meant == resource.id {
            return Ok(());
        }
        Err(Failure::Denied {
            code: "wrong_permit",
            message: format!("the permit is for another resource than {}", resource.name),
            next: None,
        })
    }

    fn purpose(&self) -> &'static str {
        match self {
            Self::Session(..) => "a session",
            Self::Assignment(_) => "assigning an entitlement",
            Self::Duty(_) => "taking an entitlement away",
            Self::Facts(_) => "reading effective privileges, until the server restarts",
        }
    }

    fn session(&self) -> Option<SessionId> {
        match self {
            Self::Session(_, session) => Some(*session),
            _ => None,
        }
    }
}

/// What was decided is not decided any more.
fn too_late() -> Failure {
    Failure::Unavailable("the decision was made too long ago: try it again".to_owned())
}

impl Vault {
    /// Releases the secret that opens a resource: written to the ledger first, then opened. The kind
    /// comes with it, since a key is used otherwise than a password.
    pub(crate) async fn release(
        &self,
        warrant: Warrant<'_>,
        resource: &Resource,
    ) -> Result<(SecretKind, Secret<Vec<u8>>), Failure> {
        warrant.check(resource, self.journal.now())?;
        let name = resource.credential.as_deref().ok_or_else(|| {
            Failure::Invalid(format!(
                "{} has no credential: resources edit {} --credential SECRET",
                resource.name, resource.name
            ))
        })?;
        let silent = matches!(&warrant, Warrant::Facts(reads) if !reads.is_first(name));
        if !silent {
            let stream = self.record(name).await?.stream;
            let released = |state: &SecretState, _| {
                Ok(SecretEvent::Released {
                    version: state.version,
                    session: warrant.session(),
                    purpose: warrant.purpose().to_owned(),
                })
            };
            self.journal.amend(stream, None, released).await?;
        }
        let loaded = self.record(name).await?;
        let kind = loaded.get()?.secret_kind.parse();
        let kind: SecretKind = kind
            .map_err(|error: portcullis_vault::UnknownKind| Failure::Damaged(error.to_string()))?;
        Ok((kind, self.open(&loaded).await?))
    }

    /// Opens one version of a secret that is being rotated, to be tried at its target and nowhere else. The
    /// rotation, or the question, is in the ledger already.
    pub(crate) async fn release_to_rotate(
        &self,
        duty: &DutyPermit,
        kind: SecretKind,
        version: u64,
    ) -> Result<Secret<Vec<u8>>, Failure> {
        let Record::Secret(secret) = duty.on() else {
            return Err(Failure::Denied {
                code: "wrong_permit",
                message: "the permit follows from no secret".to_owned(),
                next: None,
            });
        };
        self.open_version(secret, kind, version).await
    }

    /// Releases the key of a session's tape for a replay that was permitted.
    pub(crate) async fn release_tape_key(
        &self,
        permit: Permit<Privileged, ReplayTape>,
        session: SessionId,
    ) -> Result<Secret<Vec<u8>>, Failure> {
        if !permit.is_valid_at(self.journal.now()) {
            return Err(too_late());
        }
        let key = self
            .open_version(tape_secret(session)?, SecretKind::TapeKey, 1)
            .await;
        drop(permit);
        key.map_err(|error| match error {
            Failure::Damaged(_) => Failure::Unavailable(format!(
                "the vault does not hold the key of {session}'s tape: only its auditors can open it"
            )),
            other => other,
        })
    }

    /// What an identity's attempt is checked against. It is compared inside and never handed on.
    pub(crate) async fn verifier(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, Failure> {
        match self.journal.find_one("name", name).await? {
            Some(loaded) => self.open(&loaded).await.map(Some),
            None => Ok(None),
        }
    }
}
