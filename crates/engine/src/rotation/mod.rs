//! Rotating what opens targets: after a session it was injected into, and when somebody who may asks for it.
//!
//! Nothing is remembered outside the events: what is due is looked up, and where a target stands is probed, so
//! that a server killed at any moment goes on where it stopped.

mod pursuit;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_flow::records::ResourceState;
use portcullis_flow::secret::{RotationCause, SecretEvent, SecretState, Stand};
use portcullis_flow::session::Session;
use portcullis_model::{
    Authentication, IdentityId, OwnerRole, Resource, Secret, SecretId, SessionId,
};
use portcullis_policy::{DutyPermit, RecordedSecret, duty_to_rotate};
use portcullis_ports::{Endpoint, Rotator};
use portcullis_vault::SecretKind;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::journal::Loaded;
use crate::supervision::contained;
use crate::turns::Turn;
use crate::{Engine, SecretView};

use pursuit::{Pursuit, Setback};

/// How often due rotations are looked for.
const TICK: Duration = Duration::from_millis(500);

/// How long an opening waits for a rotation.
const ROTATED_WITHIN: Duration = Duration::from_secs(15);

/// Where a secret is in force, and how it is rotated there.
struct Place {
    secret: SecretId,
    kind: SecretKind,
    resource: Resource,
    endpoint: Endpoint,
    account: String,
    rotator: Arc<dyn Rotator>,
}

impl Place {
    fn duty(&self) -> DutyPermit {
        duty_to_rotate(&RecordedSecret {
            secret: self.secret,
            resource: self.resource.id,
        })
    }
}

impl Engine {
    /// Begins to rotate a secret: its resource's owners and owners of privileged sessions.
    pub async fn rotate_secret(
        &self,
        who: &Authentication,
        name: &str,
    ) -> Result<SecretView, Failure> {
        self.journal.custody.opens()?;
        let loaded = self.secret_to_rotate(who, name).await?;
        let cause = RotationCause::Asked { by: who.identity };
        self.begin_rotation(loaded, cause, Some(who.identity))
            .await?;
        self.secret_view(name).await
    }

    /// Gives a rotation up whose candidate the target is seen to refuse.
    pub async fn abandon_rotation(
        &self,
        who: &Authentication,
        name: &str,
    ) -> Result<SecretView, Failure> {
        // Not while an attempt of ours is under way: it may install the candidate that was seen refused.
        let _turn = self.at_secret.take(name.to_owned()).await;
        let loaded = self.secret_to_rotate(who, name).await?;
        let (candidate, present) = self.pursuit(&loaded).await?.stands().await?;
        let given_up = |state: &SecretState, _| {
            Ok(state.abandon_rotation(who.identity, candidate, present)?)
        };
        self.journal
            .amend(loaded.stream, Some(who.identity), given_up)
            .await?;
        self.secret_view(name).await
    }

    /// Asks a secret's target whether it accepts the value in force.
    pub async fn verify_secret(&self, who: &Authentication, name: &str) -> Result<bool, Failure> {
        let loaded = self.secret_to_rotate(who, name).await?;
        self.is_accepted(&loaded, Some(who.identity)).await
    }

    /// Whether a secret's target accepts the value in force. That it was asked is written first.
    pub(crate) async fn is_accepted(
        &self,
        loaded: &Loaded<SecretState>,
        by: Option<IdentityId>,
    ) -> Result<bool, Failure> {
        let version = loaded.get()?.version;
        let place = self.place_of(loaded, None).await?;
        let asked = |_: &SecretState, _| {
            Ok(SecretEvent::Released {
                version,
                session: None,
                purpose: "asking its target whether it is accepted".to_owned(),
            })
        };
        self.journal.amend(loaded.stream.clone(), by, asked).await?;
        let value = self.value(&place, version).await?;
        Ok(place.rotator.accepts(&place.site(), &value).await?)
    }

    /// One secret, for people and programs.
    pub async fn secret_view(&self, name: &str) -> Result<SecretView, Failure> {
        let loaded = self.vault.record(name).await?;
        Ok(SecretView {
            id: secret_id(&loaded)?,
            secret: loaded.get()?.clone(),
        })
    }

