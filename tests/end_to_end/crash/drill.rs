//! A world that is made to die: a server with fail points, and targets that can crash.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::host::{ACCOUNT, Host};
use crate::client::{feed, until};
use crate::installation::{around, bare, begun, found, init, resource, server, write_ssh_config};
use crate::targets::{database, keygen};
use crate::world::{World, said, text};
use portcullis_ports::conformance::port::Port;
use portcullis_ports::conformance::postgres_server::PostgresServer;

/// A server, its targets, and what was ordered to happen to them.
pub struct Drill {
    pub world: World,
    pub database: PostgresServer,
    pub host: Host,
    pub ledger_key: String,
    /// What the data folder lies on, if that is a disk of its own.
    pub disk: Option<Disk>,
    stepped_up: Cell<Option<Instant>>,
    /// How much of what was passed was looked at.
    told: Cell<usize>,
    /// The server's doors, also while it is dead.
    _doors: [Port; 2],
    folder: tempfile::TempDir,
}

/// The n-th passage of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    pub step: String,
    pub number: usize,
    /// Whether something may have happened since the step before it.
    changed: bool,
}

impl Passage {
    /// The first time that a step is passed.
    pub fn first(step: &str) -> Self {
        Self {
            step: step.to_owned(),
            number: 1,
            changed: true,
        }
    }

    /// Whether it is a place to die of its own. What is written again is alike, and so are a tape's segments; any
    /// other call that is made again begins where it ended before.
    pub fn is_drilled(&self) -> bool {
        let alike = is_evidence(&self.step) || self.step.ends_with("segment");
        let most = if alike { 1 } else { MOST };
        let before = self.step.starts_with("before");
        every_step() || self.changed && (self.number == 1 || self.number <= most && !before)
    }

    /// Whether a story that was told once passes it whenever it is told: how often the ledger is written, for instance,
    /// is a matter of timing, and so is whether a moment came or something took long meanwhile.
    pub fn is_certain(&self) -> bool {
        let by_the_clock = [
            "session.head",
            "grant.removal_incomplete",
            "secret.rotation_failed",
        ];
        self.number == 1 && !by_the_clock.iter().any(|kind| self.step.contains(kind))
    }

    /// Whether something outside is touched there: it is no evidence of ours.
    pub fn is_outside(&self) -> bool {
        self.number == 1 && !is_evidence(&self.step)
    }

    /// The order to die there.
    pub fn order(&self) -> String {
        format!("kill {} {}", self.number, self.step)
    }
}

impl Drill {
    /// Makes it, its people signed in; nothing where there can be no host that crashes.
    pub fn new() -> Option<Self> {
        Self::on(|_| Some(None))
    }

    /// The same, the data folder on a disk that is mounted at the place where it is to be.
    pub fn on(disk: impl FnOnce(&Path) -> Option<Option<Disk>>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let product = folder.path().join("product");
        let pockets = folder.path().join("pockets");
        for made in [&pockets, &points(folder.path()), &product.join("data")] {
            std::fs::create_dir_all(made).unwrap();
        }
        let disk = disk(&product.join("data"))?;
        let made = init(&product, "a passphrase for the offline slot");
        let [https, ssh, targets] = [(); 3].map(|()| Port::take().unwrap());
        let listen = format!(
            "[listen]\nhttps = \"127.0.0.1:{}\"\nssh = \"127.0.0.1:{}\"\n",
            https.number(),
            ssh.number()
        );
        std::fs::write(product.join("data/portcullis.toml"), listen).unwrap();
        let key = pockets.join("host-key");
        keygen(&key);
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let authority = text(&made["ssh_authority"]);
        let host = Host::start(&folder.path().join("host"), targets, &public, &authority)?;
        let (child, told) = begun(watched(folder.path()), &product);
        assert!(told.is_some(), "the server starts");
        let at = format!("https://127.0.0.1:{}", https.number());
        let drill = Self {
            world: around(child, &at, &product, &pockets),
            database: database(PASSWORD, PASSWORD),
            host,
            ledger_key: text(&made["ledger_key"]),
            disk,
            stepped_up: Cell::default(),
            told: Cell::default(),
            _doors: [https, ssh],
            folder,
        };
        found(&drill.world, &made, "evaluation only");
        drill.bring_in();
        drill.let_rosa_in();
        Some(drill)
    }

