//! Stepping up beforehand: only for what a door leads to, and a mistake costs no code.

use std::sync::Arc;

use axum::http::StatusCode;
use portcullis_model::Secret;
use portcullis_ports::Connector;
use portcullis_vault::ssh::session_key;
use serde_json::json;

use crate::people::{gate, lodge, vaulted};
use crate::shelf::Shelf;
use crate::world::World;

#[tokio::test]
async fn nobody_steps_up_for_what_no_door_leads_to_and_the_code_stays_good() {
    let connector: Arc<dyn Connector> = Arc::new(Shelf::default());
    let world = World::with(vec![connector]).await;
    let people = world.people().await;
    gate(&world, &people).await;
    vaulted(&world, &people, "shelf-key").await;
    let mut shelf = lodge("shelf");
    shelf["kind"] = json!("shelf");
    shelf["credential"] = json!("shelf-key");
    world.put(&people, shelf).await;

    let key = session_key(&Secret::new([7; 32])).unwrap().public;
    let key = json!({ "public_key": key });
    let key = world.post(&people.rosa, "/ssh-keys", key).await.done();
    let code = world.code("rosa");
    let step_up = |account: &str, target: &str| {
        let body = json!({
            "code": code, "account": account, "target": target, "key": key["fingerprint"],
        });
        let rosa = people.rosa.clone();
        let world = &world;
        async move { world.post(&rosa, "/step-up", body).await }
    };
    for (account, target, problem) in [
        ("root", "no-such-gate", (404, "not_found".to_owned())),
        ("nobody", "gate", (400, "invalid".to_owned())),
        ("root", "shelf", (400, "invalid".to_owned())),
    ] {
        let refused = step_up(account, target).await;
        assert_eq!(refused.problem(), problem, "{account}@{target}");
    }
    let counts = step_up("root", "gate").await;
    assert_eq!(counts.status, StatusCode::NO_CONTENT, "{}", counts.text());
}
