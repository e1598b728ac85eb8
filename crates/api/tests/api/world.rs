//! A whole installation in a temporary folder, called through the router as a client would.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use axum::response::Response;
use portcullis_api::{DoorAddress, Reachable};
use portcullis_engine::{Beginning, Engine, Options, Ports, Running, Unlock, found, restore};
use portcullis_model::{Secret, Timestamp};
use portcullis_ports::{Authenticator, Clock, Connector, Rotator};
use serde_json::{Value, json};
use totp_rs::Totp;
use tower::ServiceExt;

use crate::call::{Reply, request};
use crate::dial::Dial;
use crate::disk::{Disk, copy, on_disk};
use crate::people::People;
use crate::plan::{Plugins, planned};

/// What everybody in these tests has as a password.
pub const PASSWORD: &str = "an otter counts eleven lamps";

/// What opens the offline slot.
pub const PASSPHRASE: &str = "seven herons under the weir";

/// How long anything may take before a test gives up on it: many calls at once wait for each other.
const PATIENCE: Duration = Duration::from_mins(4);

/// An installation with rosa (who asks), olaf (owns resources), iris (IAM) and pia (PAM).
pub struct World {
    pub router: Router,
    pub engine: Arc<Engine>,
    running: Option<Running>,
    pub ports: Ports,
    pub disk: Arc<Disk>,
    online: String,
    clock: Arc<Dial>,
    tokens: Mutex<HashMap<String, String>>,
    seeds: Mutex<HashMap<String, Totp>>,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Vec::new()).await
    }

    /// One that has connectors.
    pub async fn with(connectors: Vec<Arc<dyn Connector>>) -> Self {
        Self::found_in(tempfile::tempdir().unwrap(), connectors).await
    }

    /// One in a folder that may have something in it.
    pub async fn found_in(folder: tempfile::TempDir, connectors: Vec<Arc<dyn Connector>>) -> Self {
        let plugins = Plugins {
            connectors,
            ..Plugins::default()
        };
        Self::made_of(folder, plugins).await
    }

    /// One with a founder, and nobody else.
    pub async fn founded_by(name: &str) -> Self {
        let plugins = Plugins {
            beginning: Beginning::Founder {
                name: name.to_owned(),
            },
            ..Plugins::default()
        };
        Self::made_of(tempfile::tempdir().unwrap(), plugins).await
    }

    /// One with other ways of signing in.
    pub async fn signing_in_by(authenticators: Vec<Arc<dyn Authenticator>>) -> Self {
        let plugins = Plugins {
            authenticators,
            ..Plugins::default()
        };
        Self::made_of(tempfile::tempdir().unwrap(), plugins).await
    }

    /// One with a way of rotating secrets.
    pub async fn rotating_by(rotator: Arc<dyn Rotator>) -> Self {
        let plugins = Plugins {
            rotators: vec![rotator],
            ..Plugins::default()
        };
        Self::made_of(tempfile::tempdir().unwrap(), plugins).await
    }

    async fn made_of(folder: tempfile::TempDir, plugins: Plugins) -> Self {
        let clock = Arc::new(Dial::new());
        let disk = Arc::new(Disk::default());
        let (ports, founding) = planned(folder.path(), (&clock, &disk), plugins);
        let founded = found(&ports, founding).await.unwrap();
        let tokens = founded.tokens.into_iter();
        let tokens = tokens.map(|(name, token)| (name, token.expose_owned()));
        let tokens = tokens.collect();
        let online = founded.online.expose_owned();
        let options = Options::default();
        Self::running(ports, options, online, (clock, disk), tokens, folder).await
    }

    async fn running(
        ports: Ports,
        options: Options,
        online: String,
        (clock, disk): (Arc<Dial>, Arc<Disk>),
        tokens: HashMap<String, String>,
        folder: tempfile::TempDir,
    ) -> Self {
        let unlock = Unlock::Online(Secret::new(online.clone()));
        let running = Running::start(ports.clone(), options, unlock);
        let running = running.await.unwrap();
        Self {
            router: portcullis_api::router(Arc::clone(&running.engine), reachable()),
            engine: Arc::clone(&running.engine),
            running: Some(running),
            ports,
            online,
            clock,
            disk,
            tokens: Mutex::new(tokens),
            seeds: Mutex::default(),
            folder,
        }
    }

    /// The same installation after its server was stopped and started again.
    pub async fn restarted(self) -> Self {
        self.restarted_with(Options::default()).await
    }

    /// The same, told something else when it was started again.
    pub async fn restarted_with(self, options: Options) -> Self {
        let Self {
            router,
            engine,
            running,
            ports,
            disk,
            online,
            clock,
            tokens,
            seeds,
            folder,
        } = self;
        if let Some(running) = running {
            running.stop().await;
        }
        drop((router, engine));
        let tokens = tokens.into_inner().unwrap();
        let machine = (clock, disk);
        let again = Self::running(ports, options, online, machine, tokens, folder).await;
        Self { seeds, ..again }
    }

    /// Waits until the engine says that a part of it ended unasked; which.
    pub async fn broken(&self) -> &'static str {
        let broken = self.running.as_ref().unwrap().broken();
        let waited = tokio::time::timeout(PATIENCE, broken).await;
        waited.expect("all of it goes on")
    }

    /// Stops the engine's loops; what they left is written.
    pub async fn stopped(mut self) -> Self {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        self
    }

    /// What a new process finds when the one before was killed at this moment. That one does nothing more.
    pub async fn after_a_crash(mut self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        // What is written by this is not in the copy; targets and clock are shared, and are the new one's alone.
        if let Some(killed) = self.running.take() {
            killed.stop().await;
        }
        let ports = self.ports_in(&folder);
        let tokens = self.tokens.lock().unwrap().clone();
        let machine = (Arc::clone(&self.clock), Arc::clone(&self.disk));
        let (options, online) = (Options::default(), self.online.clone());
        let world = Self::running(ports, options, online, machine, tokens, folder).await;
        *world.seeds.lock().unwrap() = std::mem::take(&mut *self.seeds.lock().unwrap());
        world
    }

    /// The same world with its files elsewhere.
    pub fn ports_in(&self, folder: &tempfile::TempDir) -> Ports {
        let (store, tiles, blobs) = on_disk(&self.disk, folder.path());
        Ports {
            witnesses: Vec::new(),
            store,
            tiles,
            blobs,
            ..self.ports.clone()
        }
    }

    /// What opens the online slot.
    pub fn online(&self) -> &str {
        &self.online
    }

    /// What a backup holds that is taken at this moment: everything is in the ledger.
    pub async fn backed_up(&self) -> tempfile::TempDir {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let there = *self.ports.store.committed().borrow();
            let signed = self.ports.tiles.checkpoint().unwrap().unwrap_or_default();
            let signed = String::from_utf8(signed).unwrap();
            if signed.lines().nth(1) != Some(&there.to_string()) {
                continue;
            }
            let backup = tempfile::tempdir().unwrap();
            copy(self.folder.path(), backup.path());
            if *self.ports.store.committed().borrow() == there {
                return backup;
            }
        }
    }

    /// The installation that is made of a backup after this one was lost, with the targets as they are by now.
    pub async fn restored_from(self, backup: tempfile::TempDir) -> Self {
        let lost = self.stopped().await;
        let ports = lost.ports_in(&backup);
        let passphrase = Secret::new(PASSPHRASE.to_owned());
        let restored = restore(ports.clone(), lost.now(), passphrase)
            .await
            .unwrap();
        let online = restored.online.expose_owned();
        let machine = (Arc::clone(&lost.clock), Arc::clone(&lost.disk));
        let tokens = HashMap::new();
        let world = Self::running(ports, Options::default(), online, machine, tokens, backup).await;
        *world.seeds.lock().unwrap() = std::mem::take(&mut *lost.seeds.lock().unwrap());
        world
    }

    /// Signs all four in.
    pub async fn people(&self) -> People {
        People {
            rosa: self.sign_in("rosa").await,
            olaf: self.sign_in("olaf").await,
            iris: self.sign_in("iris").await,
            pia: self.sign_in("pia").await,
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }

    /// The machine's clock, to be set wrong.
    pub fn clock(&self) -> &Dial {
        &self.clock
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Response {
        let sent = self.router.clone().oneshot(request);
        tokio::time::timeout(PATIENCE, sent).await.unwrap().unwrap()
    }

    /// Sends a request and reads the answer.
    pub async fn reply(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.send(request).await.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// Sends a call under an idempotency key.
    pub async fn post_under(&self, key: &str, token: &str, path: &str, body: Value) -> Reply {
        let mut call = request(Method::POST, path, Some(token), Some(body));
        let key = key.parse().unwrap();
        call.headers_mut().insert("idempotency-key", key);
        self.reply(call).await
    }

    pub async fn get(&self, token: &str, path: &str) -> Reply {
        self.reply(request(Method::GET, path, Some(token), None))
            .await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.reply(request(Method::POST, path, Some(token), Some(body)))
            .await
    }

    /// The enrolment token of somebody who has not enrolled.
    pub fn enrolment_token(&self, name: &str) -> String {
        self.tokens.lock().unwrap()[name].clone()
    }

    /// An owner of identities opens the enrolment of somebody who was added.
    pub async fn invite(&self, name: &str, owner: &str) {
        let path = format!("/identities/{name}/enroll");
        let opened = self.post(owner, &path, json!({})).await.done();
        let token = opened["token"].as_str().unwrap().to_owned();
        self.keep_token(name, token);
    }

    /// Keeps the enrolment token of somebody.
    pub fn keep_token(&self, name: &str, token: String) {
        self.tokens.lock().unwrap().insert(name.to_owned(), token);
    }

    /// A one-time code of somebody who enrolled, not used before.
    pub fn code(&self, name: &str) -> String {
        self.pass(Duration::from_secs(30));
        let seeds = self.seeds.lock().unwrap();
        seeds[name].generate(self.clock.now().as_secs()).to_string()
    }

    pub async fn enroll(&self, name: &str) {
        let Some(token) = self.tokens.lock().unwrap().remove(name) else {
            return;
        };
        let body = json!({"token": token, "password": PASSWORD});
        let done = request(Method::POST, "/enroll", None, Some(body));
        let done = self.reply(done).await.done();
        assert_eq!(done["name"], name);
        let seed = Totp::from_url(done["otpauth"].as_str().unwrap()).unwrap();
        self.seeds.lock().unwrap().insert(name.to_owned(), seed);
    }

    pub async fn login(&self, name: &str, password: &str, code: &str) -> Reply {
        let body = json!({"name": name, "password": password, "code": code});
        self.reply(request(Method::POST, "/login", None, Some(body)))
            .await
    }

    /// A bearer token for somebody, who enrolls if they have not yet.
    pub async fn sign_in(&self, name: &str) -> String {
        self.enroll(name).await;
        let reply = self.login(name, PASSWORD, &self.code(name)).await;
        reply.done()["token"].as_str().unwrap().to_owned()
    }

    /// Has a resource added that everybody signed.
    pub async fn put(&self, people: &People, resource: Value) {
        let put = self.post(&people.olaf, "/resources", resource).await.done();
        self.sign(&put["change"], &[&people.pia, &people.iris])
            .await;
    }

    /// Has rosa ask for something and those named approve it; answers with the request's identifier.
    pub async fn granted(&self, people: &People, ask: Value, by: &[&str]) -> String {
        let asked = self.post(&people.rosa, "/requests", ask).await.done();
        let id = asked["id"].as_str().unwrap().to_owned();
        let seen = json!({"digest": asked["terms"]["digest"]});
        for token in by {
            let path = format!("/requests/{id}/approve");
            self.post(token, &path, seen.clone()).await.done();
        }
        id
    }

    /// Asks for something until it is as wanted, or fails.
    pub async fn until(&self, token: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let reached = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            while !wanted(&last) {
                ticks.tick().await;
                last = self.get(token, path).await.done();
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        assert!(reached.is_ok(), "{path} never was as wanted: {last}");
        last
    }

    /// Has a change signed by those named, until it is applied.
    pub async fn sign(&self, change: &Value, by: &[&str]) -> Value {
        let path = format!("/changes/{}/sign", change["id"].as_str().unwrap());
        let mut last = change.clone();
        for token in by {
            if last["status"] != "pending" {
                break;
            }
            last = self
                .post(token, &path, json!({"digest": change["digest"]}))
                .await
                .done();
        }
        last
    }
}

/// As a server that people know by a name would say it.
fn reachable() -> Reachable {
    let door = DoorAddress {
        host: Some("gate.example".to_owned()),
        port: 2222,
    };
    Reachable {
        url: Some("https://gate.example:8443".to_owned()),
        doors: [("lodge".to_owned(), door)].into(),
    }
}
