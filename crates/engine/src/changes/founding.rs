//! The founding state: what one administrator may do alone, and when that is over.

use portcullis_flow::approval::can_fill;
use portcullis_flow::change::ChangeBody;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_model::Authentication;

use crate::Engine;
use crate::failure::Failure;

impl Engine {
    /// Whether somebody acts as the founder, in one of the things a founder may do: enroll owners, add resources,
    /// thaw what was restored.
    pub(super) async fn may_as_founder(
        &self,
        who: &Authentication,
        body: &ChangeBody,
    ) -> Result<bool, Failure> {
        if !self.is_founder(who).await? {
            return Ok(false);
        }
        match body {
            ChangeBody::PutIdentity { identity, .. } => {
                let known = self.journal.load::<IdentityState>(identity.id).await?;
                Ok(known.state.is_none() && !identity.roles.is_empty())
            }
            ChangeBody::PutResource { resource, .. } => {
                Ok(self.resource(resource.id).await.is_err())
            }
            // There are no three owners yet who could.
            ChangeBody::Thaw { .. } => Ok(true),
            _ => Ok(false),
        }
    }

    /// Whether somebody is the founder, and the founding is not over: neither its time nor its task, whether or not
    /// anybody came to write that down.
    pub(crate) async fn is_founder(&self, who: &Authentication) -> Result<bool, Failure> {
        let loaded = self.journal.load::<Installation>(self.installation).await?;
        let founder = loaded.get()?.is_founder(who.identity, self.journal.now());
        Ok(founder && !can_fill(self.enrolled_owners().await?))
    }

    /// Ends the founding state once three owners, one of each role and all different, have enrolled. When that cannot be
    /// written, it is at the next start.
    pub(crate) async fn end_founding_when_due(&self) {
        if let Err(failure) = self.try_end_founding().await {
            tracing::warn!(%failure, "the end of the founding could not be recorded");
        }
    }

    async fn try_end_founding(&self) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        if loaded.get()?.founding.is_none() {
            return Ok(());
        }
        if !can_fill(self.enrolled_owners().await?) {
            return Ok(());
        }
        let mut command = self.journal.command(None);
        let why = "three owners have enrolled".to_owned();
        command.push(&mut loaded, &InstallationEvent::FoundingEnded { why })?;
        command.commit().await
    }
}
