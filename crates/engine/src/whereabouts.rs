//! Resources as people see them. Where one is and what opens it is for whoever answers for it: those who use it are
//! brought there, and never learn the way.

use portcullis_flow::change::{Change, ChangeBody};
use portcullis_model::{Environment, IdentityId, Resource, ResourceId, Sensitivity};
use serde::Serialize;
use serde_json::Value;

use crate::Engine;
use crate::catalog::words_of;
use crate::census::Census;
use crate::changes::Difference;
use crate::failure::Failure;
use crate::lists::{Page, Part};

/// A resource for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceView {
    /// Its identifier.
    pub id: ResourceId,
    /// Its unique name.
    pub name: String,
    /// The name of its kind.
    pub kind: String,
    /// What depends on it.
    pub environment: Environment,
    /// What it holds.
    pub sensitivity: Sensitivity,
    /// Who answers for it.
    pub owners: Vec<IdentityId>,
    /// The accounts that may be named, the default one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// What can be asked for, in the words to ask with.
    pub offers: Vec<String>,
    /// Told to its owners and to owners of the installation.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub whereabouts: Option<Whereabouts>,
}

/// Where a resource is, and what opens it.
#[derive(Debug, Clone, Serialize)]
pub struct Whereabouts {
    /// The name of the vaulted secret that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The kind's own settings.
    pub settings: Value,
    /// What its owner has to place there by hand; told of one resource, not in lists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instructions: String,
}

impl Engine {
    /// A resource for people and programs.
    pub async fn show_resource(
        &self,
        who: IdentityId,
        name: &str,
    ) -> Result<ResourceView, Failure> {
        let resource = self.resource_record(name).await?;
        let mut view = self.resource_view(who, resource.clone(), &self.census().await?);
        if let Some(whereabouts) = &mut view.whereabouts {
            whereabouts.instructions = self.to_place_at(&resource).await?;
        }
        Ok(view)
    }

    /// The resources, oldest first.
    pub async fn list_resources(
        &self,
        who: IdentityId,
        page: &Page,
    ) -> Result<Part<ResourceView>, Failure> {
        let census = self.census().await?;
        let part = self.resources(page).await?;
        part.try_map(|resource| Ok(self.resource_view(who, resource, &census)))
    }

    fn resource_view(&self, who: IdentityId, resource: Resource, census: &Census) -> ResourceView {
        let broker = self.ports.broker(&resource.kind);
        let endpoint = broker.and_then(|broker| broker.endpoint(&resource).ok());
        let offers = self.offers(&resource);
        ResourceView {
            accounts: endpoint.map_or_else(Vec::new, |endpoint| endpoint.accounts),
            offers: offers
                .iter()
                .map(|offer| words_of(offer).join(" "))
                .collect(),
            whereabouts: census.may_find(who, resource.id).then_some(Whereabouts {
                credential: resource.credential,
                settings: resource.settings,
                instructions: String::new(),
            }),
            id: resource.id,
            name: resource.name,
            kind: resource.kind,
            environment: resource.environment,
            sensitivity: resource.sensitivity,
            owners: resource.owners.into_iter().collect(),
        }
    }
}

/// The fields of a resource's record that tell where it is or what opens it.
const TELLING: [&str; 2] = ["settings", "credential"];

/// Whether a change tells somebody where a resource is who may not know; or what was found at all of them, which tells who
/// holds what there and what opens it, and is for owners of the installation.
pub(crate) fn tells_too_much(change: &Change, who: IdentityId, census: &Census) -> bool {
    match &change.body {
        ChangeBody::PutResource { resource, .. } => !census.may_find(who, resource.id),
        ChangeBody::Thaw { .. } => !census.is_owner(who),
        _ => false,
    }
}

/// Takes out of a change what tells where a resource is, or what was found there.
pub(crate) fn without_whereabouts(change: &mut Change, differences: &mut Vec<Difference>) {
    match &mut change.body {
        ChangeBody::PutResource { resource, .. } => {
            resource.settings = Value::Null;
            resource.credential = None;
        }
        ChangeBody::Thaw { found, more, .. } => {
            found.clear();
            *more = 0;
            differences.clear();
        }
        _ => {}
    }
    differences.retain(|difference| {
        let field = difference.field.split('.').next().unwrap_or_default();
        !TELLING.contains(&field)
    });
}
