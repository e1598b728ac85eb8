//! Access that was approved ahead: from when, until when, and how often it may be used.

use std::time::Duration;

use portcullis_ports::control::CloseCause;
use serde_json::{Value, json};

use crate::gate::{Gate, Held};
use crate::people::{People, gate, shell};
use crate::world::World;

const MINUTE: Duration = Duration::from_mins(1);

struct Scene {
    world: World,
    people: People,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let people = world.people().await;
        gate(&world, &people).await;
        Self { world, people }
    }

    /// Rosa asks for a shell of five minutes with something beside.
    fn wish(beside: &Value) -> Value {
        let mut wish = shell();
        wish["span_secs"] = json!(300);
        for (name, value) in beside.as_object().unwrap() {
            wish[name] = value.clone();
        }
        wish
    }

    async fn granted(&self, beside: &Value) -> String {
        let by = [self.people.olaf.as_str(), self.people.pia.as_str()];
        self.world
            .granted(&self.people, Self::wish(beside), &by)
            .await
    }

    /// What the server says to such a wish.
    async fn refused(&self, wish: Value) -> String {
        let reply = self.world.post(&self.people.rosa, "/requests", wish).await;
        let (status, told) = reply.problem();
        assert!((400..=422).contains(&status), "{status}: {told}");
        reply.text()
    }

    fn start_in(&self, minutes: u32) -> u64 {
        self.world.now().plus(MINUTE * minutes).as_millis()
    }

    async fn gate(&self) -> Gate {
        Gate::sign_in(&self.world, "rosa", &self.people.rosa, "gate").await
    }

    async fn grant(&self, id: &str) -> Value {
        let path = format!("/grants/{id}");
        self.world.get(&self.people.rosa, &path).await.done()
    }

    async fn opens(&self, gate: &Gate) -> Held {
        gate.open(&self.world)
            .await
            .unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    async fn does_not_open(&self, gate: &Gate) -> String {
        match gate.open(&self.world).await {
            Ok(held) => panic!("{} opened", held.id),
            Err(refusal) => refusal.message,
        }
    }
}

#[tokio::test]
async fn a_window_approved_ahead_opens_at_its_start_and_ends_at_its_end_whenever_it_was_approved() {
    let scene = Scene::new().await;
    let starts_at = scene.start_in(5);
    let id = scene.granted(&json!({ "starts_at": starts_at })).await;
    let grant = scene.grant(&id).await;
    assert_eq!(grant["starts_at"], json!(starts_at), "{grant}");
    assert_eq!(grant["ends_at"], json!(starts_at + 300_000), "{grant}");
    let gate = scene.gate().await;
    let told = scene.does_not_open(&gate).await;
    assert!(told.contains("the grant begins at"), "{told}");
    scene.world.pass(MINUTE * 5);
    let held = scene.opens(&gate).await;
    held.close(&scene.world, CloseCause::ClientLost).await;
    scene.world.pass(MINUTE * 5);
    let over = |grant: &Value| grant["status"] == "revoked";
    let path = format!("/grants/{id}");
    let grant = scene.world.until(&scene.people.rosa, &path, over).await;
    assert_eq!(grant["cause"]["why"], "expired", "{grant}");
}

#[tokio::test]
async fn a_window_that_is_approved_late_is_shorter_and_one_that_is_over_is_not_approved() {
    let scene = Scene::new().await;
    let starts_at = scene.start_in(1);
    let late = Scene::wish(&json!({ "starts_at": starts_at }));
    let asked = scene
        .world
        .post(&scene.people.rosa, "/requests", late)
        .await;
    let id = asked.done()["id"].as_str().unwrap().to_owned();
    scene.world.pass(MINUTE * 3);
    let by = [scene.people.olaf.as_str(), scene.people.pia.as_str()];
    let mut request = Value::Null;
    for token in by {
        let shown = scene
            .world
            .get(token, &format!("/requests/{id}"))
            .await
            .done();
        let body = json!({ "digest": shown["terms"]["digest"] });
        let path = format!("/requests/{id}/approve");
        request = scene.world.post(token, &path, body).await.done();
    }
    assert_eq!(request["status"], "granted", "{request}");
    let grant = scene.grant(&id).await;
    assert_eq!(grant["ends_at"], json!(starts_at + 300_000), "{grant}");
    assert!(grant.get("starts_at").is_none(), "it has begun: {grant}");

    let over = Scene::wish(&json!({ "starts_at": scene.start_in(1) }));
    let asked = scene
        .world
        .post(&scene.people.rosa, "/requests", over)
        .await;
    let path = format!("/requests/{}", asked.done()["id"].as_str().unwrap());
    scene.world.pass(MINUTE * 6);
    let expired = |request: &Value| request["status"] == "expired";
    scene.world.until(&scene.people.rosa, &path, expired).await;
}

