//! A small world to ask about: people, a database, a host, and bundles made from the shipped one.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;

use portcullis_model::id::TypedId;
use portcullis_model::{
    Action, Controls, Digest, Disclosure, Environment, Group, GroupId, Identity, IdentityId,
    IdentityKind, Impact, OwnerRole, Path, Resource, ResourceId, Scope, Sensitivity, Timestamp,
};
use portcullis_policy::{Bundle, BundleError, Object, Preset, Query, shipped};

pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

pub fn id<T: TypedId>(number: u8) -> T {
    T::from_parts(NOW, [number; 10])
}

#[derive(Debug, Clone)]
pub struct World {
    pub alice: Identity,
    pub behind: Vec<Identity>,
    pub groups: Vec<Group>,
    pub analytics: Resource,
    pub action: Action,
    pub impact: Impact,
    pub met: Controls,
}

impl World {
    pub fn new() -> Self {
        Self {
            alice: person(1, "alice"),
            behind: Vec::new(),
            groups: Vec::new(),
            analytics: Resource {
                id: id::<ResourceId>(50),
                name: "analytics".to_owned(),
                kind: "postgres".to_owned(),
                environment: Environment::Production,
                sensitivity: Sensitivity::Internal,
                owners: [id(2)].into(),
                credential: None,
                settings: serde_json::Value::Null,
            },
            action: Action::named("entitlement").with("role", "readers"),
            impact: read(),
            met: Controls::NONE,
        }
    }

    pub fn query(&self) -> Query<'_> {
        Query {
            subject: &self.alice,
            on_behalf_of: &self.behind,
            groups: &self.groups,
            object: Object::Resource(&self.analytics),
            action: &self.action,
            impact: &self.impact,
            met: self.met,
            now: NOW,
            intent: Digest::of_bytes(b"intent"),
        }
    }
}

pub fn person(number: u8, name: &str) -> Identity {
    Identity {
        id: id::<IdentityId>(number),
        name: name.to_owned(),
        kind: IdentityKind::Human,
        owner: None,
        roles: [].into(),
        ends_at: None,
        active: true,
    }
}

pub fn owner(number: u8, name: &str, role: OwnerRole) -> Identity {
    Identity {
        roles: [role].into(),
        ..person(number, name)
    }
}

pub fn group(name: &str, path: Path, members: &[IdentityId]) -> Group {
    Group {
        id: id::<GroupId>(90),
        name: name.to_owned(),
        path,
        members: members.iter().copied().collect(),
    }
}

pub fn read() -> Impact {
    Impact {
        discloses: Disclosure::Internal,
        amount: portcullis_model::Amount::Unbounded,
        scope: Scope::Object,
        ..Impact::nothing()
    }
}

pub const fn controls(brokered: bool, recording: bool, mfa: bool, approvals: u8) -> Controls {
    Controls {
        brokered,
        recording,
        mfa,
        approvals,
    }
}

pub fn strict() -> Bundle {
    shipped(Preset::Strict).expect("the shipped bundle is valid")
}

pub fn files() -> BTreeMap<String, Vec<u8>> {
    strict().files().clone()
}

/// The shipped bundle with some files written anew; an empty text removes the file.
pub fn with(changes: &[(&str, &str)]) -> Result<Bundle, BundleError> {
    let mut files = files();
    for (file, text) in changes {
        if text.is_empty() {
            files.remove(*file);
        } else {
            files.insert((*file).to_owned(), text.as_bytes().to_vec());
        }
    }
    Bundle::from_files(files)
}

/// The shipped bundle with text added to the end of a file.
pub fn appended(file: &str, text: &str) -> Result<Bundle, BundleError> {
    let mut files = files();
    let content = files.entry(file.to_owned()).or_default();
    content.extend_from_slice(text.as_bytes());
    Bundle::from_files(files)
}
