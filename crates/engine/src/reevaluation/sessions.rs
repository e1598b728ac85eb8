//! Live sessions: decided by what is written here alone, so that nobody's target holds it up.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use portcullis_flow::grant::{Grant, GrantStatus};
use portcullis_flow::identity::IdentityState;
use portcullis_flow::session::Session;
use portcullis_model::SessionId;
use tokio::sync::watch;

use super::{AT_ONCE, declared_anew};
use crate::Engine;
use crate::failure::Failure;

impl Engine {
    /// Decides about live sessions on every occasion, until shut down.
    pub(crate) async fn run_sessions(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut occasions = self.occasions.all();
        while !*shutdown.borrow() {
            tokio::select! {
                _ = occasions.changed() => {}
                _ = shutdown.changed() => return,
            }
            if let Err(failure) = self.reevaluate_sessions().await {
                tracing::error!(%failure, "live sessions could not be looked at: ending them");
                stream::iter(self.live.all())
                    .for_each_concurrent(AT_ONCE, |session| {
                        self.kill_quietly(session, "access could not be decided anew")
                    })
                    .await;
            }
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
                return Ok(Some(cause.told()));
            }
            GrantStatus::Assigning => return Ok(Some("the grant is not active".to_owned())),
        }
        let identity = self.journal.load::<IdentityState>(opening.identity).await?;
        let state = identity.get()?;
        let stands = state.alive(self.journal.now());
        if let Err(refusal) = stands.and_then(|()| state.upholds(&opening.factors)) {
            return Ok(Some(refusal.to_string()));
        }
        if let Some(why) = self.approver_gone(grant).await? {
            return Ok(Some(why));
        }
        let resource = match self.resource(opening.resource).await {
            Ok(resource) => resource,
            Err(Failure::NotFound(_)) => return Ok(Some("the resource was removed".to_owned())),
            Err(other) => return Err(other),
        };
        let intent = &grant.issue.intent;
        let assessment = match self.assess_as_granted(intent, resource).await? {
            Ok(assessment) => assessment,
            Err(why) => return Ok(Some(why)),
        };
        if let Some(why) = declared_anew(&assessment, &grant.issue.digest) {
            return Ok(Some(why));
        }
        if assessment.policy_action.path() != grant.issue.path {
            let path = assessment.policy_action.path();
            return Ok(Some(format!("this takes the {path} path now: ask again")));
        }
        self.refused_now(&assessment, assessment.policy_action, opening.controls)
            .await
    }

    async fn kill_quietly(&self, id: SessionId, why: &str) {
        if let Err(failure) = self.order_kill(id, None, why).await {
            tracing::error!(session = %id, %failure, "a session could not be ended");
        }
    }
}
