//! What is going on when a server dies: stories told through the doors, and what has to hold after a restart.

use serde_json::Value;

use super::drill::Drill;
use crate::client::{Client, until};
use crate::world::{said, text};

/// Something that goes on, and what of it was acknowledged before the server died.
pub trait Story {
    /// Begins anew, under a number of its own.
    fn begin(number: usize) -> Self;

    /// Goes on until it is over; stops where the server does not answer any more.
    fn run(&mut self, drill: &Drill) -> Option<()>;

    /// Nothing is said to be over that could not be seen at its target, which is away.
    fn waits(&self, drill: &Drill);

    /// Nothing that was acknowledged is lost, nothing is live that should not be, nothing ran twice; and it can
    /// be brought to its end.
    fn settles(&mut self, drill: &Drill);
}

fn status(drill: &Drill, noun: &str, id: &str) -> Option<String> {
    let shown = drill.world.attempt("olaf", &[noun, "show", id])?;
    Some(text(&shown["status"]))
}

pub fn is_word(drill: &Drill, noun: &str, id: &str, word: &str) -> Option<bool> {
    status(drill, noun, id).map(|status| status == word)
}

/// A request of rosa's, approved by these; acknowledged approvals are counted.
pub fn granted(
    drill: &Drill,
    words: &[&str],
    approvers: &[&str],
    told: &mut Asked,
) -> Option<String> {
    let mut all = vec!["request"];
    all.extend(words);
    let id = text(&drill.world.attempt("rosa", &all)?["id"]);
    told.request = Some(id.clone());
    for approver in approvers {
        drill.world.attempt(approver, &["approve", &id])?;
        told.approvals += 1;
    }
    Some(id)
}

/// What was acknowledged of a request.
#[derive(Default)]
pub struct Asked {
    request: Option<String>,
    approvals: usize,
}

impl Asked {
    fn is_kept(&self, drill: &Drill) {
        let Some(id) = &self.request else { return };
        let request = drill.world.json("olaf", &["requests", "show", id], 0);
        let approvals = request["approvals"].as_array().map_or(0, Vec::len);
        assert!(approvals >= self.approvals, "approvals are lost: {request}");
    }
}

/// Nothing waits and nothing is held any more; whatever is in between comes to its end by itself first.
pub fn cleared(drill: &Drill) {
    let requests = drill.world.json("rosa", &["requests", "list"], 0);
    for request in requests.as_array().unwrap() {
        if request["status"] == "pending" {
            let id = text(&request["id"]);
            drill.world.json("rosa", &["requests", "cancel", &id], 0);
        }
    }
    until("every grant is proved gone", || {
        let held = held(drill);
        for grant in held.iter().filter(|grant| grant["status"] == "active") {
            let id = text(&grant["id"]);
            let words = ["revoke", &id, "--reason", "the drill is over"];
            // It may be over by itself by now.
            drill
                .world
                .run(&[&["--as", "olaf"], &words[..]].concat(), "");
        }
        held.is_empty()
    });
}

/// Grants that are not proved gone.
pub fn held(drill: &Drill) -> Vec<Value> {
    let grants = drill.world.json("olaf", &["grants", "list"], 0);
    let grants = grants.as_array().unwrap().iter();
    let held = grants.filter(|grant| grant["status"] != "revoked");
    held.cloned().collect()
}

/// Nothing is between two states any more; what is held then.
fn settled(drill: &Drill) -> Vec<Value> {
    let mut standing = Vec::new();
    until("every grant is active or revoked", || {
        standing = held(drill);
        standing.iter().all(|grant| grant["status"] == "active")
    });
    standing
}

/// Waits until no session lives.
pub fn over(drill: &Drill) {
    until("no session lives", || {
        let sessions = drill.world.json("olaf", &["sessions", "list"], 0);
        let mut sessions = sessions.as_array().unwrap().iter();
        // Nobody was there to see the end of the program: the record claims nothing.
        sessions.clone().for_each(|session| {
            let cause = session["ending"]["cause"].as_str().unwrap_or_default();
            let claims = cause.contains("the server stopped") && !cause.contains("not seen to end");
            assert!(!claims, "{session}");
        });
        sessions.all(|session| session["status"] == "ended")
    });
}

/// The ordinary path: a role is asked for, given, used, and taken back.
#[derive(Default)]
pub struct Lending {
    asked: Asked,
    active: bool,
    revoked: bool,
    psql: Option<Client>,
}

