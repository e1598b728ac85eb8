//! What is decided again when something changes: for whom, and that nobody can hold it up.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::live_sessions::{Scene, active, propose};
use crate::overlaps::{granted, revoke, stacked, until};
use crate::people::{People, gate, lodge, shell};
use crate::shelf::Shelf;
use crate::world::World;

async fn suspend(world: &World, by: &str, name: &str) {
    let path = format!("/identities/{name}/suspend");
    world.post(by, &path, json!({})).await.done();
}

/// Activates a bundle that only adds a forbid, which takes one signature.
async fn forbid(world: &World, people: &People, policy: &str) {
    let mut files = active(world, &people.iris).await;
    files["guardrails/closed.cedar"] = json!(format!("@id(\"closed\")\n{policy}\n"));
    propose(world, &people.iris, &files).await;
}

/// Waits until an account has no right on a shelf.
async fn until_taken(shelf: &Shelf, account: &str) {
    let gone = async {
        while shelf.has(account, "books") {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), gone).await;
    waited.expect("the right is still there");
}

#[tokio::test]
async fn who_has_requests_at_a_target_that_never_answers_is_cut_off_all_the_same() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    gate(&world, &people).await;
    let scene = Scene::with(world, people).await;
    let ask = json!({"resource": "shelf", "words": ["books"], "reason": "to read"});
    let asked = scene.world.post(&scene.people.rosa, "/requests", ask).await;
    asked.done();
    let (session, cursor) = scene.live().await;
    shelf.go_deaf();
    // Whatever changes policy has the targets read again: this never comes to an end.
    let policy = "forbid (principal, action, resource is Portcullis::Resource) \
                  when { resource.name == \"elsewhere\" };";
    forbid(&scene.world, &scene.people, policy).await;
    suspend(&scene.world, &scene.people.iris, "rosa").await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("not active"), "{why}");
}

#[tokio::test]
async fn who_has_requests_at_a_target_that_is_gone_loses_what_they_have_elsewhere() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let grant = granted(&world, &people, "shelf", 60).await;
    until(&world, &people, &grant, "active").await;
    let ask = json!({"resource": "other-shelf", "words": ["maps"], "reason": "to read"});
    world.post(&people.rosa, "/requests", ask).await.done();
    shelf.go_away();
    suspend(&world, &people.iris, "rosa").await;
    until_taken(&shelf, "rosa").await;
}

#[tokio::test]
async fn an_entitlement_that_policy_forbids_is_taken_away() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let grant = granted(&world, &people, "shelf", 60).await;
    until(&world, &people, &grant, "active").await;
    let policy = "forbid (principal, action == Portcullis::Action::\"assign_entitlement\", \
                  resource is Portcullis::Resource) when { resource.name == \"shelf\" };";
    forbid(&world, &people, policy).await;
    let over = until(&world, &people, &grant, "revoked").await;
    assert!(over.to_string().contains("closed"), "{over}");
    assert!(!shelf.has("rosa", "books"));
}

#[tokio::test]
async fn one_person_can_have_only_so_many_requests_wait() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let ask = json!({"resource": "shelf", "words": ["books"], "reason": "to read"});
    for _ in 0..100 {
        let asked = world.post(&people.rosa, "/requests", ask.clone()).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text());
    }
    let one_more = world.post(&people.rosa, "/requests", ask).await;
    assert_eq!(one_more.problem(), (403, "too_many".to_owned()));
}

#[tokio::test]
async fn of_many_requests_at_one_moment_only_so_many_are_taken() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let all = (0..150).map(|_| world.post(&people.rosa, "/requests", shell()));
    let all = futures::future::join_all(all).await;
    let taken = all.iter().filter(|asked| asked.status.is_success());
    assert_eq!(taken.count(), 100);
    let refused = all.iter().filter(|asked| !asked.status.is_success());
    for refused in refused {
        assert_eq!(refused.problem(), (403, "too_many".to_owned()));
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_closed_keeps_no_grant_from_ending() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let ask = json!({"resource": "other-shelf", "words": ["maps"], "reason": "to read"});
    world.post(&people.rosa, "/requests", ask).await.done();
    world.disk.contend("request.expired");
    world.pass(Duration::from_hours(30 * 24));
    // Everybody's sign-in is over by then.
    let people = world.people().await;
    let grant = granted(&world, &people, "shelf", 60).await;
    until(&world, &people, &grant, "active").await;
    world.pass(Duration::from_hours(1));
    let people = world.people().await;
    until(&world, &people, &grant, "revoked").await;
    assert!(!shelf.has("rosa", "books"));
}

