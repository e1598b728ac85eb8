//! A look at a task's host: before it is declared, and before each run.

use std::time::Duration;

use portcullis_classify::task::{NAME, TASK, judge};
use portcullis_model::{Action, Probed, Resource};

use super::declaring::declaring;
use crate::Engine;
use crate::certificates::Certificate;
use crate::failure::Failure;

/// How long the certificate can be used that a host is looked at with.
const LASTS: Duration = Duration::from_mins(1);

impl Engine {
    /// Looks at a task's host again: whatever differs from what owners signed is refused, with what to do.
    pub(crate) async fn still_as_signed(
        &self,
        resource: &Resource,
        action: &Action,
    ) -> Result<(), Failure> {
        let Some(name) = action.param(NAME).filter(|_| action.name == TASK) else {
            return Ok(());
        };
        let task = self.task(resource, name).await?;
        let now = self.look(resource, &task.account, &task.program).await?;
        let Some(what) = difference(&task.seen, &now) else {
            return Ok(());
        };
        Err(Failure::denied(
            "task_changed",
            format!(
                "the task {name} on {} is not run: {what} since it was declared",
                resource.name
            ),
            format!(
                "an owner who finds the change right declares it anew: {}",
                declaring(resource, &task)
            ),
        ))
    }

    /// Looks at an account and a program, and judges them.
    pub(super) async fn look(
        &self,
        resource: &Resource,
        account: &str,
        program: &str,
    ) -> Result<Probed, Failure> {
        let broker = self.ports.broker(&resource.kind);
        let broker = broker.ok_or_else(|| Failure::missing("broker for kind", &resource.kind))?;
        let (credential, _) = self.certificate(Certificate {
            account,
            key_id: "portcullis looks at an account".to_owned(),
            lasts: LASTS,
            forced: None,
            terminal: false,
        })?;
        let sighting = broker.sight(resource, account, program, credential).await?;
        judge(program, &sighting).map_err(|unfit| {
            Failure::denied(
                "unfit",
                format!(
                    "{account} at {} cannot run {program} as a task: {unfit}",
                    resource.name
                ),
                "mend that at the host, then try again",
            )
        })
    }
}

/// What differs from what was signed.
fn difference(signed: &Probed, now: &Probed) -> Option<String> {
    if signed.program != now.program {
        return Some("its program was changed".to_owned());
    }
    if signed.shell != now.shell {
        return Some(format!(
            "its account's login shell was changed from {} to {}",
            signed.shell, now.shell
        ));
    }
    if signed.uid != now.uid {
        return Some(format!(
            "its account's number was changed from {} to {}",
            signed.uid, now.uid
        ));
    }
    (signed.groups != now.groups).then(|| "its account's groups were changed".to_owned())
}
