//! What a change comes to once its signatures are there: checked when proposed, applied with the last signature.

use std::sync::Arc;
use std::time::Duration;

use portcullis_flow::change::{Change, ChangeBody, Holders, Needed};
use portcullis_flow::grant::Grant;
use portcullis_flow::identity::{IdentityEvent, IdentityState};
use portcullis_flow::records::{
    GroupEvent, GroupState, ResourceEvent, ResourceState, TaskEvent, TaskState,
};
use portcullis_flow::secret::{SecretEvent, SecretState};
use portcullis_model::{
    Authentication, ChangeId, Identity, IdentityId, IdentityKind, Resource, Secret, Task, Timestamp,
};
use portcullis_ports::Connector;

use super::ChangeView;
use crate::Engine;
use crate::bundles;
use crate::failure::Failure;
use crate::journal::{Command, Loaded};
use crate::tokens::Token;

/// The longest name.
const MOST_NAME_BYTES: usize = 63;

/// The latest end that can be given, from now.
const LONGEST_LIFE: Duration = Duration::from_hours(10 * 366 * 24);

/// What takes effect outside the journal once a change is committed.
#[derive(Default)]
pub(super) struct After {
    /// Whether whoever completes the change asked for it: nobody else is given a token that came of it.
    by_the_asker: bool,
    /// Who does it, when nobody else has to sign.
    alone: Option<IdentityId>,
    token: Option<Secret<String>>,
    /// Whether the installation is not frozen any more.
    pub(super) thawed: bool,
    /// Whether a tape is to go.
    pub(super) erased: bool,
}

impl Engine {
    /// Refuses what could never be applied.
    pub(super) async fn check(
        &self,
        alone: Option<IdentityId>,
        body: &ChangeBody,
    ) -> Result<(), Failure> {
        match body {
            ChangeBody::PutResource { resource, .. } => self.check_resource(resource).await,
            ChangeBody::PutIdentity { identity, .. } => {
                check_identity(identity, self.journal.now())?;
                self.keep_owners(alone, identity).await
            }
            ChangeBody::PutGroup { group, .. } => check_name(&group.name),
            ChangeBody::AddSecret { name, .. } => check_name(name),
            ChangeBody::ActivateBundle { bundle, .. } => {
                bundles::load(&self.ports, *bundle).await.map(|_| ())
            }
            ChangeBody::PutTask { task, .. } => self.resource(task.resource).await.map(|_| ()),
            ChangeBody::Thaw { frozen, .. } => self.frozen_so(frozen).await,
            ChangeBody::SetRetention { retention, .. } => self.check_retention(retention),
            ChangeBody::LetGo { .. } | ChangeBody::EraseTape { .. } => self.check_tape(body).await,
            ChangeBody::RemoveResource { .. }
            | ChangeBody::RemoveGroup { .. }
            | ChangeBody::RemoveTask { .. }
            | ChangeBody::ReopenEnrolment { .. } => Ok(()),
        }
    }

    async fn check_resource(&self, resource: &Resource) -> Result<(), Failure> {
        check_name(&resource.name)?;
        if resource.owners.is_empty() {
            return Err(Failure::Invalid(
                "a resource needs an owner: --owner NAME".to_owned(),
            ));
        }
        for owner in &resource.owners {
            self.identity(*owner).await?;
        }
        let broker = self.ports.broker(&resource.kind);
        let connector = self.ports.connector(&resource.kind);
        if broker.is_none() && connector.is_none() {
            let known: Vec<_> = self.ports.kinds().iter().map(|kind| kind.name).collect();
            return Err(Failure::Invalid(format!(
                "there is no kind {:?}; known are {}",
                resource.kind,
                known.join(", ")
            )));
        }
        if let Some(broker) = broker {
            broker.offers(resource)?;
            broker.endpoint(resource)?;
        }
        if let Some(connector) = &connector {
            connector.offers(resource)?;
            self.check_place(resource, connector.as_ref()).await?;
        }
        self.check_credential(resource, connector.is_some()).await
    }

    /// What the credential names has to be in the vault, and what is administered needs one.
    async fn check_credential(&self, resource: &Resource, needed: bool) -> Result<(), Failure> {
        let Some(name) = &resource.credential else {
            if needed {
                return Err(Failure::Invalid(format!(
                    "a resource of kind {} is administered with a vaulted secret: --credential SECRET, added with portcullis secrets add",
                    resource.kind
                )));
            }
            return Ok(());
        };
        // Portcullis' own secrets open nothing of others.
        check_name(name)?;
        let known = self.journal.find_one::<SecretState>("name", name).await?;
        if known.is_none() {
            return Err(Failure::Invalid(format!(
                "the credential {name} is not in the vault: add it with portcullis secrets add {name} and have that signed first"
            )));
        }
        Ok(())
    }

