//! What the figures were measured on.

use std::fs::read_to_string;
use std::process::Command;

use serde_json::{Value, json};

/// The machine, and how busy it was when the run began.
pub fn describe() -> Value {
    let cpus = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name"));
    let model = models.clone().next().unwrap_or_default();
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "model": model.trim_start_matches([':', ' ', '\t']),
        "kernel": read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "openssh": openssh(),
        "load_before": load(),
    })
}

/// The load averages of the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn openssh() -> String {
    let said = Command::new("ssh").arg("-V").output();
    said.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned())
        .unwrap_or_default()
}
