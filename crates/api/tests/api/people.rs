//! The four people of an evaluation, and the one resource there is.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

/// The tokens of the four.
pub struct People {
    pub rosa: String,
    pub olaf: String,
    pub iris: String,
    pub pia: String,
}

/// A resource whose shell can be asked for.
pub fn lodge(name: &str) -> Value {
    json!({
        "name": name, "kind": "lodge", "environment": "production",
        "sensitivity": "internal", "owners": ["olaf"], "settings": {},
    })
}

/// A password in the vault that all owners signed.
pub async fn vaulted(world: &World, people: &People, name: &str) {
    let secret = json!({"name": name, "kind": "password", "value": "opens shelves"});
    let secret = world.post(&people.olaf, "/secrets", secret).await.done();
    world.sign(&secret, &[&people.pia, &people.iris]).await;
}

/// A resource that all owners signed.
pub async fn gate(world: &World, people: &People) {
    let body = lodge("gate");
    let put = world.post(&people.olaf, "/resources", body).await;
    assert_eq!(put.status, StatusCode::CREATED, "{}", put.text());
    let put = put.json();
    assert_eq!(put["instructions"], "open the gate of gate");
    let unsigned = world.get(&people.rosa, "/resources/gate").await;
    assert_eq!(unsigned.problem().0, 404);
    world
        .sign(&put["change"], &[&people.pia, &people.iris])
        .await;
    assert_eq!(
        world.get(&people.rosa, "/resources/gate").await.done()["name"],
        "gate"
    );
}

/// What to ask for.
pub fn shell() -> Value {
    json!({"resource": "gate", "words": ["shell"], "reason": "the lamp is out"})
}
