//! Calls made again under their idempotency key: nothing happens twice, and the answer is the first one's.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::call::{Reply, request};
use crate::people::{gate, shell};
use crate::world::World;

fn is_repeat(reply: &Reply) -> bool {
    reply.headers.contains_key("idempotency-replayed")
}

fn reused() -> (u16, String) {
    (422, "idempotency_key_reused".to_owned())
}

fn resource(name: &str) -> Value {
    json!({
        "name": name, "kind": "lodge", "environment": "production",
        "sensitivity": "internal", "owners": ["olaf"], "settings": {},
    })
}

async fn changes(world: &World, token: &str) -> usize {
    let all = world.get(token, "/changes?limit=200").await.done();
    all["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_approval_made_again_is_the_same_approval_and_without_a_key_it_is_refused() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let asked = world.post(&people.rosa, "/requests", shell()).await.done();
    let approve = format!("/requests/{}/approve", asked["id"].as_str().unwrap());
    let seen = json!({ "digest": asked["terms"]["digest"] });
    let call = || world.post_under("k", &people.olaf, &approve, seen.clone());
    let (first, again) = (call().await, call().await);
    assert_eq!(first.done(), again.done());
    assert_eq!((is_repeat(&first), is_repeat(&again)), (false, true));
    assert_eq!(again.json()["approvals"].as_array().unwrap().len(), 1);
    let plain = world.post(&people.olaf, &approve, seen.clone()).await;
    assert_eq!(plain.problem(), (403, "not_eligible".to_owned()));
}

#[tokio::test]
async fn a_key_is_good_for_one_call_and_one_body_of_one_caller() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let ask = |body: Value| world.post_under("k", &people.rosa, "/requests", body);
    let first = ask(shell()).await.done();
    let mut other = shell();
    other["reason"] = json!("another reason");
    assert_eq!(ask(other.clone()).await.problem(), reused());
    let cancel = format!("/requests/{}/cancel", first["id"].as_str().unwrap());
    let elsewhere = world.post_under("k", &people.rosa, &cancel, shell()).await;
    assert_eq!(elsewhere.problem(), reused());
    let theirs = world
        .post_under("k", &people.iris, "/requests", other)
        .await
        .done();
    assert_ne!(theirs["id"], first["id"]);
    assert_eq!(
        ask(shell()).await.done()["status"],
        "pending",
        "still there"
    );
}

#[tokio::test]
async fn a_change_proposed_again_is_the_same_change_told_in_the_same_words() {
    let world = World::new().await;
    let olaf = world.sign_in("olaf").await;
    let before = changes(&world, &olaf).await;
    let put = || world.post_under("k", &olaf, "/resources", resource("gate"));
    let (first, again) = (put().await, put().await);
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    assert_eq!(changes(&world, &olaf).await, before + 1);
    let twice = world.post(&olaf, "/resources", resource("gate")).await;
    assert_ne!(twice.json()["change"]["id"], first.json()["change"]["id"]);
}

#[tokio::test]
async fn what_a_key_was_used_for_is_known_after_a_restart() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let ask = json!({ "name": "gate-key", "kind": "password", "value": "never twice" });
    let first = world
        .post_under("k", &people.olaf, "/secrets", ask.clone())
        .await
        .done();
    let world = world.restarted().await;
    let again = world.post_under("k", &people.olaf, "/secrets", ask).await;
    assert!(is_repeat(&again));
    assert_eq!(again.done()["id"], first["id"]);
    let other = json!({ "name": "gate-key", "kind": "password", "value": "never thrice" });
    let other = world.post_under("k", &people.olaf, "/secrets", other).await;
    assert_eq!(other.problem(), reused());
}

#[tokio::test]
async fn a_call_that_did_nothing_leaves_its_key_free() {
    let world = World::new().await;
    let people = world.people().await;
    let early = world
        .post_under("k", &people.rosa, "/requests", shell())
        .await;
    assert_eq!(early.problem().0, 404);
    gate(&world, &people).await;
    let late = world
        .post_under("k", &people.rosa, "/requests", shell())
        .await;
    assert_eq!(late.done()["status"], "pending");
    let preview = json!({ "resource": "gate", "words": ["shell"] });
    for body in [&preview, &preview] {
        let looked = world
            .post_under("look", &people.rosa, "/preview", body.clone())
            .await;
        assert!(looked.status.is_success() && !is_repeat(&looked));
    }
}

#[tokio::test]
async fn of_two_same_calls_at_once_one_happens_and_both_hear_of_it() {
    let world = World::new().await;
    let olaf = world.sign_in("olaf").await;
    let before = changes(&world, &olaf).await;
    let put = || world.post_under("k", &olaf, "/resources", resource("gate"));
    let (one, other) = tokio::join!(put(), put());
    assert_eq!(one.done()["change"]["id"], other.done()["change"]["id"]);
    assert_eq!(changes(&world, &olaf).await, before + 1);
}

#[tokio::test]
async fn what_is_told_once_is_not_told_again_and_not_made_again() {
    let world = World::new().await;
    let people = world.people().await;
    let body = json!({ "name": "nils", "kind": "human" });
    let added = world.post(&people.iris, "/identities", body).await.done();
    world.sign(&added, &[&people.pia]).await;
    let open = || world.post_under("k", &people.iris, "/identities/nils/enroll", json!({}));
    let token = open().await.done()["token"].as_str().unwrap().to_owned();
    assert_eq!(open().await.problem(), (409, "answered_once".to_owned()));
    world.keep_token("nils", token);
    world.sign_in("nils").await;
}

#[tokio::test]
async fn every_closed_call_says_that_it_takes_a_key() {
    let world = World::new().await;
    let document = request(Method::GET, "/openapi.json", None, None);
    let document = world.reply(document).await.done();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(post) = item.get("post") else {
            continue;
        };
        let parameters = post["parameters"].as_array();
        let mut names = parameters.into_iter().flatten();
        let takes = names.any(|parameter| parameter["name"] == "Idempotency-Key");
        let open = post.get("security").is_some();
        assert_ne!(takes, open, "{path}");
    }
}
