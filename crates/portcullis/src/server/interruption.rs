//! Being told to stop: Ctrl-C, a request to terminate, a terminal that is gone.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGHUP's place in the masks that the kernel shows.
const HANGUP: u64 = 1;

/// What a hangup means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// What it means to any program: as the system has it.
    AsUsual,
    /// It interrupts, unless whoever started this program had it ignored (`nohup`).
    Interrupts,
}

/// Listens from the moment it is made, so that nothing is missed between two waits.
pub(crate) struct Interruption(Vec<Signal>);

impl Interruption {
    /// Begins to listen. From then on the signals do nothing else.
    pub(crate) fn listen(hangup: Hangup) -> std::io::Result<Self> {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        if hangup == Hangup::Interrupts && !ignores_hangup() {
            kinds.push(SignalKind::hangup());
        }
        let signals: std::io::Result<_> = kinds.into_iter().map(signal).collect();
        signals.map(Self)
    }

    /// Returns at the next of them.
    pub(crate) async fn heard(&mut self) {
        let all = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(all).await;
    }
}

fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & HANGUP != 0)
}