pub const MEMBERS: &str = "SELECT count(*) FROM pg_auth_members \
                       WHERE roleid = 'reader'::regrole AND member = 'rosa'::regrole";

const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rosa'";

impl Story for Lending {
    fn begin(_: usize) -> Self {
        Self::default()
    }

    fn run(&mut self, drill: &Drill) -> Option<()> {
        let words = ["database", "read", "--reason", "figures"];
        let id = granted(drill, &words, &["olaf"], &mut self.asked)?;
        drill.wait("the role is assigned", || {
            is_word(drill, "grants", &id, "active")
        })?;
        self.active = true;
        let mut psql = Client::start(drill.psql());
        psql.type_line("SET ROLE reader; SELECT 'rows ' || count(*) FROM orders;");
        psql.wait_for("rows 0");
        self.psql = Some(psql);
        let words = ["revoke", &id, "--reason", "over"];
        drill.world.attempt("olaf", &words)?;
        self.revoked = true;
        drill.wait("the grant is revoked", || {
            is_word(drill, "grants", &id, "revoked")
        })
    }

    fn waits(&self, drill: &Drill) {
        until("what can be known without the target is known", || {
            let mut held = held(drill).into_iter();
            held.all(|grant| grant["status"] == "active" || grant["left"].is_string())
        });
    }

    fn settles(&mut self, drill: &Drill) {
        self.asked.is_kept(drill);
        let standing = settled(drill);
        assert!(standing.len() <= 1, "{standing:?}");
        let members = drill.ask_database(MEMBERS);
        assert_eq!(members, standing.len().to_string(), "{standing:?}");
        if self.active && !self.revoked {
            // Unless the revocation was written and the answer to it lost.
            let id = self.asked.request.clone().unwrap();
            let status = status(drill, "grants", &id);
            assert!(standing.len() == 1 || status.as_deref() == Some("revoked"));
        }
        if self.revoked {
            assert!(standing.is_empty(), "{standing:?}");
        }
        cleared(drill);
        assert_eq!(drill.ask_database(MEMBERS), "0");
        // A session that carries the role does not outlive it.
        assert_eq!(drill.ask_database(BACKENDS), "0");
    }
}

/// The privileged path: a command that may run once.
#[derive(Default)]
pub struct Running {
    number: usize,
    asked: Asked,
    ran: bool,
}

impl Running {
    fn command(&self, drill: &Drill) -> String {
        let number = self.number;
        let effects = drill.pocket("effects");
        format!("echo {number}- >> {}; echo ran-{number}", effects.display())
    }

    /// How often the command had its effect since it was last counted.
    fn effects(drill: &Drill) -> usize {
        let effects = drill.pocket("effects");
        let text = std::fs::read_to_string(&effects).unwrap_or_default();
        text.lines().count()
    }
}

impl Story for Running {
    fn begin(number: usize) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    fn run(&mut self, drill: &Drill) -> Option<()> {
        let _ = std::fs::remove_file(drill.pocket("effects"));
        let command = self.command(drill);
        let words = ["host", "exec", "--reason", "once", "--", &command];
        let id = granted(drill, &words, &["olaf", "pia"], &mut self.asked)?;
        let ssh = drill.world.client("ssh", &["host", &command]).output();
        let ssh = ssh.unwrap();
        if !ssh.status.success() {
            let lost = || !drill.world.serves();
            until("a session is lost with its server only", lost);
            return None;
        }
        assert!(said(&ssh).contains(&format!("ran-{}", self.number)));
        self.ran = true;
        let over = || is_word(drill, "grants", &id, "revoked");
        drill.wait("its grant is over", over)
    }

    fn waits(&self, drill: &Drill) {
        over(drill);
    }

    /// What may still run runs now, and what ran does not run again.
    fn settles(&mut self, drill: &Drill) {
        self.asked.is_kept(drill);
        over(drill);
        let before = Self::effects(drill);
        assert!(before <= 1, "it ran {before} times");
        assert!(!self.ran || before == 1, "its effect is lost");
        let granted = settled(drill);
        let command = self.command(drill);
        let may = granted.iter().any(|grant| {
            grant["intent"]["action"]["params"]["command"] == command && grant["used"] == 0
        });
        let again = drill.world.client("ssh", &["host", &command]).output();
        let again = again.unwrap();
        assert_eq!(again.status.success(), may, "{}", said(&again));
        let after = Self::effects(drill);
        assert_eq!(after, before + usize::from(may));
        assert!(after <= 1, "it ran {after} times");
        cleared(drill);
    }
}

