//! Two grants of one entitlement to one account: neither takes it from the other, and the last takes it away.

use std::sync::Arc;
use std::time::Duration;

use portcullis_ports::Connector;
use serde_json::{Value, json};

use crate::people::{People, vaulted};
use crate::shelf::Shelf;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// An installation with a shelf that can be asked for.
pub async fn stacked(shelf: &Arc<Shelf>) -> (World, People) {
    let connector: Arc<dyn Connector> = shelf.clone();
    let world = World::with(vec![connector]).await;
    let people = world.people().await;
    vaulted(&world, &people, "shelf-key").await;
    for name in ["shelf", "other-shelf"] {
        let body = json!({
            "name": name, "kind": "shelf", "environment": "production",
            "sensitivity": "internal", "owners": ["olaf"], "credential": "shelf-key",
            "settings": {},
        });
        world.put(&people, body).await;
    }
    (world, people)
}

/// Asks for a shelf and has it approved; answers with the request's identifier.
pub async fn granted(world: &World, people: &People, resource: &str, minutes: u64) -> String {
    let ask = json!({
        "resource": resource, "words": ["books"], "reason": "to read",
        "span_secs": minutes * 60,
    });
    world.granted(people, ask, &[&people.olaf]).await
}

/// Waits until a grant stands so, or fails.
pub async fn until(world: &World, people: &People, id: &str, status: &str) -> Value {
    let path = format!("/grants/{id}");
    let stands = |grant: &Value| grant["status"] == status;
    world.until(&people.rosa, &path, stands).await
}

pub async fn revoke(world: &World, people: &People, id: &str) {
    let path = format!("/grants/{id}/revoke");
    let body = json!({"reason": "enough"});
    world.post(&people.olaf, &path, body).await.done();
}

#[tokio::test]
async fn a_right_stays_while_another_grant_gives_it_and_goes_with_the_last() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let short = granted(&world, &people, "shelf", 10).await;
    until(&world, &people, &short, "active").await;
    let long = granted(&world, &people, "shelf", 60).await;
    let second = until(&world, &people, &long, "active").await;
    assert_eq!(second["held_before"], false);

    world.pass(Duration::from_mins(10));
    until(&world, &people, &short, "revoked").await;
    assert!(shelf.has("rosa", "books"), "the longer grant still runs");
    until(&world, &people, &long, "active").await;
    world.pass(Duration::from_mins(50));
    let people = world.people().await;
    until(&world, &people, &long, "revoked").await;
    assert!(!shelf.has("rosa", "books"));
}

#[tokio::test]
async fn the_later_grant_may_end_first_and_the_way_to_the_system_does_not_matter() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let first = granted(&world, &people, "shelf", 60).await;
    until(&world, &people, &first, "active").await;
    let later = granted(&world, &people, "other-shelf", 60).await;
    until(&world, &people, &later, "active").await;

    revoke(&world, &people, &later).await;
    until(&world, &people, &later, "revoked").await;
    assert!(shelf.has("rosa", "books"));
    revoke(&world, &people, &first).await;
    until(&world, &people, &first, "revoked").await;
    assert!(!shelf.has("rosa", "books"));
}

#[tokio::test]
async fn a_granted_request_says_whether_its_grant_is_there_yet() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let there = granted(&world, &people, "shelf", 60).await;
    let path = format!("/requests/{there}");
    let active = |request: &Value| request["grant_status"] == "active";
    let request = world.until(&people.olaf, &path, active).await;
    assert_eq!(request["status"], "granted");
    shelf.get_stuck();
    let not_yet = granted(&world, &people, "other-shelf", 60).await;
    let path = format!("/requests/{not_yet}");
    let request = world.get(&people.olaf, &path).await.done();
    assert_eq!(request["status"], "granted");
    assert_eq!(request["grant_status"], "assigning");
}

