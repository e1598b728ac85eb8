//! What owners administer: identities, groups, resources, secrets, policy bundles. Each is a change.

use std::collections::BTreeMap;

use portcullis_flow::change::ChangeBody;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::records::{GroupState, ResourceState};
use portcullis_flow::secret::SecretState;
use portcullis_model::{
    Authentication, Digest, Group, Identity, IdentityId, OwnerRole, Resource, ResourceId, Secret,
    SecretId, Timestamp,
};
use portcullis_policy::{ChangeKind, change_kind};
use portcullis_ports::Opener;
use portcullis_vault::{SecretKind, parse_password, parse_ssh_private_key};
use serde::Serialize;

use crate::Engine;
use crate::bundles;
use crate::changes::ChangeView;
use crate::failure::Failure;
use crate::lists::{Order, Page, Part};

/// A secret for people and programs: everything but its value.
#[derive(Debug, Clone, Serialize)]
pub struct SecretView {
    /// Which.
    pub id: SecretId,
    /// Everything about it but its value.
    #[serde(flatten)]
    pub secret: SecretState,
}

/// An identity for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct IdentityView {
    /// The record.
    #[serde(flatten)]
    pub identity: Identity,
    /// The sign-in methods it has.
    pub methods: Vec<String>,
    /// The fingerprints of its SSH keys.
    pub ssh_keys: Vec<String>,
    /// Who owns it, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_name: Option<String>,
}

/// What came of letting somebody enroll again.
pub enum Reopened {
    /// A one-time token, shown this once.
    Token(Secret<String>),
    /// A change that other owners have to sign.
    Proposed(Box<ChangeView>),
}

/// A resource that was proposed, and what its owner has to place by hand.
#[derive(Debug, Clone, Serialize)]
pub struct ResourcePut {
    /// The change.
    pub change: ChangeView,
    /// What to place at the target.
    pub instructions: String,
}

/// A proposed bundle.
#[derive(Debug, Clone, Serialize)]
pub struct BundleProposal {
    /// The change to be signed.
    pub change: ChangeView,
    /// What kind of change it is.
    pub kind: ChangeKind,
}

/// What checking a bundle found. Nothing is kept of it.
#[derive(Debug, Clone, Serialize)]
pub struct BundleCheck {
    /// Its digest, when it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether it could be proposed.
    pub ok: bool,
    /// What is wrong, each with file, line and column.
    pub problems: Vec<String>,
}

/// The active bundle.
#[derive(Debug, Clone, Serialize)]
pub struct ActiveBundle {
    /// Its digest.
    pub digest: Digest,
    /// The digest of its line.
    pub line: Digest,
    /// Its files.
    pub files: BTreeMap<String, String>,
}

impl Engine {
    /// Lets somebody enroll: an owner of identities alone for who never has, since others signed that they are
    /// there; whoever has enrolled can be replaced by it, so that others have to sign that as well.
    pub async fn reopen_enrolment(
        &self,
        who: &Authentication,
        name: &str,
    ) -> Result<Reopened, Failure> {
        Self::need_second_factor(who)?;
        // Whoever was put in enrolls with the token that came of that, and with no other.
        self.journal.custody.opens()?;
        let found = self.journal.find_one::<IdentityState>("name", name).await?;
        let mut loaded = found.ok_or_else(|| Failure::missing("identity", name))?;
        let state = loaded.get()?;
        let founder = state.methods.is_empty() && self.is_founder(who).await?;
        if !founder && !self.roles(who).await?.contains(&OwnerRole::Iam) {
            return Err(Failure::Denied {
                code: "not_eligible",
                message: "only an owner of identities can open an enrolment".to_owned(),
                next: None,
            });
        }
        if state.enrolment_is_closed(self.journal.now()) {
            let identity = state.identity.id;
            let change = self.propose(who, ChangeBody::ReopenEnrolment { identity });
            return Ok(Reopened::Proposed(Box::new(change.await?)));
        }
        let token = crate::tokens::Token::issue(state.identity.id, self.journal.entropy.as_ref());
        let mut command = self.journal.command(Some(who.identity));
        let opened = state.open_enrolment(token.digest(), command.at())?;
        command.push(&mut loaded, &opened)?;
        command.commit().await?;
        Ok(Reopened::Token(token.expose()))
    }

