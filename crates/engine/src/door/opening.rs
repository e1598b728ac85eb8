//! One channel: found under a grant, decided anew, written, then leased to the gate.

use std::sync::Arc;
use std::time::Duration;

use portcullis_classify::task::{COMMAND, TASK};
use portcullis_flow::grant::Grant;
use portcullis_flow::session::{Opening, Session, SessionEvent};
use portcullis_model::{
    Action, Authentication, Controls, Digest, Path, Secret, SessionId, Subject, Timestamp, visible,
};
use portcullis_policy::{
    Bundle, Decision, LeaseBody, OpenSession, Ordinary, Permit, PolicyAction, Privileged, Query,
    ReleaseSecret, RunTask, SessionPermit,
};
use portcullis_ports::Endpoint;
use portcullis_ports::control::{InTransit, OpenWish, Opened, SessionLease, TargetCredential};
use portcullis_tape::TapeKey;
use portcullis_vault::SecretKind;

use super::closing::Handing;
use super::credentials::vault_for_tasks;
use super::repeating::run_key;
use crate::Engine;
use crate::assessment::Assessment;
use crate::failure::Failure;
use crate::journal::{Loaded, patiently};
use crate::secrets::tape_secret;

/// How long a second factor proved at the door counts for further channels of the connection.
const FRESH: Duration = Duration::from_mins(15);

/// Ends a session in which nothing moves.
const IDLE_LIMIT: Duration = Duration::from_mins(15);

/// The most sessions of one person that are opened at once, those included that nobody waits for any more.
pub(crate) const OPENED_AT_ONCE: usize = 16;

/// A channel that policy allows, under a grant.
struct Allowed {
    who: Authentication,
    assessment: Assessment,
    endpoint: Endpoint,
    grant: Loaded<Grant>,
    met: Controls,
    bundle: Digest,
    policies: Vec<String>,
    at: Timestamp,
}

/// What it is allowed.
struct Permits {
    session: SessionPermit,
    /// For the credential that the vault holds, which is injected: into sessions of the privileged path only, since a
    /// vaulted one is held to no program.
    release: Option<Permit<Privileged, ReleaseSecret>>,
}

impl Engine {
    /// Opens a session to its end, whatever becomes of who waits for it: what is being written must not be looked for
    /// before it is there. A session that nobody takes is over.
    pub(super) async fn open_to_the_end(&self, wish: OpenWish) -> Result<Opened, Failure> {
        let engine = self.itself.upgrade();
        let engine = engine.ok_or_else(|| broken_off("the server stops"))?;
        self.journal.custody.sound()?;
        let who = self.proved(&wish.ticket, &wish.login)?;
        let turn = self.opening.take(who.identity).await;
        let opening = tokio::spawn(async move {
            let _turn = turn;
            engine.open_session(wish).await
        });
        let opened = opening.await;
        let (opened, handing) = opened.map_err(|error| broken_off(&error.to_string()))??;
        handing.done();
        Ok(opened)
    }

    async fn open_session(self: &Arc<Self>, wish: OpenWish) -> Result<(Opened, Handing), Failure> {
        self.journal.custody.sound()?;
        self.room_for_a_tape()?;
        let (allowed, permits) = self.allowed(&wish).await?;
        let resource = &allowed.assessment.resource;
        let in_force = self.stays_in_force(resource).await?;
        let session = self.journal.fresh_id::<SessionId>();
        let tape = self.begin_tape(session, resource, allowed.bundle).await?;
        let (certificate, described) = self
            .credential(session, &allowed.who, &allowed.assessment, &wish)
            .await?;
        let opening = allowed.opening(&wish, described, tape.head.hash)?;
        let handing = Handing::begin(Arc::clone(self), session, tape.head);
        self.live.insert(session, tape.live);
        let path = allowed.assessment.policy_action.path();
        self.record_opening(session, &opening, path, &tape.key)
            .await?;
        self.still_allowed(session).await?;
        let credential = if let Some(certificate) = certificate {
            certificate
        } else {
            let release = permits.release.ok_or_else(vault_for_tasks)?;
            self.vaulted(release, session, resource).await?
        };
        drop(in_force);
        let notice = notice(session, wish.key.as_deref(), allowed.at, opening.ends_at);
        let body = allowed.lease(session, wish, credential, opening.ends_at);
        let opened = Opened {
            session,
            lease: self.sealed(permits.session, &body)?,
            tape: tape.order,
            notice,
        };
        Ok((opened, handing))
    }

