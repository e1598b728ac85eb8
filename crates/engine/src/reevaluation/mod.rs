//! When policy, a grant, an identity or a resource changes, or a moment comes: what no longer holds is ended.
//!
//! Three loops, so that none waits for what another waits for: sessions and grants are decided by what is
//! written here, and only the third reads targets, which may take long or never answer.

mod grants;
mod occasions;
mod sessions;
mod targets;

use std::time::Duration;

use portcullis_classify::task::TASK;
use portcullis_flow::grant::Grant;
use portcullis_flow::request::Request;
use portcullis_model::{Controls, Digest, Intent, Path, Resource, StreamId};
use portcullis_policy::{Decision, PolicyAction};

use crate::Engine;
use crate::assessment::Assessment;
use crate::census::Census;
use crate::failure::Failure;

pub(crate) use occasions::Occasions;

/// How many sessions or grants are decided or ended at the same time: what is written meanwhile shares its way
/// to the disk.
pub(crate) const AT_ONCE: usize = 64;

/// How long to wait before what could not be decided or written is looked at again.
const RETRY: Duration = Duration::from_secs(1);

impl Engine {
    async fn refused_now(
        &self,
        assessment: &Assessment,
        parts: &[PolicyAction],
        met: Controls,
    ) -> Result<Option<String>, Failure> {
        let asked = self.asked(assessment, met).await?;
        let action = assessment.policy_action;
        let decision = self.bundle().decide_with(action, parts, &asked.query());
        Ok(match decision {
            Decision::Denied(denial) => Some(denial.to_string()),
            Decision::Allowed { profile, .. } if !met.satisfy(&profile) => Some(format!(
                "policy asks for more now: {}",
                met.lacking(&profile).join(", ")
            )),
            Decision::Allowed { .. } => None,
        })
    }

    /// What an action that was asked for comes to now; the reason when it is there no more, or means something
    /// else.
    pub(crate) async fn assess_as_granted(
        &self,
        intent: &Intent,
        resource: Resource,
    ) -> Result<Result<Assessment, String>, Failure> {
        let (subject, action) = (intent.subject.clone(), intent.action.clone());
        let brokered = self.broker_of(&resource, &action).is_some();
        match self.assess(subject, resource, action).await {
            Ok(assessment) => Ok(Ok(assessment)),
            Err(gone @ (Failure::NotFound(_) | Failure::Conflict(_) | Failure::Denied { .. }))
                if brokered =>
            {
                Ok(Err(gone.to_string()))
            }
            Err(other) => Err(other),
        }
    }

    /// The first of these grants whose approvals do; otherwise why those of the first do not, if there is one.
    pub(crate) async fn first_that_holds(
        &self,
        grants: impl IntoIterator<Item = (StreamId, Grant)>,
    ) -> Result<Result<(StreamId, Grant), Option<String>>, Failure> {
        let census = self.census().await?;
        let mut why = None;
        for (stream, grant) in grants {
            match self.approvals_lapsed(&census, &grant).await? {
                None => return Ok(Ok((stream, grant))),
                Some(lapsed) => why = why.or(Some(lapsed)),
            }
        }
        Ok(Err(why))
    }

    /// Why the approvals of a privileged grant do not do any more: whoever gave them could not give them now.
    pub(crate) async fn approvals_lapsed(
        &self,
        census: &Census,
        grant: &Grant,
    ) -> Result<Option<String>, Failure> {
        if grant.issue.path != Path::Privileged {
            return Ok(None);
        }
        let request = self.journal.load::<Request>(grant.issue.request).await?;
        let request = request.get()?;
        let electorate = census.electorate_of(request);
        if request.open_stage(&electorate).is_none() {
            return Ok(None);
        }
        let given = request.approvals.iter();
        let gone = given.filter(|one| !electorate.admits(one.stage, one.by));
        let names: Vec<_> = gone.map(|one| census.name(one.by)).collect();
        Ok(Some(format!(
            "{}, who approved it, could not approve it now: ask again",
            names.join(" and ")
        )))
    }
}

/// Whether a session would be another one by now: what was approved binds where it goes, and a task's declaration. What
/// an entitlement is worth is compared where it is assigned.
pub(crate) fn another_by_now(now: &Assessment, approved: &Digest) -> Option<String> {
    let session = matches!(
        now.policy_action,
        PolicyAction::OpenSession | PolicyAction::RunTask
    );
    let what = match now.intent.action.name.as_str() {
        TASK => "the task was declared anew, or its resource has another address or host key",
        _ => "the resource has another address or host key",
    };
    (session && now.digest != *approved).then(|| format!("{what} since it was approved: ask again"))
}
