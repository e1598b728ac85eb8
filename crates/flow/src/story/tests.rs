#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeSet;

use portcullis_model::event::{ENVELOPE_VERSION, Payload};
use portcullis_model::id::TypedId;
use portcullis_model::{
    Action, ApprovalFlow, ChangeId, Classified, Controls, Digest, Eligible, GrantId, IdentityId,
    Impact, Intent, OwnerRole, Path, RequestId, SecretId, SessionId, Stage, Subject, TenantId,
    Timestamp,
};
use serde_json::{Value, json};

use super::*;
use crate::approval::Electorate;
use crate::change::{ChangeBody, ChangeEvent, Needed};
use crate::grant::{EndCause, GrantEvent, Issue};
use crate::request::{RequestEvent, Terms, Uses};
use crate::retention::Erasure;
use crate::secret::{Candidate, Proof, RotationCause, SecretEvent};
use crate::session::{Ending, Opening, SessionEvent, TapeHead};

fn at() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

fn id<T: TypedId>(number: u8) -> T {
    T::from_parts(Timestamp::from_millis(1), [number; 10])
}

fn intent() -> Intent {
    Intent {
        subject: Subject::oneself(id(1)),
        resource: id(5),
        action: Action::named("shell"),
    }
}

/// Asked by person 1, of an owner and of somebody else.
fn terms() -> Terms {
    let stage = |name: &str| Stage {
        name: name.to_owned(),
        eligible: vec![Eligible::ResourceOwners],
        quorum: 1,
    };
    Terms {
        digest: Digest::of_bytes(b"intent"),
        intent: intent(),
        path: Path::Privileged,
        classified: Classified {
            impact: Impact::worst(),
            reason: "a shell".to_owned(),
        },
        effective: None,
        profile: Controls::ALL,
        flow: ApprovalFlow {
            name: "two".to_owned(),
            level: 2,
            stages: vec![stage("owner"), stage("second")],
        },
        bundle: Digest::of_bytes(b"bundle"),
        starts_at: None,
        span_secs: 60,
        uses: Uses::Window,
    }
}

fn issue(approvers: &[u8]) -> GrantEvent {
    GrantEvent::Issued {
        issue: Box::new(Issue {
            request: id(3),
            intent: intent(),
            digest: Digest::of_bytes(b"intent"),
            effective: None,
            path: Path::Privileged,
            controls: Controls::NONE,
            bundle: Digest::of_bytes(b"bundle"),
            approvers: approvers.iter().map(|number| id(*number)).collect(),
            starts_at: None,
            ends_at: at().plus(std::time::Duration::from_mins(1)),
            uses: Uses::Window,
        }),
    }
}

fn opening() -> SessionEvent {
    SessionEvent::Opened {
        opening: Box::new(Opening {
            grant: id(7),
            request: id(3),
            identity: id(1),
            factors: Vec::new(),
            resource: id(5),
            account: "root".to_owned(),
            action: Action::named("shell"),
            digest: Digest::of_bytes(b"intent"),
            controls: Controls::NONE,
            bundle: Digest::of_bytes(b"bundle"),
            policies: Vec::new(),
            source: "192.0.2.1:1".to_owned(),
            connection: "one".to_owned(),
            credential: "vaulted secret gate".to_owned(),
            secret: Some("gate".to_owned()),
            tape: Digest::of_bytes(b"tape"),
            ends_at: at(),
            key: None,
        }),
    }
}

fn head(segments: u64) -> TapeHead {
    TapeHead {
        segments,
        bytes: segments * 100,
        hash: Digest::of_bytes(b"head"),
    }
}

fn approved(stage: usize, by: u8) -> RequestEvent {
    RequestEvent::Approved {
        stage,
        by: id(by),
        digest: Digest::of_bytes(b"intent"),
    }
}

fn candidate() -> SecretEvent {
    SecretEvent::RotationBegun {
        rotation: Box::new(Candidate {
            version: 2,
            public: String::new(),
            resource: id(5),
            account: "root".to_owned(),
            cause: RotationCause::Used { session: id(8) },
        }),
    }
}

