//! Rotation, from the session that used a secret to the proof at its target; the target is a lock in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_model::Secret;
use portcullis_policy::DutyPermit;
use portcullis_ports::clock::random;
use portcullis_ports::control::CloseCause;
use portcullis_ports::{Control, Drawn, Entropy, Rotator, RotatorDescriptor, RotatorError, Site};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::people::{People, lodge};
use crate::world::World;

/// A lock that holds two values, and can be out of reach.
#[derive(Default)]
pub struct Lock {
    pub holds: Mutex<Vec<Vec<u8>>>,
    pub away: AtomicBool,
}

impl Lock {
    pub fn with(value: &[u8]) -> Arc<Self> {
        let lock = Self::default();
        lock.holds.lock().unwrap().push(value.to_vec());
        Arc::new(lock)
    }

    fn reached(&self, site: &Site<'_>) -> Result<(), RotatorError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(RotatorError::Unreachable {
                target: site.resource.name.clone(),
                cause: "it is away".to_owned(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Rotator for Lock {
    fn descriptor(&self) -> RotatorDescriptor {
        RotatorDescriptor {
            name: "lock",
            title: "Lock",
            resource_kind: "lodge",
            secret_kind: "password",
        }
    }

    fn draw(&self, entropy: &dyn Entropy) -> Result<Drawn, RotatorError> {
        Ok(Drawn {
            value: Secret::new(random::<16>(entropy).map(|byte| b'a' + byte % 26).to_vec()),
            public: String::new(),
        })
    }

    async fn accepts(
        &self,
        site: &Site<'_>,
        value: &Secret<Vec<u8>>,
    ) -> Result<bool, RotatorError> {
        self.reached(site)?;
        Ok(self.holds.lock().unwrap().contains(value.expose()))
    }

    async fn install(
        &self,
        _duty: DutyPermit,
        site: &Site<'_>,
        _present: &Secret<Vec<u8>>,
        candidate: &Secret<Vec<u8>>,
        _entropy: &dyn Entropy,
    ) -> Result<(), RotatorError> {
        self.reached(site)?;
        self.holds.lock().unwrap().push(candidate.expose().clone());
        Ok(())
    }

    async fn retire(
        &self,
        _duty: DutyPermit,
        site: &Site<'_>,
        _candidate: &Secret<Vec<u8>>,
        former: &Secret<Vec<u8>>,
    ) -> Result<(), RotatorError> {
        self.reached(site)?;
        self.holds
            .lock()
            .unwrap()
            .retain(|held| held != former.expose());
        Ok(())
    }
}

/// A gate that a vaulted password opens.
pub async fn locked_gate(world: &World) -> People {
    let people = world.people().await;
    let secret = json!({"name": "gate-key", "kind": "password", "value": "first"});
    let added = world.post(&people.olaf, "/secrets", secret).await.done();
    world.sign(&added, &[&people.pia, &people.iris]).await;
    let mut gate = lodge("gate");
    gate["credential"] = json!("gate-key");
    world.put(&people, gate).await;
    people
}

async fn a_session(world: &World, people: &People) {
    let ask = json!({"resource": "gate", "words": ["shell"], "reason": "the lamp is out"});
    world
        .granted(people, ask, &[&people.olaf, &people.pia])
        .await;
    let gate = Gate::sign_in(world, "rosa", &people.rosa, "gate").await;
    let session = gate.open(world).await.unwrap();
    session.close(world, CloseCause::ClientLost).await;
}

async fn secret(world: &World, people: &People, wanted: impl Fn(&Value) -> bool) -> Value {
    let all = world.until(&people.pia, "/secrets", |all| wanted(&all["items"][0]));
    all.await["items"][0].clone()
}

async fn version(world: &World, people: &People, name: &str) -> Value {
    let all = world.get(&people.pia, "/secrets").await.done();
    let mut all = all["items"].as_array().unwrap().iter();
    let secret = all.find(|secret| secret["name"] == name).unwrap();
    secret["version"].clone()
}

/// Whatever was due before is looked at for that as well.
async fn another_is_rotated(world: &World, people: &People, lock: &Lock) {
    lock.holds.lock().unwrap().push(b"of the shed".to_vec());
    let secret = json!({"name": "shed-key", "kind": "password", "value": "of the shed"});
    let added = world.post(&people.olaf, "/secrets", secret).await.done();
    world.sign(&added, &[&people.pia, &people.iris]).await;
    let mut shed = lodge("shed");
    shed["credential"] = json!("shed-key");
    world.put(people, shed).await;
    let rotate = world.post(&people.pia, "/secrets/shed-key/rotate", json!({}));
    rotate.await.done();
    while version(world, people, "shed-key").await != 2 {
        tokio::task::yield_now().await;
    }
}

fn is_second(secret: &Value) -> bool {
    secret["version"] == 2 && secret["rotation"].is_null()
}

#[tokio::test]
async fn a_secret_that_opened_a_session_is_rotated_when_the_session_is_over() {
    let lock = Lock::with(b"first");
    let world = World::rotating_by(lock.clone()).await;
    let people = locked_gate(&world).await;
    a_session(&world, &people).await;
    let secret = secret(&world, &people, is_second).await;
    assert!(secret["rotated_at"].is_number(), "{secret}");
    let holds = lock.holds.lock().unwrap().clone();
    assert!(holds.len() == 1 && holds[0] != b"first", "{holds:?}");
}

#[tokio::test]
async fn who_was_given_a_secret_is_let_in_before_it_is_rotated_and_who_comes_meanwhile_waits() {
    let lock = Lock::with(b"first");
    let world = World::rotating_by(lock.clone()).await;
    let people = locked_gate(&world).await;
    let ask = json!({
        "resource": "gate", "words": ["shell"], "reason": "the lamp is out", "uses": "any",
    });
    world
        .granted(&people, ask, &[&people.olaf, &people.pia])
        .await;
    let gate = Gate::sign_in(&world, "rosa", &people.rosa, "gate").await;
    let first = gate.wait_before(&world, None).await.unwrap();
    let rotate = world.post(&people.pia, "/secrets/gate-key/rotate", json!({}));
    rotate.await.done();
    // It is due: the next one is given it once it was rotated, and that waits for the first.
    let let_in = async {
        another_is_rotated(&world, &people, &lock).await;
        let before = version(&world, &people, "gate-key").await;
        assert_eq!(before, 1, "rotated under the first one's feet");
        world.engine.reached(first.id).await;
    };
    let (second, ()) = tokio::join!(gate.wait_before(&world, None), let_in);
    let second = second.unwrap();
    assert_eq!(version(&world, &people, "gate-key").await, 2);
    assert!(!lock.holds.lock().unwrap().contains(&b"first".to_vec()));
    world.engine.reached(second.id).await;
    first.close(&world, CloseCause::ClientLost).await;
    second.close(&world, CloseCause::ClientLost).await;
}

#[tokio::test]
async fn a_rotation_goes_on_after_a_crash_where_the_target_stands() {
    let lock = Lock::with(b"first");
    let world = World::rotating_by(lock.clone()).await;
    let people = locked_gate(&world).await;
    lock.away.store(true, Ordering::SeqCst);
    a_session(&world, &people).await;
    let seen = |secret: &Value| secret["rotation"]["seen"].is_string();
    let waiting = secret(&world, &people, seen).await;
    assert_eq!(waiting["version"], 1, "{waiting}");
    let world = world.after_a_crash().await;
    lock.away.store(false, Ordering::SeqCst);
    world.pass(Duration::from_mins(20));
    let people = world.people().await;
    secret(&world, &people, is_second).await;
    assert_eq!(lock.holds.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn only_who_answers_for_it_has_a_secret_rotated_or_tried() {
    let lock = Lock::with(b"first");
    let world = World::rotating_by(lock.clone()).await;
    let people = locked_gate(&world).await;
    for path in ["rotate", "verify", "rotation/abandon"] {
        let path = format!("/secrets/gate-key/{path}");
        let refused = world.post(&people.rosa, &path, json!({})).await;
        assert_eq!(refused.problem(), (403, "not_eligible".to_owned()));
    }
    let verified = world.post(&people.olaf, "/secrets/gate-key/verify", json!({}));
    assert_eq!(verified.await.done()["accepted"], true);
    let rotate = "/secrets/gate-key/rotate";
    world.post(&people.olaf, rotate, json!({})).await.done();
    secret(&world, &people, is_second).await;
}