/// The privileged path: a shell in which something runs until it is killed.
#[derive(Default)]
pub struct Staying {
    number: usize,
    asked: Asked,
    client: Option<Client>,
}

impl Story for Staying {
    fn begin(number: usize) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    fn run(&mut self, drill: &Drill) -> Option<()> {
        let words = ["host", "shell", "--reason", "work"];
        let id = granted(drill, &words, &["olaf", "pia"], &mut self.asked)?;
        let mut shell = Client::start(drill.world.client("ssh", &["-tt", "host"]));
        let marker = format!("drill-{}", self.number);
        let line = format!("sh -c 'echo up-$0; while :; do sleep 1; done' {marker}");
        shell.type_line(&line);
        let up = format!("up-{marker}");
        let begun = || shell.shows(&up) || !drill.world.serves();
        until("the program is up", begun);
        self.client = Some(shell);
        let sessions = drill.world.attempt("olaf", &["sessions", "list"])?;
        let mut sessions = sessions.as_array().unwrap().iter();
        let live = sessions.find(|session| session["status"] == "live");
        let session = text(&live.expect("a session lives")["id"]);
        let words = ["sessions", "kill", &session, "--reason", "seen enough"];
        drill.world.attempt("olaf", &words)?;
        let ended = || is_word(drill, "sessions", &session, "ended");
        drill.wait("it is over", ended)?;
        // It is waited for only so long before the end is recorded, which then says that it was not seen.
        drill.wait("its program is gone", || {
            Some(drill.host.running("drill-").is_empty())
        })?;
        let words = ["revoke", &id, "--reason", "over"];
        drill.world.attempt("olaf", &words)?;
        let over = || is_word(drill, "grants", &id, "revoked");
        drill.wait("its grant is over", over)
    }

    fn waits(&self, drill: &Drill) {
        over(drill);
    }

    fn settles(&mut self, drill: &Drill) {
        self.asked.is_kept(drill);
        over(drill);
        let gone = || drill.host.running("drill-").is_empty();
        until("no program of a session runs", gone);
        cleared(drill);
    }
}

/// A vaulted key is rotated.
#[derive(Default)]
pub struct Rotating {
    before: u64,
    asked: bool,
}

impl Rotating {
    /// Somebody who may asks for it.
    pub fn is_asked_for(&mut self, drill: &Drill) -> Option<()> {
        self.before = Self::secret(drill)?["version"].as_u64().unwrap();
        let words = ["secrets", "rotate", "host-key"];
        drill.world.attempt("olaf", &words)?;
        self.asked = true;
        Some(())
    }

    /// The same while its target is away, which is said.
    pub fn is_asked_for_in_vain(&mut self, drill: &Drill) {
        self.before = Self::secret(drill).unwrap()["version"].as_u64().unwrap();
        let words = ["--as", "olaf", "secrets", "rotate", "host-key"];
        let output = drill.world.run(&words, "");
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains("it is tried again"),
            "{}",
            said(&output)
        );
        self.asked = true;
    }

    fn secret(drill: &Drill) -> Option<Value> {
        drill
            .world
            .attempt("olaf", &["secrets", "show", "host-key"])
    }
}

impl Story for Rotating {
    fn begin(_: usize) -> Self {
        Self::default()
    }

    fn run(&mut self, drill: &Drill) -> Option<()> {
        self.is_asked_for(drill)?;
        drill.wait("the key is rotated", || {
            let secret = Self::secret(drill)?;
            Some(secret["rotation"].is_null())
        })
    }

    fn waits(&self, drill: &Drill) {
        until("a rotation says that it cannot go on, or is over", || {
            let secret = Self::secret(drill).expect("the server serves");
            secret["rotation"].is_null() || secret["rotation"]["seen"].is_string()
        });
    }

    fn settles(&mut self, drill: &Drill) {
        let mut secret = Value::Null;
        until("no rotation is under way", || {
            secret = Self::secret(drill).expect("the server serves");
            secret["rotation"].is_null()
        });
        let version = secret["version"].as_u64().unwrap();
        assert!(version <= self.before + 1, "it was rotated twice: {secret}");
        assert!(!self.asked || version == self.before + 1, "{secret}");
        // What the vault says is in force is what is, and nothing else.
        let keys = drill.host.authorized();
        assert_eq!(keys.trim(), text(&secret["public"]).trim(), "{secret}");
        let words = ["secrets", "verify", "host-key"];
        drill.world.json("olaf", &words, 0);
        let first = drill.pocket("host-key");
        assert_eq!(drill.host.accepts(&first), version == 1);
    }
}
