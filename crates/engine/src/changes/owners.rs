//! Owners may go, but not so many that nobody could sign for others to come.

use std::collections::BTreeSet;

use portcullis_flow::approval::can_fill;
use portcullis_flow::identity::{IdentityState, PutIn};
use portcullis_model::{Identity, IdentityId, OwnerRole};

use crate::Engine;
use crate::failure::Failure;
use crate::sign_in::PASSWORD;

/// What three different people hold between them.
const ROLES: [OwnerRole; 3] = [OwnerRole::Iam, OwnerRole::Pam, OwnerRole::Resource];

impl Engine {
    /// Refuses a record after which no three different owners could sign, where they can before it: what takes
    /// rights away needs one signature, and one person could lock everybody out. Nor may anybody make themselves
    /// indispensable by it: where three can sign without who asks for it, they can afterwards.
    pub(super) async fn keep_owners(
        &self,
        by: Option<IdentityId>,
        after: &Identity,
    ) -> Result<(), Failure> {
        let known = self.journal.load::<IdentityState>(after.id).await?.state;
        let Some(before) = known.map(|state| state.identity) else {
            return Ok(());
        };
        let now = self.enrolled_owners().await?;
        let stays =
            |role| after.active && after.ends_at == before.ends_at && after.roles.contains(&role);
        let then = ROLES.into_iter().zip(&now).map(|(role, holders)| {
            let holders = holders.iter().copied();
            holders
                .filter(|holder| *holder != after.id || stays(role))
                .collect()
        });
        let then: Vec<Vec<_>> = then.collect();
        let lost = |without| can_sign(&now, without) && !can_sign(&then, without);
        let left = match by {
            _ if lost(None) => "to sign anything",
            Some(_) if lost(by) => "to sign anything without you",
            _ => return Ok(()),
        };
        Err(Failure::denied(
            "last_owner",
            format!(
                "without {} there would not be three different owners (iam, pam, resource) left {left}",
                after.name
            ),
            "add another first: portcullis identities add NAME --role ROLE --enroll",
        ))
    }

    /// Who can sign, by role in the order of [`ROLES`]: active, and enrolled. Whoever is to enroll again counts meanwhile: else
    /// nothing could be signed any more as it is, and one owner could take all others away.
    pub(super) async fn enrolled_owners(&self) -> Result<Vec<Vec<IdentityId>>, Failure> {
        let mut owners = Vec::new();
        for role in ROLES {
            owners.push(self.enrolled(role).await?.into_iter().collect());
        }
        Ok(owners)
    }

    async fn enrolled(&self, role: OwnerRole) -> Result<BTreeSet<IdentityId>, Failure> {
        let mut enrolled = BTreeSet::new();
        for id in self.holders(role).await? {
            let loaded = self.journal.load::<IdentityState>(id).await?;
            let state = loaded.get()?;
            if state.methods.contains(PASSWORD) || state.put_in == Some(PutIn::Again) {
                enrolled.insert(id);
            }
        }
        Ok(enrolled)
    }
}

/// Whether three different owners can sign, somebody left aside.
fn can_sign(owners: &[Vec<IdentityId>], without: Option<IdentityId>) -> bool {
    can_fill(owners.iter().map(|held| {
        let held = held.iter().copied();
        held.filter(|holder| Some(*holder) != without).collect()
    }))
}
