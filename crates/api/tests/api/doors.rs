//! Every route, from the API's own description: none is open that is not meant to be.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::call::request;
use crate::world::World;

/// What anybody may call. A line here is a decision.
const OPEN: [(&str, &str); 5] = [
    ("get", "/health"),
    ("get", "/ledger/key"),
    ("get", "/openapi.json"),
    ("post", "/enroll"),
    ("post", "/login"),
];

async fn document(world: &World) -> Value {
    let document = request(Method::GET, "/openapi.json", None, None);
    world.reply(document).await.done()
}

/// Method, path and operation of every route.
fn routes(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, item)| {
        let path = path.strip_prefix("/api/v1").unwrap().to_owned();
        let operations = item.as_object().unwrap().clone();
        operations
            .into_iter()
            .map(move |(method, operation)| (method, path.clone(), operation))
    });
    routes.collect()
}

#[tokio::test]
async fn every_route_but_the_open_ones_refuses_callers_without_a_good_token() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut closed = 0;
    for (method, path, _) in routes(&document) {
        if OPEN.contains(&(method.as_str(), path.as_str())) {
            continue;
        }
        closed += 1;
        let verb: Method = method.to_uppercase().parse().unwrap();
        let path = path.replace(['{', '}'], "");
        for token in [None, Some(""), Some("pct_nobody"), Some("x y")] {
            let reply = world
                .reply(request(verb.clone(), &path, token, Some(json!({}))))
                .await;
            let answer = reply.problem();
            assert_eq!(
                answer,
                (401, "unauthenticated".to_owned()),
                "{method} {path}"
            );
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
        }
    }
    assert!(closed > 40, "only {closed} routes are closed");
}

#[tokio::test]
async fn the_open_routes_are_there_and_say_so() {
    let world = World::new().await;
    let document = document(&world).await;
    let routes = routes(&document);
    let open: BTreeSet<_> = routes
        .iter()
        .filter(|(_, _, operation)| operation.get("security").is_some())
        .map(|(method, path, _)| (method.as_str(), path.as_str()))
        .collect();
    assert_eq!(open, OPEN.into_iter().collect());
    for (method, path) in OPEN {
        let verb: Method = method.to_uppercase().parse().unwrap();
        let reply = world
            .reply(request(verb, path, None, Some(json!({}))))
            .await;
        assert_ne!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_ne!(reply.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
}

#[tokio::test]
async fn the_description_names_each_operation_once_and_every_parameter() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut names = BTreeSet::new();
    for (method, path, operation) in routes(&document) {
        let name = operation["operationId"].as_str().unwrap().to_owned();
        assert!(names.insert(name), "{method} {path} has another's name");
        let declared: BTreeSet<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let used: BTreeSet<_> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(str::to_owned)
            .collect();
        assert_eq!(declared, used, "{method} {path}");
    }
}

#[tokio::test]
async fn the_description_says_of_every_operation_how_it_says_no() {
    let world = World::new().await;
    let document = document(&world).await;
    let problem = &document["components"]["schemas"]["Problem"]["properties"];
    for field in ["code", "detail", "next"] {
        assert!(problem[field].is_object(), "{problem}");
    }
    let wanted = json!({ "$ref": "#/components/schemas/Problem" });
    for (method, path, operation) in routes(&document) {
        let no = &operation["responses"]["default"];
        let schema = &no["content"]["application/problem+json"]["schema"];
        assert_eq!(*schema, wanted, "{method} {path}: {no}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    let nothing = world
        .reply(request(Method::GET, "/nothing", None, None))
        .await;
    assert_eq!(nothing.problem(), (404, "not_found".to_owned()));
    let wrong = world
        .reply(request(Method::DELETE, "/health", None, None))
        .await;
    assert_eq!(wrong.problem(), (405, "invalid".to_owned()));
}

#[tokio::test]
async fn anybody_is_told_where_each_door_is_and_what_to_know_it_by() {
    let world = World::new().await;
    let keys = request(Method::GET, "/ledger/key", None, None);
    let keys = world.reply(keys).await.done();
    assert_eq!(keys["door_keys"], json!({ "lodge": "public" }));
    let door = json!({ "host": "gate.example", "port": 2222 });
    assert_eq!(keys["doors"], json!({ "lodge": door }));
    assert_eq!(keys["url"], "https://gate.example:8443");
}
