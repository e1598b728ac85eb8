//! One channel: found under a grant, decided anew, written, then leased to the gate.

use std::sync::Arc;
use std::time::Duration;

use portcullis_classify::task::{COMMAND, NAME, TASK};
use portcullis_flow::grant::Grant;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::session::{Opening, Session, SessionEvent, TapeHead};
use portcullis_model::{
    Action, Authentication, Controls, Digest, KindDescriptor, Resource, Secret, SessionId, Subject,
    Timestamp,
};
use portcullis_policy::{
    Decision, LeaseBody, OpenSession, Ordinary, Permit, PolicyAction, Privileged, ReleaseSecret,
    RunTask, SessionPermit,
};
use portcullis_ports::clock::random;
use portcullis_ports::control::{
    InTransit, OpenWish, Opened, SessionLease, TapeOrder, TargetCredential,
};
use portcullis_ports::{BlobError, BlobWriter};
use portcullis_tape::{Header, KeyWrap, TapeKey, TapeWriter, Track, TrackKind};
use portcullis_vault::SecretKind;

use super::closing::Handing;
use crate::Engine;
use crate::assessment::Assessment;
use crate::certificates::Certificate;
use crate::failure::Failure;
use crate::journal::{Loaded, Patience};
use crate::live::{GrowingTape, LiveSession, head_of};
use crate::requests::RequestView;
use crate::secrets::{Warrant, tape_secret};

/// How long a second factor proved at the door counts for further channels of the connection.
const FRESH: Duration = Duration::from_mins(15);

/// How long a certificate made for a session can be used to log in.
const CERTIFICATE_LASTS: Duration = Duration::from_mins(2);

/// Ends a session in which nothing moves.
const IDLE_LIMIT: Duration = Duration::from_mins(15);

/// The longest time between something happening and its being on the tape.
const FLUSH_WITHIN: Duration = Duration::from_millis(250);

/// A tape that was begun for a session not yet recorded.
struct NewTape {
    order: TapeOrder,
    live: LiveSession,
    head: TapeHead,
    key: TapeKey,
}

impl Engine {
    /// Opens a session to its end, whatever becomes of who waits for it: what is being written must not be looked for
    /// before it is there. A session that nobody takes is over.
    pub(super) async fn open_to_the_end(&self, wish: OpenWish) -> Result<Opened, Failure> {
        let engine = self.itself.upgrade();
        let engine = engine.ok_or_else(|| broken_off("the server stops"))?;
        let opening = tokio::spawn(async move { engine.open_session(wish).await });
        let opened = opening.await;
        let (opened, handing) = opened.map_err(|error| broken_off(&error.to_string()))??;
        handing.done();
        Ok(opened)
    }

