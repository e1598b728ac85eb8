//! Bringing resources in: what is there is not replaced unawares, what cannot be opened is not added.

use std::sync::Arc;

use portcullis_ports::Connector;
use serde_json::{Value, json};

use crate::people::{People, gate, lodge};
use crate::shelf::Shelf;
use crate::world::World;

#[tokio::test]
async fn a_name_that_is_taken_is_added_by_nobody_and_replaced_only_when_that_is_asked_for() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let taken = world.post(&people.olaf, "/resources", lodge("gate")).await;
    assert_eq!(taken.problem(), (409, "conflict".to_owned()));
    assert!(taken.text().contains("resources edit gate"));

    let before = world.get(&people.olaf, "/resources/gate").await.done();
    let mut other = lodge("gate");
    other["environment"] = json!("staging");
    other["replace"] = json!(true);
    world.put(&people, other).await;
    let after = world.get(&people.olaf, "/resources/gate").await.done();
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["environment"], "staging");
}

#[tokio::test]
async fn an_edit_that_waited_puts_nothing_back_that_was_changed_meanwhile() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let edit = |field: &str, value: &str| {
        let mut body = lodge("gate");
        body[field] = json!(value);
        body["replace"] = json!(true);
        body
    };
    let asked = world.post(&people.olaf, "/resources", edit("sensitivity", "secret"));
    let waiting = asked.await.done();
    world.sign(&waiting["change"], &[&people.pia]).await;
    world.put(&people, edit("environment", "staging")).await;
    let late = world.sign(&waiting["change"], &[&people.iris]).await;
    assert_eq!(late["status"], "lapsed", "{late}");
    let gate = world.get(&people.olaf, "/resources/gate").await.done();
    assert_eq!(
        (&gate["environment"], &gate["sensitivity"]),
        (&json!("staging"), &json!("internal"))
    );
}

#[tokio::test]
async fn what_is_not_there_cannot_be_replaced() {
    let world = World::new().await;
    let people = world.people().await;
    let mut nothing = lodge("gaet");
    nothing["replace"] = json!(true);
    let refused = world.post(&people.olaf, "/resources", nothing).await;
    assert_eq!(refused.problem(), (404, "not_found".to_owned()));
}

async fn refused(world: &World, people: &People, resource: &Value) -> String {
    let answer = world.post(&people.olaf, "/resources", resource.clone());
    let answer = answer.await;
    assert_eq!(answer.problem(), (400, "invalid".to_owned()));
    answer.text()
}

#[tokio::test]
async fn a_credential_is_in_the_vault_before_a_resource_names_it() {
    let connector: Arc<dyn Connector> = Arc::new(Shelf::default());
    let world = World::with(vec![connector]).await;
    let people = world.people().await;
    let mut shelf = lodge("shelf");
    shelf["kind"] = json!("shelf");
    let told = refused(&world, &people, &shelf).await;
    assert!(told.contains("--credential"), "{told}");
    for nobody in ["shelf-key", "portcullis/leases"] {
        shelf["credential"] = json!(nobody);
        let told = refused(&world, &people, &shelf).await;
        assert!(told.contains(nobody), "{told}");
    }

    let secret = json!({"name": "shelf-key", "kind": "password", "value": "opens shelves"});
    let secret = world.post(&people.olaf, "/secrets", secret).await.done();
    shelf["credential"] = json!("shelf-key");
    let told = refused(&world, &people, &shelf).await;
    assert!(told.contains("signed first"), "{told}");
    world.sign(&secret, &[&people.pia, &people.iris]).await;
    world.put(&people, shelf).await;
}
