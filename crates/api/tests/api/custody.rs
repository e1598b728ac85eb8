//! No evidence, no action: what becomes of sessions when store, ledger or tapes cannot be written.

use axum::http::StatusCode;
use portcullis_ports::control::CloseCause;
use portcullis_ports::store::Query;
use serde_json::{Value, json};

use crate::disk::Part;
use crate::gate::{Gate, Held, Listener};
use crate::people::{People, lodge, vaulted};
use crate::world::World;

/// Somebody at the door of a resource they may use for an hour.
async fn at_the_gate() -> (World, People, Gate) {
    let world = World::new().await;
    let people = world.people().await;
    world.put(&people, lodge("gate")).await;
    let ask = json!({"resource": "gate", "words": ["shell"], "reason": "the lamp is out"});
    let approvers = [people.olaf.as_str(), people.pia.as_str()];
    world.granted(&people, ask, &approvers).await;
    let gate = Gate::sign_in(&world, "rosa", &people.rosa, "gate").await;
    (world, people, gate)
}

/// What the record says that could not be written; null when all can be.
async fn failing(world: &World) -> Value {
    let rows = world.ports.store.rows(Query::table("installation")).await;
    let state: Value = serde_json::from_slice(&rows.unwrap()[0].state).unwrap();
    state["failing"].clone()
}

/// Waits for something, for a while.
async fn until(holds: impl AsyncFn() -> bool) {
    let reached = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
        while !holds().await {
            ticks.tick().await;
        }
    };
    let reached = tokio::time::timeout(std::time::Duration::from_secs(30), reached).await;
    reached.expect("it never was so");
}

fn path_of(session: &Held) -> String {
    format!("/sessions/{}", session.id)
}

#[tokio::test]
async fn on_a_full_disk_every_session_ends_and_that_is_recorded() {
    let (world, people, gate) = at_the_gate().await;
    let mut one = gate.open(&world).await.unwrap();
    let other = gate.open(&world).await.unwrap();
    let paths = [path_of(&one), path_of(&other)];
    one.record(&world).await.unwrap();
    let mut listener = Listener::new(&world).await;
    let sessions = [one.id, other.id];

    world.disk.fill(&Part::ALL);
    let lost = one.record(&world).await.unwrap_err();
    listener.hears_the_end_of(&world, &sessions).await;
    let detail = lost.to_string();
    one.close(&world, CloseCause::EvidenceFailed { detail })
        .await;
    let reason = "what happens here could not be recorded".to_owned();
    other.close(&world, CloseCause::Killed { reason }).await;
    for path in &paths {
        let over = |session: &Value| session["status"] == "ended";
        world.until(&people.olaf, path, over).await;
        // The tape of the first was cut off in the middle: it has an end all the same.
        let tape = world
            .post(&people.olaf, &format!("{path}/verify"), json!({}))
            .await;
        let ending = tape.done()["ending"].as_str().unwrap().to_owned();
        assert!(ending.starts_with("finished"), "{ending}");
    }
    // The ends may be on record before that is: both need the reserve's room and nothing of each other.
    until(async || failing(&world).await != Value::Null).await;
    let told = failing(&world).await;
    assert!(told.as_str().unwrap().contains("no space left"), "{told}");
    assert!(world.disk.lacks_its_reserve());
}

#[tokio::test]
async fn nothing_privileged_begins_until_evidence_and_reserve_are_back() {
    let (world, people, gate) = at_the_gate().await;
    let mut session = gate.open(&world).await.unwrap();
    world.disk.fill(&Part::ALL);
    let lost = session.record(&world).await.unwrap_err();
    let refused = gate.open(&world).await.err().unwrap();
    assert!(
        refused.message.contains("could not be recorded"),
        "{refused}"
    );
    let watch = format!("{}/watch", path_of(&session));
    let watched = world.get(&people.olaf, &watch).await;
    assert_eq!(watched.status, StatusCode::SERVICE_UNAVAILABLE);
    let detail = lost.to_string();
    session
        .close(&world, CloseCause::EvidenceFailed { detail })
        .await;
    // The reserve gives room to write; it is no leave to go on.
    let refused = gate.open(&world).await.err().unwrap();
    assert!(
        refused.message.contains("could not be recorded"),
        "{refused}"
    );

    world.disk.make_room();
    let opened = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if let Ok(session) = gate.open(&world).await {
                return session;
            }
        }
    };
    let opened = tokio::time::timeout(std::time::Duration::from_secs(30), opened).await;
    opened.unwrap().record(&world).await.unwrap();
    assert!(!world.disk.lacks_its_reserve());
    assert_eq!(failing(&world).await, Value::Null);
}

