//! Looking one thing up by its name or identifier: an identity, a resource, the holders of a role.

use std::collections::BTreeSet;

use portcullis_flow::approval::Electorate;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::records::ResourceState;
use portcullis_model::{
    ApprovalFlow, Identity, IdentityId, OwnerRole, Path, Resource, ResourceId, Subject,
};

use crate::Engine;
use crate::failure::Failure;

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

    /// Who may approve a request, stage by stage: nobody with a stake in it.
    pub(crate) async fn electorate(
        &self,
        flow: &ApprovalFlow,
        path: Path,
        subject: &Subject,
        resource: &Resource,
    ) -> Result<Electorate, Failure> {
        let census = self.census().await?;
        Ok(census.electorate(flow, path, subject, resource))
    }
}