/// Events as the ledger has them.
#[derive(Default)]
struct Written(Vec<Event>);

impl Written {
    /// Writes something to a stream, behind what it has.
    fn say<T: TypedId + Into<StreamId>>(self, stream: T, payload: &impl Payload) -> Self {
        let stream = stream.into();
        let before = self.0.iter().filter(|event| event.stream == stream);
        let seq = u64::try_from(before.count()).unwrap() + 1;
        self.say_at(stream, seq, payload)
    }

    fn say_at(mut self, stream: StreamId, seq: u64, payload: &impl Payload) -> Self {
        self.0.push(Event {
            v: ENVELOPE_VERSION,
            tenant: id::<TenantId>(0),
            stream,
            seq,
            kind: payload.kind().to_owned(),
            kind_v: payload.version(),
            at: at(),
            actor: None,
            claims: Vec::new(),
            bodies: Vec::new(),
            data: payload.to_data().unwrap(),
        });
        self
    }

    /// Something about the secret, whose stream has to do with other stories too.
    fn secret(self, seq: u64, payload: &SecretEvent) -> Self {
        self.say_at(id::<SecretId>(9).into(), seq, payload)
    }

    fn submitted(self) -> Self {
        let submitted = RequestEvent::Submitted {
            terms: Box::new(terms()),
            electorate: Electorate::new(
                vec![BTreeSet::from([id(2)]), BTreeSet::from([id(4)])],
                &Subject::oneself(id(1)),
                &BTreeSet::new(),
            ),
            expires_at: at(),
        };
        self.say(id::<RequestId>(3), &submitted)
    }

    fn granted(self) -> Self {
        self.say(id::<RequestId>(3), &RequestEvent::Granted { grant: id(7) })
    }
}

/// Asked, approved by two, used once, ended; the secret that opened the target rotated.
fn whole() -> Vec<Event> {
    let (request, grant, session) = (id::<RequestId>(3), id::<GrantId>(7), id::<SessionId>(8));
    let used = GrantEvent::Used { number: 1, session };
    let ended = SessionEvent::Ended {
        ending: Ending {
            cause: "it ended by itself".to_owned(),
            completed: true,
            exit: Some(0),
            bytes_in: 1,
            bytes_out: 2,
            tape: head(2),
        },
    };
    let ending = GrantEvent::Ending {
        cause: EndCause::Completed,
    };
    let removed = GrantEvent::Removed {
        evidence: json!({}),
    };
    Written::default()
        .submitted()
        .say(request, &approved(0, 2))
        .say(request, &approved(1, 4))
        .granted()
        .say(grant, &issue(&[2, 4]))
        .say(grant, &used)
        .say(session, &opening())
        .secret(12, &released())
        .say(session, &SessionEvent::Head { head: head(1) })
        .say(session, &ended)
        .secret(19, &candidate())
        .secret(20, &rotated())
        .say(grant, &ending)
        .say(grant, &removed)
        .0
}

fn released() -> SecretEvent {
    SecretEvent::Released {
        version: 1,
        session: Some(id(8)),
        purpose: "a session".to_owned(),
    }
}

fn rotated() -> SecretEvent {
    SecretEvent::Rotated {
        version: 2,
        proof: Proof {
            candidate_accepted: true,
            former_refused: true,
            random_refused: true,
        },
    }
}

