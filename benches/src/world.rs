//! The demo as the world to measure in: the release binary with its people, driven from outside.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failure;
use crate::client::{Client, text};
use crate::process::Process;

/// The password of every demo identity.
const PASSWORD: &str = "evaluation only";

/// A sign-in lasts 15 minutes; one this old is made anew before the next subject.
const STALE: Duration = Duration::from_mins(5);

/// How often something is looked at that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running demo. Dropping it ends it, and it leaves nothing behind.
pub struct World {
    demo: Child,
    program: PathBuf,
    folder: PathBuf,
    pub client: Client,
    sign_ins: HashMap<String, SignIn>,
}

struct SignIn {
    token: String,
    since: Instant,
}

impl World {
    /// Starts a demo and waits until it says where it is. Its owners are signed in already.
    pub async fn start(program: &Path) -> Result<Self, Failure> {
        let mut demo = Command::new(program);
        let mut demo = demo
            .arg("demo")
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .env("PORTCULLIS_LOG", "error")
            .spawn()?;
        let output = demo.stdout.take().ok_or("the demo has no output")?;
        let folder = where_it_is(output)?;
        let variables = std::fs::read_to_string(folder.join("env"))?;
        let server = variable(&variables, "PORTCULLIS_SERVER")?;
        let certificate = variable(&variables, "PORTCULLIS_CA")?;
        let mut world = Self {
            client: Client::new(server, Path::new(certificate))?,
            demo,
            program: program.to_owned(),
            folder,
            sign_ins: HashMap::new(),
        };
        for name in ["olaf", "iris", "pia"] {
            let kept = world.folder.join(format!("sign-ins/{name}.json"));
            let kept: Value = serde_json::from_slice(&std::fs::read(kept)?)?;
            world.signed_in(name, text(&kept, "/token"));
        }
        world.login("rosa").await?;
        Ok(world)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server, which is the demo's own process.
    pub fn gateway(&self) -> Process {
        Process(self.demo.id())
    }

    /// Where its SSH door listens.
    pub fn ssh_door(&self) -> Result<String, Failure> {
        let said = std::fs::read(self.folder.join("data/run/addresses.json"))?;
        let said: Value = serde_json::from_slice(&said)?;
        Ok(text(&said, "/ssh").to_owned())
    }

    fn signed_in(&mut self, name: &str, token: &str) {
        let sign_in = SignIn {
            token: token.to_owned(),
            since: Instant::now(),
        };
        self.sign_ins.insert(name.to_owned(), sign_in);
    }

    /// The next one-time code of somebody; takes up to half a minute when none is left.
    pub fn code(&self, name: &str) -> Result<String, Failure> {
        let mut code = Command::new(&self.program);
        code.args(["demo", "code", name, "--world"])
            .arg(&self.folder);
        let output = code.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    async fn login(&mut self, name: &str) -> Result<(), Failure> {
        let code = self.code(name)?;
        let body = json!({ "name": name, "password": PASSWORD, "code": code });
        let answer = self.client.post(None, "/login", &body).await?;
        let token = text(&answer, "/token").to_owned();
        self.signed_in(name, &token);
        Ok(())
    }

    /// Signs everybody in again whose sign-in could end before the next subject is measured.
    pub async fn refresh(&mut self) -> Result<(), Failure> {
        let stale = |sign_in: &SignIn| sign_in.since.elapsed() > STALE;
        let names = self.sign_ins.iter().filter(|(_, held)| stale(held));
        let names: Vec<_> = names.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.login(&name).await?;
        }
        Ok(())
    }

    fn token(&self, who: &str) -> Result<&str, Failure> {
        let held = self.sign_ins.get(who);
        let held = held.ok_or_else(|| format!("{who} is not signed in"))?;
        Ok(&held.token)
    }

    /// Reads something as somebody.
    pub async fn get(&self, who: &str, path: &str) -> Result<Value, Failure> {
        self.client.get(self.token(who)?, path).await
    }

    /// Does something as somebody.
    pub async fn post(&self, who: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        self.client.post(Some(self.token(who)?), path, body).await
    }

    /// A request of rosa's.
    pub async fn request(&self, resource: &str, words: &[&str]) -> Result<Value, Failure> {
        let body = json!({
            "resource": resource, "words": words, "reason": "measuring", "span_secs": 3600,
        });
        self.post("rosa", "/requests", &body).await
    }

    /// An approval of exactly what was asked.
    pub async fn approve(&self, who: &str, request: &Value) -> Result<Value, Failure> {
        let path = format!("/requests/{}/approve", text(request, "/id"));
        let body = json!({ "digest": text(request, "/terms/digest") });
        self.post(who, &path, &body).await
    }

    /// A privileged request of rosa's, approved by both who have to; gives its identifier.
    pub async fn granted(&self, resource: &str, words: &[&str]) -> Result<String, Failure> {
        let request = self.request(resource, words).await?;
        for owner in ["olaf", "pia"] {
            self.approve(owner, &request).await?;
        }
        Ok(text(&request, "/id").to_owned())
    }

    /// Takes a grant back, by its request.
    pub async fn revoke(&self, id: &str) -> Result<(), Failure> {
        let reason = json!({ "reason": "measuring" });
        self.post("olaf", &format!("/grants/{id}/revoke"), &reason)
            .await
            .map(drop)
    }

    /// Waits until a grant is where it should be.
    pub async fn until_grant(&self, id: &str, status: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let grant = self.get("olaf", &format!("/grants/{id}")).await?;
            if text(&grant, "/status") == status {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(format!("the grant of {id} did not become {status} in time").into())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let id = self.demo.id().to_string();
        // Whatever this comes to, there is nobody left to tell.
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.demo.wait();
    }
}

/// The demo's folder, from the line that says how to load its environment.
fn where_it_is(output: impl std::io::Read + Send + 'static) -> Result<PathBuf, Failure> {
    let mut lines = BufReader::new(output).lines();
    for line in lines.by_ref() {
        let line = line?;
        let file = line
            .strip_prefix("1. . ")
            .and_then(|rest| rest.split(' ').next());
        if let Some(folder) = file.and_then(|file| Path::new(file).parent()) {
            let folder = folder.to_path_buf();
            // Read on, so that the demo never writes to a closed pipe.
            std::thread::spawn(move || lines.count());
            return Ok(folder);
        }
    }
    Err("the demo ended without saying where it is".into())
}

fn variable<'a>(exports: &'a str, name: &str) -> Result<&'a str, Failure> {
    let start = format!("export {name}=");
    let found = exports.lines().find_map(|line| line.strip_prefix(&start));
    Ok(found.ok_or_else(|| format!("the demo's environment has no {name}"))?)
}
