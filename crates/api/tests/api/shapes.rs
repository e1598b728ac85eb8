//! What callers send wrongly, and what no answer may do.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request};
use serde_json::json;

use crate::call::request;
use crate::world::World;

fn login(kind: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/api/v1/login")
        .header(CONTENT_TYPE, kind)
        .body(body.into())
        .unwrap()
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_an_invalid_problem() {
    let world = World::new().await;
    let json = "application/json";
    let cases = [
        (login(json, "{"), 400),
        (login(json, "{}"), 422),
        (
            login(
                json,
                r#"{"name":"rosa","password":"x","code":"1","admin":true}"#,
            ),
            422,
        ),
        (login("text/plain", "{}"), 415),
        (login(json, vec![b' '; 4 * 1024 * 1024 + 1]), 413),
    ];
    for (request, status) in cases {
        let reply = world.reply(request).await;
        assert_eq!(reply.problem(), (status, "invalid".to_owned()));
    }
}

#[tokio::test]
async fn an_identifier_of_another_type_is_invalid_and_an_unknown_one_is_not_there() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let malformed = world
        .get(&rosa, "/requests/ses_00000000000000000000000000")
        .await;
    assert_eq!(malformed.problem(), (400, "invalid".to_owned()));
    let unknown = world
        .get(&rosa, "/requests/req_00000000000000000000000000")
        .await;
    assert_eq!(unknown.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn no_answer_may_be_kept_on_its_way() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let replies = [
        world.get(&rosa, "/whoami").await,
        world.get("wrong", "/whoami").await,
        world
            .reply(request(Method::GET, "/nothing", None, None))
            .await,
        world.reply(login("application/json", "{}")).await,
    ];
    for reply in replies {
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn two_authorization_headers_are_as_good_as_none() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let mut twice = request(Method::GET, "/whoami", Some(&rosa), None);
    let again = twice.headers()[AUTHORIZATION].clone();
    twice.headers_mut().append(AUTHORIZATION, again);
    assert_eq!(world.reply(twice).await.problem().0, 401);
    assert_eq!(world.get(&rosa, "/whoami").await.done()["name"], "rosa");
}

#[tokio::test]
async fn an_idempotency_key_of_no_use_is_refused() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let body = json!({"resource": "gate", "words": ["shell"], "reason": "why"});
    let mut asked = request(Method::POST, "/requests", Some(&rosa), Some(body));
    let long = "k".repeat(129).parse().unwrap();
    asked.headers_mut().insert("idempotency-key", long);
    assert_eq!(
        world.reply(asked).await.problem(),
        (400, "invalid".to_owned())
    );
}