#[tokio::test]
async fn a_path_that_the_resource_decides_is_explained_by_the_resource() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    for (name, path, because) in [
        ("shelf", "ordinary", "it reads"),
        (
            "safe",
            "privileged",
            "it reads; privileged since what the resource holds is secret",
        ),
    ] {
        if name == "safe" {
            let body = json!({
                "name": name, "kind": "shelf", "environment": "production",
                "sensitivity": "secret", "owners": ["olaf"], "credential": "shelf-key",
                "settings": {},
            });
            world.put(&people, body).await;
        }
        let ask = json!({"resource": name, "words": ["books"]});
        let preview = world.post(&people.rosa, "/preview", ask).await.done();
        assert_eq!(
            (&preview["path"], &preview["reason"]),
            (&json!(path), &json!(because))
        );
    }
}

/// The server writes what it does with a grant, and its holder meanwhile that it is over.
#[tokio::test]
async fn a_grant_given_back_while_it_is_assigned_is_what_its_events_say() {
    let shelf = Arc::new(Shelf::lingering());
    let (world, people) = stacked(&shelf).await;
    let id = granted(&world, &people, "shelf", 60).await;
    shelf.entered().await;
    let path = format!("/grants/{id}/release");
    world.post(&people.rosa, &path, json!({})).await.done();
    let grant = until(&world, &people, &id, "revoked").await;
    assert_eq!(grant["cause"]["why"], "released", "{grant}");
    assert!(!shelf.has("rosa", "books"));
    let projector = Arc::new(portcullis_engine::project);
    world.ports.store.check(projector).await.unwrap();
}

#[tokio::test]
async fn what_others_gave_is_left_when_the_last_grant_ends() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    shelf.place("rosa", "books");
    let mut grants = Vec::new();
    for _ in 0..2 {
        let id = granted(&world, &people, "shelf", 60).await;
        let grant = until(&world, &people, &id, "active").await;
        assert_eq!(grant["held_before"], true);
        grants.push(id);
    }
    for id in &grants {
        revoke(&world, &people, id).await;
        until(&world, &people, id, "revoked").await;
        assert!(shelf.has("rosa", "books"));
    }
}

#[tokio::test]
async fn grants_that_begin_and_end_at_one_moment_take_turns_at_the_account() {
    let shelf = Arc::new(Shelf::lingering());
    let (world, people) = stacked(&shelf).await;
    let one = granted(&world, &people, "shelf", 60).await;
    let other = granted(&world, &people, "other-shelf", 60).await;
    for id in [&one, &other] {
        let grant = until(&world, &people, id, "active").await;
        assert_eq!(grant["held_before"], false);
    }
    // One ends while a third begins; then the last two end together.
    revoke(&world, &people, &one).await;
    revoke(&world, &people, &other).await;
    let third = granted(&world, &people, "shelf", 60).await;
    for (id, status) in [(&one, "revoked"), (&other, "revoked"), (&third, "active")] {
        until(&world, &people, id, status).await;
    }
    assert!(shelf.has("rosa", "books"));
    let fourth = granted(&world, &people, "shelf", 60).await;
    until(&world, &people, &fourth, "active").await;
    world.pass(Duration::from_hours(1));
    let people = world.people().await;
    for id in [&third, &fourth] {
        until(&world, &people, id, "revoked").await;
    }
    assert!(!shelf.has("rosa", "books"));
    assert_eq!(shelf.most_inside(), 1, "two were at one account at once");
}

#[tokio::test]
async fn an_assignment_cut_off_by_a_crash_is_still_ours_to_take_away() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    shelf.get_stuck();
    let id = granted(&world, &people, "shelf", 60).await;
    let given = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !shelf.has("rosa", "books") {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, given).await.unwrap();
    until(&world, &people, &id, "assigning").await;

    let world = world.after_a_crash().await;
    let grant = until(&world, &people, &id, "active").await;
    assert_eq!(grant["held_before"], false);
    revoke(&world, &people, &id).await;
    until(&world, &people, &id, "revoked").await;
    assert!(!shelf.has("rosa", "books"));
}
