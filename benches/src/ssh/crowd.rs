//! Many shells at once.

use std::sync::mpsc;
use std::time::Instant;

use crate::Failure;

use super::hosts::{Hosts, Way};
use super::terminal::Terminal;

/// Clients that sign in at the same time: fewer than strangers from one address may be.
const AT_ONCE: usize = 4;

/// Opens shells that do nothing.
pub fn open(hosts: &Hosts, way: Way, number: usize) -> Result<Vec<Terminal>, Failure> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|worker| {
                let share = (worker..number).step_by(AT_ONCE);
                scope.spawn(move || {
                    share
                        .map(|_| Terminal::open(hosts, way, ":"))
                        .collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| "opening shells panicked")??);
        }
        Ok(all)
    })
}

/// Tells of each shell when its client has seen it end.
pub fn watch(crowd: Vec<Terminal>) -> mpsc::Receiver<Instant> {
    let (ended, ends) = mpsc::channel();
    for mut shell in crowd {
        let ended = ended.clone();
        std::thread::spawn(move || {
            if shell.wait().is_ok() {
                // Whoever listened may have given up.
                let _ = ended.send(Instant::now());
            }
        });
    }
    ends
}
