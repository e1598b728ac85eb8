//! Due work: assigning what was granted, ending what is over, proving what is gone.
//!
//! One loop finds what is due and works on each grant alone; whatever fails is found again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_flow::grant::{EndCause, Grant, GrantStatus};
use portcullis_flow::request::Request;
use portcullis_flow::session::Session;
use portcullis_model::{Controls, GrantId, Resource, ResourceId, SessionId, StreamId};
use portcullis_policy::{AssignEntitlement, Duty, Ordinary, RecordedGrant, duty};
use portcullis_ports::{Assignment, Connector, Target};
use tokio::sync::{Notify, watch};

use crate::Engine;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::overlap::{Account, rights};
use crate::reevaluation::AT_ONCE;
use crate::secrets::Warrant;
use crate::supervision::{contained, each};
use crate::turns::Turns;

/// How long the loop waits when nothing wakes it: the grain of expiry.
const TICK: Duration = Duration::from_millis(250);

/// How long a removal that left something waits before it is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// What the loop and its callers share.
#[derive(Default)]
pub(crate) struct Duties {
    wake: Notify,
    under_way: Mutex<BTreeSet<GrantId>>,
    /// Held while something is given to or taken from an account.
    turns: Turns<Account>,
}

impl Duties {
    /// Something became due.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn begin(self: &Arc<Self>, grant: GrantId) -> Option<UnderWay> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.insert(grant).then(|| UnderWay {
            duties: Arc::clone(self),
            grant,
        })
    }
}

/// Marks a grant as being worked on while it lives.
struct UnderWay {
    duties: Arc<Duties>,
    grant: GrantId,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.duties
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.grant);
    }
}