#[tokio::test]
async fn a_start_that_lies_so_far_ahead_is_the_same_however_often_it_is_asked_for() {
    let scene = Scene::new().await;
    let wish = Scene::wish(&json!({ "starts_in_secs": 600 }));
    let rosa = &scene.people.rosa;
    let first = scene
        .world
        .post_under("again", rosa, "/requests", wish.clone());
    let first = first.await.done();
    assert_eq!(first["terms"]["starts_at"], json!(scene.start_in(10)));
    scene.world.pass(MINUTE);
    let again = scene.world.post_under("again", rosa, "/requests", wish);
    assert_eq!(
        again.await.done()["terms"]["starts_at"],
        first["terms"]["starts_at"]
    );
}

#[tokio::test]
async fn what_is_asked_of_a_window_is_held_to_its_bounds() {
    let scene = Scene::new().await;
    let before = scene.world.now().minus(MINUTE).as_millis();
    let far = scene.start_in(60 * 24 * 30 + 1);
    for (beside, told) in [
        (json!({ "starts_at": before }), "cannot begin in the past"),
        (json!({ "starts_at": far }), "begins within 30 days"),
        (json!({ "starts_at": -1 }), "starts_at"),
        (
            json!({ "starts_in_secs": 60, "starts_at": far }),
            "not by both",
        ),
        (
            json!({ "starts_in_secs": 60 * 60 * 24 * 31 }),
            "begins within 30 days",
        ),
        (json!({ "uses": 0 }), "no use at all"),
        (json!({ "uses": 101 }), "up to 100 uses"),
        (json!({ "uses": "many" }), "uses"),
        (json!({ "uses": -1 }), "uses"),
    ] {
        let said = scene.refused(Scene::wish(&beside)).await;
        assert!(said.contains(told), "{beside}: {said}");
    }
    let replay = json!({
        "resource": "gate", "words": ["replay", "session=ses_01m8fzvjajf2zs7n68g3b9tr18"],
        "reason": "to see", "uses": 3,
    });
    // Whoever may ask to see it.
    let asked = scene
        .world
        .post(&scene.people.pia, "/requests", replay)
        .await;
    let said = asked.text();
    assert_eq!(asked.problem().0, 400, "{said}");
    assert!(said.contains("uses are counted of sessions"), "{said}");
}

#[tokio::test]
async fn counted_uses_are_made_and_no_more_and_the_grant_ends_with_the_last_that_lives() {
    let scene = Scene::new().await;
    let id = scene.granted(&json!({ "uses": 3 })).await;
    assert_eq!(scene.grant(&id).await["uses"], json!({ "up_to": 3 }));
    let gate = scene.gate().await;
    let first = scene.opens(&gate).await;
    // Logging out of one of several does not end the others.
    first.close(&scene.world, CloseCause::Completed).await;
    assert_eq!(scene.grant(&id).await["status"], "active");
    let (second, third) = (scene.opens(&gate).await, scene.opens(&gate).await);
    let told = scene.does_not_open(&gate).await;
    assert!(
        told.contains("for 3 uses, and all of them were made"),
        "{told}"
    );
    assert!(
        told.contains(&third.id.to_string()),
        "which was the last: {told}"
    );
    third.close(&scene.world, CloseCause::Completed).await;
    assert_eq!(scene.grant(&id).await["status"], "active", "one lives");
    second.close(&scene.world, CloseCause::ClientLost).await;
    let over = |grant: &Value| grant["status"] == "revoked";
    let path = format!("/grants/{id}");
    let grant = scene.world.until(&scene.people.rosa, &path, over).await;
    assert_eq!(grant["cause"]["why"], "completed", "{grant}");
}

#[tokio::test]
async fn of_counted_uses_that_end_at_one_moment_one_is_the_last() {
    let scene = Scene::new().await;
    let id = scene.granted(&json!({ "uses": 8 })).await;
    let gate = scene.gate().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(scene.opens(&gate).await);
    }
    let closings = held
        .into_iter()
        .map(|one| one.close(&scene.world, CloseCause::Completed));
    futures::future::join_all(closings).await;
    assert_ne!(scene.grant(&id).await["status"], "active");
}

#[tokio::test]
async fn one_use_of_a_shell_is_one_and_any_number_ends_with_none_of_them() {
    let scene = Scene::new().await;
    let once = scene.granted(&json!({ "uses": 1 })).await;
    assert_eq!(scene.grant(&once).await["uses"], "one");
    let gate = scene.gate().await;
    let held = scene.opens(&gate).await;
    held.close(&scene.world, CloseCause::ClientLost).await;
    assert_ne!(scene.grant(&once).await["status"], "active");
    let told = scene.does_not_open(&gate).await;
    assert!(told.contains("that use was made"), "{told}");

    let any = scene.granted(&json!({ "uses": "any" })).await;
    for _ in 0..3 {
        let held = scene.opens(&gate).await;
        held.close(&scene.world, CloseCause::Completed).await;
    }
    let grant = scene.grant(&any).await;
    assert_eq!(
        (&grant["status"], &grant["used"]),
        (&json!("active"), &json!(3))
    );
}
