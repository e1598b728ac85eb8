//! Under load: what is answered is in the ledger, and hashing passwords holds up nobody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures::future::join_all;
use portcullis_model::{Factor, KindDescriptor, Secret, Timestamp};
use portcullis_ports::authenticator::{Chosen, Enrolled, Presented};
use portcullis_ports::{Authenticator, AuthenticatorError, Entropy};
use serde_json::{Value, json};

use crate::people::gate;
use crate::world::{PASSWORD, World, request};

/// How many ask at once.
const MANY: usize = 200;

#[tokio::test]
async fn under_load_every_answered_request_is_in_the_ledger_and_no_other() {
    let world = World::new().await;
    let people = world.people().await;
    gate(&world, &people).await;
    let asking = (0..MANY).map(|number| {
        // Every fourth is refused, and leaves nothing.
        let resource = if number % 4 == 3 { "no-gate" } else { "gate" };
        let body = json!({"resource": resource, "words": ["shell"], "reason": "why"});
        world.post(&people.rosa, "/requests", body)
    });
    let answers = join_all(asking).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|reply| reply.status == StatusCode::CREATED);
    assert_eq!((done.len(), refused.len()), (MANY * 3 / 4, MANY / 4));
    let listed = world.get(&people.rosa, "/requests?limit=200").await.done();
    assert_eq!(listed["items"].as_array().unwrap().len(), done.len());
    let proving = done.iter().map(|reply| {
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/ledger/evidence/{id}");
        let (world, rosa) = (&world, &people.rosa);
        async move { world.get(rosa, &path).await }
    });
    for evidence in join_all(proving).await {
        // The request itself, and the records of who asked and of what for.
        let text = evidence.text();
        let leaves = text.lines().find_map(|line| line.strip_prefix("leaves "));
        assert_eq!(leaves.unwrap().split(' ').count(), 3, "{text}");
    }
}

/// A way of signing in whose judging takes as long as the test wants.
struct Slow {
    inner: Arc<dyn Authenticator>,
    turns: Arc<Turns>,
}

#[derive(Default)]
struct Turns {
    shut: Mutex<bool>,
    opened: Condvar,
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Turns {
    fn pass(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        let shut = self.shut.lock().unwrap();
        drop(self.opened.wait_while(shut, |shut| *shut).unwrap());
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    fn shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }
}

impl Authenticator for Slow {
    fn descriptor(&self) -> KindDescriptor {
        self.inner.descriptor()
    }

    fn enroll(
        &self,
        chosen: Option<Chosen>,
        label: &str,
        entropy: &dyn Entropy,
    ) -> Result<Enrolled, AuthenticatorError> {
        self.inner.enroll(chosen, label, entropy)
    }

    fn verify(
        &self,
        verifier: &Secret<Vec<u8>>,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Factor, AuthenticatorError> {
        self.turns.pass();
        self.inner.verify(verifier, presented, now)
    }

    fn decoy(&self, presented: &Presented, now: Timestamp) -> AuthenticatorError {
        self.turns.pass();
        self.inner.decoy(presented, now)
    }
}

/// One thread serves in this test: had it to hash, nothing else would be answered meanwhile.
#[tokio::test(flavor = "current_thread")]
async fn passwords_are_hashed_a_few_at_a_time_and_hold_up_nobody_else() {
    let turns = Arc::new(Turns::default());
    let slow = portcullis_identity::all().into_iter().map(|inner| {
        let turns = Arc::clone(&turns);
        let slow: Arc<dyn Authenticator> = Arc::new(Slow { inner, turns });
        slow
    });
    let world = World::signing_in_by(slow.collect()).await;
    let rosa = world.sign_in("rosa").await;
    turns.shut(true);
    let strangers = (0..16).map(|number| {
        let body = json!({
            "name": format!("stranger-{number}"), "password": PASSWORD, "code": "000000",
        });
        world.reply(request(Method::POST, "/login", None, Some(body)))
    });
    let meanwhile = async {
        let inside = async {
            let mut looks = tokio::time::interval(Duration::from_millis(1));
            while turns.inside.load(Ordering::SeqCst) < 4 {
                looks.tick().await;
            }
        };
        let inside = tokio::time::timeout(Duration::from_mins(1), inside).await;
        let answered = world.get(&rosa, "/whoami").await;
        turns.shut(false);
        inside.expect("four are judged at once");
        answered.done()
    };
    let (refused, answered): (Vec<_>, Value) = tokio::join!(join_all(strangers), meanwhile);
    assert_eq!(answered["name"], "rosa");
    for reply in refused {
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(turns.most.load(Ordering::SeqCst), 4);
}
