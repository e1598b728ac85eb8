//! Stepping up beforehand: only for what a door leads to, and a mistake costs no code.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use portcullis_model::{Action, Secret};
use portcullis_ports::control::{KeyProof, Login, OpenWish, Verdict};
use portcullis_ports::{Connector, Control};
use portcullis_vault::ssh::session_key;
use serde_json::json;

use crate::people::{gate, lodge, shell, vaulted};
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
        async move { world.post_under("k", &rosa, "/step-up", body).await }
    };
    for (account, target, problem) in [
        ("root", "no-such-gate", (404, "not_found".to_owned())),
        ("nobody", "gate", (400, "invalid".to_owned())),
        ("root", "shelf", (400, "invalid".to_owned())),
    ] {
        let refused = step_up(account, target).await;
        assert_eq!(refused.problem(), problem, "{account}@{target}");
    }
    let counts = step_up("root", "gate").await.done();
    assert_eq!(counts["expires_in_secs"], 300, "{counts}");
    world.pass(Duration::from_mins(2));
    let again = step_up("root", "gate").await.done();
    assert_eq!(again["expires_in_secs"], 180, "{again}");
}

#[tokio::test]
async fn what_was_proved_beforehand_counts_from_when_it_was_proved() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let by = [people.olaf.as_str(), &people.pia];
    world.granted(&people, shell(), &by).await;
    let public_key = session_key(&Secret::new([7; 32])).unwrap().public;
    let key = json!({ "public_key": public_key });
    let key = world.post(&people.rosa, "/ssh-keys", key).await.done();
    let fingerprint = key["fingerprint"].as_str().unwrap().to_owned();
    let body = json!({
        "code": world.code("rosa"), "account": "root", "target": "gate", "key": fingerprint,
    });
    let stepped = world.post(&people.rosa, "/step-up", body).await;
    assert_eq!(stepped.status, StatusCode::OK, "{}", stepped.text());

    world.pass(Duration::from_mins(4));
    let login = Login {
        account: "root".to_owned(),
        target: "gate".to_owned(),
    };
    let source = "192.0.2.7:4321".parse().unwrap();
    let proof = KeyProof {
        public_key,
        fingerprint,
        source,
        login: login.clone(),
    };
    let Verdict::Complete { ticket } = world.engine.prove_key(proof).await else {
        panic!("the step-up does not count");
    };
    let open = || {
        world.engine.open(OpenWish {
            ticket: ticket.clone(),
            login: login.clone(),
            action: Action::named("shell"),
            source,
            connection: "one".to_owned(),
            key: None,
        })
    };
    world.pass(Duration::from_secs(10 * 60 + 59));
    open().await.unwrap();
    world.pass(Duration::from_secs(1));
    let late = open().await.unwrap_err().message;
    assert!(late.contains("second factor"), "{late}");
}
