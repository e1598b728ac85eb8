//! When policy, a grant, an identity or a resource changes, or a moment comes: what no longer holds is ended.
//!
//! Three loops, so that none waits for what another waits for: sessions and grants are decided by what is
//! written here, and only the third reads targets, which may take long or never answer.

mod grants;
mod occasions;
mod sessions;
mod targets;

use portcullis_classify::task::TASK;
use portcullis_flow::grant::Grant;
use portcullis_model::{Controls, Digest, Intent, Path, Resource};
use portcullis_policy::{Decision, PolicyAction};

use crate::Engine;
use crate::assessment::Assessment;
use crate::failure::Failure;

pub(crate) use occasions::Occasions;

/// How many sessions or grants are decided or ended at the same time: what is written meanwhile shares its way
/// to the disk.
pub(crate) const AT_ONCE: usize = 64;

impl Engine {
    async fn refused_now(
        &self,
        assessment: &Assessment,
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

    /// What an action that was asked for comes to now; the reason when it is there no more, or means something
    /// else.
    pub(crate) async fn assess_as_granted(
        &self,
        intent: &Intent,
        resource: Resource,
    ) -> Result<Result<Assessment, String>, Failure> {
        let (subject, action) = (intent.subject.clone(), intent.action.clone());
        match self.assess(subject, resource, action).await {
            Ok(assessment) => Ok(Ok(assessment)),
            Err(gone @ (Failure::NotFound(_) | Failure::Conflict(_) | Failure::Denied { .. }))
                if intent.action.name == TASK =>
            {
                Ok(Err(gone.to_string()))
            }
            Err(other) => Err(other),
        }
    }

    /// Why the approvals of a privileged grant count no longer: whoever gave one of them may not act any more.
    pub(crate) async fn approver_gone(&self, grant: &Grant) -> Result<Option<String>, Failure> {
        if grant.issue.path != Path::Privileged {
            return Ok(None);
        }
        for approver in &grant.issue.approvers {
            let approver = self.journal.load(*approver).await?;
            let approver: &portcullis_flow::identity::IdentityState = approver.get()?;
            if approver.alive(self.journal.now()).is_err() {
                let name = &approver.identity.name;
                return Ok(Some(format!(
                    "{name}, who approved it, may not act any more"
                )));
            }
        }
        Ok(None)
    }
}

/// Whether a task is another one by now: what was approved binds its declaration. What an entitlement is worth is
/// compared where it is assigned.
pub(crate) fn declared_anew(now: &Assessment, approved: &Digest) -> Option<String> {
    let task = now.intent.action.name == TASK;
    (task && now.digest != *approved).then(|| "the task was declared anew: ask again".to_owned())
}
