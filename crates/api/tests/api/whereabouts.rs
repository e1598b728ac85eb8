//! Where a resource is: for whoever answers for it, and told to nobody else by any route.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};

use crate::call::{Reply, request};
use crate::live_sessions::Scene;
use crate::overlaps::{granted, stacked, until};
use crate::people::{lodge, shell, vaulted};
use crate::shelf::Shelf;
use crate::world::World;

/// What nobody may learn who is only brought there.
const SECRETS: [&str; 3] = ["198.51.100.77", "the host key of the gate", "gate-opener"];

/// A gate that has been asked for, entered and edited.
async fn scene() -> (Scene, Vec<(&'static str, String)>) {
    let world = World::new().await;
    let people = world.people().await;
    vaulted(&world, &people, "gate-opener").await;
    let mut gate = lodge("gate");
    gate["credential"] = json!("gate-opener");
    gate["settings"] =
        json!({"address": "198.51.100.77:22", "host_key": "the host key of the gate"});
    world.put(&people, gate.clone()).await;
    gate["replace"] = json!(true);
    gate["sensitivity"] = json!("secret");
    gate["settings"]["address"] = json!("198.51.100.77:2222");
    let waits = world.post(&people.olaf, "/resources", gate).await.done();
    let scene = Scene::with(world, people).await;
    let (session, _) = scene.live().await;
    let ids = vec![
        ("/requests/{id}", scene.request.clone()),
        ("/grants/{id}", scene.request.clone()),
        ("/sessions/{id}", session.to_string()),
        (
            "/changes/{id}",
            waits["change"]["id"].as_str().unwrap().to_owned(),
        ),
        ("/resources/{name}", "gate".to_owned()),
    ];
    (scene, ids)
}

/// Every route that reads, beside those that stream; the vault's names are told where secrets are listed.
async fn readable(world: &World, ids: &[(&str, String)]) -> Vec<String> {
    let document = request(Method::GET, "/openapi.json", None, None);
    let document = world.reply(document).await.done();
    let paths = document["paths"].as_object().unwrap().iter();
    let paths = paths.filter(|(_, item)| item.get("get").is_some());
    let paths = paths.map(|(path, _)| path.strip_prefix("/api/v1").unwrap());
    let streams = |path: &&str| !["/events", "/secrets", "/policy"].contains(path);
    let mut readable = Vec::new();
    for path in paths.filter(streams) {
        let known = ids.iter().find(|(route, _)| *route == path);
        match known {
            Some((route, id)) => readable.push(route.replace("{id}", id).replace("{name}", id)),
            None if path.contains('{') => {}
            None => readable.push(path.to_owned()),
        }
    }
    readable
}

/// A change that takes a secret in names it, and tells of no resource.
fn without_vault(reply: &Reply) -> String {
    let mut answer = serde_json::from_slice(&reply.body).unwrap_or_else(|_| json!(reply.text()));
    if let Some(items) = answer.get_mut("items").and_then(Value::as_array_mut) {
        items.retain(|item| item["body"]["change"] != "add_secret");
    }
    answer.to_string()
}

#[tokio::test]
async fn where_a_resource_is_is_told_to_who_answers_for_it_and_to_nobody_else_by_any_route() {
    let (scene, ids) = scene().await;
    let (world, people) = (&scene.world, &scene.people);
    let all = readable(world, &ids).await;
    for wanted in [
        "/resources",
        "/resources/gate",
        "/changes",
        "/grants",
        "/catalog",
    ] {
        assert!(all.iter().any(|path| path == wanted), "{wanted} in {all:?}");
    }
    let (mut told, mut leaks) = (Vec::new(), Vec::new());
    for path in all {
        let rosa = without_vault(&world.get(&people.rosa, &path).await);
        let olaf = without_vault(&world.get(&people.olaf, &path).await);
        for secret in SECRETS {
            if rosa.contains(secret) {
                leaks.push((path.clone(), secret));
            }
            if olaf.contains(secret) {
                told.push((path.clone(), secret));
            }
        }
    }
    assert_eq!(leaks, [], "what rosa is told");
    let change = &ids[3].1;
    for path in [
        "/resources".to_owned(),
        "/resources/gate".to_owned(),
        format!("/changes/{change}"),
    ] {
        for secret in SECRETS {
            assert!(
                told.contains(&(path.clone(), secret)),
                "{path} {secret}: {told:?}"
            );
        }
    }
}

#[tokio::test]
async fn whoever_is_no_owner_sees_what_can_be_asked_for_and_an_owner_without_a_role_sees_all() {
    let (scene, _) = scene().await;
    let (world, people) = (&scene.world, &scene.people);
    let seen = world.get(&people.rosa, "/resources/gate").await.done();
    let olaf = world.get(&people.olaf, "/resources/gate").await.done();
    for field in ["id", "name", "kind", "environment", "sensitivity", "owners"] {
        assert!(!seen[field].is_null(), "{field} in {seen}");
        assert_eq!(seen[field], olaf[field]);
    }
    assert_eq!(seen["accounts"], json!(["root"]));
    assert_eq!(seen["offers"], json!(["shell"]));
    for field in ["settings", "credential", "instructions"] {
        assert!(
            seen.get(field).is_none() && olaf.get(field).is_some(),
            "{field}"
        );
    }
    let mut hers = lodge("her-gate");
    hers["owners"] = json!(["rosa"]);
    hers["settings"] = json!({"address": "198.51.100.78:22"});
    let put = world.post(&people.iris, "/resources", hers).await.done();
    world
        .sign(&put["change"], &[&people.pia, &people.olaf])
        .await;
    let hers = world.get(&people.rosa, "/resources/her-gate").await.done();
    assert_eq!(hers["settings"]["address"], "198.51.100.78:22");
    let asked = world.post(&people.rosa, "/requests", shell()).await;
    assert!(!asked.text().contains(SECRETS[0]), "{}", asked.text());
}

#[tokio::test]
async fn a_grant_names_the_system_it_holds_something_in_to_who_answers_for_it_alone() {
    let shelf = Arc::new(Shelf::default());
    let (world, people) = stacked(&shelf).await;
    let id = granted(&world, &people, "shelf", 10).await;
    until(&world, &people, &id, "active").await;
    let path = format!("/grants/{id}");
    let rosa = world.get(&people.rosa, &path).await.done();
    let olaf = world.get(&people.olaf, &path).await.done();
    assert_eq!(
        (&olaf["system"], rosa.get("system")),
        (&json!("shelf"), None)
    );
    assert!(
        rosa["assignment"].is_null() && !olaf["assignment"].is_null(),
        "{olaf}"
    );
    let all = world.get(&people.rosa, "/grants").await.text();
    assert!(!all.contains("\"system\""), "{all}");
}

/// A leaf is told whole: a record that tells where the gate is stays out of what rosa takes away.
#[tokio::test]
async fn evidence_tells_where_a_resource_is_to_nobody_who_may_not_know() {
    let (scene, ids) = scene().await;
    let (world, people) = (&scene.world, &scene.people);
    let leaves = |text: String| {
        let file = portcullis_ledger::EvidenceFile::parse(text.as_bytes()).unwrap();
        let leaves = file.leaves().iter();
        let leaves = leaves.map(|leaf| String::from_utf8(leaf.data.clone()).unwrap());
        leaves.collect::<String>()
    };
    let story = format!("/ledger/evidence/{}", scene.request);
    let rosa = leaves(world.get(&people.rosa, &story).await.text());
    let olaf = leaves(world.get(&people.olaf, &story).await.text());
    assert!(!rosa.contains(SECRETS[0]), "{rosa}");
    assert!(
        rosa.contains("request.submitted") && olaf.contains(SECRETS[0]),
        "{olaf}"
    );
    let change = format!("/ledger/evidence/{}", ids[3].1);
    let refused = world.get(&people.rosa, &change).await;
    assert_eq!(refused.problem(), (403, "not_eligible".to_owned()));
    assert!(leaves(world.get(&people.olaf, &change).await.text()).contains(SECRETS[0]));
}
