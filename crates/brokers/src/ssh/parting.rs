//! The end of what runs at a target: told to end there, seen to end where that can be seen, then cut.
//!
//! Cutting the connection is not enough: sshd ends a command by its terminal, or when it reads or writes,
//! and one that does neither runs on. See `docs/decisions/0005-a-kill-ends-the-program-too.md`.

use std::future::pending;
use std::time::Duration;

use portcullis_wire::ssh::{Charged, Gone, Target, TargetEvent};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::channel::Tally;
use super::limits::{PARTING, SWEEPING};

/// A shell hands HUP on to its jobs, which are process groups of their own; KILL would leave them behind.
const WITH_TERMINAL: [&str; 2] = ["HUP", "KILL"];

/// Without a terminal, everything that was started is in the one process group, unless it left it on purpose.
const WITHOUT_TERMINAL: [&str; 1] = ["KILL"];

/// Kills what else sshd started for this connection, each as a process group and as a session. Its own parent
/// is that sshd, because `exec` leaves no shell in between. Nothing of a client's is in it.
const SWEEP: &str = "exec /bin/sh -c '\
    for p in $(ps -A -o pid= -o ppid= | while read p q; do \
    if [ \"$q\" = \"$PPID\" ] && [ \"$p\" != \"$$\" ]; then echo \"$p\"; fi; done); do \
    kill -KILL -- \"-$p\"; pkill -KILL -s \"$p\"; done' >/dev/null 2>&1";

/// What is asked of a target to have the sweep run where a task is forced.
const SWEEP_WORD: &str = "portcullis-sweep";

/// What a task's certificate is forced to: its own command, or the sweep when that is asked for by its word. sshd lets
/// nobody signal a forced command, and forces every channel of the connection alike.
pub fn forced(command: &str) -> String {
    format!("if [ \"$SSH_ORIGINAL_COMMAND\" = {SWEEP_WORD} ]; then {SWEEP}; fi; exec {command}")
}

/// How what runs at a target is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// By signals only: a key of the target's own may force a command, which must not run again.
    Signals,
    /// By signals, then by the sweep.
    SignalsAndSweep,
    /// By the sweep: it is a forced command.
    Sweep,
}

/// A target that was reached. However it is let go of, its connection is cut.
pub struct Reached {
    pub target: Target,
    pub ends: Ends,
}

impl Drop for Reached {
    fn drop(&mut self) {
        self.target.valve.cut();
    }
}

impl Reached {
    /// Ends what runs, within [`PARTING`] for each signal and [`SWEEPING`]; the tally has what was seen of its end.
    pub async fn end(mut self, terminal: bool, tally: &mut Tally) {
        let signals: &[&str] = match (self.ends, terminal) {
            (Ends::Sweep, _) => &[],
            (_, true) => &WITH_TERMINAL,
            (_, false) => &WITHOUT_TERMINAL,
        };
        let Target {
            events,
            input,
            beside,
            ..
        } = &mut self.target;
        for signal in signals {
            if ended_by(input.signal(signal), events, PARTING, tally).await {
                return;
            }
        }
        let sweep = match self.ends {
            Ends::Signals => return,
            // sshd before 9.8 lets nobody signal what root runs.
            Ends::SignalsAndSweep => SWEEP,
            Ends::Sweep => SWEEP_WORD,
        };
        ended_by(beside.run(sweep), events, SWEEPING, tally).await;
    }
}

/// Reads on while something is done about it: a target that floods would not hear it otherwise.
async fn ended_by(
    act: impl Future<Output = Result<(), Gone>>,
    events: &mut mpsc::Receiver<Charged<TargetEvent>>,
    patience: Duration,
    tally: &mut Tally,
) -> bool {
    let acted = async {
        // Whether it could be told is seen by its end.
        let _ = act.await;
        pending().await
    };
    let seen = async {
        tokio::select! {
            ended = ended(events, tally) => ended,
            never = acted => never,
        }
    };
    timeout(patience, seen).await.unwrap_or(false)
}

/// Reads on until the program ended, or nothing more can come. What it still says goes nowhere.
async fn ended(events: &mut mpsc::Receiver<Charged<TargetEvent>>, tally: &mut Tally) -> bool {
    while let Some(Charged { item, .. }) = events.recv().await {
        match item {
            TargetEvent::ExitStatus(status) => {
                tally.exit = Some(status);
                return true;
            }
            TargetEvent::ExitSignal(signal) => {
                tally.signal = Some(signal);
                return true;
            }
            TargetEvent::Closed | TargetEvent::NotStarted => return true,
            TargetEvent::Output(_) | TargetEvent::ErrorOutput(_) | TargetEvent::Eof => {}
        }
    }
    true
}