/// A vendor whose access was asked for, approved and assigned.
async fn vendor(shelf: &Shelf, world: &World, people: &People, lives_secs: u64) {
    let body = json!({
        "name": "vera", "kind": "vendor", "owner": "pia", "ends_in_secs": lives_secs,
    });
    let added = world.post(&people.iris, "/identities", body).await.done();
    world.sign(&added, &[&people.pia]).await;
    world.invite("vera", &people.iris).await;
    let vera = world.sign_in("vera").await;
    let ask = json!({"resource": "shelf", "words": ["books"], "reason": "to read"});
    let asked = world.post(&vera, "/requests", ask).await.done();
    let approve = format!("/requests/{}/approve", asked["id"].as_str().unwrap());
    let seen = json!({"digest": asked["terms"]["digest"]});
    for approver in [&people.olaf, &people.iris] {
        world.post(approver, &approve, seen.clone()).await.done();
    }
    let given = async {
        while !shelf.has("vera", "books") {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), given).await;
    waited.expect("nothing is given");
}

#[tokio::test]
async fn a_life_that_ends_takes_everything_with_it_though_nothing_else_happens() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    vendor(&shelf, &world, &people, 600).await;
    world.pass(Duration::from_mins(10));
    until_taken(&shelf, "vera").await;
}

#[tokio::test]
async fn what_changed_while_the_server_was_down_is_looked_at_when_it_starts() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    vendor(&shelf, &world, &people, 600).await;
    let world = world.stopped().await;
    world.pass(Duration::from_mins(10));
    assert!(
        shelf.has("vera", "books"),
        "nobody is there to take it away"
    );
    let _world = world.restarted().await;
    until_taken(&shelf, "vera").await;
}

/// One more owner of the installation, with this role.
async fn another_owner(world: &World, people: &People, name: &str, role: &str) -> String {
    let body = json!({"name": name, "kind": "human", "roles": [role]});
    let added = world.post(&people.iris, "/identities", body).await.done();
    world.sign(&added, &[&people.olaf, &people.pia]).await;
    world.invite(name, &people.iris).await;
    world.sign_in(name).await
}

/// From now on the gate belongs to these.
async fn give_the_gate_to(world: &World, people: &People, owners: &[&str]) {
    let mut body = lodge("gate");
    body["owners"] = json!(owners);
    body["replace"] = json!(true);
    world.put(people, body).await;
}

/// A second owner of resources, who owns the gate too.
async fn second_owner(world: &World, people: &People) -> String {
    let otto = another_owner(world, people, "otto", "resource").await;
    give_the_gate_to(world, people, &["olaf", "otto"]).await;
    otto
}

async fn approve(world: &World, token: &str, asked: &Value) -> crate::call::Reply {
    let path = format!("/requests/{}/approve", asked["id"].as_str().unwrap());
    let seen = json!({"digest": asked["terms"]["digest"]});
    world.post(token, &path, seen).await
}

#[tokio::test]
async fn an_approval_of_who_was_suspended_since_does_not_count() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let otto = second_owner(&world, &people).await;
    let asked = world.post(&people.rosa, "/requests", shell()).await.done();
    approve(&world, &people.olaf, &asked).await.done();
    suspend(&world, &people.iris, "olaf").await;
    let early = approve(&world, &people.pia, &asked).await;
    assert_eq!(early.problem().0, 403, "{}", early.text());
    approve(&world, &otto, &asked).await.done();
    let granted = approve(&world, &people.pia, &asked).await.done();
    assert_eq!(granted["status"], "granted");
}

/// A gate that belongs to olaf and otto, and what olaf approved of it.
async fn with_two_owners() -> Scene {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    second_owner(&world, &people).await;
    Scene::with(world, people).await
}

#[tokio::test]
async fn what_was_approved_by_who_is_suspended_is_neither_used_nor_goes_on() {
    let scene = with_two_owners().await;
    let (session, cursor) = scene.live().await;
    suspend(&scene.world, &scene.people.iris, "olaf").await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("olaf, who approved it"), "{why}");
    assert!(scene.is_shut().await.contains("olaf, who approved it"));
}

