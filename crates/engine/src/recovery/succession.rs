//! An owner who is lost, or whose phone is, where the others are too few to sign without them: with the offline slot
//! somebody is put in as an owner, or may enroll again.

use std::collections::BTreeSet;

use portcullis_flow::change::Change;
use portcullis_flow::identity::{IdentityEvent, IdentityState};
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_flow::request::Request;
use portcullis_model::{Identity, IdentityKind, OwnerRole, Secret};

use crate::Engine;
use crate::changes::apply::check_name;
use crate::failure::Failure;
use crate::journal::{Command, Loaded};
use crate::ports::Ports;
use crate::start::{Options, assemble};
use crate::tokens::Token;
use crate::unlock::Unlock;

/// Who is put in.
#[derive(Debug, Clone)]
pub struct Successor {
    /// The name of somebody new, or of an owner who enrolls again.
    pub name: String,
    /// What they may sign for the installation, beside what they may already.
    pub roles: BTreeSet<OwnerRole>,
}

/// Puts somebody in as an owner, of a stopped installation; gives the one-time token they enroll with. It is frozen then:
/// whoever holds the safe puts nobody in unseen.
pub async fn succeed(
    ports: Ports,
    passphrase: Secret<String>,
    successor: Successor,
) -> Result<Secret<String>, Failure> {
    check_name(&successor.name)?;
    let unlock = Unlock::Passphrase(passphrase);
    let engine = assemble(ports, Options::default(), unlock).await?.engine;
    engine.put_in(successor).await
}

impl Engine {
    async fn put_in(&self, successor: Successor) -> Result<Secret<String>, Failure> {
        let mut installation = self.journal.load::<Installation>(self.installation).await?;
        if installation.get()?.founding.is_some() {
            return Err(Failure::Conflict(
                "the installation is being founded: its administrator enrolls owners (identities add NAME --role ROLE)"
                    .to_owned(),
            ));
        }
        let found = self
            .journal
            .find_one::<IdentityState>("name", &successor.name);
        let known = found.await?;
        let mut command = self.journal.command(None);
        let (mut loaded, again) = match known {
            Some(loaded) => self.reinstated(&mut command, loaded, successor)?,
            None => (self.added(&mut command, successor)?, false),
        };
        let record = loaded.get()?.identity.clone();
        self.forget_said(&mut command, &record).await?;
        let token = Token::issue(record.id, self.journal.entropy.as_ref());
        let opened = loaded.get()?.open_enrolment(token.digest(), command.at())?;
        command.push(&mut loaded, &opened)?;
        let succeeded = InstallationEvent::Succeeded {
            identity: record.id,
            roles: record.roles,
            again,
        };
        command.push(&mut installation, &succeeded)?;
        command.commit().await?;
        Ok(token.expose())
    }

    /// Somebody who is known: with more roles, if more are given, and with nothing of what they had. Whether all that comes of
    /// it is that they enroll again.
    fn reinstated(
        &self,
        command: &mut Command<'_>,
        mut loaded: Loaded<IdentityState>,
        successor: Successor,
    ) -> Result<(Loaded<IdentityState>, bool), Failure> {
        let known = loaded.get()?.identity.clone();
        let again = loaded.get()?.has_enrolled() && successor.roles.is_subset(&known.roles);
        let mut identity = known.clone();
        identity.roles.extend(successor.roles);
        check_successor(&identity)?;
        loaded.get()?.alive(self.journal.now())?;
        if identity != known {
            let set = IdentityEvent::Set {
                identity,
                change: None,
            };
            command.push(&mut loaded, &set)?;
        }
        command.push(&mut loaded, &IdentityEvent::Recovered {})?;
        Ok((loaded, again))
    }

    /// Ends what still waits with a signature or an approval of theirs: it may have been given by who has their phone, and
    /// whoever signed beside them looks again.
    async fn forget_said(
        &self,
        command: &mut Command<'_>,
        record: &Identity,
    ) -> Result<(), Failure> {
        let pending = [("status", "pending")];
        let why = || {
            format!(
                "{}, who had signed it, was put in anew with the offline slot: ask for it again",
                record.name
            )
        };
        for (stream, change) in self.journal.find::<Change>(&pending).await? {
            if change.signatures.iter().any(|given| given.by == record.id) {
                let mut loaded: Loaded<Change> = self.journal.load(stream).await?;
                command.push(&mut loaded, &change.lapse(why())?)?;
            }
        }
        for (stream, request) in self.journal.find::<Request>(&pending).await? {
            if request.approvals.iter().any(|given| given.by == record.id) {
                let mut loaded: Loaded<Request> = self.journal.load(stream).await?;
                command.push(&mut loaded, &request.void(why())?)?;
            }
        }
        Ok(())
    }

    fn added(
        &self,
        command: &mut Command<'_>,
        successor: Successor,
    ) -> Result<Loaded<IdentityState>, Failure> {
        let identity = Identity {
            id: self.journal.fresh_id(),
            name: successor.name,
            kind: IdentityKind::Human,
            owner: None,
            roles: successor.roles,
            ends_at: None,
            active: true,
        };
        check_successor(&identity)?;
        let mut loaded = Loaded::fresh(identity.id);
        let added = IdentityEvent::Added {
            identity,
            change: None,
        };
        command.push(&mut loaded, &added)?;
        command.push(&mut loaded, &IdentityEvent::Recovered {})?;
        Ok(loaded)
    }
}

fn check_successor(identity: &Identity) -> Result<(), Failure> {
    let name = &identity.name;
    if identity.kind != IdentityKind::Human {
        return Err(Failure::Invalid(format!("{name} is no person")));
    }
    if identity.roles.is_empty() {
        return Err(Failure::Invalid(format!(
            "say what {name} may sign: --role iam, pam or resource"
        )));
    }
    Ok(())
}
