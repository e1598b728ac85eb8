//! Live sessions: decided by what is written here alone, so that nobody's target holds it up.

use std::sync::Arc;

use portcullis_flow::grant::{Grant, GrantStatus};
use portcullis_flow::identity::IdentityState;
use portcullis_flow::session::Session;
use portcullis_model::SessionId;
use tokio::sync::watch;

use super::{AT_ONCE, RETRY, another_by_now};
use crate::Engine;
use crate::census::Census;
use crate::failure::Failure;
use crate::supervision::{contained, each};

impl Engine {
    /// Decides about live sessions on every occasion, until shut down.
    pub(crate) async fn run_sessions(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut occasions = self.occasions.all();
        let mut decided = Ok(());
        while !*shutdown.borrow() {
            tokio::select! {
                _ = occasions.changed() => {}
                () = tokio::time::sleep(RETRY), if decided.is_err() => {}
                _ = shutdown.changed() => return,
            }
            decided = self.reevaluate_sessions().await;
        }
    }

    /// Looks at every one. It fails while an end is ordered and not on record.
    async fn reevaluate_sessions(&self) -> Result<(), Failure> {
        let live = self.live.all();
        // Read once, after the occasion, and after whoever approved one of these could: whatever changes from then on is
        // an occasion of its own.
        let census = contained(self.census()).await;
        let decide = |id| {
            let census = census.as_ref();
            async move { self.decide_session(census, id).await }
        };
        each(live, AT_ONCE, decide).await
    }

    /// Ends a session that would not be opened today, and one of which that cannot be said.
    async fn decide_session(
        &self,
        census: Result<&Census, &Failure>,
        id: SessionId,
    ) -> Result<(), Failure> {
        let refused = async {
            match census {
                Ok(census) => self.session_refused(census, id).await,
                Err(failure) => Err(Failure::Unavailable(failure.to_string())),
            }
        };
        let why = match contained(refused).await {
            Ok(None) => return Ok(()),
            Ok(Some(why)) => why,
            Err(failure) => {
                tracing::error!(session = %id, %failure, "a session could not be looked at: ending it");
                "access could not be decided anew".to_owned()
            }
        };
        let ordered = self.order_kill(id, None, &why).await;
        ordered.inspect_err(|failure| {
            tracing::error!(session = %id, %failure, "a session was told to end and that is not on record: trying again");
        })
    }

    async fn session_refused(
        &self,
        census: &Census,
        id: SessionId,
    ) -> Result<Option<String>, Failure> {
        let loaded = self.journal.load::<Session>(id).await?;
        match loaded.state.filter(Session::is_live) {
            Some(session) => self.no_longer_allowed(census, &session).await,
            None => Ok(None),
        }
    }

    /// Why a live session would not be opened today; nothing when it would.
    pub(crate) async fn no_longer_allowed(
        &self,
        census: &Census,
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
        let resource = match self.resource(opening.resource).await {
            Ok(resource) => resource,
            Err(Failure::NotFound(_)) => return Ok(Some("the resource was removed".to_owned())),
            Err(other) => return Err(other),
        };
        if let Some(why) = self.approvals_lapsed(census, grant).await? {
            return Ok(Some(why));
        }
        if let Err(failure) = self.way_in(&resource, &opening.account) {
            return Ok(Some(failure.to_string()));
        }
        let intent = &grant.issue.intent;
        let assessment = match self.assess_as_granted(intent, resource).await? {
            Ok(assessment) => assessment,
            Err(why) => return Ok(Some(why)),
        };
        if let Some(why) = another_by_now(&assessment, &grant.issue.digest) {
            return Ok(Some(why));
        }
        if assessment.policy_action.path() != grant.issue.path {
            let path = assessment.policy_action.path();
            return Ok(Some(format!("this takes the {path} path now: ask again")));
        }
        // What the session was given, whatever opens the resource by now.
        let parts = assessment.parts(opening.secret.is_some());
        self.refused_now(&assessment, parts, opening.controls).await
    }
}
