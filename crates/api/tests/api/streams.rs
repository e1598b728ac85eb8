//! Streams of events: who hears what, and until when.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::Method;
use futures::StreamExt;
use serde_json::json;

use crate::call::request;
use crate::world::World;

/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream of events, and everything heard so far.
struct Ear {
    stream: BodyDataStream,
    heard: String,
}

impl Ear {
    async fn open(world: &World, token: &str, last: Option<&str>) -> Self {
        let mut asked = request(Method::GET, "/events", Some(token), None);
        if let Some(last) = last {
            let last = last.parse().unwrap();
            asked.headers_mut().insert("last-event-id", last);
        }
        let response = world.send(asked).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            stream: response.into_body().into_data_stream(),
            heard: String::new(),
        }
    }

    /// Listens until a text is heard, or fails.
    async fn hear(&mut self, text: &str) {
        while !self.heard.contains(text) {
            let next = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            let chunk = next.expect("nothing was heard").expect("the stream ended");
            self.heard += std::str::from_utf8(&chunk.unwrap()).unwrap();
        }
    }

    /// Listens until the stream ends, or fails.
    async fn end(&mut self) {
        let end = async { while self.stream.next().await.is_some() {} };
        let ended = tokio::time::timeout(PATIENCE, end).await;
        ended.expect("the stream did not end");
    }
}

/// Adds somebody without any role, and signs them in.
pub async fn outsider(world: &World, iris: &str, pia: &str) -> String {
    let body = json!({"name": "tom", "kind": "human", "roles": []});
    let change = world.post(iris, "/identities", body).await.done();
    world.sign(&change, &[pia]).await;
    world.invite("tom", iris).await;
    world.sign_in("tom").await
}

/// A resource that can be asked for.
async fn lodge(world: &World, olaf: &str, iris: &str, pia: &str) {
    let body = json!({
        "name": "gate", "kind": "lodge", "environment": "production",
        "sensitivity": "internal", "owners": ["olaf"], "settings": {},
    });
    let put = world.post(olaf, "/resources", body).await.done();
    world.sign(&put["change"], &[pia, iris]).await;
}

#[tokio::test]
async fn everybody_hears_of_changes_and_only_those_concerned_of_requests() {
    let world = World::new().await;
    let (rosa, olaf) = (world.sign_in("rosa").await, world.sign_in("olaf").await);
    let (iris, pia) = (world.sign_in("iris").await, world.sign_in("pia").await);
    lodge(&world, &olaf, &iris, &pia).await;
    let tom = outsider(&world, &iris, &pia).await;
    let mut owner = Ear::open(&world, &olaf, None).await;
    let mut outside = Ear::open(&world, &tom, None).await;

    let body = json!({"resource": "gate", "words": ["shell"], "reason": "why"});
    let asked = world.post(&rosa, "/requests", body).await.done();
    let request = asked["id"].as_str().unwrap();
    owner.hear("event: request.changed").await;
    owner.hear(&format!("data: {{\"id\":\"{request}\"}}")).await;

    let group = json!({"name": "lamps", "path": "ordinary", "members": ["rosa"]});
    let change = world.post(&iris, "/groups", group).await.done();
    outside.hear(change["id"].as_str().unwrap()).await;
    assert!(!outside.heard.contains("request"), "{}", outside.heard);

    // Whoever comes back later hears what was missed; who may not hear it still does not.
    let mut again = Ear::open(&world, &olaf, Some("0")).await;
    again.hear(request).await;
    let mut outside = Ear::open(&world, &tom, Some("0")).await;
    outside.hear(change["id"].as_str().unwrap()).await;
    assert!(!outside.heard.contains("request"), "{}", outside.heard);
}

#[tokio::test]
async fn a_stream_ends_with_the_sign_in_it_was_opened_with() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let other = world.sign_in("rosa").await;
    let mut ended = Ear::open(&world, &rosa, None).await;
    let mut kept = Ear::open(&world, &other, None).await;
    world.post(&rosa, "/logout", json!({})).await;
    ended.end().await;

    let iris = world.sign_in("iris").await;
    let group = json!({"name": "lamps", "path": "ordinary", "members": ["rosa"]});
    world.post(&iris, "/groups", group).await.done();
    kept.hear("event: change.changed").await;
}
