//! A world as a test drives it: the program in the background, its people in front.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};

use portcullis_ports::conformance::machine::left_out;
use serde_json::Value;

use crate::client::{feed, runs, until};
use crate::demo::is_root;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_portcullis");

/// The password of the demo's people.
const PASSWORD: &str = "evaluation only";

/// A running server, the demo's or an installation's. Dropping it ends it; a demo leaves nothing behind.
pub struct World {
    demo: Child,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    /// The passwords of those who have one of their own.
    passwords: RefCell<BTreeMap<String, String>>,
    /// Everything that the program said to the people in front.
    heard: RefCell<Vec<u8>>,
    /// What its server logged.
    log: Arc<Mutex<String>>,
}

impl World {
    /// Starts a demo and waits until it says where it is.
    pub fn start() -> Self {
        Self::start_in(&std::env::temp_dir())
    }

    /// The same with the demo's hosts, which it makes only as root.
    pub fn with_hosts() -> Option<Self> {
        if is_root() {
            return Some(Self::start());
        }
        left_out("root, for the hosts of the demo");
        None
    }

    /// The same, its folder in a place that other demos do not look into.
    pub fn start_in(place: &Path) -> Self {
        let mut demo = Command::new(PROGRAM)
            .arg("demo")
            .env("TMPDIR", place)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("the demo starts");
        let log = keep_log(demo.stderr.take().expect("a pipe"));
        let mut lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
        let env = lines
            .by_ref()
            .map(|line| line.expect("the demo's output is text"))
            .find_map(|line| {
                Some(
                    line.strip_prefix("1. . ")?
                        .split_whitespace()
                        .next()?
                        .to_owned(),
                )
            })
            .expect("the demo says where its environment is");
        // Read on, so that the demo never writes to a closed pipe.
        std::thread::spawn(move || lines.count());
        let text = std::fs::read_to_string(&env).expect("the environment can be read");
        let environment = text.lines().filter_map(export).collect();
        let folder = Path::new(&env).parent().expect("a folder").to_path_buf();
        let mut world = Self::around(demo, folder, environment);
        world.log = log;
        world
    }

    /// The world of a server that runs.
    pub fn around(demo: Child, folder: PathBuf, environment: Vec<(String, String)>) -> Self {
        Self {
            demo,
            folder,
            environment,
            passwords: RefCell::default(),
            heard: RefCell::default(),
            log: Arc::default(),
        }
    }

