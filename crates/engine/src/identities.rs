//! Records of identities: put, edited, suspended. Each is a change that takes the place of one record and no other.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_flow::change::{ChangeBody, ChangeStatus};
use portcullis_flow::identity::IdentityState;
use portcullis_model::{Authentication, Digest, Identity, IdentityId, OwnerRole};

use crate::Engine;
use crate::changes::ChangeView;
use crate::failure::Failure;

/// How often a suspension is proposed anew because the record changed at that very moment.
const MOST_TRIES: usize = 3;

/// What is to be different in a record; what is not named stays.
#[derive(Debug, Clone, Default)]
pub struct IdentityEdit {
    /// What it may sign for the installation, and nothing else.
    pub roles: Option<BTreeSet<OwnerRole>>,
    /// The name of who answers for it.
    pub owner: Option<String>,
    /// When its life ends, from now.
    pub ends_in: Option<Duration>,
    /// Whether it may act again.
    pub activate: bool,
}

impl Engine {
    /// Adds an identity, or replaces the record of the one that has the identifier.
    pub async fn put_identity_record(
        &self,
        who: &Authentication,
        identity: Identity,
    ) -> Result<ChangeView, Failure> {
        let replaces = self.identity_digest(identity.id).await?;
        self.propose(who, ChangeBody::PutIdentity { identity, replaces })
            .await
    }

    /// Changes what is named in the record as it stands.
    pub async fn edit_identity(
        &self,
        who: &Authentication,
        name: &str,
        edit: IdentityEdit,
    ) -> Result<ChangeView, Failure> {
        let before = self.identity_named(name).await?;
        let after = self.edited(&before, edit).await?;
        self.replace_identity(who, &before, after).await
    }

    /// Suspends somebody. Whoever changes the record at this moment does not keep them in.
    pub async fn suspend_identity(
        &self,
        who: &Authentication,
        name: &str,
    ) -> Result<ChangeView, Failure> {
        let mut tries = 1;
        loop {
            let before = self.identity_named(name).await?;
            let after = Identity {
                active: false,
                ..before.clone()
            };
            let told = self.replace_identity(who, &before, after).await?;
            let outdated = matches!(told.change.status, ChangeStatus::Lapsed { .. });
            if !outdated || tries == MOST_TRIES {
                return Ok(told);
            }
            tries += 1;
        }
    }

    async fn replace_identity(
        &self,
        who: &Authentication,
        before: &Identity,
        identity: Identity,
    ) -> Result<ChangeView, Failure> {
        let replaces = Some(Digest::of(before)?);
        self.propose(who, ChangeBody::PutIdentity { identity, replaces })
            .await
    }

    async fn edited(&self, before: &Identity, edit: IdentityEdit) -> Result<Identity, Failure> {
        let mut after = before.clone();
        after.active |= edit.activate;
        if let Some(roles) = edit.roles {
            after.roles = roles;
        }
        if let Some(owner) = &edit.owner {
            after.owner = Some(self.identity_named(owner).await?.id);
        }
        if let Some(span) = edit.ends_in {
            after.ends_at = Some(self.time_from_now(span));
        }
        self.check_edit(before, &after)?;
        Ok(after)
    }

    /// Refuses what would leave somebody as they are, or as unable to act as they are.
    fn check_edit(&self, before: &Identity, after: &Identity) -> Result<(), Failure> {
        let name = &before.name;
        if !after.active {
            return Err(Failure::Invalid(format!(
                "{name} is suspended: say --activate as well, or nothing comes of it"
            )));
        }
        if after == before {
            return Err(Failure::Invalid(format!(
                "nothing about {name} would be different"
            )));
        }
        let over = |end| end <= self.journal.now();
        if after.ends_at.is_some_and(over) {
            return Err(Failure::Invalid(format!(
                "the end of {name} has passed: give a new one with --for TIME"
            )));
        }
        Ok(())
    }

    /// The digest of an identity's record, unless there is none.
    pub(crate) async fn identity_digest(&self, id: IdentityId) -> Result<Option<Digest>, Failure> {
        let known = self.journal.load::<IdentityState>(id).await?.state;
        let digest = known.map(|known| Digest::of(&known.identity));
        Ok(digest.transpose()?)
    }
}
