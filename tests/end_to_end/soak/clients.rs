//! What clients do, each in its own way, and what they were told.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::client::Client;
use crate::crash::Drill;
use crate::world::said;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A command that says a little, and leaves a line at its target.
    Command,
    /// A command that says much.
    Bulk,
    /// The same by a credential that the vault holds, which is rotated after each session.
    Vaulted,
    /// A shell that is used and left.
    Shell,
}

/// What a shell is seen to do.
const IN_SHELL: &str = "in-42";

/// How many bytes bulk work brings.
const BULK: usize = 2_000_000;

impl Work {
    pub const ALL: [Self; 4] = [Self::Command, Self::Bulk, Self::Vaulted, Self::Shell];

    /// Every client has its own habit; one secret is rotated for one client at a time.
    const fn of(number: usize) -> Self {
        match number % 10 {
            0 if number == 0 => Self::Vaulted,
            0 | 1 => Self::Bulk,
            2..=4 => Self::Shell,
            _ => Self::Command,
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::Vaulted => "locked",
            Self::Command | Self::Bulk | Self::Shell => "host",
        }
    }
}

/// The clients, all of them rosa's.
pub struct Clients {
    config: PathBuf,
    line: String,
    runs: PathBuf,
    done: [AtomicUsize; Work::ALL.len()],
    cut_off: AtomicUsize,
}

impl Clients {
    /// Has everything approved that they do.
    pub fn new(drill: &Drill) -> Self {
        let runs = drill.pocket("runs");
        let clients = Self {
            config: drill.world.folder().join("ssh_config"),
            line: format!("echo ran >>{}; echo done", runs.display()),
            runs,
            done: Default::default(),
            cut_off: AtomicUsize::default(),
        };
        for work in Work::ALL {
            let command = clients.command(work);
            let action = if command.is_some() { "exec" } else { "shell" };
            let mut words = vec![work.target(), action, "--reason", "soak"];
            words.extend(["--uses", "any", "--for", "4h"]);
            words.extend(command.iter().flat_map(|command| ["--", command]));
            drill.world.granted(&words, &["olaf", "pia"]);
        }
        clients
    }

    fn command(&self, work: Work) -> Option<String> {
        match work {
            Work::Command => Some(self.line.clone()),
            Work::Bulk => Some(format!("head -c {BULK} /dev/zero")),
            Work::Vaulted => Some("echo vaulted".to_owned()),
            Work::Shell => None,
        }
    }

    /// Does so many pieces of work, and then goes on until a moment, if there is one.
    pub fn work(&self, number: usize, pieces: usize, end: Option<Instant>) {
        let work = Work::of(number);
        let mut done = 0;
        while done < pieces || end.is_some_and(|end| Instant::now() < end) {
            let whole = match work {
                Work::Shell => self.shell(number, done),
                Work::Command | Work::Bulk | Work::Vaulted => self.exec(number, work),
            };
            let counted = if whole {
                self.done(work)
            } else {
                &self.cut_off
            };
            counted.fetch_add(1, Ordering::SeqCst);
            done += 1;
        }
    }

    /// Whether it came to its end. Whoever is cut off is told why.
    fn exec(&self, number: usize, work: Work) -> bool {
        let mut ssh = self.ssh(number);
        ssh.arg(work.target());
        ssh.args(self.command(work));
        let output = ssh.output().unwrap();
        let expected = match work {
            Work::Bulk => BULK,
            Work::Vaulted => "vaulted\n".len(),
            Work::Command | Work::Shell => "done\n".len(),
        };
        if output.status.success() {
            assert_eq!(output.stdout.len(), expected, "{work:?}: {}", told(&output));
            return true;
        }
        is_cut_off(&told(&output));
        false
    }

    /// Some leave by logging out, some lose their line.
    fn shell(&self, number: usize, count: usize) -> bool {
        let mut ssh = self.ssh(number);
        ssh.args(["-tt", "host"]);
        let mut shell = Client::start(ssh);
        shell.type_line("echo in-$((40+2))");
        let seen = shell.shows_or_ends(IN_SHELL);
        if seen && (number + count).is_multiple_of(3) {
            return false;
        }
        shell.type_line("exit 0");
        let (code, told) = shell.ended();
        if code != Some(0) {
            is_cut_off(&told);
        }
        code == Some(0)
    }

    /// From an address of its own: strangers from one address are few at a time.
    fn ssh(&self, number: usize) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F")
            .arg(&self.config)
            .args(["-o", "BatchMode=yes"]);
        ssh.args(["-b", &format!("127.0.1.{}", number + 1)]);
        ssh.stdin(Stdio::null());
        ssh
    }

    /// How often a piece of work was told to be done.
    pub fn done(&self, work: Work) -> &AtomicUsize {
        let place = Work::ALL.iter().position(|one| *one == work);
        &self.done[place.unwrap()]
    }

    /// How often it ran at the target, where it left something there.
    pub fn ran(&self, work: Work) -> Option<usize> {
        let runs = std::fs::read_to_string(&self.runs).unwrap_or_default();
        (work == Work::Command).then(|| runs.lines().count())
    }

    /// Whether a session was for this.
    pub fn is_of(&self, work: Work, session: &Value) -> bool {
        let action = &session["opening"]["action"];
        match self.command(work) {
            Some(command) => action["params"]["command"] == command.as_str(),
            None => action["name"] == "shell",
        }
    }
}

impl fmt::Display for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for work in Work::ALL {
            write!(f, "{work:?} {}, ", self.done(work).load(Ordering::SeqCst))?;
        }
        write!(f, "cut off {}", self.cut_off.load(Ordering::SeqCst))
    }
}

fn told(output: &Output) -> String {
    said(&Output {
        stdout: Vec::new(),
        ..output.clone()
    })
}

/// Nobody is cut off without being told by whom.
fn is_cut_off(told: &str) {
    let known = ["killed: ", "is being rotated", "policy", "try again"];
    assert!(known.iter().any(|why| told.contains(why)), "{told}");
}
