//! Whether policy lets somebody propose or sign a change. What only narrows, what a founder does, and changes of policy
//! itself are not asked about: decision 0014.

use portcullis_classify::classify;
use portcullis_flow::change::{Change, ChangeBody, Holders, Needed};
use portcullis_model::{Action, Controls, IdentityId};
use portcullis_policy::{Administer, Object, Privileged, Query};

use crate::Engine;
use crate::failure::Failure;

/// What somebody does about a change, as policies name it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Propose,
    Sign,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Sign => "sign",
        }
    }
}

/// Whether policy decides about a change that needs these signatures.
const fn is_decided(needed: &Needed, body: &ChangeBody) -> bool {
    match needed {
        Needed::Nobody | Needed::AnyOwner => false,
        Needed::Each { .. } => !matches!(body, ChangeBody::ActivateBundle { .. }),
    }
}

impl Engine {
    /// Refuses somebody, who proved a second factor, what policy does not allow.
    pub(super) async fn may_administer(
        &self,
        who: IdentityId,
        step: Step,
        needed: &Needed,
        body: &ChangeBody,
    ) -> Result<(), Failure> {
        if !is_decided(needed, body) {
            return Ok(());
        }
        let census = self.census().await?;
        // The record as it stands, where there is one: what is only proposed for it makes nobody its owner.
        let object = match body {
            ChangeBody::PutResource { resource, .. } => {
                Object::Resource(census.resource(resource.id).unwrap_or(resource))
            }
            ChangeBody::PutTask { task, .. } => {
                let known = census.resource(task.resource);
                Object::Resource(known.ok_or_else(|| Failure::missing("resource", task.resource))?)
            }
            _ => Object::Installation,
        };
        let query = Query {
            subject: census.identity(who)?,
            on_behalf_of: &[],
            groups: census.groups(),
            object,
            action: &Action::named(step.as_str()).with("change", body.kind()),
            impact: &classify(&Action::named("administer")).impact,
            met: Controls {
                mfa: true,
                ..Controls::NONE
            },
            now: self.journal.now(),
            intent: body.digest()?,
        };
        let permit = self.bundle().authorize::<Privileged, Administer>(&query)?;
        drop(permit);
        Ok(())
    }

    /// Why a change that is signed does not count any more: who signed it could not now.
    pub(super) async fn unsigned_by_policy(
        &self,
        change: &Change,
        holders: &Holders,
    ) -> Result<Option<String>, Failure> {
        let counting = change.signatures.iter();
        for signature in counting.filter(|signature| signature.counts(holders)) {
            let (needed, body) = (&change.needed, &change.body);
            let may = self.may_administer(signature.by, Step::Sign, needed, body);
            match may.await {
                Ok(()) => {}
                Err(Failure::Denied { message, .. }) => {
                    let name = self.census().await?.name(signature.by);
                    return Ok(Some(format!(
                        "{name}, who signed it, may not sign it now: {message}; propose it again"
                    )));
                }
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }
}
