//! Side doors of a host: reported and decided by its resource's owner alone, told to owners alone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::call::Reply;
use crate::people::{People, gate};
use crate::world::World;

const PATH: &str = "/resources/gate/side-doors";

fn door(whom: &str) -> Value {
    json!({ "kind": "ssh_key", "whom": whom, "place": "/keys", "what": "SHA256:x" })
}

async fn scene() -> (World, People) {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    (world, people)
}

async fn report(world: &World, who: &str, doors: Value) -> Reply {
    world.post(who, PATH, json!({ "doors": doors })).await
}

fn ids(known: &Value) -> Vec<String> {
    let doors = known["doors"].as_array().unwrap().iter();
    doors
        .map(|door| door["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_owner_of_a_resource_reports_and_decides_and_owners_see() {
    let (world, people) = scene().await;
    let nothing = world.get(&people.pia, PATH).await.done();
    assert_eq!(
        (&nothing["undecided"], &nothing["owners"]),
        (&json!(0), &json!(["olaf"]))
    );
    let known = report(&world, &people.olaf, json!([door("root"), door("ops")]))
        .await
        .done();
    assert_eq!(known["undecided"], 2);
    let id = ids(&known).remove(0);
    let keep = format!("{PATH}/{id}/keep");
    let body = json!({ "reason": "console", "secs": 3600 });
    let kept = world.post(&people.olaf, &keep, body).await.done();
    assert_eq!(kept["undecided"], 1);
    assert_eq!(
        world.get(&people.iris, PATH).await.done()["looked_by"],
        "olaf"
    );
    // A decision for a time is none afterwards.
    world.pass(Duration::from_hours(2));
    let people = world.people().await;
    assert_eq!(world.get(&people.olaf, PATH).await.done()["undecided"], 2);
    // What a look does not find is gone.
    let known = report(&world, &people.olaf, json!([door("ops")]))
        .await
        .done();
    assert_eq!(ids(&known).len(), 1);
}

#[tokio::test]
async fn nobody_else_reports_decides_or_sees_them() {
    let (world, people) = scene().await;
    let known = report(&world, &people.olaf, json!([door("root")]))
        .await
        .done();
    let keep = format!("{PATH}/{}/keep", ids(&known)[0]);
    for who in [&people.rosa, &people.pia, &people.iris] {
        let refused = report(&world, who, json!([])).await.problem();
        assert_eq!(refused, (403, "not_eligible".to_owned()));
        let refused = world
            .post(who, &keep, json!({ "reason": "mine" }))
            .await
            .problem();
        assert_eq!(refused, (403, "not_eligible".to_owned()));
    }
    let refused = world.get(&people.rosa, PATH).await.problem();
    assert_eq!(refused, (403, "not_eligible".to_owned()));
    assert_eq!(world.get(&people.olaf, PATH).await.done()["undecided"], 1);
}

#[tokio::test]
async fn what_is_no_side_door_is_not_recorded() {
    let (world, people) = scene().await;
    let mut long = door("root");
    long["what"] = json!("x".repeat(600));
    let mut acting = door("root");
    acting["whom"] = json!("\u{1b}[2J");
    let many: Vec<_> = (0..501).map(|number| door(&format!("a{number}"))).collect();
    for doors in [json!([long]), json!([acting]), json!(many)] {
        assert_eq!(report(&world, &people.olaf, doors).await.problem().0, 400);
    }
    let mut unknown = door("root");
    unknown["kind"] = json!("window");
    let refused = report(&world, &people.olaf, json!([unknown])).await;
    assert!(refused.status.is_client_error());
    let keep = format!("{PATH}/0123456789ab/keep");
    let refused = world
        .post(&people.olaf, &keep, json!({ "reason": "x" }))
        .await;
    assert_eq!(refused.problem().0, 404);
}

#[tokio::test]
async fn as_many_as_a_host_may_have_are_recorded_and_read_again() {
    let (world, people) = scene().await;
    let many: Vec<_> = (0..500).map(|number| door(&format!("a{number}"))).collect();
    let known = report(&world, &people.olaf, json!(many)).await.done();
    assert_eq!(ids(&known).len(), 500);
    let id = &ids(&known)[0];
    let blank = world
        .post(
            &people.olaf,
            &format!("{PATH}/{id}/keep"),
            json!({ "reason": " " }),
        )
        .await;
    assert_eq!(blank.problem().0, 400);
    let world = world.restarted().await;
    let people = world.people().await;
    assert_eq!(ids(&world.get(&people.olaf, PATH).await.done()).len(), 500);
}
