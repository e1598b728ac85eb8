//! Who may propose and sign changes is asked of policy; and no policy keeps owners from mending it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::call::{Reply, request};
use crate::live_sessions::{active, propose};
use crate::people::{People, gate, lodge};
use crate::world::World;

/// Adds a forbid on administering, which takes one signature; by whom does not matter.
async fn forbid(world: &World, people: &People, condition: &str) -> Value {
    let before = active(world, &people.iris).await;
    let mut files = before.clone();
    files["guardrails/frozen.cedar"] = json!(format!(
        "@id(\"frozen\")\nforbid (principal, action == Portcullis::Action::\"administer\", resource)\n{condition};\n"
    ));
    let change = propose(world, &people.olaf, &files).await;
    assert_eq!(change["status"], "applied", "{change}");
    before
}

fn group(name: &str) -> Value {
    json!({"name": name, "path": "ordinary", "members": ["rosa"]})
}

#[tokio::test]
async fn who_proposes_and_who_signs_a_change_is_decided_by_policy() {
    let world = World::new().await;
    let people = world.people().await;
    let refused = world.post(&people.olaf, "/groups", group("lamps")).await;
    assert_eq!(refused.problem(), (403, "policy".to_owned()));
    let told = refused.text();
    assert!(told.contains("administer is denied"), "{told}");
    assert!(
        told.contains("privileged/administration.cedar#installation"),
        "{told}"
    );
    // The same group, of somebody who may; that the other signs is asked of policy too.
    let change = world
        .post(&people.iris, "/groups", group("lamps"))
        .await
        .done();
    let signed = world.sign(&change, &[&people.pia, &people.olaf]).await;
    assert_eq!(signed["status"], "applied", "{signed}");
}

#[tokio::test]
async fn a_resource_is_changed_by_who_owns_it_as_it_stands() {
    let world = World::new().await;
    let people = world.people().await;
    let mut body = lodge("gate");
    body["owners"] = json!(["pia"]);
    let put = world
        .post(&people.pia, "/resources", body.clone())
        .await
        .done();
    world
        .sign(&put["change"], &[&people.olaf, &people.iris])
        .await;
    body["replace"] = json!(true);
    body["owners"] = json!(["olaf"]);
    let refused = world.post(&people.olaf, "/resources", body.clone()).await;
    assert_eq!(refused.problem(), (403, "policy".to_owned()));
    let put = world
        .post(&people.pia, "/resources", body.clone())
        .await
        .done();
    let signed = world
        .sign(&put["change"], &[&people.olaf, &people.iris])
        .await;
    assert_eq!(signed["status"], "applied", "{signed}");
    world.post(&people.olaf, "/resources", body).await.done();
}

/// The four, a change of theirs that waits, and a policy that nobody administers anything any more.
async fn frozen() -> (World, People, Value, Value) {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let waiting = world.post(&people.iris, "/groups", group("lamps")).await;
    let before = forbid(&world, &people, "").await;
    (world, people, waiting.done(), before)
}

fn is_frozen(refused: &Reply) {
    assert_eq!(refused.problem(), (403, "policy".to_owned()));
    let told = refused.text();
    assert!(told.contains("guardrails/frozen.cedar#frozen"), "{told}");
}

#[tokio::test]
async fn what_policy_forbids_is_neither_proposed_nor_signed() {
    let (world, people, waiting, _) = frozen().await;
    let paul = json!({"name": "paul", "kind": "human", "roles": []});
    for (path, body) in [("/groups", group("lanterns")), ("/identities", paul)] {
        is_frozen(&world.post(&people.iris, path, body).await);
    }
    let sign = format!("/changes/{}/sign", waiting["id"].as_str().unwrap());
    let seen = json!({"digest": waiting["digest"]});
    is_frozen(&world.post(&people.pia, &sign, seen).await);
}

#[tokio::test]
async fn what_only_takes_away_is_never_refused() {
    let (world, people, ..) = frozen().await;
    let suspended = world.post(&people.iris, "/identities/rosa/suspend", json!({}));
    assert_eq!(suspended.await.done()["status"], "applied");
    let token = Some(people.olaf.as_str());
    let removed = request(Method::DELETE, "/resources/gate", token, None);
    assert_eq!(world.reply(removed).await.done()["status"], "applied");
}

#[tokio::test]
async fn no_policy_keeps_three_owners_from_mending_it_nor_lets_two() {
    let (world, people, waiting, before) = frozen().await;
    let change = propose(&world, &people.olaf, &before).await;
    let two = world.sign(&change, &[&people.iris]).await;
    assert_eq!(two["status"], "pending", "{two}");
    let three = world.sign(&change, &[&people.pia]).await;
    assert_eq!(three["status"], "applied", "{three}");
    let signed = world.sign(&waiting, &[&people.pia, &people.olaf]).await;
    assert_eq!(signed["status"], "applied", "{signed}");
}

#[tokio::test]
async fn a_signature_that_policy_would_refuse_by_now_does_not_count() {
    let world = World::new().await;
    let people = world.people().await;
    let change = world
        .post(&people.iris, "/groups", group("lamps"))
        .await
        .done();
    forbid(&world, &people, "when { principal.name == \"iris\" }").await;
    let signed = world.sign(&change, &[&people.pia, &people.olaf]).await;
    assert_eq!(signed["status"], "lapsed", "{signed}");
    let why = signed["why"].as_str().unwrap();
    assert!(
        why.contains("iris, who signed it, may not sign it now"),
        "{why}"
    );
    let again = world.post(&people.pia, "/groups", group("lamps")).await;
    assert_eq!(again.done()["status"], "pending");
}