    async fn open_session(self: &Arc<Self>, wish: OpenWish) -> Result<(Opened, Handing), Failure> {
        self.journal.custody.sound()?;
        let who = self.proved(&wish.ticket, &wish.login)?;
        let identity = self.journal.load::<IdentityState>(who.identity).await?;
        identity.get()?.upholds(&who.factors)?;
        let resource = self.resource_named(&wish.login.target).await?;
        let subject = Subject::oneself(who.identity);
        let action = self.called(&resource, &wish).await?;
        let assessment = self.assess(subject, resource, action).await?;
        let endpoint = self.way_in(&assessment.resource, &wish.login.account)?;
        let grant = self.grant_for(&who, &assessment).await?;
        let census = self.census().await?;
        if let Some(why) = self.approvals_lapsed(&census, grant.get()?).await? {
            let (resource, action) = (&assessment.resource, &assessment.intent.action);
            let next = narrowest(resource, action, &self.ports.kinds());
            return Err(Failure::denied("no_grant", why, next));
        }
        let now = self.journal.now();
        let met = Controls {
            brokered: true,
            recording: true,
            mfa: who.has_second_factor() && now.since(who.at) < FRESH,
            approvals: grant.get()?.issue.controls.approvals,
        };
        let asked = self.asked(&assessment, met).await?;
        let bundle = self.bundle();
        let policies = match bundle.decide(assessment.policy_action, &asked.query()) {
            Decision::Allowed { determining, .. } => determining,
            Decision::Denied(_) => Vec::new(),
        };
        let permit: SessionPermit = match assessment.policy_action {
            PolicyAction::RunTask => bundle
                .authorize::<Ordinary, RunTask>(&asked.query())?
                .into(),
            _ => bundle
                .authorize::<Privileged, OpenSession>(&asked.query())?
                .into(),
        };
        let signed = self.still_as_signed(&assessment.resource, &assessment.intent.action);
        if let Err(failure) = signed.await {
            self.note_refusal(who.identity, &wish.login, failure.to_string())
                .await?;
            return Err(failure);
        }

        let session = self.journal.fresh_id::<SessionId>();
        let tape = self
            .begin_tape(session, &assessment.resource, bundle.digest())
            .await?;
        let (permit, release) = with_credential(permit);
        let (credential, described) = self.credential(session, &who, &assessment, &wish).await?;
        let opening = Opening {
            controls: met,
            policies: policies.into_iter().map(|policy| policy.id).collect(),
            bundle: bundle.digest(),
            credential: described,
            tape: tape.head.hash,
            ..opening(&who, &assessment, &wish, &grant, now)?
        };
        let ends_at = opening.ends_at;
        let handing = Handing::begin(Arc::clone(self), session, tape.head);
        self.live.insert(session, tape.live);
        self.record_opening(session, &opening, &tape.key).await?;
        self.still_allowed(session).await?;
        let credential = if let Some(credential) = credential {
            drop(release);
            credential
        } else {
            let release = release.ok_or_else(vault_for_tasks)?;
            self.vaulted(release, session, &assessment.resource).await?
        };
        let task = task_command(&assessment.intent.action);
        let body = SessionLease {
            session,
            address: endpoint.address,
            account: wish.login.account,
            action: wish.action,
            task,
            host_keys: endpoint.host_keys,
            credential,
            idle_limit: IDLE_LIMIT,
            ends_at,
        };
        let lease = self.sealed(permit, &body)?;
        let opened = Opened {
            session,
            lease,
            tape: tape.order,
            notice: notice(session, now, ends_at),
        };
        Ok((opened, handing))
    }

    /// The grant that covers exactly this action, usable now; otherwise the request that would.
    async fn grant_for(
        &self,
        who: &Authentication,
        assessment: &Assessment,
    ) -> Result<Loaded<Grant>, Failure> {
        let holder = who.identity.to_string();
        let resource = assessment.resource.id.to_string();
        let keys = [("holder", holder.as_str()), ("resource", resource.as_str())];
        let mut why = None;
        for (stream, grant) in self.journal.find::<Grant>(&keys).await?.into_iter().rev() {
            if grant.issue.digest != assessment.digest {
                continue;
            }
            match grant.usable(assessment.policy_action.path(), self.journal.now()) {
                Ok(()) => return self.journal.load(stream).await,
                Err(refusal) => why = why.or(Some(refusal)),
            }
        }
        if let Some(asked) = self.pending_like(who.identity, assessment).await? {
            return Err(still_waiting(&asked));
        }
        let action = &assessment.intent.action;
        let message = why.map_or_else(
            || {
                format!(
                    "no grant of yours covers {} on {}; this takes the {} path",
                    named(action),
                    assessment.resource.name,
                    assessment.policy_action.path()
                )
            },
            |refusal| {
                format!(
                    "{} on {}: {refusal}",
                    named(action),
                    assessment.resource.name
                )
            },
        );
        Err(Failure::denied(
            "no_grant",
            message,
            narrowest(&assessment.resource, action, &self.ports.kinds()),
        ))
    }

