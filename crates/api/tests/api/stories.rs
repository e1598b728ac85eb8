//! Whole stories through the API: owners change things, somebody asks, others decide.

use axum::http::StatusCode;
use portcullis_model::RequestId;
use portcullis_policy::{Preset, shipped};
use serde_json::{Value, json};

use crate::people::{gate, shell};
use crate::world::World;

async fn ask(world: &World, token: &str, key: &str) -> Value {
    let reply = world.post_under(key, token, "/requests", shell()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_request_two_owners_approve_becomes_a_grant_with_evidence() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let preview = json!({"resource": "gate", "words": ["shell"]});
    let preview = world.post(&people.rosa, "/preview", preview).await.done();
    assert_eq!(preview["path"], "privileged");
    let request = ask(&world, &people.rosa, "one").await;
    assert_eq!(request["reason"], "the lamp is out");
    let id = request["id"].as_str().unwrap();
    let approve = format!("/requests/{id}/approve");

    let other = json!({"digest": "0".repeat(64)});
    let unseen = world.post(&people.olaf, &approve, other).await;
    assert_eq!(unseen.problem().0, 409);
    let seen = json!({"digest": request["terms"]["digest"]});
    let own = world.post(&people.rosa, &approve, seen.clone()).await;
    assert_eq!(own.problem(), (403, "own_request".to_owned()));
    let way_out = format!("portcullis requests cancel {id}");
    assert!(own.text().contains(&way_out), "{}", own.text());
    for token in [&people.olaf, &people.pia] {
        world.post(token, &approve, seen.clone()).await.done();
    }

    let grant = world
        .get(&people.rosa, &format!("/grants/{id}"))
        .await
        .done();
    assert_eq!(grant["holder"], "rosa");
    let evidence = format!("/ledger/evidence/{id}");
    let evidence = world.get(&people.rosa, &evidence).await;
    assert_eq!(evidence.status, StatusCode::OK);
    assert!(
        evidence.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert!(evidence.text().starts_with("portcullis/evidence@v1\n"));
    let checkpoint = world.get(&people.rosa, "/ledger/checkpoint").await;
    assert!(
        checkpoint.text().starts_with("portcullis/ins_"),
        "{}",
        checkpoint.text()
    );
    let release = format!("/grants/{id}/release");
    world.post(&people.rosa, &release, json!({})).await.done();
}

#[tokio::test]
async fn what_an_approver_says_is_told_of_the_request_and_is_beside_the_leaf() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let request = ask(&world, &people.rosa, "one").await;
    let id = request["id"].as_str().unwrap();
    let approve = format!("/requests/{id}/approve");
    let digest = request["terms"]["digest"].clone();
    let said = json!({"digest": digest, "reason": "the lamp alone"});
    world.post(&people.olaf, &approve, said).await.done();
    let silent = json!({"digest": digest});
    world.post(&people.pia, &approve, silent).await.done();
    let shown = world
        .get(&people.rosa, &format!("/requests/{id}"))
        .await
        .done();
    assert_eq!(shown["approved"][0]["reason"], "the lamp alone");
    assert!(shown["approved"][1].get("reason").is_none(), "{shown}");
    assert_eq!(shown["reason"], "the lamp is out");
    let stream = id.parse::<RequestId>().unwrap().into();
    let leaves = world.ports.store.stream(&stream, 0).await.unwrap();
    for stored in leaves {
        let leaf = String::from_utf8(stored.leaf).unwrap();
        assert!(!leaf.contains("the lamp alone"), "{leaf}");
    }
    let long = json!({"digest": digest, "reason": "x".repeat(1_000_000)});
    let refused = world.post(&people.olaf, &approve, long).await;
    assert!(refused.text().contains("too long"), "{}", refused.text());
}

#[tokio::test]
async fn what_an_owner_says_is_told_of_the_change_they_sign() {
    let world = World::new().await;
    let people = world.people().await;
    let body = json!({"name": "paul", "kind": "human"});
    let change = world.post(&people.iris, "/identities", body).await.done();
    let path = format!("/changes/{}", change["id"].as_str().unwrap());
    let said = json!({"digest": change["digest"], "reason": "starts on Monday"});
    world
        .post(&people.pia, &format!("{path}/sign"), said)
        .await
        .done();
    let shown = world.get(&people.olaf, &path).await.done();
    let wanted = json!([{"by": "pia", "reason": "starts on Monday"}]);
    assert_eq!(shown["said"], wanted, "{shown}");
}

#[tokio::test]
async fn an_idempotency_key_finds_the_same_request_and_only_its_owners() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let first = ask(&world, &people.rosa, "key").await;
    let again = ask(&world, &people.rosa, "key").await;
    assert_eq!(first["id"], again["id"]);
    let fresh = ask(&world, &people.rosa, "another").await;
    assert_ne!(first["id"], fresh["id"]);
    let foreign = ask(&world, &people.iris, "key").await;
    assert_ne!(first["id"], foreign["id"]);
}

