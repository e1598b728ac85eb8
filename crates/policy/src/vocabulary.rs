//! The names that the schema has for what Portcullis knows.

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use portcullis_model::{IdentityId, ResourceId};

use crate::entities;
use crate::query::PolicyAction;

/// Entity types and actions, read once.
pub(crate) struct Vocabulary {
    identity: EntityTypeName,
    group: EntityTypeName,
    resource: EntityTypeName,
    action: EntityTypeName,
    pub(crate) anyone: EntityUid,
    pub(crate) facts: EntityUid,
    pub(crate) installation: EntityUid,
}

impl Vocabulary {
    /// The name of the line's action.
    pub(crate) const LINE: &'static str = "take_ordinary_path";

    /// The error says which name is none.
    pub(crate) fn new() -> Result<Self, String> {
        let only = |name| Ok::<_, String>(uid(&kind(name)?, "it"));
        Ok(Self {
            identity: kind("Identity")?,
            group: kind("Group")?,
            resource: kind("Resource")?,
            action: kind("Action")?,
            anyone: only("Anyone")?,
            facts: only("Facts")?,
            installation: only("Installation")?,
        })
    }

    /// An identity goes by its identifier: a name can be given to somebody else.
    pub(crate) fn identity(&self, id: IdentityId) -> EntityUid {
        uid(&self.identity, &id.to_string())
    }

    /// A group goes by its name, which policies write.
    pub(crate) fn group(&self, name: &str) -> EntityUid {
        uid(&self.group, name)
    }

    pub(crate) fn resource(&self, id: ResourceId) -> EntityUid {
        uid(&self.resource, &id.to_string())
    }

    pub(crate) fn action(&self, action: PolicyAction) -> EntityUid {
        self.action_named(action.as_str())
    }

    pub(crate) fn action_named(&self, name: &str) -> EntityUid {
        uid(&self.action, name)
    }
}

fn kind(name: &str) -> Result<EntityTypeName, String> {
    let name = format!("Portcullis::{name}");
    name.parse()
        .map_err(|error: cedar_policy::ParseErrors| entities::told(&error))
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}
