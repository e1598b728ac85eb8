//! Lists: a page at a time, in their order, and of what the caller may see.

use axum::http::Method;
use serde_json::{Value, json};

use crate::call::request;
use crate::people::{gate, shell};
use crate::world::World;

/// Every list there is. A line here is a promise to page through it.
const LISTS: [&str; 10] = [
    "/catalog",
    "/changes",
    "/grants",
    "/groups",
    "/identities",
    "/requests",
    "/resources",
    "/secrets",
    "/sessions",
    "/tasks",
];

/// The identifiers on each page of a list, page after page.
async fn pages(world: &World, token: &str, path: &str, limit: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = world
            .get(token, &format!("{path}?limit={limit}{after}"))
            .await
            .done();
        let items = page["items"].as_array().unwrap().iter();
        pages.push(items.map(|item| id(item).to_owned()).collect());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return pages,
        }
    }
}

fn id(item: &Value) -> &str {
    item["id"].as_str().unwrap()
}

#[tokio::test]
async fn the_pages_of_a_list_together_are_all_of_it_once_and_in_its_order() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let mut asked = Vec::new();
    for _ in 0..5 {
        world.pass(std::time::Duration::from_secs(1));
        let made = world.post(&people.rosa, "/requests", shell()).await.done();
        asked.insert(0, id(&made).to_owned());
    }
    let two = pages(&world, &people.rosa, "/requests", 2).await;
    let lengths: Vec<_> = two.iter().map(Vec::len).collect();
    assert_eq!(lengths, [2, 2, 1]);
    assert_eq!(two.concat(), asked, "newest first");
    let whole = pages(&world, &people.rosa, "/requests", 5).await;
    assert_eq!(whole, [asked], "a page that holds all names no next one");
    let changes = pages(&world, &people.olaf, "/changes", 1).await.concat();
    assert!(changes.is_sorted_by(|a, b| a > b), "{changes:?}");
    let identities = pages(&world, &people.olaf, "/identities", 3).await;
    assert!(identities.concat().is_sorted(), "{identities:?}");
    assert_eq!(identities.concat().len(), 4);
}

#[tokio::test]
async fn a_page_is_filled_with_what_the_caller_may_see_and_names_nothing_else() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let mut mine = Vec::new();
    for token in [&people.rosa, &people.iris, &people.rosa, &people.iris] {
        world.pass(std::time::Duration::from_secs(1));
        let made = world.post(token, "/requests", shell()).await.done();
        if token == &people.rosa {
            mine.insert(0, vec![id(&made).to_owned()]);
        }
    }
    assert_eq!(pages(&world, &people.rosa, "/requests", 1).await, mine);
    let all = pages(&world, &people.pia, "/requests", 200).await.concat();
    assert_eq!(all.len(), 4, "an owner sees them all");
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_on_every_list() {
    let world = World::new().await;
    let olaf = world.sign_in("olaf").await;
    for path in LISTS {
        let page = world.get(&olaf, path).await.done();
        assert!(page["items"].is_array(), "{path}: {page}");
        for wrong in [
            "limit=0",
            "limit=201",
            "limit=many",
            "after=nothing",
            "after=tok_00000000000000000000000000",
            "from=1",
        ] {
            let refused = world.get(&olaf, &format!("{path}?{wrong}")).await;
            assert_eq!(
                refused.problem(),
                (400, "invalid".to_owned()),
                "{path}?{wrong}"
            );
        }
    }
}

#[tokio::test]
async fn every_list_of_the_description_is_one_that_pages() {
    let world = World::new().await;
    let document = request(Method::GET, "/openapi.json", None, None);
    let document = world.reply(document).await.done();
    let paths = document["paths"].as_object().unwrap().iter();
    let described: Vec<_> = paths
        .filter(|(_, item)| {
            let parameters = item["get"]["parameters"].as_array();
            let mut names = parameters.into_iter().flatten();
            names.any(|parameter| parameter["name"] == "limit")
        })
        .map(|(path, _)| path.strip_prefix("/api/v1").unwrap().to_owned())
        .collect();
    assert_eq!(described, LISTS);
}

#[tokio::test]
async fn a_request_for_something_that_was_removed_is_still_seen_and_hides_no_other() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let made = world.post(&people.rosa, "/requests", shell()).await.done();
    world.post(&people.iris, "/requests", shell()).await.done();
    let removal = request(Method::DELETE, "/resources/gate", Some(&people.olaf), None);
    let removal = world.reply(removal).await.done();
    world.sign(&removal, &[&people.pia, &people.iris]).await;
    let seen = pages(&world, &people.rosa, "/requests", 50).await.concat();
    assert_eq!(seen, [id(&made)]);
    let shown = world
        .get(&people.rosa, &format!("/requests/{}", id(&made)))
        .await
        .done();
    assert_eq!(shown["resource_name"], "(removed)");
    assert_eq!(shown["waits_for"], json!([]));
}
