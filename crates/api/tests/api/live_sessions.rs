//! What a gate gets from control: a session's own key, and its end when what allowed it is no longer so.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use portcullis_model::{Action, Secret, SessionId};
use portcullis_policy::{LeaseVerifier, VerifyingKey};
use portcullis_ports::Control;
use portcullis_ports::control::{
    InTransit, KeyProof, Login, OpenWish, Opened, Order, Refusal, SessionLease, TargetCredential,
    Ticket, Verdict,
};
use portcullis_vault::ssh::session_key;
use serde_json::{Value, json};

use crate::call::request;
use crate::people::{People, gate, lodge, shell};
use crate::world::World;

/// How long an order may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn login() -> Login {
    Login {
        account: "root".to_owned(),
        target: "gate".to_owned(),
    }
}

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 50_000))
}

/// The four, a resource, and a connection of rosa's that has proved enough.
pub struct Scene {
    pub world: World,
    pub people: People,
    ticket: Ticket,
    pub request: String,
}

impl Scene {
    pub async fn new() -> Self {
        let world = World::new().await;
        let people = world.people().await;
        gate(&world, &people).await;
        Self::with(world, people).await
    }

    /// In a world that has the gate already.
    pub async fn with(world: World, people: People) -> Self {
        let ticket = connection(&world, &people.rosa).await;
        let request = granted(&world, &people).await;
        Self {
            world,
            people,
            ticket,
            request,
        }
    }

    pub async fn open(&self) -> Result<Opened, Refusal> {
        let wish = OpenWish {
            ticket: self.ticket.clone(),
            login: login(),
            action: Action::named("shell"),
            source: source(),
            connection: "one".to_owned(),
            key: None,
        };
        self.world.engine.open(wish).await
    }

    /// A live session, and where orders for it begin.
    pub async fn live(&self) -> (SessionId, u64) {
        let cursor = self.world.engine.orders(0).await.cursor;
        (self.open().await.unwrap().session, cursor)
    }

    /// Waits for the order to end a session; returns why.
    pub async fn ended(&self, session: SessionId, cursor: u64) -> String {
        let told = self.all_ended(cursor, 1).await;
        let why = told.get(&session);
        why.unwrap_or_else(|| panic!("others end: {told:?}"))
            .clone()
    }

    /// Waits for orders to end so many sessions; returns why, by session.
    pub async fn all_ended(&self, mut cursor: u64, count: usize) -> BTreeMap<SessionId, String> {
        let mut told = BTreeMap::new();
        let listening = async {
            while told.len() < count {
                let orders = self.world.engine.orders(cursor).await;
                cursor = orders.cursor;
                for order in orders.orders {
                    let Order::Kill { session, reason } = order else {
                        panic!("{order:?}");
                    };
                    told.insert(session, reason);
                }
            }
        };
        let ended = tokio::time::timeout(PATIENCE, listening).await;
        ended.expect("nobody ends the session");
        told
    }

    /// A session lives on. Orders come in order: had it been ended, that would come before the end of another.
    pub async fn goes_on(&self, session: SessionId, cursor: u64) {
        let other = self.open().await.unwrap().session;
        let path = format!("/sessions/{other}/kill");
        let reason = json!({"reason": "only this one"});
        let killed = self.world.post(&self.people.olaf, &path, reason).await;
        killed.done();
        assert_eq!(self.ended(other, cursor).await, "only this one");
        let show = format!("/sessions/{session}");
        let shown = self.world.get(&self.people.olaf, &show).await.done();
        assert_eq!(shown["status"], "live");
    }

    /// Waits until it is written that a session is to end.
    pub async fn until_ending(&self, session: SessionId) {
        let show = format!("/sessions/{session}");
        while self.world.get(&self.people.rosa, &show).await.done()["status"] != "ending" {
            tokio::task::yield_now().await;
        }
    }

