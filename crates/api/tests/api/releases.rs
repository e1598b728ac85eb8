//! A credential that the vault holds is released by a decision of its own: who forbids that, stops it.

use serde_json::{Value, json};

use crate::live_sessions::{Scene, active, propose};
use crate::people::{lodge, shell, vaulted};
use crate::world::World;

const FORBIDDEN: &str = "@id(\"sealed\")\n@title(\"The vault is sealed\")\n\
    @instead(\"wait until it is opened again\")\n\
    forbid (principal, action == Portcullis::Action::\"release_secret\", resource);\n";

/// A gate that a vaulted password opens.
async fn locked() -> Scene {
    let world = World::new().await;
    let people = world.people().await;
    vaulted(&world, &people, "gate-key").await;
    let mut gate = lodge("gate");
    gate["credential"] = json!("gate-key");
    world.put(&people, gate).await;
    Scene::with(world, people).await
}

/// What only adds a forbid needs one signature.
async fn seal_the_vault(scene: &Scene) {
    let mut files = active(&scene.world, &scene.people.iris).await;
    files["guardrails/sealed.cedar"] = json!(FORBIDDEN);
    let change = propose(&scene.world, &scene.people.iris, &files).await;
    assert_eq!(change["status"], "applied", "{change}");
}

fn told(text: &str) {
    assert!(text.contains("release_secret is denied"), "{text}");
    assert!(text.contains("guardrails/sealed.cedar#sealed"), "{text}");
    assert!(text.contains("wait until it is opened again"), "{text}");
}

/// How often the vault gave something out.
async fn releases(scene: &Scene) -> Value {
    let all = scene.world.get(&scene.people.pia, "/secrets").await.done();
    all["items"][0]["released"].clone()
}

#[tokio::test]
async fn a_session_by_a_vaulted_secret_is_decided_as_a_release_too() {
    let scene = locked().await;
    scene.open().await.unwrap();
    let before = releases(&scene).await;
    seal_the_vault(&scene).await;
    told(&scene.is_shut().await);
    assert_eq!(releases(&scene).await, before);
}

#[tokio::test]
async fn nobody_asks_in_vain_for_a_session_whose_release_is_forbidden() {
    let scene = locked().await;
    seal_the_vault(&scene).await;
    let asked = scene.world.post(&scene.people.rosa, "/requests", shell());
    let asked = asked.await;
    assert_eq!(asked.problem(), (403, "policy".to_owned()));
    told(&asked.text());
    let ask = json!({"resource": "gate", "words": ["shell"]});
    let preview = scene.world.post(&scene.people.rosa, "/preview", ask);
    let preview = preview.await.done();
    assert_eq!(preview["allowed"], false, "{preview}");
    told(preview["denial"].as_str().unwrap());
}

#[tokio::test]
async fn a_live_session_by_a_vaulted_secret_ends_when_its_release_is_forbidden() {
    let scene = locked().await;
    let (session, cursor) = scene.live().await;
    seal_the_vault(&scene).await;
    told(&scene.ended(session, cursor).await);
}

#[tokio::test]
async fn a_session_by_certificate_goes_on_when_releases_are_forbidden() {
    let scene = Scene::new().await;
    let (first, cursor) = scene.live().await;
    seal_the_vault(&scene).await;
    scene.goes_on(first, cursor).await;
}
