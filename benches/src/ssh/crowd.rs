//! Many shells at once.

use std::sync::mpsc;
use std::time::Instant;

use crate::Failure;

use super::hosts::{Hosts, Way};
use super::terminal::Terminal;

/// Opens shells that do nothing, one after the other.
pub fn open(hosts: &Hosts, way: Way, number: usize) -> Result<Vec<Terminal>, Failure> {
    (0..number)
        .map(|_| Terminal::open(hosts, way, ":"))
        .collect()
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