    async fn begin_tape(
        &self,
        session: SessionId,
        resource: &Resource,
        bundle: Digest,
    ) -> Result<NewTape, Failure> {
        let entropy = self.journal.entropy.as_ref();
        let key_bytes = random::<32>(entropy);
        let nonce_prefix = random::<16>(entropy);
        let mut key_wraps = Vec::new();
        for auditor in &self.options.auditors {
            let wrapped = self.ports.sealer.seal(auditor, &key_bytes)?;
            key_wraps.push(KeyWrap {
                recipient: auditor.clone(),
                wrapped,
            });
        }
        let header = Header {
            tape: format!("tape_{session}"),
            tenant: self.journal.tenant.to_string(),
            session: session.to_string(),
            started_at_ms: self.journal.now().as_millis(),
            broker: resource.kind.clone(),
            bundle_digest: bundle.to_string(),
            tracks: vec![
                Track {
                    number: 0,
                    kind: TrackKind::Event,
                },
                Track {
                    number: 1,
                    kind: TrackKind::Terminal,
                },
            ],
            key_wraps,
        };
        let key = TapeKey::new(key_bytes);
        let (writer, bytes) = TapeWriter::begin(&header, key.clone(), nonce_prefix)
            .map_err(|error| Failure::Unavailable(error.to_string()))?;
        let blob = self.first_bytes(session, &bytes).await;
        let blob = blob.inspect_err(|error| self.journal.custody.failed(error))?;
        let growing = GrowingTape::begin(blob, &bytes, key.clone())
            .map_err(|failure| Failure::Unavailable(failure.to_string()))?;
        Ok(NewTape {
            head: head_of(&writer.head()),
            order: TapeOrder {
                header: bytes,
                key: InTransit(Secret::new(key_bytes)),
                nonce_prefix,
                flush_within: FLUSH_WITHIN,
            },
            live: LiveSession::new(growing),
            key,
        })
    }

    async fn first_bytes(
        &self,
        session: SessionId,
        bytes: &[u8],
    ) -> Result<Box<dyn BlobWriter>, BlobError> {
        let name = crate::tapes::name(session);
        let mut blob = self.ports.blobs.create(&name).await?;
        blob.append(bytes).await?;
        blob.sync().await?;
        Ok(blob)
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
        key: &TapeKey,
    ) -> Result<(), Failure> {
        let mut patience = Patience::new();
        loop {
            let outcome = self.try_record_opening(session, opening, key).await;
            if !patience.allows(&outcome) {
                return outcome;
            }
        }
    }