impl Engine {
    /// Runs until shut down.
    pub(crate) async fn run_duties(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            if let Err(failure) = self.clone().do_what_is_due().await {
                tracing::warn!(%failure, "what is due could not all be done: trying again");
            }
            tokio::select! {
                () = self.duties.wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    async fn do_what_is_due(self: Arc<Self>) -> Result<(), Failure> {
        for status in ["assigning", "active", "revoking"] {
            for (stream, grant) in self.journal.find::<Grant>(&[("status", status)]).await? {
                let Ok(id) = stream.parse::<GrantId>() else {
                    continue;
                };
                let over = self.journal.now() >= grant.issue.ends_at;
                if status == "active" && !over {
                    continue;
                }
                let Some(mark) = self.duties.begin(id) else {
                    continue;
                };
                let engine = Arc::clone(&self);
                tokio::spawn(async move {
                    if let Err(failure) = contained(engine.attend(id)).await {
                        tracing::warn!(grant = %id, %failure, "due work failed and will be tried again");
                        tokio::time::sleep(RETRY).await;
                    }
                    drop(mark);
                });
            }
        }
        self.expire_requests().await
    }

    /// Whatever becomes of one, every other is looked at; it is found again with the next tick.
    async fn expire_requests(&self) -> Result<(), Failure> {
        let now = self.journal.now();
        let waiting = [("status", "pending")];
        let waiting = self.journal.find::<Request>(&waiting).await?;
        let over = waiting.into_iter();
        let over = over.filter(|(_, request)| request.expires_at <= now);
        each(over, AT_ONCE, |(stream, _)| async move {
            let expire = |request: &Request, now| Ok(request.expire(now)?);
            self.journal.amend(stream, None, expire).await
        })
        .await
    }

    /// Does the next step of one grant.
    async fn attend(&self, id: GrantId) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Grant>(id).await?;
        let grant = loaded.get()?.clone();
        let over = self.journal.now() >= grant.issue.ends_at;
        match &grant.status {
            GrantStatus::Assigning | GrantStatus::Active if over => {
                self.end_grant(&mut loaded, EndCause::Expired).await?;
            }
            GrantStatus::Assigning => {
                self.journal.custody.sound()?;
                self.assign(&mut loaded).await?;
            }
            GrantStatus::Active | GrantStatus::Revoked { .. } => return Ok(()),
            GrantStatus::Revoking { .. } => {}
        }
        if matches!(loaded.get()?.status, GrantStatus::Revoking { .. }) {
            self.remove(id, &mut loaded).await?;
        }
        Ok(())
    }

    pub(crate) async fn end_grant(
        &self,
        loaded: &mut Loaded<Grant>,
        cause: EndCause,
    ) -> Result<(), Failure> {
        let mut command = self.journal.command(None);
        let event = loaded.get()?.end(cause)?;
        command.push(loaded, &event)?;
        command.commit().await?;
        self.duties.wake();
        Ok(())
    }

    /// Assigns an entitlement: decided anew, the intention written first.
    async fn assign(&self, loaded: &mut Loaded<Grant>) -> Result<(), Failure> {
        match self.try_assign(loaded).await {
            Ok(()) => Ok(()),
            Err(Failure::Unavailable(cause)) if loaded.get()?.account.is_none() => {
                Err(Failure::Unavailable(cause))
            }
            Err(failure) => {
                tracing::warn!(grant = %loaded.stream, %failure, "an entitlement could not be assigned");
                self.end_grant(
                    loaded,
                    EndCause::Failed {
                        cause: failure.to_string(),
                    },
                )
                .await
            }
        }
    }

    async fn try_assign(&self, loaded: &mut Loaded<Grant>) -> Result<(), Failure> {
        let issue = loaded.get()?.issue.clone();
        let resource = self.resource(issue.intent.resource).await?;
        let connector = self.connector_of(&resource)?;
        let subject = issue.intent.subject.clone();
        let assessment = self
            .assess(subject, resource.clone(), issue.intent.action.clone())
            .await?;
        if assessment.digest != issue.digest {
            return Err(Failure::Conflict(format!(
                "the effective privileges at {} changed since they were approved",
                resource.name
            )));
        }
        let met = Controls {
            mfa: false,
            ..issue.controls
        };
        let asked = self.asked(&assessment, met).await?;
        let permit = self
            .bundle()
            .authorize::<Ordinary, AssignEntitlement>(&asked.query())?;
        // An attempt that was cut off may have given it already: it goes on at the same account.
        let account = match &loaded.get()?.account {
            Some(begun) => begun.clone(),
            None => self.account_of(&resource, &issue).await?,
        };
        let system = connector.right(&resource, &issue.intent.action).system;
        elsewhere(loaded.get()?, &system).map_or(Ok(()), |why| Err(Failure::Conflict(why)))?;
        let at = (system.clone(), account.clone());
        let _turn = self.duties.turns.take(at).await;
        let ours = rights(&self.given_to(&system, &account).await?);
        let (_, credential) = self
            .vault
            .release(Warrant::Assignment(&permit), &resource)
            .await?;
        let target = Target {
            resource: &resource,
            credential,
        };
        if loaded.get()?.account.is_none() {
            let held = connector
                .held(&target, &issue.intent.action, &account)
                .await?;
            let held_before = held.by_other_than(&ours);
            self.begin_assignment(loaded, account.clone(), held_before, system)
                .await?;
        }
        let approved = issue
            .effective
            .ok_or_else(|| Failure::Damaged("no effective privileges".to_owned()))?;
        let assignment = connector
            .assign(
                permit,
                &target,
                &issue.intent.action,
                &account,
                approved,
                &ours,
            )
            .await?;

        let value = serde_json::to_value(&assignment)
            .map_err(|error| Failure::Damaged(error.to_string()))?;
        let mut command = self.journal.command(None);
        let event = loaded.get()?.assigned(value)?;
        command.push(loaded, &event)?;
        command.commit().await?;
        // Only active grants are decided again: what changed while this one was not yet is looked at here.
        self.reevaluate_grant(loaded.stream.clone(), loaded.get()?)
            .await
    }

    /// Writes that it may be at the target from here on.
    async fn begin_assignment(
        &self,
        loaded: &mut Loaded<Grant>,
        account: String,
        held_before: bool,
        system: String,
    ) -> Result<(), Failure> {
        let mut command = self.journal.command(None);
        let event = loaded
            .get()?
            .begin_assignment(account, held_before, system, command.at())?;
        command.push(loaded, &event)?;
        command.commit().await
    }

    fn connector_of(&self, resource: &Resource) -> Result<Arc<dyn Connector>, Failure> {
        let found = self.ports.connector(&resource.kind);
        found
            .cloned()
            .ok_or_else(|| Failure::missing("connector for kind", &resource.kind))
    }

    /// The person's own account at the target: what the resource's settings say, otherwise their name.
    async fn account_of(
        &self,
        resource: &Resource,
        issue: &portcullis_flow::grant::Issue,
    ) -> Result<String, Failure> {
        let name = self.identity(issue.intent.subject.identity).await?.name;
        let mapped = resource
            .settings
            .get("accounts")
            .and_then(|accounts| accounts.get(&name));
        Ok(mapped
            .and_then(serde_json::Value::as_str)
            .map_or(name, str::to_owned))
    }

    /// Takes away what a grant gave and proves it.
    async fn remove(&self, id: GrantId, loaded: &mut Loaded<Grant>) -> Result<(), Failure> {
        let found = if loaded.get()?.issue.is_entitlement() {
            self.remove_entitlement(id, loaded.get()?).await?
        } else {
            self.remove_sessions(id, loaded.get()?).await?
        };
        let mut command = self.journal.command(None);
        let event = match &found {
            Found::Gone(evidence) => Some(loaded.get()?.removed(evidence.clone())?),
            Found::Ending(what) | Found::Left(what) => {
                loaded.get()?.removal_incomplete(what.clone())?
            }
        };
        if let Some(event) = event {
            command.push(loaded, &event)?;
            command.commit().await?;
        }
        match found {
            Found::Gone(_) | Found::Ending(_) => Ok(()),
            Found::Left(what) => Err(Failure::Unavailable(what)),
        }
    }

    async fn remove_sessions(&self, id: GrantId, grant: &Grant) -> Result<Found, Failure> {
        let why = match &grant.status {
            GrantStatus::Revoking { cause, .. } => cause.told(),
            _ => "the grant is over".to_owned(),
        };
        let keys = [("grant", id.to_string()), ("status", "live".to_owned())];
        let keys: Vec<_> = keys
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let live = self.journal.find::<Session>(&keys).await?;
        let sessions: Vec<SessionId> = live.iter().filter_map(|(id, _)| id.parse().ok()).collect();
        each(sessions, AT_ONCE, |session| {
            self.order_kill(session, None, &why)
        })
        .await?;
        if live.is_empty() {
            return Ok(Found::Gone(serde_json::json!({ "live_sessions": 0 })));
        }
        let names: Vec<_> = live.iter().map(|(stream, _)| stream.to_string()).collect();
        Ok(Found::Ending(format!(
            "live sessions: {}",
            names.join(", ")
        )))
    }

    async fn remove_entitlement(&self, id: GrantId, grant: &Grant) -> Result<Found, Failure> {
        let Some(assignment) = assignment_of(grant)? else {
            return Ok(Found::Gone(serde_json::json!({ "assigned": false })));
        };
        let resource_id = grant.issue.intent.resource;
        let resource = self.resource_even_if_removed(resource_id).await?;
        let connector = self.connector_of(&resource)?;
        let right = connector.right(&resource, &assignment.action);
        if let Some(why) = elsewhere(grant, &right.system) {
            return Ok(Found::Left(why));
        }
        let at = (right.system.clone(), assignment.account.clone());
        let _turn = self.duties.turns.take(at).await;
        let mut others = self.given_to(&right.system, &assignment.account).await?;
        let own = StreamId::from(id);
        others.retain(|other| other.stands && other.grant != own);
        let covering = others.iter().filter(|other| other.right == right.name);
        let covering: Vec<_> = covering.map(|other| other.grant.to_string()).collect();
        if !assignment.held_before && !covering.is_empty() {
            // Theirs now: it goes when the last of them does.
            return Ok(Found::Gone(serde_json::json!({ "kept_for": covering })));
        }
        let permit = duty(&RecordedGrant {
            grant: id,
            resource: resource_id,
            reason: reason_of(grant),
        });
        let (_, credential) = self
            .vault
            .release(Warrant::Duty(&permit), &resource)
            .await?;
        let target = Target {
            resource: &resource,
            credential,
        };
        match connector.remove(permit, &target, &assignment).await {
            Ok(removal)
                if removal.held.is_gone_beside(&rights(&others)) || assignment.held_before =>
            {
                let evidence = serde_json::to_value(&removal);
                Ok(Found::Gone(
                    evidence.map_err(|error| Failure::Damaged(error.to_string()))?,
                ))
            }
            Ok(removal) => Ok(Found::Left(format!(
                "{} still has it: effective {}, sessions {:?}",
                assignment.account, removal.held.effective, removal.held.sessions
            ))),
            Err(error) => Ok(Found::Left(error.to_string())),
        }
    }

    pub(crate) async fn resource_even_if_removed(
        &self,
        id: ResourceId,
    ) -> Result<Resource, Failure> {
        let loaded = self
            .journal
            .load::<portcullis_flow::records::ResourceState>(id)
            .await?;
        Ok(loaded.get()?.resource.clone())
    }
}

/// Why nothing at this system says anything of a grant: it was given at another.
fn elsewhere(grant: &Grant, system: &str) -> Option<String> {
    let given = grant.system.as_str();
    (!given.is_empty() && given != system).then(|| {
        format!("it was given at {given}, and the resource names {system} now: only there can it be taken away")
    })
}

/// What a removal came to.
enum Found {
    /// Nothing is left, and what was read back.
    Gone(serde_json::Value),
    /// What is left was told to end: its end wakes the loop.
    Ending(String),
    /// Something is left.
    Left(String),
}

/// What there is to take away: what was assigned, or what may have been when the server stopped in between.
pub(crate) fn assignment_of(grant: &Grant) -> Result<Option<Assignment>, Failure> {
    match (&grant.assignment, &grant.account) {
        (Some(value), _) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|error| Failure::Damaged(error.to_string())),
        (None, Some(account)) => Ok(Some(Assignment {
            action: grant.issue.intent.action.clone(),
            account: account.clone(),
            held_before: grant.held_before,
        })),
        (None, None) => Ok(None),
    }
}

fn reason_of(grant: &Grant) -> Duty {
    match &grant.status {
        GrantStatus::Revoking {
            cause: EndCause::Expired,
            ..
        } => Duty::Expired,
        GrantStatus::Revoking {
            cause: EndCause::Released,
            ..
        } => Duty::Released,
        GrantStatus::Revoking {
            cause: EndCause::Completed,
            ..
        } => Duty::SessionEnd,
        GrantStatus::Revoking {
            cause: EndCause::Failed { .. },
            ..
        } => Duty::Reconcile,
        _ => Duty::Revoked,
    }
}