    /// Policy forbids the gate. That ends sessions only: a grant of the privileged path is decided when it is used. What
    /// only adds a forbid needs one signature, so that it can be done at once.
    pub async fn close_the_gate(&self) {
        let forbid = "@id(\"closed\")\nforbid (principal, action, resource is Portcullis::Resource)\n\
                      when { resource.name == \"gate\" };\n";
        let mut files = active(&self.world, &self.people.iris).await;
        files["guardrails/closed.cedar"] = json!(forbid);
        propose(&self.world, &self.people.iris, &files).await;
    }

    /// Nothing more is opened, for this reason.
    pub async fn is_shut(&self) -> String {
        self.open().await.unwrap_err().message
    }
}

/// A key of rosa's and a code: what a gate reports of a connection.
pub async fn connection(world: &World, rosa: &str) -> Ticket {
    let public_key = session_key(&Secret::new([7; 32])).unwrap().public;
    let body = json!({"public_key": public_key});
    let known = world.post(rosa, "/ssh-keys", body).await.done();
    let proof = KeyProof {
        public_key,
        fingerprint: known["fingerprint"].as_str().unwrap().to_owned(),
        source: source(),
        login: login(),
    };
    let half = match world.engine.prove_key(proof).await {
        Verdict::NeedsCode { ticket, .. } => ticket,
        other => panic!("{other:?}"),
    };
    let code = InTransit(Secret::new(world.code("rosa")));
    match world.engine.prove_code(half, code).await {
        Verdict::Complete { ticket } => ticket,
        other => panic!("{other:?}"),
    }
}

async fn granted(world: &World, people: &People) -> String {
    let body = json!({"resource": "gate", "words": ["shell"], "reason": "the lamp is out"});
    let asked = world.post(&people.rosa, "/requests", body).await.done();
    let id = asked["id"].as_str().unwrap().to_owned();
    let seen = json!({"digest": asked["terms"]["digest"]});
    for token in [&people.olaf, &people.pia] {
        let path = format!("/requests/{id}/approve");
        world.post(token, &path, seen.clone()).await.done();
    }
    id
}

#[tokio::test]
async fn a_live_session_ends_with_its_grant() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    let path = format!("/grants/{}/revoke", scene.request);
    let reason = json!({"reason": "enough"});
    scene.world.post(&scene.people.olaf, &path, reason).await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("the grant is over"), "{why}");
    let why = scene.is_shut().await;
    assert!(why.contains("portcullis request gate shell"), "{why}");
}

#[tokio::test]
async fn a_live_session_ends_with_its_identity() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    let path = "/identities/rosa/suspend";
    let gone = scene.world.post(&scene.people.iris, path, json!({})).await;
    gone.done();
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("not active"), "{why}");
    scene.is_shut().await;
}

#[tokio::test]
async fn a_live_session_ends_with_the_key_it_was_opened_with_and_with_no_other() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    let rosa = &scene.people.rosa;
    let first = scene.world.get(rosa, "/whoami").await.done()["ssh_keys"][0].clone();
    let first = first.as_str().unwrap();
    let other = session_key(&Secret::new([8; 32])).unwrap().public;
    let other = json!({ "public_key": other });
    let known = scene.world.post(rosa, "/ssh-keys", other.clone()).await;
    let remove = |key: Value| scene.world.post(rosa, "/ssh-keys/remove", key);
    assert_eq!(remove(known.done()).await.status, StatusCode::NO_CONTENT);
    let unknown = remove(known.done()).await;
    assert_eq!(unknown.problem(), (400, "invalid".to_owned()));

    let taken = remove(json!({ "fingerprint": first })).await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT, "{}", taken.text());
    let why = scene.ended(session, cursor).await;
    assert!(why.contains(first), "not by the other key: {why}");
    let why = scene.is_shut().await;
    assert!(why.contains(first), "{why}");
    // Whoever has it may bring it back.
    scene.world.post(rosa, "/ssh-keys", other).await.done();
}

