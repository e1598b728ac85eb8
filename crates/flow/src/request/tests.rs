#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use portcullis_model::id::TypedId;
use portcullis_model::{
    Action, Authentication, Eligible, Factor, Impact, RequestId, ResourceId, Stage, Subject,
};
use proptest::prelude::*;

use super::*;
use crate::machine::Machine;

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

fn person(number: u8) -> IdentityId {
    IdentityId::from_parts(Timestamp::from_millis(1), [number; 10])
}

fn grant() -> GrantId {
    GrantId::from_parts(Timestamp::from_millis(1), [7; 10])
}

fn meta() -> Meta {
    let stream = RequestId::from_parts(Timestamp::from_millis(1), [3; 10]).into();
    Meta {
        stream,
        seq: 1,
        at: now(),
        actor: None,
    }
}

fn who(number: u8) -> Authentication {
    let factors = vec![Factor::Password, Factor::Totp { step: 1 }];
    Authentication {
        identity: person(number),
        factors,
        at: now(),
    }
}

/// A request of person 1 that needs somebody of {2, 3} and then somebody of {3, 4}.
fn submission() -> Submission {
    let stage = |name: &str| Stage {
        name: name.to_owned(),
        eligible: vec![Eligible::ResourceOwners],
        quorum: 1,
    };
    let intent = Intent {
        subject: Subject::oneself(person(1)),
        resource: ResourceId::from_parts(Timestamp::from_millis(1), [5; 10]),
        action: Action::named("shell"),
    };
    let terms = Terms {
        digest: intent.digest(None).unwrap(),
        intent,
        path: Path::Privileged,
        classified: Classified {
            impact: Impact::worst(),
            reason: "a shell".to_owned(),
        },
        effective: None,
        profile: Controls {
            approvals: 2,
            ..Controls::ALL
        },
        flow: ApprovalFlow {
            name: "two".to_owned(),
            level: 2,
            stages: vec![stage("owner"), stage("second")],
        },
        bundle: Digest::of_bytes(b"bundle"),
        starts_at: None,
        span_secs: 60,
        uses: Uses::Window,
    };
    let stages = vec![
        BTreeSet::from([person(1), person(2), person(3)]),
        BTreeSet::from([person(3), person(4)]),
    ];
    let electorate = Electorate::new(stages, &terms.intent.subject, &BTreeSet::new());
    Submission { terms, electorate }
}

fn pending() -> Request {
    let events = Request::submit(submission(), grant(), now()).unwrap();
    applied(None, &events).unwrap()
}

fn applied(state: Option<Request>, events: &[RequestEvent]) -> Option<Request> {
    events
        .iter()
        .fold(state, |state, event| Request::apply(state, event, &meta()))
}

fn facts(request: &Request) -> ApproveFacts {
    ApproveFacts {
        electorate: request.electorate.clone(),
        digest_now: request.terms.digest,
        grant: grant(),
    }
}

fn approve(request: &Request, number: u8) -> Result<Vec<RequestEvent>, RequestRefusal> {
    request.approve(&who(number), request.terms.digest, &facts(request), now())
}

#[test]
fn two_different_people_grant_it_and_one_does_not() {
    let request = pending();
    let one = applied(Some(request.clone()), &approve(&request, 3).unwrap()).unwrap();
    assert!(one.is_pending());
    assert_eq!(approve(&one, 3), Err(RequestRefusal::Again));
    let two = applied(Some(one.clone()), &approve(&one, 4).unwrap()).unwrap();
    assert_eq!(two.status, RequestStatus::Granted { grant: grant() });
}

#[test]
fn the_requester_decides_nothing_even_where_eligible() {
    let request = pending();
    assert_eq!(approve(&request, 1), Err(RequestRefusal::OwnRequest));
    assert_eq!(
        request.deny(person(1), &request.electorate, now()),
        Err(RequestRefusal::OwnRequest)
    );
}

#[test]
fn an_approval_binds_what_was_seen_and_what_is_so_now() {
    let request = pending();
    let other = Digest::of_bytes(b"other");
    let seen = request.approve(&who(2), other, &facts(&request), now());
    assert_eq!(seen, Err(RequestRefusal::Changed));
    let changed = ApproveFacts {
        digest_now: other,
        ..facts(&request)
    };
    let now_other = request.approve(&who(2), request.terms.digest, &changed, now());
    assert_eq!(now_other, Err(RequestRefusal::Changed));
}

#[test]
fn approving_needs_a_second_factor_and_a_place_in_the_open_stage() {
    let request = pending();
    let weak = Authentication {
        factors: vec![Factor::Password],
        ..who(2)
    };
    let refused = request.approve(&weak, request.terms.digest, &facts(&request), now());
    assert_eq!(refused, Err(RequestRefusal::SecondFactor));
    assert!(matches!(
        approve(&request, 4),
        Err(RequestRefusal::NotEligible(_))
    ));
}

#[test]
fn a_request_that_nobody_could_ever_approve_is_refused_at_once() {
    let mut lonely = submission();
    let stages = vec![BTreeSet::from([person(1)]), BTreeSet::from([person(4)])];
    lonely.electorate = Electorate::new(stages, &lonely.terms.intent.subject, &BTreeSet::new());
    let refused = Request::submit(lonely, grant(), now());
    assert!(matches!(
        refused,
        Err(RequestRefusal::NoApprover { stage: 1, .. })
    ));
}

#[test]
fn an_expired_request_is_not_approved() {
    let request = pending();
    let late = request.expires_at;
    let refused = request.approve(&who(2), request.terms.digest, &facts(&request), late);
    assert_eq!(refused, Err(RequestRefusal::Closed("expired")));
    assert!(request.expire(now()).is_err());
    assert_eq!(request.expire(late), Ok(RequestEvent::Expired {}));
}

proptest! {
    /// Whatever is tried in whatever order: it is granted only by one of {2, 3} and another of {3, 4}, and
    /// what ended stays ended.
    #[test]
    fn no_sequence_of_commands_grants_without_two_eligible_people(
        commands in prop::collection::vec((0_u8..5, 1_u8..6), 1..30),
    ) {
        let mut request = pending();
        for (command, number) in commands {
            let before = request.clone();
            let events = match command {
                0..=2 => approve(&request, number),
                3 => request.cancel(person(number), now()).map(|event| vec![event]),
                _ => request.deny(person(number), &request.electorate, now()).map(|event| vec![event]),
            };
            if let Ok(events) = events {
                prop_assert!(before.is_pending());
                request = applied(Some(request), &events).unwrap();
            }
        }
        if matches!(request.status, RequestStatus::Granted { .. }) {
            let by: Vec<_> = request.approvals.iter().map(|approval| approval.by).collect();
            prop_assert_eq!(by.len(), 2);
            prop_assert_ne!(by.first(), by.last());
            prop_assert!(by.iter().all(|who| *who != person(1)));
        }
    }
}
