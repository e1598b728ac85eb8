#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use portcullis_model::id::TypedId;
use portcullis_model::{Factor, IdentityKind, StreamId};

use super::*;

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

fn person(number: u8) -> IdentityId {
    IdentityId::from_parts(Timestamp::from_millis(1), [number; 10])
}

fn signer(number: u8) -> Authentication {
    let factors = vec![Factor::Password, Factor::Totp { step: 1 }];
    Authentication {
        identity: person(number),
        factors,
        at: now(),
    }
}

fn record(roles: &[OwnerRole]) -> Identity {
    Identity {
        id: person(9),
        name: "nina".to_owned(),
        kind: IdentityKind::Human,
        owner: None,
        roles: roles.iter().copied().collect(),
        ends_at: None,
        active: true,
    }
}

fn meta() -> Meta {
    let stream: StreamId = person(9).into();
    Meta {
        stream,
        seq: 1,
        at: now(),
        actor: Some(person(1)),
    }
}

fn proposed(body: ChangeBody, needed: Needed) -> Change {
    let event = Change::propose(body, needed, now()).unwrap();
    Change::apply(None, &event, &meta()).unwrap()
}

fn widening() -> Change {
    let digest = Digest::of_bytes(b"bundle");
    let body = ChangeBody::ActivateBundle {
        bundle: digest,
        replaces: digest,
        widening: true,
    };
    let needed = body.needed(None);
    proposed(body, needed)
}

fn signed(change: Change, number: u8, roles: &[OwnerRole]) -> Change {
    let event = change.sign(
        &signer(number),
        roles.iter().copied().collect(),
        change.digest,
        now(),
    );
    Change::apply(Some(change), &event.unwrap(), &meta()).unwrap()
}

#[test]
fn a_widening_needs_three_different_people() {
    use OwnerRole::{Iam, Pam, Resource};
    let two_roles = signed(signed(widening(), 1, &[Iam, Pam]), 2, &[Resource]);
    assert!(!two_roles.is_signed());
    assert!(two_roles.apply_now(now()).is_err());
    assert!(signed(two_roles, 3, &[Iam]).is_signed());
}

#[test]
fn one_person_cannot_sign_twice_nor_without_a_second_factor_nor_something_else() {
    let change = signed(widening(), 1, &[OwnerRole::Iam]);
    let roles = BTreeSet::from([OwnerRole::Pam]);
    let again = change.sign(&signer(1), roles.clone(), change.digest, now());
    assert_eq!(again, Err(ChangeRefusal::Again));
    let weak = Authentication {
        factors: vec![Factor::Password],
        ..signer(2)
    };
    assert_eq!(
        change.sign(&weak, roles.clone(), change.digest, now()),
        Err(ChangeRefusal::SecondFactor)
    );
    let other = Digest::of_bytes(b"another");
    assert_eq!(
        change.sign(&signer(2), roles, other, now()),
        Err(ChangeRefusal::OtherDigest)
    );
}

#[test]
fn an_added_forbid_needs_one_owner_and_a_stranger_is_none() {
    let digest = Digest::of_bytes(b"bundle");
    let body = ChangeBody::ActivateBundle {
        bundle: digest,
        replaces: digest,
        widening: false,
    };
    let needed = body.needed(None);
    let change = proposed(body, needed);
    let nobody = change.sign(&signer(1), BTreeSet::new(), change.digest, now());
    assert!(matches!(nobody, Err(ChangeRefusal::NotEligible(_))));
    assert!(signed(change, 1, &[OwnerRole::Resource]).is_signed());
}

#[test]
fn giving_a_role_needs_three_and_taking_it_away_one() {
    let plain = record(&[]);
    let owner = record(&[OwnerRole::Iam]);
    let promote = ChangeBody::PutIdentity {
        identity: owner.clone(),
    };
    assert!(matches!(promote.needed(Some(&plain)), Needed::Each { roles } if roles.len() == 3));
    let demote = ChangeBody::PutIdentity { identity: plain };
    assert_eq!(demote.needed(Some(&owner)), Needed::AnyOwner);
    let suspended = Identity {
        active: false,
        ..owner.clone()
    };
    let suspend = ChangeBody::PutIdentity {
        identity: suspended.clone(),
    };
    assert_eq!(suspend.needed(Some(&owner)), Needed::AnyOwner);
    let wake = ChangeBody::PutIdentity { identity: owner };
    assert!(matches!(wake.needed(Some(&suspended)), Needed::Each { .. }));
}

#[test]
fn a_change_that_ended_takes_no_signature() {
    let change = widening();
    let refused = change.refuse(person(1), &BTreeSet::new(), now()).unwrap();
    let change = Change::apply(Some(change), &refused, &meta()).unwrap();
    let roles = BTreeSet::from([OwnerRole::Iam]);
    let late = change.sign(&signer(2), roles, change.digest, now());
    assert_eq!(late, Err(ChangeRefusal::Closed("refused")));
}
