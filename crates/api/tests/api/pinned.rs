//! What waits is bound to what it was asked under, and looked at again when that changes; what is listed is
//! what can be opened.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::live_sessions::{active, propose};
use crate::people::gate;
use crate::streams::outsider;
use crate::world::World;

async fn ask(world: &World, token: &str) -> String {
    let body = json!({"resource": "gate", "words": ["shell"], "reason": "why"});
    let asked = world.post(token, "/requests", body).await.done();
    asked["id"].as_str().unwrap().to_owned()
}

async fn show(world: &World, token: &str, id: &str) -> Value {
    world.get(token, &format!("/requests/{id}")).await.done()
}

fn edited(files: &mut Value, file: &str, from: &str, to: &str) {
    let text = files[file].as_str().unwrap();
    assert!(text.contains(from), "{file}: {from}");
    files[file] = json!(text.replace(from, to));
}

#[tokio::test]
async fn a_request_keeps_the_flow_it_was_asked_under_and_is_void_when_policy_asks_for_more() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let owners = [people.olaf.as_str(), &people.pia];
    let waiting = ask(&world, &people.rosa).await;

    // Another flow: what waits goes on under its own, what comes is asked under the new one.
    let mut files = active(&world, &people.iris).await;
    let second = r#"eligible = ["pam_owners", "resource_owners"]"#;
    edited(
        &mut files,
        "privileged/flows.toml",
        second,
        r#"eligible = ["iam_owners"]"#,
    );
    let change = propose(&world, &people.iris, &files).await;
    world.sign(&change, &owners).await;
    let request = show(&world, &people.rosa, &waiting).await;
    assert_eq!(request["status"], "pending");
    let seen = json!({"digest": request["terms"]["digest"]});
    let approve = |id: &str| format!("/requests/{id}/approve");
    for token in owners {
        world
            .post(token, &approve(&waiting), seen.clone())
            .await
            .done();
    }
    assert_eq!(
        show(&world, &people.rosa, &waiting).await["status"],
        "granted"
    );
    let fresh = ask(&world, &people.rosa).await;
    world
        .post(&people.olaf, &approve(&fresh), seen.clone())
        .await
        .done();
    let request = show(&world, &people.rosa, &fresh).await;
    assert_eq!(request["waits_for"], json!(["iris"]), "{request}");

    // More approvals: what waits would not be granted as it stands, and says so.
    edited(
        &mut files,
        "privileged/sessions.cedar",
        "context.controls.approvals >= 2",
        "context.controls.approvals >= 3",
    );
    let change = propose(&world, &people.iris, &files).await;
    world.sign(&change, &owners).await;
    let late = world.post(&people.iris, &approve(&fresh), seen).await;
    assert_eq!(late.problem().0, 409);
    let request = show(&world, &people.rosa, &fresh).await;
    assert_eq!(request["status"], "voided", "{request}");
    assert!(request.to_string().contains("more approvals"), "{request}");
}

/// Where things are listed, and one of them shown.
const LISTS: [&str; 3] = ["/requests", "/grants", "/sessions"];

#[tokio::test]
async fn nothing_is_listed_that_its_reader_may_not_open_nor_opened_that_is_not_listed() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let tom = outsider(&world, &people.iris, &people.pia).await;
    let id = ask(&world, &people.rosa).await;
    let digest = show(&world, &people.rosa, &id).await["terms"]["digest"].clone();
    for token in [&people.olaf, &people.pia] {
        let approve = format!("/requests/{id}/approve");
        world
            .post(token, &approve, json!({ "digest": digest }))
            .await
            .done();
    }
    let grant = world
        .get(&people.rosa, &format!("/grants/{id}"))
        .await
        .done();
    let ids = [("/requests", id.clone()), ("/grants", text(&grant["id"]))];
    for (who, token) in [
        ("rosa", &people.rosa),
        ("olaf", &people.olaf),
        ("iris", &people.iris),
        ("pia", &people.pia),
        ("tom", &tom),
    ] {
        for list in LISTS {
            let listed = world.get(token, list).await.done();
            for item in listed["items"].as_array().unwrap() {
                let one = format!("{list}/{}", text(&item["id"]));
                let shown = world.get(token, &one).await;
                assert_eq!(shown.status, StatusCode::OK, "{who} {one}");
            }
        }
        for (list, id) in &ids {
            let listed = world.get(token, list).await.text().contains(id.as_str());
            for path in [format!("{list}/{id}"), format!("/ledger/evidence/{id}")] {
                let opened = world.get(token, &path).await.status == StatusCode::OK;
                assert_eq!(opened, listed, "{who} {path}");
            }
            assert_eq!(listed, who != "tom", "{who} {list}");
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
