//! How long tapes are kept: erased when their time is over, not while they are held, and not by one owner.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_engine::Options;
use portcullis_model::SessionId;
use portcullis_ports::control::CloseCause;
use serde_json::{Value, json};

use crate::gate::{Gate, Held};
use crate::people::{People, gate, shell};
use crate::world::World;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

struct Scene {
    world: World,
    people: People,
    gate: Gate,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let people = world.people().await;
        gate(&world, &people).await;
        let mut ask = shell();
        ask["uses"] = json!("any");
        let by = [people.olaf.as_str(), people.pia.as_str()];
        world.granted(&people, ask, &by).await;
        let gate = Gate::sign_in(&world, "rosa", &people.rosa, "gate").await;
        Self {
            world,
            people,
            gate,
        }
    }

    async fn live(&self) -> Held {
        let mut held = self.gate.open(&self.world).await.unwrap();
        held.record(&self.world).await.unwrap();
        held
    }

    /// A session that is over.
    async fn over(&self) -> SessionId {
        let held = self.live().await;
        let id = held.id;
        held.close(&self.world, CloseCause::Completed).await;
        id
    }

    /// Has a change proposed by pia and signed by the others.
    async fn signed(&self, path: &str, body: Value) -> Value {
        let change = self.world.post(&self.people.pia, path, body).await.done();
        assert_eq!(change["status"], "pending", "three sign: {change}");
        let by = [self.people.olaf.as_str(), self.people.iris.as_str()];
        self.world.sign(&change, &by).await
    }

    async fn hold(&self, token: &str, id: SessionId) -> (u16, String) {
        let path = format!("/sessions/{id}/hold");
        let body = json!({ "reason": "case 17" });
        let reply = self.world.post(token, &path, body).await;
        (reply.status.as_u16(), reply.text())
    }

    /// Days go by, in which everybody's sign-ins end.
    async fn days_pass(&mut self, days: u32) {
        self.world.pass(DAY * days + HOUR);
        self.people = self.world.people().await;
    }

    async fn session(&self, id: SessionId) -> Value {
        let path = format!("/sessions/{id}");
        self.world.get(&self.people.olaf, &path).await.done()
    }

    async fn erased(&self, id: SessionId) -> Value {
        let path = format!("/sessions/{id}");
        let erased = |session: &Value| session["keeping"]["tape"] == "erased";
        let session = self.world.until(&self.people.olaf, &path, erased).await;
        let there = async || self.there(id).await;
        let gone = async {
            while there().await {
                tokio::task::yield_now().await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_mins(1), gone).await;
        assert!(gone.is_ok(), "its bytes are there still");
        session
    }

    /// Whether anything of a tape is there: its bytes, or what opens them.
    async fn there(&self, id: SessionId) -> bool {
        let tape = format!("tapes/{id}.tape");
        let key = id.to_string().replace("ses_", "sec_");
        let blob = self.world.ports.blobs.read(&tape).await.unwrap();
        let sealed = self.world.ports.store.sealed(&key, None).await.unwrap();
        blob.is_some() || sealed.is_some()
    }

    async fn kept(&self, id: SessionId) {
        assert!(self.there(id).await);
        let path = format!("/sessions/{id}/verify");
        let verified = self.world.post(&self.people.olaf, &path, json!({})).await;
        assert_eq!(verified.status, StatusCode::OK, "{}", verified.text());
    }
}

