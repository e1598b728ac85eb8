#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use portcullis_model::id::TypedId;
use portcullis_model::{Factor, IdentityId, IdentityKind};

use super::*;

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000_000)
}

fn id() -> IdentityId {
    IdentityId::from_parts(Timestamp::from_millis(1), [1; 10])
}

fn meta(at: Timestamp) -> Meta {
    Meta {
        stream: id().into(),
        seq: 1,
        at,
        actor: None,
    }
}

fn rosa() -> IdentityState {
    let identity = Identity {
        id: id(),
        name: "rosa".to_owned(),
        kind: IdentityKind::Human,
        owner: None,
        roles: BTreeSet::new(),
        ends_at: None,
        active: true,
    };
    let added = IdentityEvent::Added {
        identity,
        change: None,
    };
    IdentityState::apply(None, &added, &meta(now())).unwrap()
}

fn token(text: &str) -> Digest {
    Digest::of_bytes(text.as_bytes())
}

fn signed_in(state: IdentityState, step: u64) -> IdentityState {
    let factors = vec![Factor::Password, Factor::Totp { step }];
    let event = state.begin_sign_in(token("t"), factors, now()).unwrap();
    IdentityState::apply(Some(state), &event, &meta(now())).unwrap()
}

#[test]
fn a_code_counts_once_and_an_older_one_never_again() {
    let state = signed_in(rosa(), 7);
    assert_eq!(state.spend_code(7, now()), Err(IdentityRefusal::CodeSpent));
    assert_eq!(state.spend_code(6, now()), Err(IdentityRefusal::CodeSpent));
    assert!(state.spend_code(8, now()).is_ok());
}

#[test]
fn a_sign_in_ends_by_itself_and_an_unknown_token_is_none() {
    let state = signed_in(rosa(), 7);
    assert!(state.signed_in(id(), token("t"), now()).is_ok());
    assert_eq!(
        state.signed_in(id(), token("u"), now()),
        Err(IdentityRefusal::NoSignIn)
    );
    let later = now().plus(SIGN_IN_LASTS);
    assert_eq!(
        state.signed_in(id(), token("t"), later),
        Err(IdentityRefusal::NoSignIn)
    );
}

#[test]
fn whose_life_ended_is_told_to_ask_for_a_new_end_and_whoever_is_suspended_for_something_else() {
    let ended = set(rosa(), now(), |identity| identity.ends_at = Some(now()));
    assert_eq!(ended.alive(now()), Err(IdentityRefusal::Ended));
    let suspended = set(ended, now(), |identity| identity.active = false);
    assert_eq!(suspended.alive(now()), Err(IdentityRefusal::Inactive));
}

#[test]
fn a_suspended_identity_loses_its_sign_ins_and_gets_no_more() {
    let state = signed_in(rosa(), 7);
    let state = set(state, now(), |identity| identity.active = false);
    assert_eq!(
        state.signed_in(id(), token("t"), now()),
        Err(IdentityRefusal::Inactive)
    );
    assert!(state.sign_ins.is_empty());
    assert_eq!(state.spend_code(9, now()), Err(IdentityRefusal::Inactive));
}

fn set(state: IdentityState, at: Timestamp, edit: impl FnOnce(&mut Identity)) -> IdentityState {
    let mut identity = state.identity.clone();
    edit(&mut identity);
    let set = IdentityEvent::Set {
        identity,
        change: None,
    };
    IdentityState::apply(Some(state), &set, &meta(at)).unwrap()
}

#[test]
fn a_record_set_in_life_keeps_sign_ins_and_one_set_after_the_end_keeps_none() {
    let end = now().plus(Duration::from_mins(1));
    let later = end.plus(Duration::from_mins(1));
    let ends = |at: Timestamp| move |identity: &mut Identity| identity.ends_at = Some(at);
    let state = set(signed_in(rosa(), 7), now(), ends(end));
    assert!(state.signed_in(id(), token("t"), now()).is_ok());
    let longer = later.plus(Duration::from_mins(1));
    let in_time = set(state.clone(), now(), ends(longer));
    assert!(in_time.signed_in(id(), token("t"), later).is_ok());
    let too_late = set(state, later, ends(longer));
    assert_eq!(
        too_late.signed_in(id(), token("t"), later),
        Err(IdentityRefusal::NoSignIn)
    );
}

#[test]
fn what_was_allowed_before_a_suspension_is_not_after_it() {
    let mut state = rosa();
    state.methods.insert("password".to_owned());
    let allowed = IdentityEvent::EnrolmentAllowed {
        change: ChangeId::from_parts(now(), [3; 10]),
    };
    let state = IdentityState::apply(Some(state), &allowed, &meta(now())).unwrap();
    assert!(!state.enrolment_is_closed(now()));
    let state = set(state, now(), |identity| identity.active = false);
    let state = set(state, now(), |identity| identity.active = true);
    assert!(state.enrolment_is_closed(now()));
}

#[test]
fn whoever_was_put_in_enrolls_with_their_own_token_or_what_owners_signed() {
    let apply = |state, event: &IdentityEvent| {
        IdentityState::apply(Some(state), event, &meta(now())).unwrap()
    };
    let mut enrolled = rosa();
    enrolled.methods.insert("password".to_owned());
    for (before, had) in [(rosa(), false), (enrolled, true)] {
        let state = apply(before, &IdentityEvent::Recovered {});
        let state = apply(state, &IdentityEvent::Recovered {});
        assert!(state.methods.is_empty() && state.enrolment_is_closed(now()));
        assert_eq!(state.has_enrolled(), had);
        let allowed = IdentityEvent::EnrolmentAllowed {
            change: ChangeId::from_parts(now(), [3; 10]),
        };
        assert!(!apply(state, &allowed).enrolment_is_closed(now()));
    }
}

