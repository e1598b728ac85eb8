//! Enrolling, signing in and out.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;

use crate::call::request;
use crate::people::{gate, shell};
use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_token_is_good_until_it_is_given_back() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let me = world.get(&rosa, "/whoami").await.done();
    assert_eq!(
        (me["name"].as_str(), me["second_factor"].as_bool()),
        (Some("rosa"), Some(true))
    );
    let out = world.post(&rosa, "/logout", json!({})).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&rosa, "/whoami").await.problem().0, 401);
}

#[tokio::test]
async fn a_token_ends_when_login_said_it_would() {
    let world = World::new().await;
    world.enroll("rosa").await;
    let reply = world
        .login("rosa", PASSWORD, &world.code("rosa"))
        .await
        .done();
    let token = reply["token"].as_str().unwrap();
    let lasts = Duration::from_secs(reply["expires_in_secs"].as_u64().unwrap());
    world.pass(lasts.checked_sub(Duration::from_secs(1)).unwrap());
    assert_eq!(world.get(token, "/whoami").await.status, StatusCode::OK);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.get(token, "/whoami").await.problem().0, 401);
}

#[tokio::test]
async fn a_failed_sign_in_tells_nothing_about_what_was_wrong() {
    let world = World::new().await;
    world.enroll("rosa").await;
    let code = world.code("rosa");
    let wrong_password = world
        .login("rosa", "another password altogether", &code)
        .await;
    let wrong_code = world.login("rosa", PASSWORD, "000000").await;
    let unknown = world.login("nobody", PASSWORD, &code).await;
    assert_eq!(wrong_password.problem().0, 401);
    assert_eq!(wrong_password.body, wrong_code.body);
    assert_eq!(wrong_password.body, unknown.body);
}

#[tokio::test]
async fn an_enrolment_token_is_good_once() {
    let world = World::new().await;
    let rosa = world.enrolment_token("rosa");
    world.enroll("rosa").await;
    let body = json!({"token": rosa, "password": PASSWORD});
    let again = world
        .reply(request(Method::POST, "/enroll", None, Some(body)))
        .await;
    assert_eq!(again.problem().0, 401);
}

#[tokio::test]
async fn whoever_signs_last_is_given_no_token_to_enroll_as_somebody_else() {
    let world = World::new().await;
    let people = world.people().await;
    let body = json!({"name": "tom", "kind": "human", "roles": []});
    let change = world.post(&people.iris, "/identities", body).await.done();
    assert!(change.get("enrolment_token").is_none(), "{change}");
    let signed = world.sign(&change, &[&people.pia]).await;
    assert_eq!(signed["status"], "applied");
    assert!(signed.get("enrolment_token").is_none(), "{signed}");
    let open = |who| world.post(who, "/identities/tom/enroll", json!({}));
    assert_eq!(open(&people.pia).await.problem().0, 403);
    world.invite("tom", &people.iris).await;
    world.sign_in("tom").await;
}

#[tokio::test]
async fn a_request_names_who_approved_it_to_whoever_decides_next() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let made = world.post(&people.rosa, "/requests", shell()).await.done();
    assert_eq!(made["approved"], json!([]));
    let path = format!("/requests/{}", made["id"].as_str().unwrap());
    let approve = json!({"digest": made["terms"]["digest"]});
    let approving = format!("{path}/approve");
    world.post(&people.olaf, &approving, approve).await.done();
    let seen = world.get(&people.pia, &path).await.done();
    assert_eq!(seen["approved"][0]["by"], "olaf");
    let first = &seen["terms"]["flow"]["stages"][0]["name"];
    assert_eq!(&seen["approved"][0]["stage"], first);
    assert!(seen["approved"][0]["at"].is_u64(), "{seen}");
}

#[tokio::test]
async fn whoever_cannot_release_a_grant_is_told_how_it_is_taken_back() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let made = world.post(&people.rosa, "/requests", shell()).await.done();
    let id = made["id"].as_str().unwrap();
    let approve = json!({"digest": made["terms"]["digest"]});
    for who in [&people.olaf, &people.pia] {
        let path = format!("/requests/{id}/approve");
        world.post(who, &path, approve.clone()).await.done();
    }
    let path = format!("/grants/{id}/release");
    let refused = world.post(&people.olaf, &path, json!({})).await;
    assert_eq!(refused.problem(), (403, "not_eligible".to_owned()));
    let next = refused.json()["next"].as_str().unwrap().to_owned();
    assert!(next.contains("portcullis revoke"), "{next}");
}

#[tokio::test]
async fn whoever_gives_back_what_is_not_granted_yet_is_told_how_to_take_the_request_back() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let made = world.post(&people.rosa, "/requests", shell()).await.done();
    let id = made["id"].as_str().unwrap();
    let path = format!("/grants/{id}/release");
    let early = world.post(&people.rosa, &path, json!({})).await;
    assert_eq!(early.problem(), (409, "conflict".to_owned()));
    let told = format!("portcullis requests cancel {id}");
    assert!(early.text().contains(&told), "{}", early.text());
    // It is nobody else's to take back, or to hear of.
    let others = world.post(&people.iris, &path, json!({})).await;
    assert_eq!(others.problem().0, 404);
    let cancel = format!("/requests/{id}/cancel");
    world.post(&people.rosa, &cancel, json!({})).await.done();
    let late = world.post(&people.rosa, &path, json!({})).await;
    assert_eq!(late.problem().0, 404);
}

#[tokio::test]
async fn a_step_up_for_a_key_nobody_registered_is_invalid() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let code = world.code("rosa");
    let body = json!({"code": code, "account": "root", "target": "gate", "key": "SHA256:none"});
    let reply = world.post(&people.rosa, "/step-up", body).await;
    assert_eq!(reply.problem(), (400, "invalid".to_owned()));
    assert!(reply.text().contains("SHA256:none"), "{}", reply.text());
}

#[tokio::test]
async fn of_many_attempts_at_one_moment_a_few_get_a_turn_and_the_rest_is_refused() {
    let world = World::new().await;
    world.enroll("rosa").await;
    let guess = |_| world.login("rosa", "a guess among many", "000000");
    let mut guesses: FuturesUnordered<_> = (0..20).map(guess).collect();
    let mut refused = 0;
    while refused < 14 {
        match guesses.next().await.unwrap().problem() {
            (403, code) if code == "too_many_attempts" => refused += 1,
            judged => assert_eq!(judged.0, 401),
        }
    }
    // The others wait; who knows the password waits no longer than they do.
    drop(guesses);
    world.pass(Duration::from_mins(1));
    world.sign_in("rosa").await;
}