fn told(events: &[Event]) -> String {
    match Story::read(events) {
        Ok(story) => format!("{:?}", story.unfinished),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_whole_story_is_over() {
    assert_eq!(
        Story::read(&whole()).unwrap().unfinished,
        Vec::<String>::new()
    );
}

#[test]
fn whatever_is_dropped_is_named_or_leaves_the_story_without_an_end() {
    let whole = whole();
    for dropped in 1..(1_u32 << whole.len()) {
        let kept = |place: &usize| dropped & (1 << place) == 0;
        let places = (0..whole.len()).filter(kept);
        let left: Vec<Event> = places.map(|place| whole[place].clone()).collect();
        let over = Story::read(&left).is_ok_and(|story| story.unfinished.is_empty());
        assert!(!over, "{dropped:b}: {left:?}");
    }
}

#[test]
fn a_dropped_event_is_named() {
    let whole = whole();
    let without = |kind: &str| {
        let mut dropped = false;
        let kept = |event: &&Event| {
            dropped || {
                dropped = event.kind == kind;
                !dropped
            }
        };
        told(&whole.iter().filter(kept).cloned().collect::<Vec<_>>())
    };
    let request = id::<RequestId>(3);
    let (grant, session) = (id::<GrantId>(7), id::<SessionId>(8));
    for (kind, said) in [
        (
            "request.submitted",
            format!("event 1 of {request} is missing"),
        ),
        (
            "request.approved",
            format!("event 2 of {request} is missing"),
        ),
        (
            "request.granted",
            format!("{request} lacks its request.granted"),
        ),
        ("grant.issued", format!("event 1 of {grant} is missing")),
        ("grant.used", format!("event 2 of {grant} is missing")),
        ("grant.removed", format!("{grant} is revoking")),
        ("session.opened", format!("event 1 of {session} is missing")),
        ("session.head", format!("event 2 of {session} is missing")),
        ("session.ended", format!("{session} is live")),
        ("secret.released", "the secret gate".to_owned()),
        ("secret.rotated", "is being rotated".to_owned()),
        (
            "secret.rotation_begun",
            "lacks a secret.rotation_begun".to_owned(),
        ),
    ] {
        let heard = without(kind);
        assert!(heard.contains(&said), "{kind}: {heard}");
    }
}

#[test]
fn a_dropped_stream_is_named_by_those_that_rest_on_it() {
    let whole = whole();
    for (stream, said) in [
        (id::<RequestId>(3).to_string(), "grt_"),
        (id::<GrantId>(7).to_string(), "req_"),
        (id::<SessionId>(8).to_string(), "grt_"),
        (id::<SecretId>(9).to_string(), "ses_"),
    ] {
        let left: Vec<Event> = whole
            .iter()
            .filter(|event| event.stream.as_str() != stream)
            .cloned()
            .collect();
        let heard = told(&left);
        assert!(heard.contains(&format!("dropped: {said}")), "{heard}");
    }
}

#[test]
fn a_grant_that_lacks_an_approval_of_its_flow_is_no_story() {
    let request = id::<RequestId>(3);
    let one = Written::default()
        .submitted()
        .say(request, &approved(0, 2))
        .granted()
        .say(id::<GrantId>(7), &issue(&[2]));
    let heard = told(&one.0);
    assert!(heard.contains("stage 2 (second) asks for 1"), "{heard}");
    let other = Written::default()
        .submitted()
        .say(request, &approved(0, 2))
        .say(request, &approved(1, 4))
        .granted()
        .say(id::<GrantId>(7), &issue(&[2, 6]));
    let heard = told(&other.0);
    assert!(heard.contains("do not agree on who approved"), "{heard}");
}

#[test]
fn a_session_that_is_no_use_of_its_grant_is_no_story() {
    let request = id::<RequestId>(3);
    let unused = Written::default()
        .submitted()
        .say(request, &approved(0, 2))
        .say(request, &approved(1, 4))
        .granted()
        .say(id::<GrantId>(7), &issue(&[2, 4]))
        .say(id::<SessionId>(8), &opening());
    let heard = told(&unused.0);
    assert!(heard.contains("lacks a grant.used"), "{heard}");
}

#[test]
fn events_of_another_story_and_in_another_order_are_named() {
    let mut swapped = whole();
    swapped.swap(1, 2);
    let heard = told(&swapped);
    assert!(heard.contains("event 2 of"), "{heard}");
    let other = crate::identity::IdentityEvent::CodeSpent { step: 1 };
    let mut added = Written(whole());
    added = added.say(id::<IdentityId>(1), &other);
    let heard = told(&added.0);
    assert!(heard.contains("entry added: idn_"), "{heard}");
    assert!(told(&[]).contains("no request"));
}

/// The whole story, with a field of the first event of a kind set to something else.
fn with(kind: &str, pointer: &str, value: Value) -> String {
    let mut events = whole();
    let event = events.iter_mut().find(|event| event.kind == kind).unwrap();
    let (above, field) = pointer.rsplit_once('/').unwrap();
    let record = event.data.pointer_mut(above).unwrap();
    record
        .as_object_mut()
        .unwrap()
        .insert(field.to_owned(), value);
    told(&events)
}

#[test]
fn a_grant_beyond_what_was_asked_and_a_use_beyond_the_grant_are_named() {
    let minute = 60_000;
    let begins = at().as_millis() + minute;
    for (kind, pointer, value, said) in [
        ("grant.issued", "/issue/uses", json!("any"), "how often"),
        (
            "grant.issued",
            "/issue/ends_at",
            json!(begins + 1),
            "until when",
        ),
        (
            "grant.issued",
            "/issue/starts_at",
            json!(begins - 1),
            "from when",
        ),
        // A later start was approved, and the grant has none: with that, its end is another as well.
        (
            "request.submitted",
            "/terms/starts_at",
            json!(begins),
            "from when",
        ),
        ("grant.used", "/number", json!(2), "cannot follow"),
    ] {
        let heard = with(kind, pointer, value);
        assert!(heard.contains(said), "{kind} {pointer}: {heard}");
    }
}

#[test]
fn a_use_before_its_window_or_beyond_its_count_is_named() {
    let ahead = |mut events: Vec<Event>, terms: Value, issue: Value| {
        for (kind, record, beside) in [
            ("request.submitted", "/terms", terms),
            ("grant.issued", "/issue", issue),
        ] {
            let event = events.iter_mut().find(|event| event.kind == kind).unwrap();
            let record = event.data.pointer_mut(record).unwrap().as_object_mut();
            record.unwrap().extend(beside.as_object().unwrap().clone());
        }
        told(&events)
    };
    let starts = at().as_millis() + 60_000;
    let heard = ahead(
        whole(),
        json!({ "starts_at": starts }),
        json!({ "starts_at": starts, "ends_at": starts + 60_000 }),
    );
    assert!(heard.contains("when it was used"), "{heard}");
    let counted = json!({ "uses": { "up_to": 0 } });
    let heard = ahead(whole(), counted.clone(), counted);
    assert!(heard.contains("how often it was used"), "{heard}");
}

#[test]
fn a_tape_that_owners_had_erased_names_what_they_signed() {
    let (session, change) = (id::<SessionId>(8), id::<ChangeId>(11));
    let erased = |body: ChangeBody, applied: bool| {
        let needed = Needed::Each {
            roles: vec![OwnerRole::Pam],
        };
        let proposed = Change::propose(body, needed, at()).unwrap();
        let signed = ChangeEvent::Signed {
            by: id(2),
            roles: BTreeSet::from([OwnerRole::Pam]),
            digest: Digest::of_bytes(b"body"),
        };
        let cause = Erasure::Signed { change };
        let written = Written(whole()).say(change, &proposed).say(change, &signed);
        let written = if applied {
            written.say(change, &ChangeEvent::Applied {})
        } else {
            written
        };
        written.say(session, &SessionEvent::Erased { cause }).0
    };
    let events = erased(ChangeBody::EraseTape { session }, true);
    assert_eq!(told(&events), "[]");
    let without = events.iter().filter(|event| event.noun() != "change");
    let heard = told(&without.cloned().collect::<Vec<_>>());
    assert!(heard.contains(&change.to_string()), "{heard}");
    let heard = told(&erased(ChangeBody::EraseTape { session }, false));
    assert!(heard.contains("that it was signed"), "{heard}");
    let other = ChangeBody::EraseTape { session: id(12) };
    for body in [other, ChangeBody::LetGo { session }] {
        let heard = told(&erased(body, true));
        assert!(heard.contains("what was signed of its tape"), "{heard}");
    }
}