    /// The identities, oldest first.
    pub async fn list_identities(&self, page: &Page) -> Result<Part<IdentityView>, Failure> {
        let census = self.census().await?;
        let all = |_: &IdentityState| true;
        let part = self.part(page, Order::OldestFirst, all).await?;
        part.try_map(|(_, state)| {
            let owner = state.identity.owner;
            Ok(IdentityView {
                owner_name: owner.map(|owner| census.name(owner)),
                methods: state.methods.iter().cloned().collect(),
                ssh_keys: state.keys.keys().cloned().collect(),
                identity: state.identity,
            })
        })
    }

    /// An identity's record by name.
    pub async fn identity_record(&self, name: &str) -> Result<Identity, Failure> {
        self.identity_named(name).await
    }

    /// A fresh identifier for a record to be proposed.
    pub fn new_identity_id(&self) -> IdentityId {
        self.journal.fresh_id()
    }

    /// A fresh identifier for a record to be proposed.
    pub fn new_resource_id(&self) -> ResourceId {
        self.journal.fresh_id()
    }

    /// A moment some time from now.
    pub fn time_from_now(&self, span: std::time::Duration) -> Timestamp {
        self.journal.now().plus(span)
    }

    /// The time until a moment; none when it is over.
    pub fn time_until(&self, moment: Timestamp) -> std::time::Duration {
        moment.since(self.journal.now())
    }

    /// Adds a resource, or replaces its record.
    pub async fn put_resource(
        &self,
        who: &Authentication,
        resource: Resource,
    ) -> Result<ResourcePut, Failure> {
        let replaces = self.record_digest(resource.id).await?;
        let body = ChangeBody::PutResource { resource, replaces };
        let change = self.propose(who, body).await?;
        self.resource_put(change).await
    }

    /// A change with what its resource's owner has to place by hand, if it puts one.
    pub async fn resource_put(&self, change: ChangeView) -> Result<ResourcePut, Failure> {
        let instructions = match &change.change.body {
            ChangeBody::PutResource { resource, .. } => self.to_place_at(resource).await?,
            _ => String::new(),
        };
        Ok(ResourcePut {
            change,
            instructions,
        })
    }

    pub(crate) async fn to_place_at(&self, resource: &Resource) -> Result<String, Failure> {
        let Some(broker) = self.ports.broker(&resource.kind) else {
            return Ok(String::new());
        };
        let Some(name) = &resource.credential else {
            let opener = Opener::Authority(&self.ssh_authority);
            return Ok(broker.target_instructions(resource, opener));
        };
        let loaded = self.vault.record(name).await?;
        let secret = loaded.get()?;
        let opener = if secret.secret_kind == SecretKind::Password.as_str() {
            Opener::Password { secret: name }
        } else {
            let public = &secret.public;
            Opener::Key {
                secret: name,
                public,
            }
        };
        Ok(broker.target_instructions(resource, opener))
    }

    /// Removes a resource.
    pub async fn remove_resource(
        &self,
        who: &Authentication,
        name: &str,
    ) -> Result<ChangeView, Failure> {
        let resource = self.resource_named(name).await?.id;
        self.propose(who, ChangeBody::RemoveResource { resource })
            .await
    }

    /// The records of resources, oldest first.
    pub(crate) async fn resources(&self, page: &Page) -> Result<Part<Resource>, Failure> {
        let there = |state: &ResourceState| !state.removed;
        let part = self.part(page, Order::OldestFirst, there).await?;
        part.try_map(|(_, state)| Ok(state.resource))
    }

    /// One resource.
    pub async fn resource_record(&self, name: &str) -> Result<Resource, Failure> {
        self.resource_named(name).await
    }

    /// Adds a group, or sets its members.
    pub async fn put_group(
        &self,
        who: &Authentication,
        group: Group,
    ) -> Result<ChangeView, Failure> {
        let replaces = self.group_digest(group.id).await?;
        self.propose(who, ChangeBody::PutGroup { group, replaces })
            .await
    }

    /// Removes a group.
    pub async fn remove_group(
        &self,
        who: &Authentication,
        name: &str,
    ) -> Result<ChangeView, Failure> {
        let group = self.group_named(name).await?.id;
        self.propose(who, ChangeBody::RemoveGroup { group }).await
    }

    /// The groups, oldest first.
    pub async fn list_groups(&self, page: &Page) -> Result<Part<Group>, Failure> {
        let there = |state: &GroupState| !state.removed;
        let part = self.part(page, Order::OldestFirst, there).await?;
        part.try_map(|(_, state)| Ok(state.group))
    }

    /// One group.
    pub async fn group_named(&self, name: &str) -> Result<Group, Failure> {
        let found = self.journal.find_one::<GroupState>("name", name).await?;
        Ok(found
            .ok_or_else(|| Failure::missing("group", name))?
            .get()?
            .group
            .clone())
    }

