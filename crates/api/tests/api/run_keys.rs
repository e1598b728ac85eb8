//! Runs that have a name: what ran under it is not run again, and its outcome is told.

use portcullis_ports::control::{CloseCause, Refusal};
use serde_json::json;

use crate::gate::{Gate, Held};
use crate::people::{People, gate, lodge, shell};
use crate::world::World;

async fn scene() -> (World, People, Gate) {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    granted(&world, &people, "gate").await;
    let gate = Gate::sign_in(&world, "rosa", &people.rosa, "gate").await;
    (world, people, gate)
}

async fn granted(world: &World, people: &People, target: &str) -> String {
    let mut ask = shell();
    ask["resource"] = json!(target);
    ask["uses"] = json!("any");
    let by = [people.olaf.as_str(), people.pia.as_str()];
    world.granted(people, ask, &by).await
}

async fn runs(world: &World, gate: &Gate, key: &str) -> Held {
    let opened = gate.open_under(world, Some(key)).await;
    opened.unwrap_or_else(|refusal| panic!("{refusal}"))
}

async fn repeats(world: &World, gate: &Gate, key: &str) -> Refusal {
    match gate.open_under(world, Some(key)).await {
        Ok(held) => panic!("{} ran it again", held.id),
        Err(refusal) => refusal,
    }
}

#[tokio::test]
async fn a_run_that_came_to_its_end_is_answered_with_its_status_and_not_run_again() {
    let (world, people, gate) = scene().await;
    let held = runs(&world, &gate, "deploy-7").await;
    let id = held.id.to_string();
    let under_way = repeats(&world, &gate, "deploy-7").await;
    assert!(
        under_way.message.contains("is still running"),
        "{under_way}"
    );
    assert_eq!(under_way.exit, None);
    held.close_with(&world, CloseCause::Completed, Some(7))
        .await;
    let again = repeats(&world, &gate, "deploy-7").await;
    assert_eq!((again.code.as_str(), again.exit), ("ran_before", Some(7)));
    assert!(again.message.contains(&id), "{again}");
    assert!(again.message.contains("ended with status 7"), "{again}");
    // Under another name it is another run.
    runs(&world, &gate, "deploy-8").await;
    // The answer does not hang on what allowed the run.
    let grants = world.get(&people.rosa, "/grants").await.done();
    for grant in grants["items"].as_array().unwrap() {
        let path = format!("/grants/{}/release", grant["id"].as_str().unwrap());
        world.post(&people.rosa, &path, json!({})).await.done();
    }
    let after = repeats(&world, &gate, "deploy-7").await;
    assert_eq!(after.exit, Some(7), "{after}");
}

#[tokio::test]
async fn of_a_run_that_was_lost_nobody_says_that_it_came_to_its_end_also_after_a_restart() {
    let (world, people, gate) = scene().await;
    let held = runs(&world, &gate, "lost").await;
    held.close(&world, CloseCause::ClientLost).await;
    let told = repeats(&world, &gate, "lost").await;
    assert_eq!(told.exit, None);
    assert!(
        told.message.contains("how far it came is not known"),
        "{told}"
    );
    // Killed while it ended: what is left of it is no outcome of its own.
    let held = runs(&world, &gate, "killed").await;
    let killed = CloseCause::Killed {
        reason: "seen enough".to_owned(),
    };
    held.close_with(&world, killed, Some(0)).await;
    assert_eq!(repeats(&world, &gate, "killed").await.exit, None);
    // The server dies in the midst of one.
    runs(&world, &gate, "crashed").await;
    let world = world.after_a_crash().await;
    let rosa = world.sign_in("rosa").await;
    let gate = Gate::at(&world, "rosa", "gate").await;
    for key in ["lost", "killed", "crashed"] {
        let told = repeats(&world, &gate, key).await;
        assert!(
            told.exit.is_none() && told.code == "ran_before",
            "{key}: {told}"
        );
    }
    drop((people, rosa));
}

#[tokio::test]
async fn a_name_is_its_owners_and_stands_for_one_thing() {
    let (world, people, gate) = scene().await;
    world.put(&people, lodge("shed")).await;
    granted(&world, &people, "shed").await;
    let held = runs(&world, &gate, "mine").await;
    held.close_with(&world, CloseCause::Completed, Some(0))
        .await;
    let shed = Gate::at(&world, "rosa", "shed").await;
    let other = repeats(&world, &shed, "mine").await;
    assert_eq!(other.code, "idempotency_key_reused", "{other}");
    assert_eq!(other.exit, None);
    runs(&world, &shed, "another").await;
}

#[tokio::test]
async fn of_two_that_come_under_one_name_at_one_moment_one_runs() {
    let (world, _people, gate) = scene().await;
    let both = || gate.open_under(&world, Some("once"));
    let (one, other, third) = tokio::join!(both(), both(), both());
    let answers = [one, other, third];
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(refusal.code, "ran_before", "{refusal}");
    }
}