    /// Rotates what is due until shut down.
    pub(crate) async fn run_rotations(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut under_way: HashMap<SecretId, JoinHandle<()>> = HashMap::new();
        while !*shutdown.borrow() {
            under_way.retain(|_, task| !task.is_finished());
            match self.rotations_due().await {
                // What was under way in a backup may be over at the target.
                Ok(_) if self.journal.custody.opens().is_err() => {}
                Ok(due) => {
                    for id in due {
                        let engine = Arc::clone(&self);
                        under_way
                            .entry(id)
                            .or_insert_with(|| tokio::spawn(engine.attend_secret(id)));
                    }
                }
                Err(failure) => tracing::warn!(%failure, "due rotations could not be looked up"),
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    /// Secrets that were used in a session that is over, and rotations whose time has come.
    async fn rotations_due(&self) -> Result<Vec<SecretId>, Failure> {
        let mut due = Vec::new();
        for rotation in ["wanted", "under_way"] {
            let keys = [("rotation", rotation)];
            for (stream, state) in self.journal.find::<SecretState>(&keys).await? {
                if self.is_due(&state).await?
                    && let Ok(id) = stream.parse()
                {
                    due.push(id);
                }
            }
        }
        Ok(due)
    }

    async fn is_due(&self, state: &SecretState) -> Result<bool, Failure> {
        match &state.rotation {
            Some(rotation) => Ok(rotation.next_at <= self.journal.now()),
            None => Ok(self.ended_use(state).await?.is_some()),
        }
    }

    /// Waits until the secret that opens a resource is not being rotated, nor about to be. While the turn is held, nothing
    /// is done about it at its target; a rotation that failed half way may have left it refused there.
    pub(crate) async fn stays_in_force(
        &self,
        resource: &Resource,
    ) -> Result<Option<Turn>, Failure> {
        let Some(name) = &resource.credential else {
            return Ok(None);
        };
        let quiet = async {
            loop {
                let turn = self.at_secret.take(name.clone()).await;
                if !self.is_due(self.vault.record(name).await?.get()?).await? {
                    return Ok(turn);
                }
                drop(turn);
                tokio::time::sleep(TICK / 5).await;
            }
        };
        let turn = tokio::time::timeout(ROTATED_WITHIN, quiet).await;
        let turn = turn.unwrap_or_else(|_| {
            Err(Failure::Unavailable(format!(
                "what opens {} is being rotated: try again in a moment",
                resource.name
            )))
        });
        turn.map(Some)
    }

    async fn ended_use(&self, state: &SecretState) -> Result<Option<SessionId>, Failure> {
        for session in &state.used_by {
            let loaded = self.journal.load::<Session>(*session).await?;
            if loaded.state.is_none_or(|session| !session.is_live()) {
                return Ok(Some(*session));
            }
        }
        Ok(None)
    }

    async fn attend_secret(self: Arc<Self>, id: SecretId) {
        if let Err(failure) = contained(self.try_attend_secret(id)).await {
            tracing::warn!(secret = %id, %failure, "a rotation did not go on and will be tried again");
        }
    }

    async fn try_attend_secret(&self, id: SecretId) -> Result<(), Failure> {
        let name = self
            .journal
            .load::<SecretState>(id)
            .await?
            .get()?
            .name
            .clone();
        let _turn = self.at_secret.take(name.clone()).await;
        // Who was given it and is not in yet would stand before a closed door.
        if self.live.awaits(&name) {
            return Ok(());
        }
        let mut loaded = self.journal.load::<SecretState>(id).await?;
        if loaded.get()?.rotation.is_none() {
            let Some(session) = self.ended_use(loaded.get()?).await? else {
                return Ok(());
            };
            let cause = RotationCause::Used { session };
            match self.begin_rotation(loaded, cause, None).await {
                Ok(begun) => loaded = begun,
                // Nothing can rotate it: that is for people to see, not to be tried for ever.
                Err(Failure::Invalid(why)) => {
                    let left =
                        |_: &SecretState, _| Ok(SecretEvent::LeftInForce { why: why.clone() });
                    return self.journal.amend(id, None, left).await;
                }
                Err(other) => return Err(other),
            }
        }
        self.pursue(&loaded).await
    }

    /// Seals a candidate and writes what is to be done with it.
    async fn begin_rotation(
        &self,
        mut loaded: Loaded<SecretState>,
        cause: RotationCause,
        by: Option<IdentityId>,
    ) -> Result<Loaded<SecretState>, Failure> {
        let place = self.place_of(&loaded, None).await?;
        let drawn = place.rotator.draw(self.journal.entropy.as_ref())?;
        let state = loaded.get()?;
        let version = state.next_version();
        let event = state.begin_rotation(drawn.public, place.resource.id, place.account, cause)?;
        let sealed = self
            .vault
            .seal(place.secret, place.kind, version, &drawn.value)?;
        let mut command = self.journal.command(by);
        command.push(&mut loaded, &event)?;
        command.seal(&loaded.stream, sealed);
        command.commit().await?;
        Ok(loaded)
    }

    /// Goes as far as the target lets it, and writes how far that was.
    async fn pursue(&self, loaded: &Loaded<SecretState>) -> Result<(), Failure> {
        let outcome = match self.pursuit(loaded).await {
            Ok(pursuit) => pursuit.run(self.journal.entropy.as_ref()).await,
            Err(failure) => Err(Setback::before(&failure)),
        };
        if let Err(setback) = &outcome {
            tracing::warn!(secret = %loaded.stream, seen = %setback.seen, "a rotation did not come through");
        }
        let told = |state: &SecretState, now| match &outcome {
            Ok(proof) => Ok(state.rotated(*proof)?),
            Err(setback) => Ok(state.rotation_failed(setback.stands, setback.seen.clone(), now)?),
        };
        self.journal.amend(loaded.stream.clone(), None, told).await
    }

    /// Present value and candidate, and where they are tried.
    async fn pursuit(&self, loaded: &Loaded<SecretState>) -> Result<Pursuit, Failure> {
        let state = loaded.get()?;
        let candidate = state.rotation.as_ref().map(|rotation| &rotation.candidate);
        let candidate = candidate.ok_or_else(|| {
            Failure::Conflict(format!("no rotation of {} is under way", state.name))
        })?;
        let place = self
            .place_of(loaded, Some(candidate.account.clone()))
            .await?;
        Ok(Pursuit {
            present: self.value(&place, state.version).await?,
            candidate: self.value(&place, candidate.version).await?,
            place,
        })
    }

    async fn value(&self, place: &Place, version: u64) -> Result<Secret<Vec<u8>>, Failure> {
        self.vault
            .release_to_rotate(&place.duty(), place.kind, version)
            .await
    }

    /// Where a secret is in force: the one resource that names it, and the one account it opens there.
    async fn place_of(
        &self,
        loaded: &Loaded<SecretState>,
        account: Option<String>,
    ) -> Result<Place, Failure> {
        let state = loaded.get()?;
        let name = &state.name;
        let kind: SecretKind = state
            .secret_kind
            .parse()
            .map_err(|error: portcullis_vault::UnknownKind| Failure::Damaged(error.to_string()))?;
        let opens = self.opened_by(name).await?;
        let resource = match <[Resource; 1]>::try_from(opens) {
            Ok([resource]) => resource,
            Err(opens) => return Err(Failure::Invalid(not_one(name, &opens))),
        };
        let broker = self.ports.broker(&resource.kind);
        let rotator = self.ports.rotator(&resource.kind, &state.secret_kind);
        let (Some(broker), Some(rotator)) = (broker, rotator) else {
            return Err(Failure::Invalid(format!(
                "a secret of kind {kind} at a resource of kind {} is neither rotated nor verified from here; to have {} \
                 use another: secrets add, then resources edit {} --credential",
                resource.kind, resource.name, resource.name
            )));
        };
        let endpoint = broker.endpoint(&resource)?;
        let account = match (account, endpoint.accounts.as_slice()) {
            (Some(account), _) => account,
            (None, [only]) => only.clone(),
            (None, accounts) => {
                return Err(Failure::Invalid(format!(
                    "{name} opens {} accounts at {}: give each a secret and a resource of its own to have it rotated",
                    accounts.len(),
                    resource.name
                )));
            }
        };
        Ok(Place {
            secret: secret_id(loaded)?,
            kind,
            rotator: Arc::clone(rotator),
            resource,
            endpoint,
            account,
        })
    }

    /// The resources that have a secret for their credential.
    async fn opened_by(&self, name: &str) -> Result<Vec<Resource>, Failure> {
        let all = self.journal.find::<ResourceState>(&[]).await?;
        let all = all.into_iter().filter(|(_, state)| !state.removed);
        Ok(all
            .map(|(_, state)| state.resource)
            .filter(|resource| resource.credential.as_deref() == Some(name))
            .collect())
    }

    /// Who may have a secret rotated, with a second factor.
    async fn secret_to_rotate(
        &self,
        who: &Authentication,
        name: &str,
    ) -> Result<Loaded<SecretState>, Failure> {
        Self::need_second_factor(who)?;
        let loaded = self.vault.record(name).await?;
        let owns = |resource: &Resource| resource.owners.contains(&who.identity);
        if self.holders(OwnerRole::Pam).await?.contains(&who.identity)
            || self.opened_by(name).await?.iter().any(owns)
        {
            return Ok(loaded);
        }
        Err(Failure::Denied {
            code: "not_eligible",
            message: format!(
                "only an owner of the resource that {name} opens, or of privileged sessions, may have it rotated or verified"
            ),
            next: None,
        })
    }
}

fn not_one(name: &str, opens: &[Resource]) -> String {
    if opens.is_empty() {
        return format!("no resource has the credential {name}, so there is nowhere to rotate it");
    }
    let names: Vec<_> = opens
        .iter()
        .map(|resource| resource.name.as_str())
        .collect();
    format!(
        "{name} opens several resources ({}): rotating it at one would shut the others; give each a secret of its own",
        names.join(", ")
    )
}

fn secret_id(loaded: &Loaded<SecretState>) -> Result<SecretId, Failure> {
    loaded
        .stream
        .parse()
        .map_err(|_| Failure::missing("secret", &loaded.stream))
}

/// How a target's answer counts.
const fn stand(accepted: bool) -> Stand {
    if accepted {
        Stand::Accepts
    } else {
        Stand::Refuses
    }
}
