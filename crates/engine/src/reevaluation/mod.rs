//! When policy, a grant, an identity or a resource changes: what no longer holds is ended.
//!
//! Driven by the events themselves: whatever is committed is looked at, live sessions first.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use portcullis_flow::grant::{EndCause, Grant, GrantStatus};
use portcullis_flow::identity::IdentityState;
use portcullis_flow::request::Request;
use portcullis_flow::session::Session;
use portcullis_model::{Controls, Event, GrantId, SessionId};
use portcullis_policy::{Decision, PolicyAction};
use tokio::sync::watch;

use crate::Engine;
use crate::failure::Failure;
use crate::requests::Standing;

/// The most events looked at in one go.
const BATCH: usize = 1024;

/// How many sessions are decided or ended at the same time: what is written meanwhile shares its way to the
/// disk.
pub(crate) const AT_ONCE: usize = 64;

/// The nouns whose events can change a decision.
const DECISIVE: [&str; 5] = ["installation", "grant", "identity", "resource", "group"];

impl Engine {
    /// Follows the events until shut down.
    pub(crate) async fn run_reevaluation(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut committed = self.journal.store.committed();
        let mut seen = *committed.borrow_and_update();
        while !*shutdown.borrow() {
            tokio::select! {
                _ = committed.changed() => {}
                _ = shutdown.changed() => return,
            }
            let until = *committed.borrow_and_update();
            match self.changed_between(seen, until).await {
                Ok(Changed {
                    decisive: false, ..
                }) => {}
                Ok(changed) => self.reevaluate(changed.broad).await,
                Err(failure) => {
                    tracing::error!(%failure, "what changed could not be read: looking at everything");
                    self.reevaluate(true).await;
                }
            }
            seen = until;
        }
    }

    async fn changed_between(&self, from: u64, until: u64) -> Result<Changed, Failure> {
        let mut changed = Changed {
            decisive: false,
            broad: false,
        };
        let mut position = from;
        while position < until {
            let events = self.journal.store.events(position, BATCH).await?;
            if events.is_empty() {
                break;
            }
            for stored in &events {
                let event = Event::from_leaf(&stored.leaf)?;
                changed.decisive |= DECISIVE.contains(&event.noun());
                changed.broad |= DECISIVE.contains(&event.noun()) && event.noun() != "grant";
                position = stored.position + 1;
            }
        }
        Ok(changed)
    }

    /// Looks at everything that lives; `broad` looks at what waits and what is assigned as well.
    pub(crate) async fn reevaluate(&self, broad: bool) {
        if let Err(failure) = self.reevaluate_sessions().await {
            tracing::error!(%failure, "live sessions could not be looked at: ending them");
            stream::iter(self.live.all())
                .for_each_concurrent(AT_ONCE, |session| {
                    self.kill_quietly(session, "access could not be decided anew")
                })
                .await;
        }
        if broad && let Err(failure) = self.reevaluate_rest().await {
            tracing::error!(%failure, "grants and requests could not be looked at");
        }
    }

    async fn reevaluate_sessions(&self) -> Result<(), Failure> {
        stream::iter(self.live.all().into_iter().map(Ok))
            .try_for_each_concurrent(AT_ONCE, |id| self.reevaluate_session(id))
            .await
    }

    async fn reevaluate_session(&self, id: SessionId) -> Result<(), Failure> {
        let loaded = self.journal.load::<Session>(id).await?;
        let Some(session) = loaded.state.filter(Session::is_live) else {
            return Ok(());
        };
        if let Some(why) = self.no_longer_allowed(&session).await? {
            self.kill_quietly(id, &why).await;
        }
        Ok(())
    }

    /// Why a live session would not be opened today; nothing when it would.
    pub(crate) async fn no_longer_allowed(
        &self,
        session: &Session,
    ) -> Result<Option<String>, Failure> {
        let opening = &session.opening;
        let grant = self.journal.load::<Grant>(opening.grant).await?;
        let grant = grant.get()?;
        match &grant.status {
            GrantStatus::Active => {}
            GrantStatus::Revoking { cause, .. } | GrantStatus::Revoked { cause, .. } => {
                return Ok(Some(format!("the grant is over: {}", cause.as_str())));
            }
            GrantStatus::Assigning => return Ok(Some("the grant is not active".to_owned())),
        }
        let identity = self.journal.load::<IdentityState>(opening.identity).await?;
        if let Err(refusal) = identity.get()?.alive(self.journal.now()) {
            return Ok(Some(refusal.to_string()));
        }
        let resource = match self.resource(opening.resource).await {
            Ok(resource) => resource,
            Err(Failure::NotFound(_)) => return Ok(Some("the resource was removed".to_owned())),
            Err(other) => return Err(other),
        };
        let subject = grant.issue.intent.subject.clone();
        let assessment = self
            .assess(subject, resource, opening.action.clone())
            .await?;
        self.refused_now(&assessment, PolicyAction::OpenSession, opening.controls)
            .await
    }

    async fn refused_now(
        &self,
        assessment: &crate::preview::Assessment,
        action: PolicyAction,
        met: Controls,
    ) -> Result<Option<String>, Failure> {
        let asked = self.asked(assessment, met).await?;
        Ok(match self.bundle().decide(action, &asked.query()) {
            Decision::Denied(denial) => Some(denial.to_string()),
            Decision::Allowed { profile, .. } if !met.satisfy(&profile) => Some(format!(
                "policy asks for more now: {}",
                met.lacking(&profile).join(", ")
            )),
            Decision::Allowed { .. } => None,
        })
    }

    async fn kill_quietly(&self, id: SessionId, why: &str) {
        if let Err(failure) = self.order_kill(id, None, why).await {
            tracing::error!(session = %id, %failure, "a session could not be ended");
        }
    }

    async fn reevaluate_rest(&self) -> Result<(), Failure> {
        for (stream, request) in self
            .journal
            .find::<Request>(&[("status", "pending")])
            .await?
        {
            if let Standing::Void(why) = self.reassess(&request).await? {
                let mut loaded = self.journal.load::<Request>(stream).await?;
                self.void(&mut loaded, why).await?;
            }
        }
        for (stream, grant) in self.journal.find::<Grant>(&[("status", "active")]).await? {
            if let Some(cause) = self.grant_no_longer_allowed(&grant).await? {
                let mut loaded = self
                    .journal
                    .load::<Grant>(
                        stream
                            .parse::<GrantId>()
                            .map_err(|_| Failure::missing("grant", &stream))?,
                    )
                    .await?;
                self.end_grant(&mut loaded, EndCause::NoLongerAllowed { cause })
                    .await?;
            }
        }
        Ok(())
    }

    async fn grant_no_longer_allowed(&self, grant: &Grant) -> Result<Option<String>, Failure> {
        let subject = &grant.issue.intent.subject;
        let identity = self.journal.load::<IdentityState>(subject.identity).await?;
        if let Err(refusal) = identity.get()?.alive(self.journal.now()) {
            return Ok(Some(refusal.to_string()));
        }
        match self.resource(grant.issue.intent.resource).await {
            Ok(_) => {}
            Err(Failure::NotFound(_)) => return Ok(Some("the resource was removed".to_owned())),
            Err(other) => return Err(other),
        }
        Ok(None)
    }
}

struct Changed {
    decisive: bool,
    broad: bool,
}
