//! Under load: what is answered is in the ledger, and hashing passwords holds up nobody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::future::join_all;
use portcullis_model::{Factor, KindDescriptor, Secret, Timestamp};
use portcullis_ports::authenticator::{Chosen, Enrolled, Presented};
use portcullis_ports::{Authenticator, AuthenticatorError, Entropy};
use serde_json::json;

use crate::call::{Reply, request};
use crate::people::{gate, shell};
use crate::world::{PASSWORD, World};

/// How many are asked for at once: of those that are taken, fewer than one person may have waiting.
const MANY: usize = 132;

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
        let (world, olaf) = (&world, &people.olaf);
        async move { world.get(olaf, &path).await }
    });
    for evidence in join_all(proving).await {
        // The request itself, and the records of who asked, of what for, and of who added that.
        let text = evidence.text();
        let leaves = text.lines().find_map(|line| line.strip_prefix("leaves "));
        assert_eq!(leaves.unwrap().split(' ').count(), 4, "{text}");
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
        if let Some(Chosen::Password(_)) = chosen {
            self.turns.pass();
        }
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

/// A world in which judging takes as long as the test wants, and that.
async fn slow_world() -> (World, Arc<Turns>) {
    let turns = Arc::new(Turns::default());
    let slow = portcullis_identity::all().into_iter().map(|inner| {
        let turns = Arc::clone(&turns);
        let slow: Arc<dyn Authenticator> = Arc::new(Slow { inner, turns });
        slow
    });
    (World::signing_in_by(slow.collect()).await, turns)
}

/// Calls that wait to be judged, and what somebody else is answered meanwhile.
async fn meanwhile<T>(
    turns: &Turns,
    waiting: impl Future<Output = Vec<Reply>>,
    inside: usize,
    other: impl Future<Output = T>,
) -> (Vec<Reply>, T) {
    let other = async {
        let judged = async {
            let mut looks = tokio::time::interval(Duration::from_millis(1));
            while turns.inside.load(Ordering::SeqCst) < inside {
                looks.tick().await;
            }
        };
        let judged = tokio::time::timeout(Duration::from_mins(1), judged).await;
        let answered = other.await;
        turns.shut(false);
        judged.expect("so many are judged at once");
        answered
    };
    tokio::join!(waiting, other)
}

fn stranger(number: usize) -> Request<Body> {
    let body = json!({
        "name": format!("stranger-{number}"), "password": PASSWORD, "code": "000000",
    });
    request(Method::POST, "/login", None, Some(body))
}

/// One thread serves in these tests: had it to hash, nothing else would be answered meanwhile.
#[tokio::test(flavor = "current_thread")]
async fn passwords_are_hashed_a_few_at_a_time_and_hold_up_nobody_else() {
    let (world, turns) = slow_world().await;
    let rosa = world.sign_in("rosa").await;
    turns.shut(true);
    let strangers = join_all((0..16).map(|number| world.reply(stranger(number))));
    let whoami = world.get(&rosa, "/whoami");
    let (refused, answered) = meanwhile(&turns, strangers, 4, whoami).await;
    assert_eq!(answered.done()["name"], "rosa");
    for reply in refused {
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(turns.most.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "current_thread")]
async fn one_enrolment_token_given_many_times_has_few_passwords_hashed_and_holds_up_nobody_else() {
    let (world, turns) = slow_world().await;
    let rosa = world.sign_in("rosa").await;
    turns.shut(true);
    let body = json!({"token": world.enrolment_token("olaf"), "password": PASSWORD});
    let enrolling = (0..16).map(|_| {
        let call = request(Method::POST, "/enroll", None, Some(body.clone()));
        world.reply(call)
    });
    let whoami = world.get(&rosa, "/whoami");
    let (replies, answered) = meanwhile(&turns, join_all(enrolling), 1, whoami).await;
    assert_eq!(answered.done()["name"], "rosa");
    let done = replies.iter().filter(|reply| reply.status.is_success());
    assert_eq!(done.count(), 1, "{replies:?}");
    assert_eq!(turns.most.load(Ordering::SeqCst), 1);
}

/// Strangers hang up and leave nothing behind that those who are known would have to wait for.
#[tokio::test(flavor = "current_thread")]
async fn strangers_who_hang_up_take_no_place_from_those_who_act() {
    let (world, turns) = slow_world().await;
    let people = world.people().await;
    gate(&world, &people).await;
    turns.shut(true);
    for number in 0..1100 {
        let mut call = Box::pin(world.reply(stranger(number)));
        assert!(futures::poll!(&mut call).is_pending());
        // A task that never yields is held up by its own runtime, and with it what it only polls.
        tokio::task::yield_now().await;
    }
    let asked = world.post(&people.rosa, "/requests", shell()).await;
    turns.shut(false);
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text());
}
