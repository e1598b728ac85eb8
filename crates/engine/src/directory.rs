//! Who and what there is: identities, groups, resources, and who is eligible to approve.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_flow::approval::Electorate;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::records::{GroupState, ResourceState};
use portcullis_model::{
    ApprovalFlow, Eligible, Group, Identity, IdentityId, OwnerRole, Path, Resource, ResourceId,
    Subject,
};

use crate::Engine;
use crate::failure::Failure;

/// Names for identifiers, for views.
pub(crate) type Names = BTreeMap<IdentityId, String>;

impl Engine {
    pub(crate) async fn identity(&self, id: IdentityId) -> Result<Identity, Failure> {
        let loaded = self.journal.load::<IdentityState>(id).await?;
        Ok(loaded.get()?.identity.clone())
    }

    pub(crate) async fn identity_named(&self, name: &str) -> Result<Identity, Failure> {
        let found = self.journal.find_one::<IdentityState>("name", name).await?;
        let found = found.ok_or_else(|| Failure::missing("identity", name))?;
        Ok(found.get()?.identity.clone())
    }

    /// Everybody by role. Only who is active counts.
    pub(crate) async fn holders(&self, role: OwnerRole) -> Result<BTreeSet<IdentityId>, Failure> {
        let found = self
            .journal
            .find::<IdentityState>(&[(&format!("role/{}", role.as_str()), "")])
            .await?;
        let now = self.journal.now();
        Ok(found
            .into_iter()
            .filter(|(_, state)| state.alive(now).is_ok())
            .map(|(_, state)| state.identity.id)
            .collect())
    }

    /// All names.
    pub(crate) async fn names(&self) -> Result<Names, Failure> {
        let all = self.journal.find::<IdentityState>(&[]).await?;
        Ok(all
            .into_iter()
            .map(|(_, state)| (state.identity.id, state.identity.name))
            .collect())
    }

    /// A resource by its identifier; removed ones are not there.
    pub(crate) async fn resource(&self, id: ResourceId) -> Result<Resource, Failure> {
        let loaded = self.journal.load::<ResourceState>(id).await?;
        let state = loaded.get()?;
        if state.removed {
            return Err(Failure::missing("resource", &state.resource.name));
        }
        Ok(state.resource.clone())
    }

    /// A resource by its name.
    pub(crate) async fn resource_named(&self, name: &str) -> Result<Resource, Failure> {
        let found = self.journal.find_one::<ResourceState>("name", name).await?;
        let found = found.ok_or_else(|| Failure::missing("resource", name))?;
        Ok(found.get()?.resource.clone())
    }

    pub(crate) async fn resources(&self) -> Result<Vec<Resource>, Failure> {
        let all = self.journal.find::<ResourceState>(&[]).await?;
        Ok(all
            .into_iter()
            .filter(|(_, state)| !state.removed)
            .map(|(_, state)| state.resource)
            .collect())
    }

    /// The groups that count on a path.
    pub(crate) async fn groups(&self, path: Path) -> Result<Vec<Group>, Failure> {
        let all = self
            .journal
            .find::<GroupState>(&[("path", path.as_str())])
            .await?;
        Ok(all
            .into_iter()
            .filter(|(_, state)| !state.removed)
            .map(|(_, state)| state.group)
            .collect())
    }

    /// Who may approve a request, stage by stage: nobody with a stake in it.
    pub(crate) async fn electorate(
        &self,
        flow: &ApprovalFlow,
        path: Path,
        subject: &Subject,
        resource: &Resource,
    ) -> Result<Electorate, Failure> {
        let groups = self.groups(path).await?;
        let mut stages = Vec::new();
        for stage in &flow.stages {
            let mut eligible = BTreeSet::new();
            for whom in &stage.eligible {
                eligible.extend(self.eligible(whom, resource, &groups).await?);
            }
            stages.push(self.active_only(eligible).await?);
        }
        Ok(Electorate::new(
            stages,
            subject,
            &self.related(subject).await?,
        ))
    }

    async fn eligible(
        &self,
        whom: &Eligible,
        resource: &Resource,
        groups: &[Group],
    ) -> Result<BTreeSet<IdentityId>, Failure> {
        match whom {
            Eligible::ResourceOwners => Ok(resource.owners.clone()),
            Eligible::IamOwners => self.holders(OwnerRole::Iam).await,
            Eligible::PamOwners => self.holders(OwnerRole::Pam).await,
            Eligible::Group(name) => {
                let group = groups.iter().find(|group| group.name == *name);
                Ok(group.map_or_else(BTreeSet::new, |group| group.members.clone()))
            }
        }
    }

    async fn active_only(
        &self,
        ids: BTreeSet<IdentityId>,
    ) -> Result<BTreeSet<IdentityId>, Failure> {
        let now = self.journal.now();
        let mut active = BTreeSet::new();
        for id in ids {
            let loaded = self.journal.load::<IdentityState>(id).await?;
            if loaded.state.is_some_and(|state| state.alive(now).is_ok()) {
                active.insert(id);
            }
        }
        Ok(active)
    }

    /// Whoever answers for somebody of the subject, or is answered for by them.
    async fn related(&self, subject: &Subject) -> Result<BTreeSet<IdentityId>, Failure> {
        let all = self.journal.find::<IdentityState>(&[]).await?;
        let mut related = BTreeSet::new();
        for (_, state) in all {
            let identity = state.identity;
            if let Some(owner) = identity.owner {
                if subject.involves(identity.id) {
                    related.insert(owner);
                }
                if subject.involves(owner) {
                    related.insert(identity.id);
                }
            }
        }
        Ok(related)
    }
}