#[tokio::test]
async fn what_was_approved_by_who_owns_it_no_longer_is_neither_used_nor_goes_on() {
    let scene = with_two_owners().await;
    let (session, cursor) = scene.live().await;
    give_the_gate_to(&scene.world, &scene.people, &["otto"]).await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("olaf, who approved it"), "{why}");
    assert!(scene.is_shut().await.contains("olaf, who approved it"));
}

#[tokio::test]
async fn a_tape_is_replayed_while_who_approved_that_could_approve_it_and_no_longer() {
    let scene = Scene::new().await;
    let (world, people) = (&scene.world, &scene.people);
    another_owner(world, people, "paul", "pam").await;
    let (session, _) = scene.live().await;
    let words = ["replay".to_owned(), format!("session={session}")];
    let ask = json!({"resource": "gate", "words": words, "reason": "to see"});
    let asked = world.post(&people.olaf, "/requests", ask).await.done();
    approve(world, &people.pia, &asked).await.done();
    let replay = format!("/sessions/{session}/replay");
    let shown = world.post(&people.olaf, &replay, json!({})).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
    suspend(world, &people.iris, "pia").await;
    let refused = world.post(&people.olaf, &replay, json!({})).await;
    assert_eq!(refused.problem(), (403, "no_grant".to_owned()));
    let text = refused.text();
    assert!(text.contains("pia, who approved it"), "{text}");
}

#[tokio::test]
async fn a_grant_whose_approvals_lapsed_hides_none_that_still_holds() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let otto = second_owner(&world, &people).await;
    world.granted(&people, shell(), &[&otto, &people.pia]).await;
    // The younger one is looked at first.
    let scene = Scene::with(world, people).await;
    suspend(&scene.world, &scene.people.iris, "olaf").await;
    scene.open().await.unwrap();
}

#[tokio::test]
async fn nor_does_one_to_replay_a_tape() {
    let scene = Scene::new().await;
    let (world, people) = (&scene.world, &scene.people);
    let paul = another_owner(world, people, "paul", "pam").await;
    let (session, _) = scene.live().await;
    let words = ["replay".to_owned(), format!("session={session}")];
    let ask = json!({"resource": "gate", "words": words, "reason": "to see"});
    for approver in [&people.pia, &paul] {
        let asked = world.post(&people.olaf, "/requests", ask.clone()).await;
        approve(world, approver, &asked.done()).await.done();
    }
    suspend(world, &people.iris, "pia").await;
    let replay = format!("/sessions/{session}/replay");
    let shown = world.post(&people.olaf, &replay, json!({})).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_back_is_not_recorded_as_the_active_one() {
    let world = World::new().await;
    let people = world.people().await;
    let mut files = active(&world, &people.iris).await;
    let policy = "@id(\"more\")\npermit (principal, action == Portcullis::Action::\"watch_session\", resource);\n";
    files["privileged/more.cedar"] = json!(policy);
    let change = propose(&world, &people.iris, &files).await;
    let signed = world.sign(&change, &[&people.olaf]).await;
    assert_eq!(signed["status"], "pending");
    let sign = format!("/changes/{}/sign", change["id"].as_str().unwrap());
    let seen = json!({"digest": change["digest"]});
    world.disk.refuse_to_read_blobs(true);
    let failed = world.post(&people.pia, &sign, seen.clone()).await;
    assert!(failed.status.is_server_error(), "{}", failed.text());
    world.disk.refuse_to_read_blobs(false);
    let signed = world.post(&people.pia, &sign, seen).await.done();
    assert_eq!(signed["status"], "applied");
    assert_eq!(active(&world, &people.iris).await, files);
}

#[tokio::test]
async fn what_a_grant_gave_stays_where_it_can_be_taken_away() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let grant = granted(&world, &people, "shelf", 60).await;
    until(&world, &people, &grant, "active").await;
    let moved = json!({
        "name": "shelf", "kind": "shelf", "environment": "production",
        "sensitivity": "internal", "owners": ["olaf"], "credential": "shelf-key",
        "settings": {"place": "another room"}, "replace": true,
    });
    let refused = world.post(&people.olaf, "/resources", moved.clone()).await;
    assert_eq!(refused.problem().0, 409);
    assert!(
        refused.text().contains("revoke it first"),
        "{}",
        refused.text()
    );
    revoke(&world, &people, &grant).await;
    until(&world, &people, &grant, "revoked").await;
    world.put(&people, moved).await;
}
