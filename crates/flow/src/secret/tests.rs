#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use portcullis_model::id::TypedId;
use portcullis_model::{ResourceId, SecretId};
use proptest::prelude::*;

use super::*;

const PROOF: Proof = Proof {
    candidate_accepted: true,
    former_refused: true,
    random_refused: true,
};

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn meta(second: u64) -> Meta {
    Meta {
        stream: SecretId::from_parts(at(1), [1; 10]).into(),
        seq: 1,
        at: at(second),
        actor: None,
    }
}

fn added() -> SecretState {
    let event = SecretEvent::Added {
        name: "web-1-root".to_owned(),
        secret_kind: "ssh_key".to_owned(),
        public: "first".to_owned(),
        change: None,
    };
    SecretState::apply(None, &event, &meta(1)).unwrap()
}

fn begin(state: &SecretState) -> Result<SecretEvent, RotationRefusal> {
    let session = SessionId::from_parts(at(1), [2; 10]);
    let public = format!("candidate {}", state.next_version());
    let resource = ResourceId::from_parts(at(1), [3; 10]);
    let cause = RotationCause::Used { session };
    state.begin_rotation(public, resource, "root".to_owned(), cause)
}

fn after(state: &SecretState, event: &SecretEvent) -> SecretState {
    SecretState::apply(Some(state.clone()), event, &meta(9)).unwrap()
}

fn rotating() -> SecretState {
    let state = added();
    after(&state, &begin(&state).unwrap())
}

#[test]
fn what_is_done_next_depends_on_the_target_alone() {
    use Stand::{Accepts, Refuses};
    let table = [
        (Refuses, Accepts, Step::Install),
        (Accepts, Accepts, Step::Retire),
        (Accepts, Refuses, Step::Confirm),
        (Refuses, Refuses, Step::Lost),
    ];
    for (candidate, present, step) in table {
        assert_eq!(Step::after(candidate, present), step);
    }
}

#[test]
fn a_rotation_that_is_proved_puts_the_candidate_in_force() {
    let state = rotating();
    assert_eq!((state.version, state.public.as_str()), (1, "first"));
    let done = after(&state, &state.rotated(PROOF).unwrap());
    assert_eq!((done.version, done.public.as_str()), (2, "candidate 2"));
    assert_eq!((done.rotated_at, done.rotation), (Some(at(9)), None));
}

#[test]
fn a_rotation_that_is_not_proved_is_not_done() {
    let state = rotating();
    for proof in [
        Proof {
            candidate_accepted: false,
            ..PROOF
        },
        Proof {
            former_refused: false,
            ..PROOF
        },
        Proof {
            random_refused: false,
            ..PROOF
        },
    ] {
        assert_eq!(state.rotated(proof), Err(RotationRefusal::Unproved));
    }
}

#[test]
fn one_rotation_of_a_secret_is_under_way_at_a_time() {
    let state = rotating();
    assert!(matches!(begin(&state), Err(RotationRefusal::UnderWay(_))));
    assert!(matches!(
        added().rotated(PROOF),
        Err(RotationRefusal::None(_))
    ));
    let stored = SecretEvent::VersionStored {
        version: 3,
        public: String::new(),
    };
    assert_eq!(SecretState::apply(Some(state), &stored, &meta(9)), None);
}

fn somebody() -> IdentityId {
    IdentityId::from_parts(at(1), [4; 10])
}

#[test]
fn a_candidate_the_target_may_know_cannot_be_given_up() {
    for (candidate, present) in [
        (Stand::Accepts, Stand::Accepts),
        (Stand::Accepts, Stand::Refuses),
        (Stand::Refuses, Stand::Refuses),
    ] {
        assert!(matches!(
            rotating().abandon_rotation(somebody(), candidate, present),
            Err(RotationRefusal::MayBeInForce(_))
        ));
    }
}

#[test]
fn a_candidate_the_target_refuses_can_be_given_up_and_its_number_is_not_used_again() {
    let state = rotating();
    let void = state.abandon_rotation(somebody(), Stand::Refuses, Stand::Accepts);
    let state = after(&state, &void.unwrap());
    assert_eq!((state.version, state.next_version()), (1, 3));
    assert!(begin(&state).is_ok());
}

#[test]
fn a_secret_wants_rotation_from_its_use_in_a_session_to_the_next_candidate() {
    let wanted = |state: &SecretState| state.keys().get("rotation").cloned();
    let released = |session| SecretEvent::Released {
        version: 1,
        session,
        purpose: "a session".to_owned(),
    };
    let state = added();
    assert_eq!(wanted(&after(&state, &released(None))), None);
    let session = SessionId::from_parts(at(1), [2; 10]);
    let used = after(&state, &released(Some(session)));
    assert_eq!(wanted(&used).as_deref(), Some("wanted"));
    let begun = after(&used, &begin(&used).unwrap());
    assert_eq!(wanted(&begun).as_deref(), Some("under_way"));
    let done = after(&begun, &begun.rotated(PROOF).unwrap());
    assert_eq!(wanted(&done), None);
}

#[test]
fn an_account_that_may_be_locked_is_left_alone_for_a_while() {
    let retry = |last| match rotating().rotation_failed(last, String::new(), at(0)) {
        Ok(SecretEvent::RotationFailed { retry_at, .. }) => retry_at,
        other => panic!("{other:?}"),
    };
    let lost = retry(Some((Stand::Refuses, Stand::Refuses)));
    assert!(lost >= at(15 * 60), "{lost:?}");
    assert!(retry(Some((Stand::Refuses, Stand::Accepts))) < at(15 * 60));
    assert!(retry(None) < at(15 * 60));
}

/// A target as it could be at any moment, and a server that crashes wherever it likes.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Begin,
    Attempt { crash_after: u8 },
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        Just(Deed::Begin),
        (0_u8..4).prop_map(|crash_after| Deed::Attempt { crash_after }),
    ]
}

/// The versions a two-slot target lets in.
fn attempt(state: &SecretState, target: &mut Vec<u64>, crash_after: u8) -> Option<SecretEvent> {
    let candidate = state.rotation.as_ref()?.candidate.version;
    let stand = |target: &[u64], version| {
        if target.contains(&version) {
            Stand::Accepts
        } else {
            Stand::Refuses
        }
    };
    for _ in 0..crash_after {
        match Step::after(stand(target, candidate), stand(target, state.version)) {
            Step::Install => target.push(candidate),
            Step::Retire => target.retain(|version| *version != state.version),
            Step::Confirm => return state.rotated(PROOF).ok(),
            Step::Lost => return None,
        }
    }
    None
}

proptest! {
    #[test]
    fn whatever_crashes_the_version_in_force_or_its_candidate_opens_the_target(
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let mut state = added();
        let mut target = vec![1];
        for deed in deeds {
            let event = match deed {
                Deed::Begin => begin(&state).ok(),
                Deed::Attempt { crash_after } => attempt(&state, &mut target, crash_after),
            };
            if let Some(event) = event {
                state = after(&state, &event);
            }
            let candidate = state.rotation.as_ref().map(|rotation| rotation.candidate.version);
            prop_assert!(target.contains(&state.version) || candidate.is_some_and(|version| target.contains(&version)));
            if state.rotation.is_none() {
                prop_assert_eq!(&target, &vec![state.version]);
            }
        }
    }
}
