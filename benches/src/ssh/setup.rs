//! `ssh HOST true`: from the client's start to its end.

use std::process::Stdio;
use std::time::Instant;

use crate::Failure;
use crate::measure::Samples;
use crate::report::Figure;

use super::Bench;
use super::hosts::Way;

/// Runs on each way.
const RUNS: usize = 25;

/// Measures it.
pub async fn run(bench: &mut Bench<'_>) -> Result<Vec<Figure>, Failure> {
    let mut times = Way::ALL.map(|way| (way, Samples::default()));
    for _ in 0..RUNS {
        for (way, times) in &mut times {
            bench.allow(*way, "true").await?;
            let mut ssh = bench.hosts.ssh(*way, &[]);
            ssh.arg("true").stdout(Stdio::null());
            let begun = Instant::now();
            let ended = ssh.status()?;
            times.push_millis(begun.elapsed());
            if !ended.success() {
                return Err(format!("ssh {} true ended with {ended}", way.name()).into());
            }
            bench.settled(*way).await?;
        }
    }
    let [(_, direct), (_, nested), (_, ours)] = times;
    Ok(vec![
        Figure::median("direct", &direct, "ms"),
        Figure::median("nested hop", &nested, "ms").beside("direct", direct.median()),
        Figure::median("ours, stepped up before", &ours, "ms")
            .beside("direct", direct.median())
            .beside("nested", nested.median()),
    ])
}