#[tokio::test]
async fn a_live_session_ends_with_its_resource() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    let token = Some(scene.people.olaf.as_str());
    let remove = request(Method::DELETE, "/resources/gate", token, None);
    scene.world.reply(remove).await.done();
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("removed"), "{why}");
    scene.is_shut().await;
}

/// Where the gate is: owners sign that it has these settings.
pub async fn set_the_gate(scene: &Scene, settings: Value) {
    let mut body = lodge("gate");
    body["settings"] = settings;
    body["replace"] = json!(true);
    scene.world.put(&scene.people, body).await;
}

#[tokio::test]
async fn a_live_session_ends_when_its_account_is_offered_no_longer() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    set_the_gate(&scene, json!({"accounts": "keeper"})).await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("does not offer the account root"), "{why}");
    let why = scene.is_shut().await;
    assert!(why.contains("there is keeper"), "{why}");
    // What was approved is good for the account, once it is offered again.
    set_the_gate(&scene, json!({"accounts": "root"})).await;
    scene.open().await.unwrap();
}

#[tokio::test]
async fn a_live_session_ends_when_its_resource_is_another_and_what_was_approved_is_void() {
    for moved in [
        json!({"address": "192.0.2.66:22"}),
        json!({"host_key": "another"}),
    ] {
        let scene = Scene::new().await;
        let (session, cursor) = scene.live().await;
        let asked = scene.world.post(&scene.people.rosa, "/requests", shell());
        let asked = asked.await.done()["id"].as_str().unwrap().to_owned();
        set_the_gate(&scene, moved).await;
        let why = scene.ended(session, cursor).await;
        assert!(why.contains("another address or host key"), "{why}");
        let why = scene.is_shut().await;
        assert!(why.contains("no grant of yours covers"), "{why}");
        let path = format!("/requests/{asked}");
        let void = |request: &Value| request["status"] == "voided";
        scene.world.until(&scene.people.rosa, &path, void).await;
    }
}

#[tokio::test]
async fn a_live_session_ends_when_policy_no_longer_allows_it() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    scene.close_the_gate().await;
    let why = scene.ended(session, cursor).await;
    assert!(why.contains("closed"), "{why}");
    scene.is_shut().await;
}

#[tokio::test]
async fn a_live_session_ends_at_the_hour_at_which_policy_says_so_and_not_before() {
    let scene = Scene::new().await;
    let (session, cursor) = scene.live().await;
    let until_next = 3600 - scene.world.now().as_secs() % 3600;
    let next = (scene.world.now().as_secs() + until_next) / 3600 % 24;
    let forbid = format!(
        "@id(\"late\")\nforbid (principal, action, resource is Portcullis::Resource)\n\
         when {{ context.now.hour == {next} }};\n"
    );
    let mut files = active(&scene.world, &scene.people.iris).await;
    files["guardrails/late.cedar"] = json!(forbid);
    propose(&scene.world, &scene.people.iris, &files).await;
    let other = scene.open().await.unwrap().session;
    let path = format!("/sessions/{other}/kill");
    let killed = scene
        .world
        .post(&scene.people.olaf, &path, json!({"reason": "this one"}));
    killed.await.done();
    // Orders come in order: had the first one been ended by the new policy, that would be told.
    let told = scene.all_ended(cursor, 1).await;
    assert_eq!(told.keys().collect::<Vec<_>>(), [&other]);

    scene.world.pass(Duration::from_secs(until_next));
    let told = scene.all_ended(cursor, 2).await;
    assert!(told[&session].contains("late"), "{told:?}");
}