    /// A resource stays where it is while grants hold something there: only where it was given can it be
    /// taken away.
    async fn check_place(
        &self,
        resource: &Resource,
        connector: &dyn Connector,
    ) -> Result<(), Failure> {
        let id = resource.id.to_string();
        for status in ["assigning", "active", "revoking"] {
            let keys = [("resource", id.as_str()), ("status", status)];
            for (stream, grant) in self.journal.find::<Grant>(&keys).await? {
                let system = connector.right(resource, &grant.issue.intent.action).system;
                if !grant.system.is_empty() && grant.system != system {
                    return Err(Failure::Conflict(format!(
                        "{stream} gave something at {}, and this would name {system}: revoke it first",
                        grant.system
                    )));
                }
            }
        }
        Ok(())
    }

    /// Applies a change in the command that brings its last signature, or commits the signature alone. Changes
    /// take effect in turn, so that nothing takes away what another was checked against.
    pub(super) async fn apply_when_signed(
        &self,
        who: &Authentication,
        mut command: Command<'_>,
        id: ChangeId,
        mut loaded: Loaded<Change>,
    ) -> Result<ChangeView, Failure> {
        // Read before it is on record as the active one, and before anybody waits: from the record on nothing can fail.
        let next = match loaded.get()?.body {
            ChangeBody::ActivateBundle { bundle, .. } => {
                Some(Arc::new(bundles::load(&self.ports, bundle).await?))
            }
            _ => None,
        };
        let _turn = self.changing.lock().await;
        let mut after = After {
            by_the_asker: loaded.get()?.proposer == command.actor(),
            alone: alone(&loaded.get()?.needed, command.actor()),
            ..After::default()
        };
        let holders = self.holders_now(loaded.get()?).await?;
        let mut applied = loaded.get()?.is_signed(&holders);
        if applied {
            let mut event = loaded.get()?.apply_now(&holders, command.at())?;
            let body = loaded.get()?.body.clone();
            if let Some(why) = self.outdated(who, loaded.get()?, &holders).await? {
                applied = false;
                event = loaded.get()?.lapse(why)?;
            } else {
                self.apply(&mut command, id, body, &mut after).await?;
            }
            command.push(&mut loaded, &event)?;
        }
        command.commit().await?;
        if let Some(bundle) = next.filter(|_| applied) {
            self.switch_bundle(bundle);
        }
        if after.thawed {
            self.journal.custody.freeze(false);
        }
        if after.erased {
            self.room.signed();
        }
        self.duties.wake();
        let token = after.token.map(Secret::expose_owned);
        self.change_view(id, loaded.get()?.clone(), token).await
    }

    /// What those who signed hold now.
    async fn holders_now(&self, change: &Change) -> Result<Holders, Failure> {
        let mut holders = Holders::new();
        for signature in &change.signatures {
            let loaded = self.journal.load::<IdentityState>(signature.by).await?;
            let signer = loaded.get()?;
            if signer.alive(self.journal.now()).is_ok() {
                holders.insert(signature.by, signer.identity.roles.clone());
            }
        }
        Ok(holders)
    }

