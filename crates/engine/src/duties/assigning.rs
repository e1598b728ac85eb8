//! Giving an entitlement: decided anew, the intention written first.

use portcullis_flow::grant::{EndCause, Grant};
use portcullis_model::{Controls, Resource};
use portcullis_policy::{AssignEntitlement, Ordinary};
use portcullis_ports::Target;

use super::elsewhere;
use crate::Engine;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::overlap::rights;
use crate::secrets::Warrant;

impl Engine {
    /// Assigns an entitlement: decided anew, the intention written first.
    pub(super) async fn assign(&self, loaded: &mut Loaded<Grant>) -> Result<(), Failure> {
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
        let account = if let Some(begun) = &loaded.get()?.account {
            begun.clone()
        } else {
            let holder = self.identity(issue.intent.subject.identity).await?;
            account_at(&resource, &holder.name)
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
}

/// A person's own account at a target: what the resource's settings say, otherwise their name.
pub(crate) fn account_at(resource: &Resource, name: &str) -> String {
    let mapped = resource.settings.get("accounts");
    let mapped = mapped.and_then(|accounts| accounts.get(name));
    let mapped = mapped.and_then(serde_json::Value::as_str);
    mapped.unwrap_or(name).to_owned()
}
