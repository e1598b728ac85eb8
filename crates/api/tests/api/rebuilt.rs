//! Read models made anew from the events alone are the same, byte for byte, after whole stories.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use portcullis_model::Event;
use portcullis_ports::Row;
use portcullis_ports::control::CloseCause;
use portcullis_ports::store::Query;
use serde_json::{Value, json};

use crate::call::request;
use crate::gate::Gate;
use crate::people::{People, lodge, vaulted};
use crate::shelf::Shelf;
use crate::world::World;

/// Every row there is, by its stream, found by the events: no noun can be forgotten here.
async fn rows(world: &World) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for stored in world.ports.store.events(0, 100_000).await.unwrap() {
        let event = Event::from_leaf(&stored.leaf).unwrap();
        let (noun, stream) = (event.noun(), event.stream.as_str());
        let row = world.ports.store.row(noun, stream).await.unwrap();
        rows.insert(stream.to_owned(), row.unwrap());
    }
    rows
}

/// Every row that is found by each of its own keys.
async fn found_by_keys(world: &World, rows: &BTreeMap<String, Row>) -> usize {
    let mut found = 0;
    for row in rows.values() {
        for (key, value) in &row.keys {
            let query = Query::table(&row.table).with(key, value);
            let same = world.ports.store.rows(query).await.unwrap();
            assert!(same.contains(row), "{} is not found by {key}", row.id);
            found += 1;
        }
    }
    found
}

async fn owners_change_things(world: &World, people: &People) {
    vaulted(world, people, "shelf-key").await;
    let mut shelf = lodge("shelf");
    shelf["kind"] = json!("shelf");
    shelf["credential"] = json!("shelf-key");
    world.put(people, shelf).await;
    for name in ["gate", "postern"] {
        world.put(people, lodge(name)).await;
    }
    let group = json!({"name": "lamps", "path": "ordinary", "members": ["rosa"]});
    let group = world.post(&people.iris, "/groups", group).await.done();
    world.sign(&group, &[&people.pia, &people.olaf]).await;
    let tom = json!({"name": "tom", "kind": "human", "roles": []});
    let tom = world.post(&people.iris, "/identities", tom).await.done();
    world.sign(&tom, &[&people.pia]).await;
    world.invite("tom", &people.iris).await;
    let token = world.sign_in("tom").await;
    world.post(&token, "/logout", json!({})).await;
    let suspend = world.post(&people.iris, "/identities/tom/suspend", json!({}));
    suspend.await.done();
    let gone = request(
        Method::DELETE,
        "/resources/postern",
        Some(&people.olaf),
        None,
    );
    world.reply(gone).await.done();
    let refused = json!({"name": "wicks", "path": "ordinary", "members": ["rosa"]});
    let refused = world.post(&people.iris, "/groups", refused).await.done();
    let path = format!("/changes/{}/refuse", refused["id"].as_str().unwrap());
    world.post(&people.pia, &path, json!({})).await.done();
}

async fn somebody_reads(world: &World, people: &People) {
    let ask = |minutes: u64| json!({"resource": "shelf", "words": ["books"], "reason": "to read", "span_secs": minutes * 60});
    let by = [people.olaf.as_str()];
    let stands = |status: &'static str| move |grant: &Value| grant["status"] == status;
    let short = world.granted(people, ask(10), &by).await;
    let long = world.granted(people, ask(60), &by).await;
    for id in [&short, &long] {
        let path = format!("/grants/{id}");
        world.until(&people.rosa, &path, stands("active")).await;
    }
    world.pass(Duration::from_mins(10));
    let path = format!("/grants/{short}");
    world.until(&people.rosa, &path, stands("revoked")).await;
    let path = format!("/grants/{long}");
    let release = format!("{path}/release");
    world.post(&people.rosa, &release, json!({})).await.done();
    world.until(&people.rosa, &path, stands("revoked")).await;
    for verb in ["deny", "cancel"] {
        let asked = world.post(&people.rosa, "/requests", ask(5)).await.done();
        let path = format!("/requests/{}/{verb}", asked["id"].as_str().unwrap());
        let by = if verb == "deny" {
            &people.olaf
        } else {
            &people.rosa
        };
        world.post(by, &path, json!({"reason": "no"})).await;
    }
}

async fn somebody_works(world: &World, people: &People) {
    let ask = json!({"resource": "gate", "words": ["shell"], "reason": "the lamp is out"});
    let by = [people.olaf.as_str(), people.pia.as_str()];
    let grant = world.granted(people, ask, &by).await;
    let gate = Gate::sign_in(world, "rosa", &people.rosa, "gate").await;
    let mut killed = gate.open(world).await.unwrap();
    killed.record(world).await.unwrap();
    let watch = world.send(request(
        Method::GET,
        &format!("/sessions/{}/watch", killed.id),
        Some(&people.olaf),
        None,
    ));
    drop(watch.await);
    let path = format!("/sessions/{}/kill", killed.id);
    let reason = "enough".to_owned();
    world
        .post(&people.olaf, &path, json!({"reason": reason}))
        .await
        .done();
    killed.close(world, CloseCause::Killed { reason }).await;
    let mut done = gate.open(world).await.unwrap();
    done.record(world).await.unwrap();
    done.close(world, CloseCause::Completed).await;
    let path = format!("/grants/{grant}");
    let over = |grant: &Value| grant["status"] == "revoked";
    world.until(&people.rosa, &path, over).await;
}

#[tokio::test]
async fn rows_rebuilt_from_the_events_alone_are_the_same_bytes() {
    let world = World::with(vec![Arc::new(Shelf::default())]).await;
    let people = world.people().await;
    owners_change_things(&world, &people).await;
    somebody_reads(&world, &people).await;
    somebody_works(&world, &people).await;

    // Nothing of the engine's own writes from here on.
    let world = world.stopped().await;
    let before = rows(&world).await;
    let nouns: std::collections::BTreeSet<_> = before.values().map(|row| &row.table).collect();
    assert_eq!(nouns.len(), 9, "a story for each noun: {nouns:?}");
    let found = found_by_keys(&world, &before).await;
    let projector = Arc::new(portcullis_engine::project);
    world.ports.store.rebuild(projector.clone()).await.unwrap();
    let after = rows(&world).await;
    for (stream, row) in &before {
        assert_eq!(after.get(stream), Some(row), "{stream}");
    }
    assert_eq!(after.len(), before.len());
    assert_eq!(found_by_keys(&world, &after).await, found);
    world.ports.store.check(projector).await.unwrap();
}
