#![allow(clippy::unwrap_used, reason = "tests")]

use portcullis_model::StreamId;
use portcullis_model::id::TypedId;
use proptest::prelude::*;

use super::*;
use crate::retention::Retention;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn person(number: u8) -> IdentityId {
    IdentityId::from_parts(at(1), [number; 10])
}

fn meta(seq: u64) -> Meta {
    let stream: StreamId = portcullis_model::SessionId::from_parts(at(1), [6; 10]).into();
    Meta {
        stream,
        seq,
        at: at(seq),
        actor: None,
    }
}

fn head(segments: u64) -> TapeHead {
    TapeHead {
        segments,
        bytes: segments * 100,
        hash: Digest::of_bytes(&segments.to_be_bytes()),
    }
}

fn ending(segments: u64) -> Ending {
    Ending {
        cause: "completed".to_owned(),
        completed: true,
        exit: Some(0),
        bytes_in: 1,
        bytes_out: 2,
        tape: head(segments),
    }
}

fn opened() -> Session {
    let opening = Opening {
        grant: GrantId::from_parts(at(1), [7; 10]),
        request: RequestId::from_parts(at(1), [3; 10]),
        identity: person(1),
        factors: vec![Factor::Password],
        resource: ResourceId::from_parts(at(1), [5; 10]),
        account: "root".to_owned(),
        action: Action::named("shell"),
        digest: Digest::of_bytes(b"intent"),
        controls: Controls::NONE,
        bundle: Digest::of_bytes(b"bundle"),
        policies: Vec::new(),
        source: "192.0.2.1:1".to_owned(),
        connection: "one".to_owned(),
        credential: "certificate serial 7".to_owned(),
        secret: None,
        tape: Digest::of_bytes(b"header"),
        ends_at: at(1_000_000),
        key: None,
    };
    let event = SessionEvent::Opened {
        opening: Box::new(opening),
    };
    Session::apply(None, &event, &meta(1)).unwrap()
}

/// What can be tried on a session.
#[derive(Debug, Clone)]
enum Attempt {
    Head(u64),
    Watch(u8),
    Kill(Option<u8>),
    End(u64),
}

impl Attempt {
    /// What it is decided to be, if anything.
    fn decide(&self, session: &Session) -> Result<Option<SessionEvent>, SessionRefusal> {
        match self {
            Self::Head(segments) => session.head(head(*segments)),
            Self::Watch(by) => session.watch(person(*by)).map(Some),
            Self::Kill(by) => session.kill(by.map(person), "enough".to_owned()).map(Some),
            Self::End(segments) => session.end(ending(*segments)).map(Some),
        }
    }
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt = prop_oneof![
        4 => (0_u64..20).prop_map(Attempt::Head),
        2 => (1_u8..4).prop_map(Attempt::Watch),
        2 => prop::option::of(1_u8..4).prop_map(Attempt::Kill),
        1 => (0_u64..20).prop_map(Attempt::End),
    ];
    prop::collection::vec(attempt, 1..40)
}

/// Every event there is, of a session that went on for a while.
fn every_event() -> Vec<SessionEvent> {
    vec![
        SessionEvent::Opened {
            opening: Box::new(opened().opening),
        },
        SessionEvent::Head { head: head(99) },
        SessionEvent::Watched { by: person(2) },
        SessionEvent::KillOrdered {
            by: None,
            reason: "enough".to_owned(),
        },
        SessionEvent::Ended { ending: ending(99) },
    ]
}

#[test]
fn a_head_that_goes_backwards_is_refused_and_one_that_stays_is_not_written() {
    let session = opened();
    let event = session.head(head(5)).unwrap().unwrap();
    let session = Session::apply(Some(session), &event, &meta(2)).unwrap();
    assert_eq!(session.head(head(5)), Ok(None));
    let backwards = SessionRefusal::Backwards { last: 5, given: 4 };
    assert_eq!(session.head(head(4)), Err(backwards));
    assert!(session.head(head(6)).unwrap().is_some());
}

#[test]
fn a_session_is_watched_until_it_is_told_to_end() {
    let session = opened();
    assert!(session.watch(person(2)).is_ok());
    let kill = session.kill(None, "enough".to_owned()).unwrap();
    let ending = Session::apply(Some(session), &kill, &meta(2)).unwrap();
    assert_eq!(ending.watch(person(2)), Err(SessionRefusal::Ending));
    assert!(ending.kill(None, "again".to_owned()).is_ok());
}