    /// Decides anew what was asked for, with what is proved and granted now.
    async fn allowed(&self, wish: &OpenWish) -> Result<(Allowed, Permits), Failure> {
        let who = self.caller(wish).await?;
        let resource = self.resource_named(&wish.login.target).await?;
        let action = self.called(&resource, wish).await?;
        let subject = Subject::oneself(who.identity);
        let assessment = self.assess(subject, resource, action).await?;
        let endpoint = self.way_in(&assessment.resource, &wish.login.account)?;
        let grant = self.grant_for(&who, &assessment).await?;
        let at = self.journal.now();
        let met = Controls {
            brokered: true,
            recording: true,
            mfa: who.has_second_factor() && at.since(who.at) < FRESH,
            approvals: grant.get()?.issue.controls.approvals,
        };
        let asked = self.asked(&assessment, met).await?;
        let bundle = self.bundle();
        let (permits, policies) = decided(&bundle, &assessment, &asked.query())?;
        if assessment.resource.credential.is_some() && permits.release.is_none() {
            return Err(vault_for_tasks());
        }
        let signed = self.still_as_signed(&assessment.resource, &assessment.intent.action);
        if let Err(failure) = signed.await {
            self.note_refusal(who.identity, &wish.login, failure.to_string())
                .await?;
            return Err(failure);
        }
        let allowed = Allowed {
            who,
            assessment,
            endpoint,
            grant,
            met,
            bundle: bundle.digest(),
            policies,
            at,
        };
        Ok((allowed, permits))
    }

    /// What changed between the decision and its record was not looked at by anybody: nobody knew of the session.
    /// From the record on, re-evaluation knows of it.
    async fn still_allowed(&self, session: SessionId) -> Result<(), Failure> {
        self.journal.custody.sound()?;
        let recorded = self.journal.load::<Session>(session).await?;
        let census = self.census().await?;
        match self.no_longer_allowed(&census, recorded.get()?).await? {
            None => Ok(()),
            Some(why) => Err(Failure::Denied {
                code: "policy",
                message: format!("what allowed this changed while it was opened: {why}"),
                next: None,
            }),
        }
    }

    /// Writes the use of the grant and the session in one go: from here on it happened. Sessions that open at the
    /// same moment under one grant are let through one after the other.
    async fn record_opening(
        &self,
        session: SessionId,
        opening: &Opening,
        path: Path,
        key: &TapeKey,
    ) -> Result<(), Failure> {
        patiently(|| self.try_record_opening(session, opening, path, key)).await
    }

    async fn try_record_opening(
        &self,
        session: SessionId,
        opening: &Opening,
        path: Path,
        key: &TapeKey,
    ) -> Result<(), Failure> {
        let mut grant = self.journal.load::<Grant>(opening.grant).await?;
        let mut command = self.journal.command(Some(opening.identity));
        let used = grant.get()?.use_for(session, path, command.at())?;
        command.push(&mut grant, &used)?;
        let mut stream = Loaded::<Session>::fresh(session);
        command.push(
            &mut stream,
            &SessionEvent::Opened {
                opening: Box::new(opening.clone()),
            },
        )?;
        if !self.options.auditors_only {
            let value = Secret::new(key.expose_secret().to_vec());
            let sealed = self
                .vault
                .seal(tape_secret(session)?, SecretKind::TapeKey, 1, &value)?;
            command.seal(&stream.stream, sealed);
        }
        command.commit().await
    }

