//! The first people of an installation, each with a one-time token to enroll.

use std::collections::BTreeSet;

use portcullis_flow::identity::{IdentityEvent, IdentityState};
use portcullis_model::{Identity, IdentityId, IdentityKind, OwnerRole, Secret};

use super::Beginning;
use crate::failure::Failure;
use crate::journal::{Command, Journal, Loaded};
use crate::tokens::Token;

/// Somebody who is there at the beginning.
pub(super) struct Person {
    pub(super) identity: Identity,
}

/// Who that is.
pub(super) fn people(journal: &Journal, beginning: &Beginning) -> Vec<Person> {
    let person = |name: &str, roles: &[OwnerRole]| Person {
        identity: Identity {
            id: journal.fresh_id::<IdentityId>(),
            name: name.to_owned(),
            kind: IdentityKind::Human,
            owner: None,
            roles: roles.iter().copied().collect::<BTreeSet<_>>(),
            ends_at: None,
            active: true,
        },
    };
    match beginning {
        Beginning::Founder { name } => vec![person(name, &[])],
        Beginning::Evaluation => vec![
            person("rosa", &[]),
            person("olaf", &[OwnerRole::Resource]),
            person("iris", &[OwnerRole::Iam]),
            person("pia", &[OwnerRole::Pam]),
        ],
    }
}

/// Adds them, and opens an enrolment for each.
pub(super) fn add(
    journal: &Journal,
    command: &mut Command<'_>,
    people: Vec<Person>,
) -> Result<Vec<(String, Secret<String>)>, Failure> {
    let mut tokens = Vec::new();
    for person in people {
        let id = person.identity.id;
        let name = person.identity.name.clone();
        let mut loaded = Loaded::<IdentityState>::fresh(id);
        command.push(
            &mut loaded,
            &IdentityEvent::Added {
                identity: person.identity,
                change: None,
            },
        )?;
        let token = Token::issue(id, journal.entropy.as_ref());
        let opened = loaded.get()?.open_enrolment(token.digest(), command.at())?;
        command.push(&mut loaded, &opened)?;
        tokens.push((name, token.expose()));
    }
    Ok(tokens)
}