#[tokio::test]
async fn an_end_that_could_not_be_recorded_is_recorded_once_there_is_room() {
    let (world, people, gate) = at_the_gate().await;
    let mut session = gate.open(&world).await.unwrap();
    world.disk.fill_for_good(&Part::ALL);
    let detail = session.record(&world).await.unwrap_err().to_string();
    let path = path_of(&session);
    session
        .close(&world, CloseCause::EvidenceFailed { detail })
        .await;
    let unrecorded = world.get(&people.olaf, &path).await.done();
    assert_eq!(unrecorded["status"], "live");
    world.disk.make_room();
    let over = |session: &Value| session["status"] == "ended";
    let session = world.until(&people.olaf, &path, over).await;
    let cause = session["ending"]["cause"].as_str().unwrap();
    assert!(cause.contains("the tape could not be written"), "{cause}");
}

#[tokio::test]
async fn a_store_or_a_ledger_that_cannot_be_written_ends_sessions_whose_tapes_can() {
    for part in [Part::Store, Part::Ledger] {
        let (world, people, gate) = at_the_gate().await;
        let mut session = gate.open(&world).await.unwrap();
        let mut listener = Listener::new(&world).await;
        world.disk.fill(&[part]);
        // Anything that is to be written finds it out.
        let ask = json!({"resource": "gate", "words": ["shell"], "reason": "again"});
        drop(world.post(&people.rosa, "/requests", ask).await);
        listener.hears_the_end_of(&world, &[session.id]).await;
        session.record(&world).await.unwrap();
        let path = path_of(&session);
        let reason = "what happens here could not be recorded".to_owned();
        session.close(&world, CloseCause::Killed { reason }).await;
        let over = |session: &Value| session["status"] == "ended";
        world.until(&people.olaf, &path, over).await;
    }
}

#[tokio::test]
async fn a_server_that_starts_without_its_reserve_lets_nothing_privileged_begin() {
    let (world, people, gate) = at_the_gate().await;
    world.disk.fill(&[Part::Tapes]);
    assert!(gate.open(&world).await.is_err());
    let world = world.after_a_crash().await;
    let gate = Gate::at(&world, "rosa", "gate").await;
    let refused = gate.open(&world).await.err().unwrap();
    assert!(refused.message.contains("reserve"), "{refused}");
    let reading = world.get(&people.rosa, "/requests").await;
    assert_eq!(reading.status, StatusCode::OK);
}

#[tokio::test]
async fn trouble_that_a_crash_cut_short_is_over_once_evidence_is_written_again() {
    let (world, people, gate) = at_the_gate().await;
    let mut session = gate.open(&world).await.unwrap();
    world.disk.fill(&Part::ALL);
    drop(session.record(&world).await.unwrap_err());
    until(async || failing(&world).await != Value::Null).await;
    // It lives on, so the trouble is not over when the server dies.
    world.disk.make_room();
    let world = world.after_a_crash().await;
    until(async || failing(&world).await == Value::Null).await;
    let gate = Gate::at(&world, "rosa", "gate").await;
    until(async || gate.open(&world).await.is_ok()).await;
    world.get(&people.rosa, "/requests").await.done();
}

#[tokio::test]
async fn trouble_that_a_crash_cut_short_goes_on_while_there_is_no_room() {
    let (world, _, gate) = at_the_gate().await;
    let mut session = gate.open(&world).await.unwrap();
    world.disk.fill(&[Part::Tapes]);
    drop(session.record(&world).await.unwrap_err());
    until(async || failing(&world).await != Value::Null).await;
    let world = world.after_a_crash().await;
    let gate = Gate::at(&world, "rosa", "gate").await;
    let refused = gate.open(&world).await.err().unwrap();
    assert!(
        refused.message.contains("could not be recorded"),
        "{refused}"
    );
    assert_ne!(failing(&world).await, Value::Null);
}

#[tokio::test]
async fn a_session_that_cannot_be_handed_to_its_gate_is_over() {
    let (world, people, _) = at_the_gate().await;
    vaulted(&world, &people, "locked-key").await;
    let mut locked = lodge("locked");
    locked["credential"] = json!("locked-key");
    world.put(&people, locked).await;
    let ask = json!({"resource": "locked", "words": ["shell"], "reason": "to see"});
    let approvers = [people.olaf.as_str(), people.pia.as_str()];
    world.granted(&people, ask, &approvers).await;
    let gate = Gate::at(&world, "rosa", "locked").await;
    world.disk.lose_secrets();
    assert!(gate.open(&world).await.is_err());
    let over = |sessions: &Value| sessions["items"][0]["status"] == "ended";
    let sessions = world.until(&people.olaf, "/sessions", over).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
}
