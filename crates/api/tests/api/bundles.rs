//! Bundles that attack whoever reads them: answered, refused, and nobody else waits or falls with them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

/// Cedar that goes deep, by the file it is put at the end of.
fn deep(depth: usize) -> Vec<(&'static str, String)> {
    let wrapped = |before: &str, inner: &str, after: &str| {
        before.repeat(depth) + inner + &after.repeat(depth)
    };
    let conditions = [
        wrapped("(", "true", ")"),
        wrapped("[", "1", "]") + " == [1]",
        "if true then true else ".repeat(depth) + "true",
        "context".to_owned() + &".a".repeat(depth),
        "1 + ".repeat(depth) + "1 == 1",
    ];
    let policies = conditions.map(|condition| {
        let policy = format!("\nforbid (principal, action, resource) when {{ {condition} }};");
        ("guardrails/identities.cedar", policy)
    });
    let aliases: Vec<_> = (1..=depth)
        .map(|n| format!("type T{n} = Set<T{}>;", n - 1))
        .collect();
    let aliases = aliases.concat();
    let types = [
        format!("type Deep = {};", wrapped("Set<", "Long", ">")),
        format!("type Deep = {};", wrapped("{a: ", "Long", "}")),
        format!("type T0 = Long; {aliases}"),
    ];
    let types = types.map(|types| ("schema.cedarschema", types));
    policies.into_iter().chain(types).collect()
}

/// The active files with some text at the end of one.
fn with(active: &Value, file: &str, text: &str) -> Value {
    let mut files = active["files"].clone();
    let before = files[file].as_str().unwrap();
    files[file] = json!(before.to_owned() + text);
    json!({ "files": files })
}

#[tokio::test]
async fn a_bundle_of_any_depth_is_answered_while_others_are_too() {
    let world = World::new().await;
    let people = world.people().await;
    let active = world.get(&people.iris, "/policy").await.done();
    for depth in [100, 1_000, 50_000] {
        for (file, text) in deep(depth) {
            let body = with(&active, file, &text);
            let (checked, proposed, other) = tokio::join!(
                world.post(&people.iris, "/policy/check", body.clone()),
                world.post(&people.iris, "/policy/proposals", body),
                world.get(&people.rosa, "/whoami"),
            );
            other.done();
            if depth > 100 {
                let checked = checked.done();
                let told = checked["problems"][0].as_str().unwrap();
                let limit = told.contains("too deep") || told.contains("too large");
                assert!(limit, "{depth} {file}: {told}");
                assert_eq!(proposed.problem(), (400, "invalid".to_owned()));
            }
        }
    }
}

/// What is just not refused for its depth needs more stack than a thread of the runtime has.
#[tokio::test]
async fn a_bundle_is_read_on_a_stack_of_its_own() {
    let world = World::new().await;
    let iris = world.sign_in("iris").await;
    let active = world.get(&iris, "/policy").await.done();
    let long = "1 + ".repeat(990) + "1 == 1";
    let policy = format!("forbid (principal, action, resource) when {{ {long} }};");
    let body = with(&active, "guardrails/identities.cedar", &policy);
    let checked = world.post(&iris, "/policy/check", body).await.done();
    assert_eq!(checked["problems"], json!([]), "{checked}");
}

#[tokio::test]
async fn whoever_owns_nothing_has_no_bundle_read() {
    let world = World::new().await;
    let people = world.people().await;
    let active = world.get(&people.rosa, "/policy").await.done();
    let fine = json!({ "files": active["files"] });
    for door in ["/policy/check", "/policy/proposals"] {
        // Neither the good one nor one that cannot be read: who asks is looked at first.
        for body in [fine.clone(), with(&active, "line/strict.cedar", "permit (")] {
            let refused = world.post(&people.rosa, door, body).await;
            assert_eq!(
                refused.problem(),
                (403, "not_eligible".to_owned()),
                "{door}"
            );
        }
    }
    let checked = world.post(&people.iris, "/policy/check", fine).await;
    assert_eq!(checked.status, StatusCode::OK, "{}", checked.text());
}
