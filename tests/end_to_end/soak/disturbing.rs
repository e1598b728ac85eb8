//! What goes on beside the work: sessions are killed, policies change, a secret is rotated, and people sign in anew.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::crash::{ACCOUNT, Drill};
use crate::world::{said, text};

/// A sign-in lasts fifteen minutes.
const SIGN_INS: Duration = Duration::from_mins(10);

/// A code that was given beforehand counts for five minutes.
const STEP_UPS: Duration = Duration::from_mins(3);

/// Clients in batch mode are asked for nothing afterwards.
fn step_up(drill: &Drill) {
    for target in ["host", "locked"] {
        drill.world.step_up_for(&format!("{ACCOUNT}@{target}"));
    }
}

/// Does it all, one after the other.
pub struct Disturber<'a> {
    drill: &'a Drill,
    bundle: PathBuf,
    signed_in: Instant,
    stepped_up: Instant,
    rounds: usize,
    kills: usize,
    policies: usize,
    rotations: usize,
}

impl<'a> Disturber<'a> {
    pub fn new(drill: &'a Drill) -> Self {
        let bundle = drill.pocket("bundle");
        let words = ["--as", "iris", "policy", "show", "--out"];
        let shown = drill
            .world
            .run(&[&words[..], &[bundle.to_str().unwrap()]].concat(), "");
        assert!(shown.status.success(), "{}", said(&shown));
        step_up(drill);
        Self {
            drill,
            bundle,
            signed_in: Instant::now(),
            stepped_up: Instant::now(),
            rounds: 0,
            kills: 0,
            policies: 0,
            rotations: 0,
        }
    }

    /// One round of it.
    pub fn disturb(&mut self) {
        if self.stepped_up.elapsed() > STEP_UPS {
            step_up(self.drill);
            self.stepped_up = Instant::now();
        }
        if self.signed_in.elapsed() > SIGN_INS {
            self.drill.world.login(&["rosa", "olaf", "iris", "pia"]);
            self.signed_in = Instant::now();
        }
        self.kill_one();
        match self.rounds % 8 {
            3 => self.change_policy(),
            6 => self.rotate(),
            _ => {}
        }
        self.rounds += 1;
    }

    fn kill_one(&mut self) {
        let sessions = self.drill.world.json("olaf", &["sessions", "list"], 0);
        let live = sessions.as_array().unwrap().iter();
        let mut live = live.filter(|session| session["status"] == "live");
        let Some(session) = live.nth(self.rounds % 3) else {
            return;
        };
        let id = text(&session["id"]);
        let words = ["--as", "olaf", "sessions", "kill", &id, "--reason", "soak"];
        // It may be over by now.
        if self.drill.world.run(&words, "").status.success() {
            self.kills += 1;
        }
    }

    /// Of no consequence to anybody, and yet everything is decided anew.
    fn change_policy(&mut self) {
        self.policies += 1;
        let policy = format!(
            "@id(\"soak\")\nforbid (principal, action, resource is Portcullis::Resource)\n\
             when {{ resource.name == \"nowhere-{}\" }};\n",
            self.policies
        );
        std::fs::write(self.bundle.join("guardrails/soak.cedar"), policy).unwrap();
        let path = self.bundle.to_str().unwrap();
        let words = ["policy", "propose", "--policies", path];
        self.drill.world.signed("iris", &words);
    }

    fn rotate(&mut self) {
        let words = ["--as", "olaf", "secrets", "rotate", "host-key"];
        // It may be under way.
        if self.drill.world.run(&words, "").status.success() {
            self.rotations += 1;
        }
    }
}

impl fmt::Display for Disturber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kills,
            policies,
            rotations,
            ..
        } = self;
        write!(
            f,
            "{kills} killed, {policies} policies, {rotations} rotations asked for"
        )
    }
}