#[tokio::test]
async fn a_taken_name_is_refused_before_anybody_signs() {
    let world = World::new().await;
    let iris = world.sign_in("iris").await;
    let body = json!({"name": "rosa", "kind": "human", "roles": []});
    let taken = world.post(&iris, "/identities", body).await;
    assert_eq!(taken.problem(), (409, "conflict".to_owned()));
}

#[tokio::test]
async fn a_suspended_identity_is_out_once_an_owner_signed() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let iris = world.sign_in("iris").await;
    assert_eq!(world.get(&rosa, "/whoami").await.status, StatusCode::OK);
    let by_nobody = world
        .post(&rosa, "/identities/iris/suspend", json!({}))
        .await;
    assert_eq!(by_nobody.problem(), (403, "not_eligible".to_owned()));
    world
        .post(&iris, "/identities/rosa/suspend", json!({}))
        .await
        .done();
    assert_eq!(world.get(&rosa, "/whoami").await.problem().0, 401);
}

#[tokio::test]
async fn the_value_of_a_secret_goes_in_and_is_never_seen_again() {
    let world = World::new().await;
    let people = world.people().await;
    let value = "a value nobody sees again";
    let body = json!({"name": "gate-key", "kind": "password", "value": value});
    let added = world.post(&people.olaf, "/secrets", body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let signed = world
        .sign(&added.json(), &[&people.pia, &people.iris])
        .await;
    let listed = world.get(&people.olaf, "/secrets").await;
    assert!(listed.text().contains("gate-key"), "{}", listed.text());
    let changes = world.get(&people.olaf, "/changes").await;
    for text in [
        added.text(),
        signed.to_string(),
        listed.text(),
        changes.text(),
    ] {
        assert!(!text.contains(value), "{text}");
    }
}

#[tokio::test]
async fn a_bundle_that_a_killed_server_left_half_written_is_written_whole() {
    let digest = shipped(Preset::Strict).unwrap().digest();
    for half in ["", "{\"schema"] {
        let folder = tempfile::tempdir().unwrap();
        let bundles = folder.path().join("blobs/bundles");
        std::fs::create_dir_all(&bundles).unwrap();
        std::fs::write(bundles.join(format!("{digest}.json")), half).unwrap();
        let world = World::found_in(folder, Vec::new()).await;
        let iris = world.sign_in("iris").await;
        world.get(&iris, "/policy").await.done();
    }
}

#[tokio::test]
async fn the_active_bundle_checks_well_and_a_broken_one_says_where() {
    let world = World::new().await;
    let iris = world.sign_in("iris").await;
    let active = world.get(&iris, "/policy").await.done();
    let mut files = active["files"].clone();
    let good = world
        .post(&iris, "/policy/check", json!({"files": files}))
        .await
        .done();
    assert_eq!(
        (&good["ok"], &good["digest"]),
        (&json!(true), &active["digest"])
    );
    files["line/strict.cedar"] = json!("permit (");
    let bad = world
        .post(&iris, "/policy/check", json!({"files": files}))
        .await
        .done();
    assert_eq!(bad["ok"], false);
    let problem = bad["problems"][0].as_str().unwrap();
    assert!(problem.starts_with("line/strict.cedar"), "{problem}");
}
