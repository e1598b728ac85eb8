#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use crate::installation::{FreezeCause, Frozen};
use portcullis_model::id::TypedId;
use portcullis_model::{
    Environment, Factor, Group, GroupId, Identity, IdentityKind, Path, Probed, Resource,
    ResourceId, SecretId, Sensitivity, StreamId, Task, TaskId,
};
use proptest::prelude::*;

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

/// Everybody holds what they signed with.
fn unchanged(change: &Change) -> Holders {
    let signatures = change.signatures.iter();
    signatures
        .map(|signature| (signature.by, signature.roles.clone()))
        .collect()
}

#[test]
fn who_lost_a_role_or_was_suspended_has_signed_for_nothing() {
    use OwnerRole::{Iam, Pam, Resource};
    let change = signed(
        signed(signed(widening(), 1, &[Iam]), 2, &[Pam]),
        3,
        &[Resource],
    );
    let mut holders = unchanged(&change);
    assert!(change.is_signed(&holders));
    holders.insert(person(1), BTreeSet::from([Resource]));
    assert!(
        !change.is_signed(&holders),
        "a role that was not signed with"
    );
    holders.remove(&person(1));
    assert!(!change.is_signed(&holders));
    assert!(change.apply_now(&holders, now()).is_err());
    assert!(signed(change, 4, &[Iam]).is_signed(&Holders::from([
        (person(2), BTreeSet::from([Pam])),
        (person(3), BTreeSet::from([Resource])),
        (person(4), BTreeSet::from([Iam])),
    ])));
}

#[test]
fn a_widening_needs_three_different_people() {
    use OwnerRole::{Iam, Pam, Resource};
    let two_roles = signed(signed(widening(), 1, &[Iam, Pam]), 2, &[Resource]);
    assert!(!two_roles.is_signed(&unchanged(&two_roles)));
    assert!(two_roles.apply_now(&unchanged(&two_roles), now()).is_err());
    let three = signed(two_roles, 3, &[Iam]);
    assert!(three.is_signed(&unchanged(&three)));
}

#[test]
fn a_change_signed_by_some_names_the_roles_that_are_missing() {
    use OwnerRole::{Iam, Pam, Resource};
    let missing = |change: &Change| change.missing(&unchanged(change));
    assert_eq!(missing(&widening()), [Iam, Pam, Resource]);
    let one = signed(widening(), 1, &[Resource]);
    assert_eq!(missing(&one), [Iam, Pam]);
    // Whoever holds two roles counts for the one that nobody else who signed can fill.
    let two = signed(signed(widening(), 1, &[Iam, Pam]), 2, &[Iam]);
    assert_eq!(missing(&two), [Resource]);
    let three = signed(two, 3, &[Resource]);
    assert_eq!(missing(&three), []);
    assert_eq!(three.missing(&Holders::new()), [Iam, Pam, Resource]);
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
    let change = signed(change, 1, &[OwnerRole::Resource]);
    assert!(change.is_signed(&unchanged(&change)));
    assert!(!change.is_signed(&Holders::new()));
}

#[test]
fn giving_a_role_needs_three_and_taking_it_away_one() {
    let plain = record(&[]);
    let owner = record(&[OwnerRole::Iam]);
    let put = |identity: &Identity| ChangeBody::PutIdentity {
        identity: identity.clone(),
        replaces: None,
    };
    let promote = put(&owner);
    assert!(matches!(promote.needed(Some(&plain)), Needed::Each { roles } if roles.len() == 3));
    let demote = put(&plain);
    assert_eq!(demote.needed(Some(&owner)), Needed::AnyOwner);
    let suspended = Identity {
        active: false,
        ..owner.clone()
    };
    let suspend = put(&suspended);
    assert_eq!(suspend.needed(Some(&owner)), Needed::AnyOwner);
    let wake = put(&owner);
    assert!(matches!(wake.needed(Some(&suspended)), Needed::Each { .. }));
}

