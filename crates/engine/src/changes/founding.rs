//! The founding state: what one administrator may do alone, and when that is over.

use std::collections::BTreeSet;

use portcullis_flow::approval::can_fill;
use portcullis_flow::change::ChangeBody;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_model::{Authentication, IdentityId, OwnerRole};

use crate::Engine;
use crate::failure::Failure;

/// The sign-in method that shows that somebody has enrolled.
const ENROLLED: &str = "password";

impl Engine {
    /// Whether somebody acts as the founder, in one of the two things a founder may do: enroll owners,
    /// add resources.
    pub(super) async fn may_as_founder(
        &self,
        who: &Authentication,
        body: &ChangeBody,
    ) -> Result<bool, Failure> {
        let loaded = self.journal.load::<Installation>(self.installation).await?;
        if !loaded.get()?.is_founder(who.identity, self.journal.now()) {
            return Ok(false);
        }
        match body {
            ChangeBody::PutIdentity { identity } => {
                let known = self.journal.load::<IdentityState>(identity.id).await?;
                Ok(known.state.is_none() && !identity.roles.is_empty())
            }
            ChangeBody::PutResource { resource } => Ok(self.resource(resource.id).await.is_err()),
            _ => Ok(false),
        }
    }

    /// Ends the founding state once three owners, one of each role and all different, have enrolled.
    pub(crate) async fn end_founding_when_due(&self) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        if loaded.get()?.founding.is_none() {
            return Ok(());
        }
        let mut seats = Vec::new();
        for role in [OwnerRole::Iam, OwnerRole::Pam, OwnerRole::Resource] {
            let enrolled = self.enrolled(role).await?;
            seats.push(enrolled.into_iter().collect::<Vec<_>>());
        }
        if !can_fill(seats) {
            return Ok(());
        }
        let mut command = self.journal.command(None);
        let why = "three owners have enrolled".to_owned();
        command.push(&mut loaded, &InstallationEvent::FoundingEnded { why })?;
        command.commit().await
    }

    async fn enrolled(&self, role: OwnerRole) -> Result<BTreeSet<IdentityId>, Failure> {
        let mut enrolled = BTreeSet::new();
        for id in self.holders(role).await? {
            let loaded = self.journal.load::<IdentityState>(id).await?;
            if loaded.get()?.methods.contains(ENROLLED) {
                enrolled.insert(id);
            }
        }
        Ok(enrolled)
    }
}