    async fn try_record_opening(
        &self,
        session: SessionId,
        opening: &Opening,
        key: &TapeKey,
    ) -> Result<(), Failure> {
        let mut grant = self.journal.load::<Grant>(opening.grant).await?;
        let mut command = self.journal.command(Some(opening.identity));
        let path = grant.get()?.issue.path;
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

    /// A certificate for this session where the target trusts our authority; otherwise what will be
    /// released from the vault once the session is recorded.
    async fn credential(
        &self,
        session: SessionId,
        who: &Authentication,
        assessment: &Assessment,
        wish: &OpenWish,
    ) -> Result<(Option<TargetCredential>, String), Failure> {
        if let Some(name) = &assessment.resource.credential {
            return Ok((None, format!("vaulted secret {name}")));
        }
        let name = self.identity(who.identity).await?.name;
        let broker = self.ports.broker(&assessment.resource.kind);
        // Tasks only. sshd lets nobody signal a forced command: decisions 0005 and 0010.
        let forced = broker.and_then(|broker| broker.forced(&assessment.intent.action));
        let (credential, serial) = self.certificate(Certificate {
            account: &wish.login.account,
            key_id: format!("{session} {name}"),
            lasts: CERTIFICATE_LASTS,
            terminal: forced.is_none(),
            forced,
        })?;
        Ok((Some(credential), format!("certificate serial {serial}")))
    }

    async fn vaulted(
        &self,
        permit: Permit<Privileged, ReleaseSecret>,
        session: SessionId,
        resource: &Resource,
    ) -> Result<TargetCredential, Failure> {
        let (kind, secret) = self
            .vault
            .release(Warrant::Session(permit, session), resource)
            .await?;
        let text = String::from_utf8(secret.expose_owned())
            .map_err(|_| Failure::Damaged("the vaulted credential is not text".to_owned()))?;
        let value = InTransit(Secret::new(text));
        match kind {
            SecretKind::SshKey => Ok(TargetCredential::Key { private_key: value }),
            SecretKind::Password => Ok(TargetCredential::Password { password: value }),
            other => Err(Failure::Invalid(format!(
                "a secret of kind {other} opens no session"
            ))),
        }
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

fn opening(
    who: &Authentication,
    assessment: &Assessment,
    wish: &OpenWish,
    grant: &Loaded<Grant>,
    now: Timestamp,
) -> Result<Opening, Failure> {
    let issue = &grant.get()?.issue;
    Ok(Opening {
        grant: grant
            .stream
            .parse()
            .map_err(|_| Failure::missing("grant", &grant.stream))?,
        request: issue.request,
        identity: who.identity,
        factors: who.factors.clone(),
        resource: assessment.resource.id,
        account: wish.login.account.clone(),
        action: assessment.intent.action.clone(),
        digest: assessment.digest,
        controls: Controls::NONE,
        bundle: issue.bundle,
        policies: Vec::new(),
        source: wish.source.to_string(),
        connection: wish.connection.clone(),
        credential: String::new(),
        secret: assessment.resource.credential.clone(),
        tape: assessment.digest,
        ends_at: issue.ends_at.max(now),
    })
}

fn broken_off(why: &str) -> Failure {
    Failure::Unavailable(format!("opening the session broke off: {why}"))
}

/// It was asked for already.
fn still_waiting(asked: &RequestView) -> Failure {
    let RequestView { id, waits_for, .. } = asked;
    Failure::denied(
        "no_grant",
        format!(
            "you asked for this in {id}, which waits for {}",
            waits_for.join(" or ")
        ),
        format!("portcullis requests show {id}"),
    )
}

/// A credential is injected into sessions of the privileged path only: a vaulted one is held to no program.
fn with_credential(
    permit: SessionPermit,
) -> (SessionPermit, Option<Permit<Privileged, ReleaseSecret>>) {
    match permit {
        SessionPermit::Session(permit) => {
            let (permit, release) = permit.with_credential();
            (permit.into(), Some(release))
        }
        task @ SessionPermit::Task(_) => (task, None),
    }
}

fn vault_for_tasks() -> Failure {
    Failure::Invalid(
        "a task runs by a certificate only, and this resource is opened by a vaulted secret"
            .to_owned(),
    )
}

/// The command of a task.
fn task_command(action: &Action) -> Option<String> {
    let command = action.param(COMMAND)?;
    (action.name == TASK).then(|| command.to_owned())
}

/// An action in a few words for the person at the door.
fn named(action: &Action) -> String {
    match action.param(NAME).filter(|_| action.name == TASK) {
        Some(name) => format!("the task {name}"),
        None => action.to_string(),
    }
}

/// The narrowest request that would allow what was refused. What the resource says by itself is left out.
fn narrowest(resource: &Resource, action: &Action, kinds: &[KindDescriptor]) -> String {
    if let Some(words) = crate::tasks::asking(action) {
        return format!(
            "portcullis request {} {} --reason TEXT",
            resource.name,
            words.join(" ")
        );
    }
    let kind = kinds.iter().find(|kind| kind.name == resource.kind);
    let known = kind.and_then(|kind| kind.actions.iter().find(|known| known.name == action.name));
    let by_itself = |name: &str, value: &str| {
        let param = known.and_then(|known| known.params.iter().find(|param| param.name == name));
        let setting = param.and_then(|param| param.default_from);
        setting.and_then(|setting| resource.settings.get(setting)?.as_str()) == Some(value)
    };
    let params = action.params.iter();
    let params = params.filter(|(name, value)| *name != "command" && !by_itself(name, value));
    let params = params.fold(String::new(), |words, (name, value)| {
        words + " " + name + "=" + value
    });
    let command = action
        .param("command")
        .map(|command| format!(" -- {command}"))
        .unwrap_or_default();
    format!(
        "portcullis request {} {}{params} --reason TEXT{command}",
        resource.name, action.name
    )
}

fn notice(session: SessionId, now: Timestamp, ends_at: Timestamp) -> String {
    let minutes = ends_at.since(now).as_secs().div_ceil(60);
    format!("session {session} is recorded and ends in {minutes} min at the latest")
}