    fn bring_in(&self) {
        let password = self.pocket("database-password");
        std::fs::write(&password, PASSWORD).unwrap();
        for (name, kind, file) in [
            ("host-key", "ssh_key", self.pocket("host-key")),
            ("database-key", "password", password),
        ] {
            let file = file.to_str().unwrap();
            let words = ["secrets", "add", name, "--kind", kind, "--file", file];
            self.world.signed("olaf", &words);
        }
        let port = format!("port={}", self.database.port());
        let settings = [
            "host=127.0.0.1",
            &port,
            "database=postgres",
            "user=portcullis",
            "tls=disable",
            r#"entitlements={"read":"reader"}"#,
        ];
        resource(
            &self.world,
            "database",
            "postgres",
            Some("database-key"),
            &settings,
        );
        let settings = self.host.settings();
        let settings = settings.each_ref().map(String::as_str);
        resource(&self.world, "locked", "ssh", Some("host-key"), &settings);
        resource(&self.world, "host", "ssh", None, &settings);
    }

    fn let_rosa_in(&self) {
        self.world.signed("iris", &["identities", "add", "rosa"]);
        let words = ["identities", "enroll", "rosa"];
        let token = text(&self.world.json("iris", &words, 0)["token"]);
        let key = self.pocket("rosa");
        keygen(&key);
        let public = key.with_extension("pub");
        let options = ["--ssh-key", public.to_str().unwrap()];
        let password = Some("evaluation only, but longer");
        self.world.enroll("rosa", &token, password, &options);
        self.world.login(&["rosa"]);
        let line = format!("127.0.0.1:{}:*:rosa:{PASSWORD}\n", self.database.port());
        std::fs::write(self.pocket("pgpass"), line).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.pocket("pgpass"), private).unwrap();
        write_ssh_config(&self.world, &self.pocket(""));
    }

    /// Gives a code of rosa's beforehand, unless the last one still counts.
    pub fn step_up(&self) {
        let held = self.stepped_up.get();
        if held.is_none_or(|at| at.elapsed() > STEP_UP) {
            self.world.step_up_for(&format!("{ACCOUNT}@host"));
            self.stepped_up.set(Some(Instant::now()));
        }
    }

    /// A file of the test's.
    pub fn pocket(&self, name: &str) -> PathBuf {
        self.folder.path().join("pockets").join(name)
    }

    /// Says what is to happen at which step.
    pub fn order(&self, orders: &str) {
        let points = points(self.folder.path());
        // Whole at every moment: the server reads it at each step.
        std::fs::write(points.join("orders.new"), orders).unwrap();
        std::fs::rename(points.join("orders.new"), points.join("orders")).unwrap();
    }

    /// The steps that were passed since this was last asked.
    pub fn passed(&self) -> Vec<Passage> {
        let trace = points(self.folder.path()).join("trace");
        let text = std::fs::read_to_string(&trace).unwrap_or_default();
        // Nothing is removed: the server may be writing at this moment.
        let fresh = text.get(self.told.get()..).unwrap_or_default();
        let fresh = fresh.rsplit_once('\n').map_or("", |(whole, _)| whole);
        if !fresh.is_empty() {
            self.told.set(self.told.get() + fresh.len() + 1);
        }
        let mut passed: Vec<Passage> = Vec::new();
        for step in fresh.lines() {
            let before = passed.iter().filter(|known| known.step == step).count();
            let last = passed.last().map_or("", |last| &last.step);
            // From the end of one call to the beginning of a write of ours nothing is done.
            let changed =
                step.starts_with("after") || !last.starts_with("after") || !is_evidence(step);
            passed.push(Passage {
                step: step.to_owned(),
                number: before + 1,
                changed,
            });
        }
        passed
    }

    /// Waits until a step is passed.
    pub fn comes_to(&self, step: &str) {
        let passed = || self.passed().iter().any(|passed| passed.step == step);
        until(step, passed);
    }

    /// Waits until the server is dead, as ordered.
    pub fn is_dead(&self) {
        until("the server dies as ordered", || !self.world.serves());
    }

    /// Kills the server where it is; it may be dead already.
    pub fn dies(&self) {
        self.world.signal("-KILL");
        until("the server is dead", || !self.world.serves());
    }

    /// Starts the server anew.
    pub fn restart(&mut self) {
        self.order("");
        let restarts = self.restarts();
        let log = std::fs::read_to_string(self.world.folder().join("log")).unwrap();
        let end: Vec<&str> = log.lines().rev().take(5).collect();
        assert!(restarts, "the server does not start again: {end:#?}");
    }

    /// The same with orders in force; whether it lived until it listened.
    pub fn restarts(&mut self) -> bool {
        let mut lives = false;
        let folder = self.folder.path().to_path_buf();
        self.world.succeed(|| {
            let (child, told) = begun(watched(&folder), &folder.join("product"));
            lives = told.is_some();
            child
        });
        lives
    }

    /// All targets crash.
    pub fn targets_crash(&mut self) {
        self.database.crash();
        self.host.crash();
    }

    /// All targets are back.
    pub fn targets_return(&mut self) {
        self.database.start_again().unwrap();
        self.host.start_again();
    }

    /// Waits until something holds, as long as the server lives.
    pub fn wait(&self, what: &str, mut holds: impl FnMut() -> Option<bool>) -> Option<()> {
        until(what, || holds().unwrap_or_else(|| !self.world.serves()));
        self.world.serves().then_some(())
    }

    /// What the database's superuser is answered.
    pub fn ask_database(&self, statement: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]);
        psql.arg(self.database.admin_url("postgres"));
        let output = feed(psql, statement.as_bytes());
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A `psql` of rosa's.
    pub fn psql(&self) -> Command {
        let mut psql = Command::new("psql");
        psql.env("PGPASSFILE", self.pocket("pgpass"));
        psql.args(["-X", "-A", "-t"]);
        let port = self.database.port();
        psql.arg(format!("postgresql://rosa@127.0.0.1:{port}/postgres"));
        psql
    }

    /// Has some tapes checked by the server, stops it, and has everything that is left checked offline.
    pub fn holds_together(&self) {
        let sessions = self.world.json("pia", &["sessions", "list"], 0);
        for session in sessions.as_array().unwrap().iter().take(MOST_BY_SERVER) {
            let id = text(&session["id"]);
            let report = self.world.json("pia", &["sessions", "verify", &id], 0);
            assert!(text(&report["ending"]).starts_with("finished"), "{report}");
        }
        self.world.signal("-TERM");
        until("the server ends", || !self.world.serves());
        let data = self.world.folder().join("data");
        let words = ["--data", data.to_str().unwrap(), "doctor", "--tapes"];
        let output = bare(&words, b"");
        assert!(output.status.success(), "{}", said(&output));
        let ledger = data.join("ledger");
        let words = [
            "ledger",
            "verify",
            ledger.to_str().unwrap(),
            "--key",
            &self.ledger_key,
        ];
        let output = bare(&words, b"");
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// How long a code is taken to count: less than it does.
const STEP_UP: Duration = Duration::from_mins(3);

/// How many passages of one step are drilled: a rotation asks its target eight times.
const MOST: usize = 8;

/// How many tapes the server is asked about, one by one; all of them are read offline.
const MOST_BY_SERVER: usize = 100;

/// rosa's and Portcullis' own at the database.
const PASSWORD: &str = "of the drill";

/// Whether a call writes evidence of ours, and touches nothing outside.
fn is_evidence(step: &str) -> bool {
    let evidence = [
        "commit", "create", "write", "sync", "truncate", "publish", "erase",
    ];
    let call = step.split(' ').nth(1).unwrap_or_default();
    evidence.contains(&call)
}

/// Whether steps between which nothing happens are drilled as well.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test may take is no setting of the program"
)]
fn every_step() -> bool {
    std::env::var_os("EVERY_STEP").is_some()
}

/// Where orders are given and steps are told.
fn points(folder: &Path) -> PathBuf {
    folder.join("points")
}

/// A server with fail points.
fn watched(folder: &Path) -> Command {
    let mut command = server(&folder.join("product"));
    command.env("PORTCULLIS_FAILPOINTS", points(folder));
    command.env("PORTCULLIS_LOG", "portcullis=debug");
    command
}