    async fn apply(
        &self,
        command: &mut Command<'_>,
        change: ChangeId,
        body: ChangeBody,
        after: &mut After,
    ) -> Result<(), Failure> {
        let by = Some(change);
        match body {
            ChangeBody::PutIdentity { identity, .. } => {
                self.keep_owners(after.alone, &identity).await?;
                self.put_identity(command, identity, change, after).await
            }
            ChangeBody::ReopenEnrolment { identity } => {
                let mut loaded = self.journal.load::<IdentityState>(identity).await?;
                command.push(&mut loaded, &IdentityEvent::EnrolmentAllowed { change })
            }
            ChangeBody::PutResource { resource, .. } => {
                self.check_resource(&resource).await?;
                let mut loaded = self.journal.load::<ResourceState>(resource.id).await?;
                let event = match loaded.state {
                    None => ResourceEvent::Added {
                        resource,
                        change: by,
                    },
                    Some(_) => ResourceEvent::Set {
                        resource,
                        change: by,
                    },
                };
                command.push(&mut loaded, &event)
            }
            ChangeBody::RemoveResource { resource } => {
                let mut loaded = self.journal.load::<ResourceState>(resource).await?;
                let name = loaded.get()?.resource.name.clone();
                command.push(&mut loaded, &ResourceEvent::Removed { name, change: by })
            }
            ChangeBody::PutGroup { group, .. } => {
                let mut loaded = self.journal.load::<GroupState>(group.id).await?;
                let event = match loaded.state {
                    None => GroupEvent::Added { group, change: by },
                    Some(_) => GroupEvent::Set { group, change: by },
                };
                command.push(&mut loaded, &event)
            }
            ChangeBody::RemoveGroup { group } => {
                let mut loaded = self.journal.load::<GroupState>(group).await?;
                let name = loaded.get()?.group.name.clone();
                command.push(&mut loaded, &GroupEvent::Removed { name, change: by })
            }
            ChangeBody::PutTask { task, .. } => {
                let mut loaded = self.journal.load::<TaskState>(task.id).await?;
                let event = match loaded.state {
                    None => TaskEvent::Declared { task, change },
                    Some(_) => TaskEvent::Renewed { task, change },
                };
                command.push(&mut loaded, &event)
            }
            ChangeBody::RemoveTask { task, .. } => {
                let mut loaded = self.journal.load::<TaskState>(task).await?;
                let Task { resource, name, .. } = loaded.get()?.task.clone();
                let event = TaskEvent::Removed {
                    resource,
                    name,
                    change,
                };
                command.push(&mut loaded, &event)
            }
            ChangeBody::AddSecret {
                secret,
                name,
                kind,
                public,
            } => {
                let mut loaded = self.journal.load::<SecretState>(secret).await?;
                let event = SecretEvent::Added {
                    name,
                    secret_kind: kind,
                    public,
                    change: by,
                };
                command.push(&mut loaded, &event)
            }
            whole => self.apply_to_the_whole(command, change, whole, after).await,
        }
    }

    async fn put_identity(
        &self,
        command: &mut Command<'_>,
        identity: Identity,
        change: ChangeId,
        after: &mut After,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<IdentityState>(identity.id).await?;
        if loaded.state.is_some() {
            return command.push(
                &mut loaded,
                &IdentityEvent::Set {
                    identity,
                    change: Some(change),
                },
            );
        }
        command.push(
            &mut loaded,
            &IdentityEvent::Added {
                identity,
                change: Some(change),
            },
        )?;
        if !after.by_the_asker {
            // Whoever signs last could sign in as them; an owner of identities opens the enrolment, and is on record.
            return Ok(());
        }
        let state = loaded.get()?;
        let token = Token::issue(state.identity.id, self.journal.entropy.as_ref());
        let opened = state.open_enrolment(token.digest(), command.at())?;
        command.push(&mut loaded, &opened)?;
        after.token = Some(token.expose());
        Ok(())
    }
}

/// Who does something that one signature is enough for.
pub(super) fn alone(needed: &Needed, who: Option<IdentityId>) -> Option<IdentityId> {
    who.filter(|_| *needed == Needed::AnyOwner)
}

fn check_identity(identity: &Identity, now: Timestamp) -> Result<(), Failure> {
    check_name(&identity.name)?;
    if identity
        .ends_at
        .is_some_and(|end| end > now.plus(LONGEST_LIFE))
    {
        return Err(Failure::Invalid(format!(
            "the end of {} lies more than ten years ahead: give a nearer one with --for TIME",
            identity.name
        )));
    }
    if identity.owner == Some(identity.id) {
        return Err(Failure::Invalid(format!(
            "{} cannot answer for itself: name somebody else",
            identity.name
        )));
    }
    let person = identity.kind == IdentityKind::Human;
    if !person && (identity.owner.is_none() || identity.ends_at.is_none()) {
        return Err(Failure::Invalid(format!(
            "an identity of kind {} needs an owner and an end: --owner NAME --for TIME",
            identity.kind.as_str()
        )));
    }
    if !person && !identity.roles.is_empty() {
        return Err(Failure::Invalid(
            "only people can be owners of the installation".to_owned(),
        ));
    }
    Ok(())
}

/// Names stand in commands, logs and login names: nothing in them may mean something else there.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && name.len() <= MOST_NAME_BYTES && name.bytes().all(fits) {
        return Ok(());
    }
    Err(Failure::Invalid(format!(
        "{name:?} is no name: use a-z, 0-9, '-', '_' and '.', beginning with a letter or digit, {MOST_NAME_BYTES} at most"
    )))
}