#[test]
fn an_ended_session_can_be_replayed_and_nothing_else() {
    let session = opened();
    let end = session.end(ending(3)).unwrap();
    let ended = Session::apply(Some(session), &end, &meta(2)).unwrap();
    for event in every_event() {
        assert_eq!(Session::apply(Some(ended.clone()), &event, &meta(3)), None);
    }
    let replayed = SessionEvent::Replayed {
        by: person(2),
        grant: ended.opening.grant,
    };
    let after = Session::apply(Some(ended.clone()), &replayed, &meta(3));
    assert_eq!(after, Some(ended));
}

proptest! {
    /// Whatever is tried in whatever order: a session ends once and for good, keeps what it was opened with,
    /// never goes back from being told to end, and its recorded heads only grow.
    #[test]
    fn a_session_ends_once_and_is_never_alive_again(attempts in attempts()) {
        let mut session = opened();
        let opening = session.opening.clone();
        let (mut ends, mut told, mut seq) = (0, false, 1);
        for attempt in attempts {
            let decided = attempt.decide(&session);
            prop_assert_eq!(decided.is_err() || ends == 0, true, "{:?} after the end", attempt);
            let watched = matches!(&decided, Ok(Some(SessionEvent::Watched { .. })));
            prop_assert!(!watched || !told, "watched after it was told to end");
            let Ok(Some(event)) = decided else { continue };
            let before = session.clone();
            seq += 1;
            let after = Session::apply(Some(session), &event, &meta(seq));
            prop_assert!(after.is_some(), "what was decided could not follow");
            session = after.unwrap();
            if let (SessionEvent::Head { head }, Some(last)) = (&event, &before.head) {
                prop_assert!(head.segments > last.segments);
            }
            ends += u32::from(matches!(event, SessionEvent::Ended { .. }));
            told |= matches!(event, SessionEvent::KillOrdered { .. });
            prop_assert_eq!(session.is_live(), ends == 0);
            prop_assert!(!told || session.status != SessionStatus::Live);
            let found_as = session.keys().remove("status");
            let expected = if ends == 0 { "live" } else { "ended" };
            prop_assert_eq!(found_as.as_deref(), Some(expected));
            prop_assert_eq!(&session.opening, &opening);
        }
        prop_assert!(ends <= 1);
        if ends == 1 {
            for event in every_event() {
                prop_assert_eq!(Session::apply(Some(session.clone()), &event, &meta(seq + 1)), None);
            }
        }
    }
}

fn ended() -> Session {
    let session = opened();
    let event = session.end(ending(3)).unwrap();
    Session::apply(Some(session), &event, &meta(2)).unwrap()
}

fn after(session: Session, event: &SessionEvent) -> Session {
    Session::apply(Some(session), event, &meta(3)).unwrap()
}

#[test]
fn a_tape_is_erased_once_its_session_is_over_its_time_is_up_and_nobody_holds_it() {
    let change = portcullis_model::ChangeId::from_parts(at(1), [9; 10]);
    let mut retention = Retention::default();
    let year = at(2).plus(std::time::Duration::from_hours(24 * 365));
    assert_eq!(ended().outlived(&retention, year), None, "for ever");
    retention.set("shell", Some(365));
    let due = Erasure::Kept { days: 365 };
    assert_eq!(ended().outlived(&retention, year), Some(due.clone()));
    let before = year.minus(std::time::Duration::from_millis(1));
    assert_eq!(ended().outlived(&retention, before), None);
    assert_eq!(opened().outlived(&retention, year), None, "it lives");
    assert_eq!(opened().erase(due.clone()), Err(KeepingRefusal::Lives));

    let held = after(ended(), &ended().hold(person(4)).unwrap());
    assert_eq!(held.outlived(&retention, year), None);
    assert_eq!(held.erase(due.clone()), Err(KeepingRefusal::Held(at(3))));
    assert_eq!(held.hold(person(5)), Err(KeepingRefusal::Held(at(3))));
    let free = after(held.clone(), &held.let_go(change).unwrap());
    assert_eq!(free.let_go(change), Err(KeepingRefusal::NotHeld));
    assert_eq!(free.outlived(&retention, year), Some(due.clone()));

    let erased = after(free.clone(), &free.erase(due.clone()).unwrap());
    assert_eq!(erased.erased_at(), Some(at(3)));
    assert_eq!(erased.outlived(&retention, year), None, "once");
    for refused in [
        erased.erase(due.clone()),
        erased.hold(person(4)),
        erased.let_go(change),
    ] {
        assert_eq!(refused, Err(KeepingRefusal::Erased(at(3))));
    }
    // Nor does a machine follow events that were never decided so.
    let erasure = SessionEvent::Erased { cause: due };
    assert_eq!(Session::apply(Some(held), &erasure, &meta(4)), None);
    assert_eq!(Session::apply(Some(opened()), &erasure, &meta(4)), None);
}