/// What an evidence file's leaves say.
fn leaves(evidence: &str) -> String {
    let data = evidence
        .lines()
        .filter_map(|line| line.strip_prefix("data "));
    let bytes = data.flat_map(|data| STANDARD.decode(data).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

#[tokio::test]
async fn a_tape_goes_when_its_time_is_over_and_its_heads_and_its_story_stay() {
    let mut scene = Scene::new().await;
    let id = scene.over().await;
    scene
        .signed("/retention", json!({ "days": { "shell": 2 } }))
        .await;
    scene.days_pass(1).await;
    let fresh = scene.session(id).await;
    assert!(fresh.get("keeping").is_none(), "{fresh}");
    scene.kept(id).await;
    scene.days_pass(1).await;
    let session = scene.erased(id).await;
    assert_eq!(
        session["keeping"]["cause"],
        json!({ "why": "kept", "days": 2 })
    );
    assert_eq!(session["status"], "ended");
    assert!(
        session["head"]["segments"].as_u64().unwrap() > 0,
        "{session}"
    );
    let (olaf, world) = (&scene.people.olaf, &scene.world);
    let tape = world.get(olaf, &format!("/sessions/{id}/tape")).await;
    let verify = world
        .post(olaf, &format!("/sessions/{id}/verify"), json!({}))
        .await;
    for refused in [tape, verify] {
        assert_eq!(refused.problem().0, 409);
        assert!(
            refused.text().contains("was erased at"),
            "{}",
            refused.text()
        );
    }
    let evidence = world.get(olaf, &format!("/ledger/evidence/{id}")).await;
    let told = leaves(&evidence.text());
    for kind in ["session.opened", "session.ended", "session.erased"] {
        assert!(told.contains(kind), "{kind}: {told}");
    }
}

#[tokio::test]
async fn what_is_not_named_is_kept_for_ever() {
    let mut scene = Scene::new().await;
    let (id, signed) = (scene.over().await, scene.over().await);
    scene.days_pass(400).await;
    // All tapes are looked at for that.
    scene
        .signed(&format!("/sessions/{signed}/erase-tape"), json!({}))
        .await;
    scene.erased(signed).await;
    scene.kept(id).await;
    let days = scene
        .world
        .get(&scene.people.rosa, "/retention")
        .await
        .done();
    assert_eq!(days["days"], json!({}));
    assert!(
        days.get("bytes").is_none(),
        "the room is told to owners: {days}"
    );
    let days = scene
        .world
        .get(&scene.people.olaf, "/retention")
        .await
        .done();
    assert!(days["bytes"].is_u64(), "{days}");
}

#[tokio::test]
async fn a_tape_that_is_held_outlives_its_time_until_three_owners_let_go() {
    let mut scene = Scene::new().await;
    let (held, other) = (scene.over().await, scene.over().await);
    scene
        .signed("/retention", json!({ "days": { "shell": 1 } }))
        .await;
    let (status, told) = scene.hold(&scene.people.rosa, held).await;
    assert_eq!(status, 403, "{told}");
    let (status, told) = scene.hold(&scene.people.olaf, held).await;
    assert_eq!(status, 200, "{told}");
    let (status, told) = scene.hold(&scene.people.pia, held).await;
    assert!(status == 409 && told.contains("is held since"), "{told}");
    the_hold_is_told_to_who_answers_for_it(&scene, held).await;
    scene.days_pass(30).await;
    scene.erased(other).await;
    scene.kept(held).await;
    let erase = format!("/sessions/{held}/erase-tape");
    let refused = scene.world.post(&scene.people.pia, &erase, json!({})).await;
    assert!(
        refused.text().contains("let go of it first"),
        "{}",
        refused.text()
    );
    scene
        .signed(&format!("/sessions/{held}/let-go"), json!({}))
        .await;
    scene.world.pass(HOUR);
    scene.people = scene.world.people().await;
    scene.erased(held).await;
    // What is gone is not held any more.
    let (status, told) = scene.hold(&scene.people.olaf, held).await;
    assert!(status == 409 && told.contains("was erased"), "{told}");
}

/// With its reason, and not to whom it is about.
async fn the_hold_is_told_to_who_answers_for_it(scene: &Scene, held: SessionId) {
    let path = format!("/sessions/{held}");
    let told = scene.world.get(&scene.people.pia, &path).await.done();
    assert_eq!(told["held"], json!({ "by": "olaf", "reason": "case 17" }));
    let told = scene.world.get(&scene.people.rosa, &path).await.done();
    let hidden = told.get("held").is_none() && told.get("keeping").is_none();
    assert!(hidden, "{told}");
    let body = json!({ "reason": " " });
    let path = format!("{path}/hold");
    let blank = scene.world.post(&scene.people.olaf, &path, body).await;
    assert_eq!(blank.problem().0, 400);
}

#[tokio::test]
async fn owners_have_a_tape_erased_before_its_time_together_and_not_while_it_is_written() {
    let scene = Scene::new().await;
    let (live, gone, stays) = (scene.live().await, scene.over().await, scene.over().await);
    let path = format!("/sessions/{}/erase-tape", live.id);
    let refused = scene.world.post(&scene.people.pia, &path, json!({})).await;
    assert!(refused.text().contains("is not over"), "{}", refused.text());
    let change = scene
        .signed(&format!("/sessions/{gone}/erase-tape"), json!({}))
        .await;
    // Who signs is told what it is of; nobody else is.
    let path = format!("/changes/{}", change["id"].as_str().unwrap());
    let told = scene.world.get(&scene.people.iris, &path).await.done();
    let told = told["differences"].to_string();
    assert!(told.contains("shell on gate by rosa"), "{told}");
    let told = scene.world.get(&scene.people.rosa, &path).await.text();
    assert!(!told.contains("by rosa"), "{told}");
    let session = scene.erased(gone).await;
    assert_eq!(session["keeping"]["cause"]["why"], "signed", "{session}");
    scene.kept(stays).await;
    live.close(&scene.world, CloseCause::Completed).await;
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_erases_nothing_until_it_has_been_right_for_an_hour() {
    let mut scene = Scene::new().await;
    let (old, signed) = (scene.over().await, scene.over().await);
    scene
        .signed("/retention", json!({ "days": { "shell": 90 } }))
        .await;
    scene.world.pass(2 * HOUR);
    scene.world.clock().set_ahead(DAY * 365);
    scene.people = scene.world.people().await;
    scene
        .signed(&format!("/sessions/{signed}/erase-tape"), json!({}))
        .await;
    // It is looked at all tapes for that.
    scene.erased(signed).await;
    scene.kept(old).await;
    scene.world.pass(HOUR);
    scene.people = scene.world.people().await;
    scene.erased(old).await;
}

#[tokio::test]
async fn an_erasure_that_broke_off_is_finished_when_the_server_starts() {
    let scene = Scene::new().await;
    let id = scene.over().await;
    let tape = format!("tapes/{id}.tape");
    let bytes = scene.world.ports.blobs.read(&tape).await.unwrap().unwrap();
    scene
        .signed(&format!("/sessions/{id}/erase-tape"), json!({}))
        .await;
    scene.erased(id).await;
    // As if it had been killed in between.
    let mut writer = scene.world.ports.blobs.create(&tape).await.unwrap();
    writer.append(&bytes).await.unwrap();
    writer.sync().await.unwrap();
    drop(writer);
    let Scene {
        world,
        people,
        gate,
    } = scene;
    let shown = world
        .get(&people.olaf, &format!("/sessions/{id}/tape"))
        .await;
    assert_eq!(shown.problem().0, 409, "{}", shown.text());
    let world = world.restarted().await;
    let people = world.people().await;
    let scene = Scene {
        world,
        people,
        gate,
    };
    scene.erased(id).await;
}

#[tokio::test]
async fn a_time_for_tapes_is_of_what_leaves_them_and_set_by_three() {
    let scene = Scene::new().await;
    for (days, told) in [
        (
            json!({ "entitlement": 7 }),
            "leaves no tape; these do: shell",
        ),
        (json!({ "shell": 0 }), "1 to 36500 days"),
        (json!({ "shell": 36_501 }), "1 to 36500 days"),
        (json!({ "shell": null }), "kept like that already"),
        (json!({ "shell": "for ever" }), "days.shell"),
    ] {
        let body = json!({ "days": days });
        let refused = scene
            .world
            .post(&scene.people.pia, "/retention", body)
            .await;
        assert!(refused.text().contains(told), "{days}: {}", refused.text());
    }
    let body = json!({ "days": { "shell": 9 } });
    let stranger = scene
        .world
        .post(&scene.people.rosa, "/retention", body.clone())
        .await;
    assert_eq!(stranger.problem().0, 403, "{}", stranger.text());
    let first = scene
        .world
        .post(&scene.people.pia, "/retention", body)
        .await
        .done();
    scene
        .signed("/retention", json!({ "days": { "shell": 30 } }))
        .await;
    // What was compared with another is not what is signed.
    let path = format!("/changes/{}/sign", first["id"].as_str().unwrap());
    let seen = json!({ "digest": first["digest"] });
    for token in [&scene.people.olaf, &scene.people.iris] {
        let reply = scene.world.post(token, &path, seen.clone()).await;
        assert!(reply.status != StatusCode::OK || reply.json()["status"] != "applied");
    }
    let days = scene
        .world
        .get(&scene.people.olaf, "/retention")
        .await
        .done();
    assert_eq!(days["days"], json!({ "shell": 30 }));
}

#[tokio::test]
async fn where_tapes_take_all_their_room_nothing_opens_and_what_is_there_stays() {
    let scene = Scene::new().await;
    let id = scene.over().await;
    let Scene { world, people, .. } = scene;
    let full = Options {
        tape_quota: Some(1),
        ..Options::default()
    };
    let world = world.restarted_with(full).await;
    let gate = Gate::at(&world, "rosa", "gate").await;
    let refused = gate.open(&world).await.err().unwrap();
    assert!(refused.message.contains("quota_mib"), "{refused}");
    let tape = world
        .get(&people.olaf, &format!("/sessions/{id}/tape"))
        .await;
    assert_eq!(tape.status, StatusCode::OK, "{}", tape.text());
    let roomy = Options {
        tape_quota: Some(1 << 20),
        ..Options::default()
    };
    let world = world.restarted_with(roomy).await;
    let gate = Gate::at(&world, "rosa", "gate").await;
    gate.open(&world).await.unwrap();
}
