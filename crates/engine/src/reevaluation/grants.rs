//! Active grants: decided by what was known when they were asked for, under the policy and the records of now.

use std::sync::Arc;

use portcullis_classify::task::TASK;
use portcullis_flow::grant::{EndCause, Grant};
use portcullis_flow::identity::IdentityState;
use portcullis_flow::request::Request;
use portcullis_model::{Controls, Path, Resource, StreamId};
use portcullis_policy::PolicyAction;
use tokio::sync::watch;

use super::{AT_ONCE, RETRY, another_by_now};
use crate::Engine;
use crate::assessment::Assessment;
use crate::failure::Failure;
use crate::supervision::{contained, each};

impl Engine {
    /// Decides about active grants at the start, since much may have changed while nobody looked, and on every
    /// occasion until shut down.
    pub(crate) async fn run_grants(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut occasions = self.occasions.all();
        while !*shutdown.borrow() {
            occasions.mark_unchanged();
            let decided = contained(self.reevaluate_grants()).await;
            if let Err(failure) = &decided {
                tracing::error!(%failure, "active grants could not all be looked at: trying again");
            }
            tokio::select! {
                _ = occasions.changed() => {}
                () = tokio::time::sleep(RETRY), if decided.is_err() => {}
                _ = shutdown.changed() => return,
            }
        }
    }

    /// Looks at every one; a failure of one keeps no other from being looked at.
    async fn reevaluate_grants(&self) -> Result<(), Failure> {
        let active = self.journal.find::<Grant>(&[("status", "active")]).await?;
        each(active, AT_ONCE, |(stream, grant)| async move {
            self.reevaluate_grant(stream, &grant).await
        })
        .await
    }

    /// Ends a grant that does not hold any more.
    pub(crate) async fn reevaluate_grant(
        &self,
        stream: StreamId,
        grant: &Grant,
    ) -> Result<(), Failure> {
        match self.grant_refused(grant).await? {
            Some(cause) => self.end_no_longer_allowed(stream, cause).await,
            None => Ok(()),
        }
    }

    pub(super) async fn end_no_longer_allowed(
        &self,
        stream: StreamId,
        cause: String,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Grant>(stream).await?;
        if loaded.get()?.status.as_str() != "active" {
            return Ok(());
        }
        self.end_grant(&mut loaded, EndCause::NoLongerAllowed { cause })
            .await
    }

    /// Why a grant does not hold any more; nothing when it does. Each use of a privileged one is decided when
    /// it is made.
    async fn grant_refused(&self, grant: &Grant) -> Result<Option<String>, Failure> {
        let issue = &grant.issue;
        let holder = issue.intent.subject.identity;
        let identity = self.journal.load::<IdentityState>(holder).await?;
        if let Err(refusal) = identity.get()?.alive(self.journal.now()) {
            return Ok(Some(refusal.to_string()));
        }
        let resource = match self.resource(issue.intent.resource).await {
            Ok(resource) => resource,
            Err(Failure::NotFound(_)) => return Ok(Some("the resource was removed".to_owned())),
            Err(other) => return Err(other),
        };
        if issue.intent.action.name == TASK {
            return self.task_refused(grant, resource).await;
        }
        if issue.path == Path::Privileged {
            return Ok(None);
        }
        let asked = self.journal.load::<Request>(issue.request).await?;
        let classified = asked.get()?.terms.classified.clone();
        let assessment = Assessment::recorded(resource, issue, classified);
        self.entitlement_refused(grant, &assessment).await
    }

    /// Why a task would not be granted now: it is another one, or policy says otherwise. Each use of a
    /// privileged one is decided when it is made.
    async fn task_refused(
        &self,
        grant: &Grant,
        resource: Resource,
    ) -> Result<Option<String>, Failure> {
        let issue = &grant.issue;
        let assessment = match self.assess_as_granted(&issue.intent, resource).await? {
            Ok(assessment) => assessment,
            Err(why) => return Ok(Some(why)),
        };
        if let Some(why) = another_by_now(&assessment, &issue.digest) {
            return Ok(Some(why));
        }
        if issue.path == Path::Privileged {
            return Ok(None);
        }
        let met = Controls {
            brokered: true,
            recording: true,
            mfa: true,
            ..issue.controls
        };
        self.refused_now(&assessment, &[], met).await
    }

    /// Why an entitlement would not be assigned now.
    pub(super) async fn entitlement_refused(
        &self,
        grant: &Grant,
        assessment: &Assessment,
    ) -> Result<Option<String>, Failure> {
        let met = Controls {
            mfa: false,
            ..grant.issue.controls
        };
        self.refused_now(assessment, &[], met).await
    }
}

impl Assessment {
    /// What a grant was issued for, as it was read then.
    fn recorded(
        resource: Resource,
        issue: &portcullis_flow::grant::Issue,
        classified: portcullis_model::Classified,
    ) -> Self {
        Self {
            resource,
            intent: issue.intent.clone(),
            policy_action: PolicyAction::AssignEntitlement,
            classified,
            effective: None,
            digest: issue.digest,
            uses: issue.uses,
        }
    }
}
