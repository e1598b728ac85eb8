#![allow(clippy::unwrap_used, reason = "tests")]

use portcullis_model::id::TypedId;
use portcullis_model::{Action, GrantId, ResourceId, Subject};
use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

fn person(number: u8) -> IdentityId {
    IdentityId::from_parts(Timestamp::from_millis(1), [number; 10])
}

fn session() -> SessionId {
    SessionId::from_parts(Timestamp::from_millis(1), [8; 10])
}

fn meta() -> Meta {
    let stream = GrantId::from_parts(Timestamp::from_millis(1), [7; 10]).into();
    Meta {
        stream,
        seq: 1,
        at: now(),
        actor: None,
    }
}

fn given(path: Path, uses: Uses) -> Grant {
    let issue = Issue {
        request: RequestId::from_parts(Timestamp::from_millis(1), [3; 10]),
        intent: Intent {
            subject: Subject::oneself(person(1)),
            resource: ResourceId::from_parts(Timestamp::from_millis(1), [5; 10]),
            action: Action::named("shell"),
        },
        digest: Digest::of_bytes(b"intent"),
        effective: (path == Path::Ordinary).then(|| Digest::of_bytes(b"effective")),
        path,
        controls: Controls::NONE,
        bundle: Digest::of_bytes(b"bundle"),
        approvers: BTreeSet::from([person(2)]),
        starts_at: None,
        ends_at: now().plus(std::time::Duration::from_mins(1)),
        uses,
    };
    Grant::apply(
        None,
        &GrantEvent::Issued {
            issue: Box::new(issue),
        },
        &meta(),
    )
    .unwrap()
}

fn applied(grant: Grant, event: &GrantEvent) -> Grant {
    Grant::apply(Some(grant), event, &meta()).unwrap()
}

#[test]
fn an_ordinary_grant_is_no_key_to_a_session() {
    let grant = given(Path::Ordinary, Uses::Window);
    let refused = grant.use_for(session(), Path::Privileged, now());
    assert_eq!(
        refused,
        Err(GrantRefusal::WrongPath {
            held: Path::Ordinary,
            needed: Path::Privileged
        })
    );
}

#[test]
fn a_one_use_grant_is_used_once_and_a_window_until_it_ends() {
    let one = given(Path::Privileged, Uses::One);
    let used = applied(
        one.clone(),
        &one.use_for(session(), Path::Privileged, now()).unwrap(),
    );
    assert_eq!(
        used.use_for(session(), Path::Privileged, now()),
        Err(GrantRefusal::Spent { most: 1 })
    );
    let window = given(Path::Privileged, Uses::Window);
    let used = applied(
        window.clone(),
        &window.use_for(session(), Path::Privileged, now()).unwrap(),
    );
    assert!(used.use_for(session(), Path::Privileged, now()).is_ok());
    assert_eq!(
        used.use_for(session(), Path::Privileged, window.issue.ends_at),
        Err(GrantRefusal::Over)
    );
}

#[test]
fn each_use_claims_its_number_so_that_two_servers_cannot_spend_it_twice() {
    let grant = given(Path::Privileged, Uses::One);
    let event = grant.use_for(session(), Path::Privileged, now()).unwrap();
    let claims = Grant::claims(&event, &meta().stream);
    assert_eq!(
        claims,
        vec![Claim::take("grant-use", format!("{}/1", meta().stream))]
    );
}

#[test]
fn only_its_holder_releases_and_only_owners_and_approvers_revoke() {
    let grant = given(Path::Privileged, Uses::Window);
    let owners = BTreeSet::from([person(4)]);
    assert_eq!(grant.release(person(2)), Err(GrantRefusal::NotHolder));
    assert!(grant.release(person(1)).is_ok());
    assert_eq!(
        grant.revoke(person(1), &owners),
        Err(GrantRefusal::NotRevoker)
    );
    assert!(grant.revoke(person(2), &owners).is_ok() && grant.revoke(person(4), &owners).is_ok());
}

#[test]
fn it_is_revoked_only_after_its_removal_is_proved() {
    let grant = given(Path::Ordinary, Uses::Window);
    assert!(grant.removed(Value::Null).is_err());
    let ending = applied(grant.clone(), &grant.end(EndCause::Expired).unwrap());
    assert_eq!(ending.status.as_str(), "revoking");
    let left = ending
        .removal_incomplete("a session".to_owned())
        .unwrap()
        .unwrap();
    let still = applied(ending, &left);
    assert_eq!(still.removal_incomplete("a session".to_owned()), Ok(None));
    let gone = applied(still.clone(), &still.removed(Value::Null).unwrap());
    assert_eq!(gone.status.as_str(), "revoked");
}

proptest! {
    /// Whatever happens in whatever order, what is ending never becomes usable again.
    #[test]
    fn a_grant_that_ends_is_never_usable_again(commands in prop::collection::vec(0_u8..6, 1..30)) {
        let mut grant = given(Path::Privileged, Uses::Window);
        let mut ended = false;
        for command in commands {
            let event = match command {
                0 => grant.use_for(session(), Path::Privileged, now()).ok(),
                1 => grant.end(EndCause::Completed).ok(),
                2 => grant.release(person(1)).ok(),
                3 => grant.removal_incomplete("x".to_owned()).ok().flatten(),
                4 => grant.removed(Value::Null).ok(),
                _ => grant.begin_assignment("rosa".to_owned(), false, "db:5432".to_owned(), now()).ok(),
            };
            if let Some(event) = event {
                let used = matches!(event, GrantEvent::Used { .. });
                prop_assert!(!(ended && used));
                ended |= matches!(event, GrantEvent::Ending { .. });
                grant = applied(grant, &event);
            }
            prop_assert_eq!(ended, grant.usable(Path::Privileged, now()).is_err());
        }
    }
}