    fn sealed(
        &self,
        permit: SessionPermit,
        body: &SessionLease,
    ) -> Result<InTransit<Vec<u8>>, Failure> {
        let session = body.session;
        let payload =
            serde_json::to_vec(body).map_err(|error| Failure::Damaged(error.to_string()))?;
        let not_after = permit.not_after();
        let lease = self.own.leases.seal(
            permit,
            LeaseBody {
                session,
                not_after,
                payload: Secret::new(payload),
            },
        )?;
        Ok(InTransit(Secret::new(lease.expose().to_vec())))
    }
}

impl Allowed {
    /// What is recorded of it.
    fn opening(
        &self,
        wish: &OpenWish,
        credential: String,
        tape: Digest,
    ) -> Result<Opening, Failure> {
        let grant = self.grant.stream.parse();
        let issue = &self.grant.get()?.issue;
        Ok(Opening {
            grant: grant.map_err(|_| Failure::missing("grant", &self.grant.stream))?,
            request: issue.request,
            identity: self.who.identity,
            factors: self.who.factors.clone(),
            resource: self.assessment.resource.id,
            account: wish.login.account.clone(),
            action: self.assessment.intent.action.clone(),
            digest: self.assessment.digest,
            controls: self.met,
            bundle: self.bundle,
            policies: self.policies.clone(),
            source: wish.source.to_string(),
            connection: wish.connection.clone(),
            credential,
            secret: self.assessment.resource.credential.clone(),
            tape,
            ends_at: issue.ends_at.max(self.at),
            key: wish.key.as_ref().map(|key| run_key(self.who.identity, key)),
        })
    }

    /// What its gate is to do, and no more.
    fn lease(
        self,
        session: SessionId,
        wish: OpenWish,
        credential: TargetCredential,
        ends_at: Timestamp,
    ) -> SessionLease {
        SessionLease {
            session,
            address: self.endpoint.address,
            account: wish.login.account,
            action: wish.action,
            task: task_command(&self.assessment.intent.action),
            host_keys: self.endpoint.host_keys,
            credential,
            idle_limit: IDLE_LIMIT,
            ends_at,
        }
    }
}

/// The permits, and the policies that gave them.
fn decided(
    bundle: &Bundle,
    assessment: &Assessment,
    query: &Query<'_>,
) -> Result<(Permits, Vec<String>), Failure> {
    let action = assessment.policy_action;
    let parts = assessment.parts(assessment.resource.credential.is_some());
    let policies = match bundle.decide_with(action, parts, query) {
        Decision::Allowed { determining, .. } => determining,
        Decision::Denied(_) => Vec::new(),
    };
    let session = match action {
        PolicyAction::RunTask => bundle.authorize::<Ordinary, RunTask>(query)?.into(),
        _ => bundle.authorize::<Privileged, OpenSession>(query)?.into(),
    };
    let release = parts.contains(&PolicyAction::ReleaseSecret);
    let release = release.then(|| bundle.authorize::<Privileged, ReleaseSecret>(query));
    let release = release.transpose()?;
    let policies = policies.into_iter().map(|policy| policy.id).collect();
    Ok((Permits { session, release }, policies))
}

fn broken_off(why: &str) -> Failure {
    Failure::Unavailable(format!("opening the session broke off: {why}"))
}

/// Who gave the run a name is told that it arrived.
fn notice(session: SessionId, key: Option<&str>, now: Timestamp, ends_at: Timestamp) -> String {
    let minutes = ends_at.since(now).as_secs().div_ceil(60);
    let name = key.map(|key| format!(", as the run {}", visible(key)));
    format!(
        "session {session} is recorded{} and ends in {minutes} min at the latest",
        name.unwrap_or_default()
    )
}

/// The command of a task.
fn task_command(action: &Action) -> Option<String> {
    let command = action.param(COMMAND)?;
    (action.name == TASK).then(|| command.to_owned())
}