#[test]
fn an_enrolment_token_works_once_and_only_in_its_time() {
    let state = rosa();
    let opened = state.open_enrolment(token("once"), now()).unwrap();
    let state = IdentityState::apply(Some(state), &opened, &meta(now())).unwrap();
    let methods = BTreeSet::from(["password".to_owned()]);
    assert!(
        state
            .enroll(token("other"), methods.clone(), now())
            .is_err()
    );
    let late = now().plus(Duration::from_hours(25));
    assert!(state.enroll(token("once"), methods.clone(), late).is_err());
    let enrolled = state.enroll(token("once"), methods.clone(), now()).unwrap();
    let state = IdentityState::apply(Some(state), &enrolled, &meta(now())).unwrap();
    assert_eq!(
        state.enroll(token("once"), methods, now()),
        Err(IdentityRefusal::NoEnrolment)
    );
}

#[test]
fn a_step_up_counts_for_its_key_and_target_and_for_minutes() {
    let state = rosa();
    let added = state
        .add_key("SHA256:a".to_owned(), "ssh-ed25519 A".to_owned(), now())
        .unwrap();
    let state = IdentityState::apply(Some(state), &added, &meta(now())).unwrap();
    let target = StepUpTarget {
        account: "root".to_owned(),
        target: "web-1".to_owned(),
        key: "SHA256:a".to_owned(),
    };
    let stepped = state.step_up(3, target.clone(), now()).unwrap();
    let state = IdentityState::apply(Some(state), &stepped, &meta(now())).unwrap();
    assert!(state.stepped_up(&target, now()).is_some());
    let other = StepUpTarget {
        target: "web-2".to_owned(),
        ..target.clone()
    };
    assert!(state.stepped_up(&other, now()).is_none());
    assert!(
        state
            .stepped_up(&target, now().plus(STEP_UP_LASTS))
            .is_none()
    );
}

#[test]
fn of_two_step_ups_the_newer_counts() {
    let added = rosa().add_key("SHA256:a".to_owned(), "ssh-ed25519 A".to_owned(), now());
    let mut state = IdentityState::apply(Some(rosa()), &added.unwrap(), &meta(now())).unwrap();
    let target = StepUpTarget {
        account: "root".to_owned(),
        target: "web-1".to_owned(),
        key: "SHA256:a".to_owned(),
    };
    let later = now().plus(Duration::from_mins(2));
    for (step, at) in [(3, now()), (4, later)] {
        let stepped = state.step_up(step, target.clone(), at).unwrap();
        state = IdentityState::apply(Some(state), &stepped, &meta(at)).unwrap();
    }
    let counts = state.stepped_up(&target, later);
    assert_eq!(counts, Some(Factor::OutOfBand { at: later }));
}

#[test]
fn what_was_proved_before_a_restoration_counts_for_nothing_and_codes_stay_spent() {
    let mut state = signed_in(rosa(), 7);
    let target = StepUpTarget {
        account: "root".to_owned(),
        target: "web-1".to_owned(),
        key: "SHA256:a".to_owned(),
    };
    let add_key = state.add_key("SHA256:a".to_owned(), "ssh-ed25519 A".to_owned(), now());
    state = IdentityState::apply(Some(state), &add_key.unwrap(), &meta(now())).unwrap();
    for event in [
        state.open_enrolment(token("once"), now()).unwrap(),
        state.step_up(8, target.clone(), now()).unwrap(),
        IdentityEvent::EnrolmentAllowed {
            change: ChangeId::from_parts(now(), [3; 10]),
        },
    ] {
        state = IdentityState::apply(Some(state), &event, &meta(now())).unwrap();
    }
    assert!(state.stepped_up(&target, now()).is_some() && state.enrolment.is_some());
    state = IdentityState::apply(Some(state), &IdentityEvent::Restored {}, &meta(now())).unwrap();
    assert!(state.sign_ins.is_empty());
    assert!(state.stepped_up(&target, now()).is_none());
    assert!(state.enrolment.is_none() && state.enrolment_allowed.is_none());
    assert_eq!(state.spend_code(8, now()), Err(IdentityRefusal::CodeSpent));
}

#[test]
fn a_key_that_was_removed_proves_nothing_any_more_and_takes_its_step_ups_along() {
    let step = |state: IdentityState, event: IdentityEvent| {
        IdentityState::apply(Some(state), &event, &meta(now())).unwrap()
    };
    let target = |key: &str| StepUpTarget {
        account: "root".to_owned(),
        target: "web-1".to_owned(),
        key: key.to_owned(),
    };
    let proved = |key: &str| {
        let fingerprint = key.to_owned();
        [Factor::SshKey { fingerprint }, Factor::Totp { step: 1 }]
    };
    let mut state = rosa();
    for (number, key) in [(3, "SHA256:a"), (4, "SHA256:b")] {
        let added = state.add_key(key.to_owned(), format!("ssh-ed25519 {key}"), now());
        state = step(state, added.unwrap());
        let stepped = state.step_up(number, target(key), now());
        state = step(state, stepped.unwrap());
    }
    assert_eq!(state.upholds(&proved("SHA256:a")), Ok(()));

    let removed = state.remove_key("SHA256:a".to_owned()).unwrap();
    let state = step(state, removed);
    let gone = IdentityRefusal::NoKey("SHA256:a".to_owned());
    assert_eq!(state.upholds(&proved("SHA256:a")), Err(gone.clone()));
    assert_eq!(state.remove_key("SHA256:a".to_owned()), Err(gone));
    assert!(state.stepped_up(&target("SHA256:a"), now()).is_none());
    assert_eq!(state.upholds(&proved("SHA256:b")), Ok(()));
    assert!(state.stepped_up(&target("SHA256:b"), now()).is_some());
}
