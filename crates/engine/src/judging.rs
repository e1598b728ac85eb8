//! Judging passwords and codes: on threads where that may take its time, a few at once.

use std::sync::Arc;

use portcullis_model::{Factor, IdentityId, Secret};
use portcullis_ports::authenticator::Chosen;
use portcullis_ports::{Enrolled, Presented};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Engine;
use crate::failure::Failure;
use crate::sign_in::PASSWORD;

/// How many passwords are hashed and codes judged at once. Hashing takes memory on purpose: strangers must not be
/// able to ask for all of it, nor to keep those waiting of whom something was proved already.
pub(crate) struct Judging {
    /// Where anybody waits.
    pub(crate) strangers: Arc<Semaphore>,
    /// Where they wait who proved something.
    pub(crate) known: Arc<Semaphore>,
    /// Where they wait who hold an enrolment token: a token that fails otherwise stays good, and may be given again
    /// and again.
    pub(crate) enrolling: Arc<Semaphore>,
}

/// Of strangers' attempts.
const MOST_STRANGERS: usize = 4;

/// Of those who proved a first factor.
const MOST_KNOWN: usize = 2;

/// Of those who enroll.
const MOST_ENROLLING: usize = 1;

impl Default for Judging {
    fn default() -> Self {
        Self {
            strangers: Arc::new(Semaphore::new(MOST_STRANGERS)),
            known: Arc::new(Semaphore::new(MOST_KNOWN)),
            enrolling: Arc::new(Semaphore::new(MOST_ENROLLING)),
        }
    }
}

/// A turn to have something judged; held until the work is done, even when the caller goes away meanwhile.
pub(crate) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Turn {
    /// Waits for one. Nobody closes the queues.
    pub(crate) async fn at(queue: &Arc<Semaphore>) -> Result<Self, Failure> {
        let turn = Arc::clone(queue).acquire_owned().await;
        turn.map(Self)
            .map_err(|_| Failure::Unavailable("nobody is judged any more".to_owned()))
    }
}

/// The name of a vaulted verifier.
pub(crate) fn verifier_name(identity: IdentityId, method: &str) -> String {
    format!("identity/{identity}/{method}")
}

impl Engine {
    /// Judges an attempt on a thread where it may take its time; an unknown identity costs the same.
    pub(crate) async fn verify(
        &self,
        queue: &Arc<Semaphore>,
        identity: Option<IdentityId>,
        method: &str,
        presented: Presented,
    ) -> Result<Factor, Failure> {
        let verifier = match identity {
            Some(id) => self.vault.verifier(&verifier_name(id, method)).await?,
            None => None,
        };
        let method = self.ports.authenticator(method)?.clone();
        let turn = Turn::at(queue).await?;
        let now = self.journal.now();
        let judged = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            match verifier {
                Some(verifier) => method.verify(&verifier, &presented, now),
                None => Err(method.decoy(&presented, now)),
            }
        });
        let judged = judged
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))?;
        judged.map_err(|_| wrong())
    }

    /// Makes the verifier of a password on a thread where that may take its time.
    pub(crate) async fn hash(
        &self,
        password: Secret<String>,
        name: &str,
        turn: Turn,
    ) -> Result<Enrolled, Failure> {
        let method = self.ports.authenticator(PASSWORD)?.clone();
        let entropy = Arc::clone(&self.journal.entropy);
        let name = name.to_owned();
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            method.enroll(Some(Chosen::Password(password)), &name, entropy.as_ref())
        });
        let hashed = hashed.await;
        Ok(hashed.map_err(|error| Failure::Unavailable(error.to_string()))??)
    }

    /// Makes a verifier that costs no work.
    pub(crate) fn make_verifier(
        &self,
        method: &str,
        chosen: Option<Chosen>,
        name: &str,
    ) -> Result<Enrolled, Failure> {
        let authenticator = self.ports.authenticator(method)?;
        Ok(authenticator.enroll(chosen, name, self.journal.entropy.as_ref())?)
    }
}

/// One answer for every attempt that fails: nobody learns what of it was wrong.
pub(crate) fn wrong() -> Failure {
    Failure::Unauthenticated("name, password or one-time code are not right".to_owned())
}