#[test]
fn nobody_alone_lets_somebody_enroll_again() {
    let reopen = ChangeBody::ReopenEnrolment {
        identity: person(1),
    };
    for (known, signatures) in [
        (Some(record(&[])), 2),
        (Some(record(&[OwnerRole::Iam])), 3),
        (None, 3),
    ] {
        let needed = reopen.needed(known.as_ref());
        assert!(matches!(needed, Needed::Each { roles } if roles.len() == signatures));
    }
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

/// Five people: an owner of each sort, one who is two of them, and somebody who owns nothing.
fn roles_of(number: u8) -> BTreeSet<OwnerRole> {
    use OwnerRole::{Iam, Pam, Resource};
    match number {
        1 => BTreeSet::from([Iam]),
        2 => BTreeSet::from([Pam]),
        3 => BTreeSet::from([Resource]),
        4 => BTreeSet::from([Iam, Pam]),
        _ => BTreeSet::new(),
    }
}

/// What can be tried on a change.
#[derive(Debug, Clone)]
enum Attempt {
    Sign { by: u8, strong: bool, same: bool },
    Apply,
    Refuse(u8),
    Lapse,
}

impl Attempt {
    fn decide(&self, change: &Change, now: Timestamp) -> Result<ChangeEvent, ChangeRefusal> {
        match self {
            Self::Sign { by, strong, same } => {
                let mut signer = signer(*by);
                if !strong {
                    signer.factors = vec![Factor::Password];
                }
                let other = Digest::of_bytes(b"another");
                let seen = if *same { change.digest } else { other };
                change.sign(&signer, roles_of(*by), seen, now)
            }
            Self::Apply => change.apply_now(&unchanged(change), now),
            Self::Refuse(by) => change.refuse(person(*by), &roles_of(*by), now),
            Self::Lapse => change.lapse("nobody came".to_owned()),
        }
    }
}

fn attempts() -> impl Strategy<Value = Vec<(Attempt, bool)>> {
    let sign = (
        1_u8..6,
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.9),
    );
    let attempt = prop_oneof![
        12 => sign.prop_map(|(by, strong, same)| Attempt::Sign { by, strong, same }),
        4 => Just(Attempt::Apply),
        1 => (1_u8..6).prop_map(Attempt::Refuse),
        1 => Just(Attempt::Lapse),
    ];
    prop::collection::vec((attempt, prop::bool::weighted(0.02)), 1..30)
}

#[test]
fn what_needs_more_than_was_signed_for_is_told_from_what_does_not() {
    use OwnerRole::{Iam, Pam, Resource};
    let each = |roles: &[OwnerRole]| Needed::Each {
        roles: roles.to_vec(),
    };
    let ladder = [
        Needed::Nobody,
        Needed::AnyOwner,
        each(&[Iam, Pam]),
        each(&[Iam, Pam, Resource]),
    ];
    for (place, one) in ladder.iter().enumerate() {
        for (other_place, other) in ladder.iter().enumerate() {
            assert_eq!(one.exceeds(other), place > other_place, "{one} {other}");
        }
    }
    assert!(each(&[Resource]).exceeds(&each(&[Iam, Pam])));
}

/// Whether the people who signed can fill all three roles, one each: counted out, independently of the code.
fn three_owners(by: &BTreeSet<u8>) -> bool {
    use OwnerRole::{Iam, Pam, Resource};
    let fills = |who: u8, role| by.contains(&who) && roles_of(who).contains(&role);
    let people = || 1_u8..6;
    people().any(|iam| {
        people().any(|pam| {
            people().any(|resource| {
                iam != pam
                    && pam != resource
                    && iam != resource
                    && fills(iam, Iam)
                    && fills(pam, Pam)
                    && fills(resource, Resource)
            })
        })
    })
}

