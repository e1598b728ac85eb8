//! Enrolling, signing in and out.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;

use crate::world::{PASSWORD, World, request};

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
async fn a_step_up_for_a_key_nobody_registered_is_invalid() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let code = world.code("rosa");
    let body = json!({"code": code, "account": "root", "target": "gate", "key": "SHA256:none"});
    let reply = world.post(&rosa, "/step-up", body).await;
    assert_eq!(reply.problem(), (400, "invalid".to_owned()));
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