#[tokio::test]
async fn a_session_that_was_told_to_end_says_by_whom_and_why() {
    let scene = Scene::new().await;
    let (session, _) = scene.live().await;
    let path = format!("/sessions/{session}");
    let live = scene.world.get(&scene.people.rosa, &path).await.done();
    assert!(live.get("killed").is_none(), "{live}");
    for (who, reason) in [(&scene.people.olaf, "mine"), (&scene.people.pia, "ours")] {
        let kill = json!({ "reason": reason });
        let killed = scene.world.post(who, &format!("{path}/kill"), kill).await;
        // The first order is the one it ends by.
        let first = json!({"by": "olaf", "reason": "mine"});
        assert_eq!(killed.done()["killed"], first);
    }
    let (other, cursor) = scene.live().await;
    let revoke = format!("/grants/{}/revoke", scene.request);
    let over = json!({"reason": "enough"});
    scene
        .world
        .post(&scene.people.olaf, &revoke, over)
        .await
        .done();
    scene.ended(other, cursor).await;
    scene.until_ending(other).await;
    let path = format!("/sessions/{other}");
    let ended = scene.world.get(&scene.people.rosa, &path).await.done();
    assert_eq!(ended["killed"]["by"], "the server", "{ended}");
}

#[tokio::test]
async fn what_does_not_touch_a_live_session_leaves_it_alone() {
    let scene = Scene::new().await;
    let (first, cursor) = scene.live().await;
    let group = json!({"name": "lamps", "path": "ordinary", "members": ["rosa"]});
    let change = scene.world.post(&scene.people.iris, "/groups", group).await;
    let owners = [scene.people.olaf.as_str(), &scene.people.pia];
    scene.world.sign(&change.done(), &owners).await;
    scene.goes_on(first, cursor).await;
}

/// The files of the active bundle.
pub async fn active(world: &World, token: &str) -> Value {
    world.get(token, "/policy").await.done()["files"].clone()
}

/// Proposes a bundle; the change.
pub async fn propose(world: &World, token: &str, files: &Value) -> Value {
    let body = json!({ "files": files });
    let proposed = world.post(token, "/policy/proposals", body).await;
    proposed.done()["change"].clone()
}

#[tokio::test]
async fn every_session_has_a_key_and_a_certificate_of_its_own_for_minutes() {
    let scene = Scene::new().await;
    let verifier = scene.world.engine.lease_key().await;
    let verifier = LeaseVerifier::new(VerifyingKey::from_array(verifier));
    let mut keys = Vec::new();
    let mut serials = Vec::new();
    for _ in 0..2 {
        let opened = scene.open().await.unwrap();
        let lease = verifier.verify_lease(opened.lease.0.expose(), scene.world.now());
        let body: SessionLease = serde_json::from_slice(lease.unwrap().payload.expose()).unwrap();
        let TargetCredential::Certificate {
            private_key,
            certificate,
        } = body.credential
        else {
            panic!("no certificate");
        };
        keys.push(private_key.0.expose().clone());
        let shown = shown(&certificate);
        assert_eq!(lasts(&shown), 180, "{shown}");
        assert!(shown.contains(&opened.session.to_string()), "{shown}");
        serials.push(line(&shown, "Serial:"));
    }
    assert_ne!(keys[0], keys[1]);
    assert_ne!(serials[0], serials[1]);
}

/// What `ssh-keygen` reads in a certificate.
fn shown(certificate: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let output = Command::new("ssh-keygen")
        .args(["-L", "-f"])
        .arg(file.path())
        .env("TZ", "UTC")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn line(shown: &str, what: &str) -> String {
    let line = shown.lines().find(|line| line.trim().starts_with(what));
    line.expect("a line").trim().to_owned()
}

/// For how many seconds a certificate is good, by its line `Valid: from … to …`, less than a day apart.
fn lasts(shown: &str) -> i64 {
    let line = line(shown, "Valid:");
    let times: Vec<i64> = line
        .split_whitespace()
        .filter_map(|word| word.split_once('T'))
        .map(|(_, clock)| {
            let parts = clock.split(':').map(|part| part.parse::<i64>().unwrap());
            parts.fold(0, |sum, part| sum * 60 + part)
        })
        .collect();
    (times[1] - times[0]).rem_euclid(24 * 60 * 60)
}