    /// Everything that commands printed so far.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.borrow().clone()
    }

    /// What its server logged so far, where a demo runs it.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A value of its environment.
    pub fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(known, _)| known == name);
        &found.expect("the environment has it").1
    }

    /// The next one-time code of somebody.
    pub fn code(&self, name: &str) -> String {
        let output = self.unheard(&["demo", "code", name], "");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Signs somebody in with a code.
    pub fn login_with(&self, name: &str, code: &str) -> Output {
        let password = self.password(name);
        self.run(&["login", name], &format!("{password}\n{code}\n"))
    }

    fn password(&self, name: &str) -> String {
        let own = self.passwords.borrow();
        own.get(name).map_or(PASSWORD, String::as_str).to_owned()
    }

    /// Keeps the password of somebody who has one of their own.
    pub fn knows(&self, name: &str, password: Option<&str>) {
        if let Some(password) = password {
            let mut own = self.passwords.borrow_mut();
            own.insert(name.to_owned(), password.to_owned());
        }
    }

    /// Enrolls somebody with a token, under a password of their own or the demo's. The seed is kept where
    /// the demo keeps them, so that codes can be had.
    pub fn enroll(
        &self,
        name: &str,
        token: &str,
        password: Option<&str>,
        options: &[&str],
    ) -> Value {
        self.knows(name, password);
        let answers = format!("{token}\n{}\n", self.password(name));
        // What is shown once is shown here.
        let mut words = vec!["--json", "login", "--enroll"];
        words.extend(options);
        let output = self.unheard(&words, &answers);
        assert!(output.status.success(), "{}", said(&output));
        let done: Value = serde_json::from_slice(&output.stdout).unwrap();
        let codes = Path::new(self.variable("PORTCULLIS_DEMO")).join("codes");
        std::fs::create_dir_all(&codes).unwrap();
        std::fs::write(codes.join(name), text(&done["otpauth"])).unwrap();
        done
    }

    /// Signs people in.
    pub fn login(&self, names: &[&str]) {
        for name in names {
            let output = self.login_with(name, &self.code(name));
            assert!(output.status.success(), "{name}: {}", said(&output));
        }
    }

    /// Runs the program in this world.
    pub fn run(&self, words: &[&str], input: &str) -> Output {
        let output = self.unheard(words, input);
        let mut heard = self.heard.borrow_mut();
        heard.extend(output.stdout.iter().chain(&output.stderr));
        output
    }

    /// The same, when it is to print a secret, once and by design.
    pub fn unheard(&self, words: &[&str], input: &str) -> Output {
        feed(self.command(words), input.as_bytes())
    }

    /// The program, about to run in this world.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).envs(
            self.environment
                .iter()
                .filter(|(name, _)| name != "PATH")
                .cloned(),
        );
        command
    }

    /// Runs the program as somebody, for its JSON; `code` is how it has to end.
    pub fn json(&self, who: &str, words: &[&str], code: i32) -> Value {
        self.json_of(who, words, &[code])
    }

    /// The same, when it may end in several ways.
    fn json_of(&self, who: &str, words: &[&str], codes: &[i32]) -> Value {
        let mut all = vec!["--json", "--as", who];
        all.extend(words);
        let output = self.run(&all, "");
        let code = output.status.code().unwrap_or(-1);
        assert!(
            codes.contains(&code),
            "{words:?}: {code}: {}",
            said(&output)
        );
        let told = if code == 0 || code == 4 {
            &output.stdout
        } else {
            &output.stderr
        };
        serde_json::from_slice(told).unwrap_or(Value::Null)
    }

    /// Runs the program as somebody; its JSON, unless the server could not be reached or did not answer.
    pub fn attempt(&self, who: &str, words: &[&str]) -> Option<Value> {
        let mut all = vec!["--json", "--as", who];
        all.extend(words);
        let output = self.run(&all, "");
        if let Some(0 | 4) = output.status.code() {
            return serde_json::from_slice(&output.stdout).ok();
        }
        let told = said(&output);
        assert!(
            told.contains(r#""unreachable""#),
            "{words:?} as {who}: {told}"
        );
        until("a server that does not answer is dead", || !self.serves());
        None
    }

    /// Whether its server runs.
    pub fn serves(&self) -> bool {
        runs(&self.demo.id().to_string())
    }

    /// Waits for the end of its server and puts another one in its place.
    pub fn succeed(&mut self, next: impl FnOnce() -> Child) {
        self.demo.wait().expect("it can be waited for");
        self.demo = next();
    }

    /// A request of rosa's that waits for approval.
    pub fn asked(&self, words: &[&str]) -> String {
        let mut all = vec!["request"];
        all.extend(words);
        text(&self.json("rosa", &all, 4)["id"])
    }

    /// A request of rosa's, approved by these.
    pub fn granted(&self, words: &[&str], approvers: &[&str]) -> String {
        let id = self.asked(words);
        for approver in approvers {
            self.json(approver, &["approve", &id], 0);
        }
        id
    }

    /// A change that somebody proposes and the other owners sign; what the last signature answered.
    pub fn signed(&self, by: &str, words: &[&str]) -> Value {
        let mut change = self.json_of(by, words, &[0, 4]);
        if change["change"].is_object() {
            change = change["change"].take();
        }
        let id = text(&change["id"]);
        for owner in ["olaf", "iris", "pia"].iter().filter(|who| **who != by) {
            if change["status"] == "pending" {
                let answer = self.json_of(owner, &["approve", &id], &[0, 3, 4]);
                // Not every owner's signature is asked for.
                if answer["code"] != "not_eligible" {
                    change = answer;
                }
            }
        }
        assert_eq!(change["status"], "applied", "{words:?}: {change}");
        change
    }

    /// The account at the demo's host.
    pub fn account(&self) -> String {
        let host = self.json("olaf", &["resources", "show", "web-1"], 0);
        text(&host["settings"]["account"])
    }

    /// What the database's superuser is answered, which no door of the product is asked for.
    pub fn database_admin(&self, statement: &str) -> String {
        let mut psql = self.database_client();
        let output = psql.args(["-c", statement]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// psql as the database's administrator.
    pub fn database_client(&self) -> Command {
        let database = self.json("olaf", &["resources", "show", "analytics"], 0);
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-q", "-U", "postgres", "-d", "analytics"]);
        psql.arg("-h").arg(self.folder.join("db"));
        psql.args(["-p", &database["settings"]["port"].to_string()]);
        psql
    }

    /// Gives a one-time code of rosa's beforehand, so that her clients are not asked for one.
    pub fn step_up(&self) {
        self.step_up_for(&format!("{}@web-1", self.account()));
    }

    /// The same for any login.
    pub fn step_up_for(&self, login: &str) {
        let code = self.code("rosa") + "\n";
        let output = self.run(&["--as", "rosa", "step-up", login], &code);
        assert!(output.status.success(), "{}", said(&output));
    }

    /// A plain client of OpenSSH's as rosa, her code typed by a program.
    pub fn client(&self, program: &str, words: &[&str]) -> Command {
        let code = format!(
            "exec {PROGRAM} demo code rosa --world {}",
            self.variable("PORTCULLIS_DEMO")
        );
        self.client_typing(program, words, &code)
    }

    /// The same, with a line of shell that prints what is typed where a code is asked for.
    pub fn client_typing(&self, program: &str, words: &[&str], line: &str) -> Command {
        let askpass = tempfile::Builder::new()
            .prefix("askpass-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempfile_in(&self.folder)
            .unwrap();
        std::fs::write(askpass.path(), format!("#!/bin/sh\n{line}\n")).unwrap();
        // It goes with the world's folder; an open file could not be run.
        let (_, askpass) = askpass.keep().unwrap();
        let mut command = Command::new(program);
        command
            .arg("-F")
            .arg(self.folder.join("ssh_config"))
            .args(words);
        command
            .env("SSH_ASKPASS", askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("DISPLAY", ":0");
        command.stdin(Stdio::null());
        command
    }
}

impl World {
    /// Ends it by a signal; says how it went.
    pub fn end(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.demo.wait().expect("the demo ends")
    }

    /// The number of its server's process.
    pub fn server(&self) -> u32 {
        self.demo.id()
    }

    /// Sends its server a signal.
    pub fn signal(&self, signal: &str) {
        let id = self.demo.id().to_string();
        let _ = Command::new("kill").args([signal, &id]).status();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // One that was waited for is gone, and its number may be somebody else's.
        if matches!(self.demo.try_wait(), Ok(None)) {
            self.signal("-INT");
            let _ = self.demo.wait();
        }
    }
}

/// Keeps what a server logs, and shows it as well, should the test fail.
#[expect(clippy::print_stderr, reason = "a test that fails shows it")]
fn keep_log(from: ChildStderr) -> Arc<Mutex<String>> {
    let log = Arc::<Mutex<String>>::default();
    let kept = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            eprintln!("{line}");
            kept.lock().unwrap().push_str(&(line + "\n"));
        }
    });
    log
}

fn export(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

/// A text in JSON.
pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Everything a program printed.
pub fn said(output: &Output) -> String {
    let both =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    both.concat()
}