    /// A fresh identifier for a group to be proposed.
    pub fn new_group_id(&self) -> portcullis_model::GroupId {
        self.journal.fresh_id()
    }

    /// Takes a secret in: sealed at once, usable when owners signed.
    pub async fn add_secret(
        &self,
        who: &Authentication,
        name: &str,
        kind: SecretKind,
        value: Secret<Vec<u8>>,
    ) -> Result<ChangeView, Failure> {
        let (value, public) = match kind {
            SecretKind::Password => {
                let parsed = parse_password(value);
                (
                    parsed.map_err(|error| Failure::Invalid(error.to_string()))?,
                    String::new(),
                )
            }
            SecretKind::SshKey => {
                let key = parse_ssh_private_key(&value);
                let key = key.map_err(|error| Failure::Invalid(error.to_string()))?;
                (key.private, key.public)
            }
            other => {
                return Err(Failure::Invalid(format!(
                    "secrets of kind {other} are Portcullis' own"
                )));
            }
        };
        let secret = self.journal.fresh_id::<SecretId>();
        let sealed = self.vault.seal(secret, kind, 1, &value)?;
        let body = ChangeBody::AddSecret {
            secret,
            name: name.to_owned(),
            kind: kind.as_str().to_owned(),
            public,
        };
        self.propose_with(who, body, Some(sealed)).await
    }

    /// The secrets that people added, oldest first.
    pub async fn list_secrets(&self, page: &Page) -> Result<Part<SecretView>, Failure> {
        let theirs = |secret: &SecretState| {
            !secret.name.starts_with("portcullis/") && !secret.name.starts_with("identity/")
        };
        let part = self.part(page, Order::OldestFirst, theirs).await?;
        part.try_map(|(stream, secret)| {
            let id = stream
                .parse()
                .map_err(|_| Failure::missing("secret", &stream))?;
            Ok(SecretView { id, secret })
        })
    }

    /// Checks a bundle without keeping it. Only for owners: reading what somebody wrote is work.
    pub async fn check_bundle(
        &self,
        who: &Authentication,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<BundleCheck, Failure> {
        self.need_owner(who).await?;
        Ok(match self.bundle_reader.read(files).await? {
            Ok(bundle) => BundleCheck {
                digest: Some(bundle.digest()),
                ok: true,
                problems: Vec::new(),
            },
            Err(error) => BundleCheck {
                digest: None,
                ok: false,
                problems: error.problems().iter().map(ToString::to_string).collect(),
            },
        })
    }

    /// Refuses whoever owns nothing, before anything of theirs is read.
    async fn need_owner(&self, who: &Authentication) -> Result<(), Failure> {
        Self::need_second_factor(who)?;
        if self.roles(who).await?.is_empty() {
            return Err(Failure::Denied {
                code: "not_eligible",
                message: "only an owner can check or propose a policy bundle".to_owned(),
                next: None,
            });
        }
        Ok(())
    }

    /// Proposes a bundle: kept, compared with the active one, to be signed.
    pub async fn propose_bundle(
        &self,
        who: &Authentication,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<BundleProposal, Failure> {
        self.need_owner(who).await?;
        let read = self.bundle_reader.read(files).await?;
        let proposed = read.map_err(|error| Failure::Invalid(error.to_string()))?;
        let active = self.bundle();
        let kind = change_kind(&active, &proposed);
        if kind == ChangeKind::Nothing {
            return Err(Failure::Invalid(
                "this bundle is the active one already".to_owned(),
            ));
        }
        bundles::save(&self.ports, &proposed).await?;
        let body = ChangeBody::ActivateBundle {
            bundle: proposed.digest(),
            replaces: active.digest(),
            widening: kind == ChangeKind::Widening,
        };
        Ok(Self::bundle_proposal(self.propose(who, body).await?))
    }

    /// A change with what kind of change it is to policy.
    pub fn bundle_proposal(change: ChangeView) -> BundleProposal {
        let kind = match &change.change.body {
            ChangeBody::ActivateBundle {
                widening: false, ..
            } => ChangeKind::AddsForbidOutsideLine,
            _ => ChangeKind::Widening,
        };
        BundleProposal { change, kind }
    }

    /// The active bundle.
    pub fn active_bundle(&self) -> ActiveBundle {
        let bundle = self.bundle();
        let files = bundle.files().iter();
        ActiveBundle {
            digest: bundle.digest(),
            line: bundle.line_digest(),
            files: files
                .map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned()))
                .collect(),
        }
    }
}
