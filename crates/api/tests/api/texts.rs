//! Texts that people write for others to read.

use std::time::Duration;

use axum::http::StatusCode;
use portcullis_engine::{Ask, Failure, Window};
use portcullis_model::id::TypedId;
use portcullis_model::{Secret, SessionId};
use serde_json::json;

use crate::people::{gate, shell};
use crate::world::World;

const MOST: usize = 4 * 1024;

#[tokio::test]
async fn a_text_that_is_too_long_to_be_read_is_refused_wherever_it_is_given() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let mut ask = shell();
    ask["reason"] = json!("x".repeat(MOST));
    let asked = world.post(&people.rosa, "/requests", ask.clone()).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text());
    let asked = asked.json();
    let id = asked["id"].as_str().unwrap();

    let long = "x".repeat(MOST + 1);
    ask["reason"] = json!(long);
    let reason = json!({ "reason": long });
    let session = SessionId::from_parts(world.now(), [1; 10]);
    for (door, body) in [
        ("/requests".to_owned(), ask),
        (format!("/requests/{id}/deny"), reason.clone()),
        ("/grants/gnt_x/revoke".to_owned(), reason.clone()),
        (format!("/sessions/{session}/kill"), reason),
    ] {
        let refused = world.post(&people.olaf, &door, body).await;
        assert_eq!(refused.problem(), (422, "invalid".to_owned()), "{door}");
        assert!(
            refused.text().contains("at most 4096"),
            "{}",
            refused.text()
        );
    }
}

#[tokio::test]
async fn a_text_that_is_too_long_is_not_recorded_by_whatever_door_it_comes() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let who = world.engine.authenticate(&Secret::new(people.rosa)).await;
    let ask = |length| Ask {
        resource: "gate".to_owned(),
        words: vec!["shell".to_owned()],
        reason: "x".repeat(length),
        window: Window::of(Duration::from_mins(5)),
    };
    let who = who.unwrap();
    world.engine.request(&who, ask(MOST)).await.unwrap();
    let refused = world.engine.request(&who, ask(MOST + 1)).await;
    assert!(matches!(refused, Err(Failure::Invalid(_))), "{refused:?}");
}