proptest! {
    /// Whatever is tried in whatever order: a widening takes effect at most once and only after three
    /// different owners signed exactly it with a second factor; what ended takes nothing more.
    #[test]
    fn no_sequence_of_commands_applies_a_change_without_three_different_owners(attempts in attempts()) {
        let mut change = widening();
        let (mut signed, mut over, mut applied) = (BTreeSet::new(), false, 0);
        let mut clock = now();
        for (attempt, late) in attempts {
            if late {
                clock = change.expires_at;
            }
            let Ok(event) = attempt.decide(&change, clock) else { continue };
            prop_assert!(!over, "{attempt:?} after its end");
            match (&attempt, &event) {
                (Attempt::Sign { by, strong, same }, ChangeEvent::Signed { digest, .. }) => {
                    prop_assert!(*strong && *same && *digest == change.digest);
                    prop_assert!(!roles_of(*by).is_empty() && clock < change.expires_at);
                    prop_assert!(signed.insert(*by), "{by} signed twice");
                }
                (_, ChangeEvent::Applied {}) => {
                    prop_assert!(three_owners(&signed) && clock < change.expires_at);
                    applied += 1;
                    over = true;
                }
                _ => over = true,
            }
            let after = Change::apply(Some(change), &event, &meta());
            prop_assert!(after.is_some(), "what was decided could not follow");
            change = after.unwrap();
            prop_assert_eq!(over, change.status != ChangeStatus::Pending);
            prop_assert_eq!(change.is_signed(&unchanged(&change)), three_owners(&signed));
        }
        prop_assert!(applied <= 1);
        if over {
            let again = ChangeEvent::Applied {};
            prop_assert_eq!(Change::apply(Some(change), &again, &meta()), None);
        }
    }
}

fn a_resource(id: ResourceId) -> Resource {
    Resource {
        id,
        name: "web-1".to_owned(),
        kind: "ssh".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: BTreeSet::new(),
        credential: None,
        settings: serde_json::Value::Null,
    }
}

fn a_task(resource: ResourceId) -> Task {
    Task {
        id: TaskId::from_parts(now(), [4; 10]),
        resource,
        name: "uptime".to_owned(),
        account: "ops".to_owned(),
        program: "/usr/bin/uptime".to_owned(),
        arguments: Vec::new(),
        seen: Probed {
            uid: 1000,
            groups: BTreeSet::new(),
            shell: "/bin/sh".to_owned(),
            program: Digest::of_bytes(b"uptime"),
        },
    }
}

#[test]
fn a_change_is_named_as_it_is_written() {
    let resource = ResourceId::from_parts(now(), [1; 10]);
    let group = GroupId::from_parts(now(), [2; 10]);
    let bodies = [
        widening().body,
        ChangeBody::PutResource {
            resource: a_resource(resource),
            replaces: None,
        },
        ChangeBody::RemoveResource { resource },
        ChangeBody::PutGroup {
            group: Group {
                id: group,
                name: "lamps".to_owned(),
                path: Path::Ordinary,
                members: BTreeSet::new(),
            },
            replaces: None,
        },
        ChangeBody::RemoveGroup { group },
        ChangeBody::PutTask {
            task: a_task(resource),
            replaces: None,
        },
        ChangeBody::RemoveTask {
            task: a_task(resource).id,
            name: "uptime".to_owned(),
        },
        ChangeBody::PutIdentity {
            identity: record(&[]),
            replaces: None,
        },
        ChangeBody::ReopenEnrolment {
            identity: person(9),
        },
        ChangeBody::AddSecret {
            secret: SecretId::from_parts(now(), [3; 10]),
            name: "web-1-root".to_owned(),
            kind: "ssh_key".to_owned(),
            public: String::new(),
        },
        ChangeBody::Thaw {
            frozen: Frozen {
                since: now(),
                causes: vec![FreezeCause::Restored { taken_at: now() }],
            },
            found: Vec::new(),
            more: 0,
        },
    ];
    for body in bodies {
        let written = serde_json::to_value(&body).unwrap();
        assert_eq!(written.get("change"), Some(&body.kind().into()));
    }
}
