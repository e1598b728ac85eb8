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

/// The key exchange that OpenSSH's client and the gateway agree on when the client is too old for ML-KEM.
/// OpenSSH with itself agrees on another one, which costs much more.
const CLASSIC: [&str; 2] = ["-o", "KexAlgorithms=curve25519-sha256"];

/// Measures it.
pub async fn run(bench: &mut Bench<'_>) -> Result<Vec<Figure>, Failure> {
    let (mut direct, mut nested, mut ours, mut classic) = Default::default();
    for _ in 0..RUNS {
        once(bench, Way::Direct, &[], &mut direct).await?;
        once(bench, Way::Nested, &[], &mut nested).await?;
        once(bench, Way::Ours, &[], &mut ours).await?;
        once(bench, Way::Direct, &CLASSIC, &mut classic).await?;
    }
    Ok(vec![
        Figure::median("direct", &direct, "ms"),
        Figure::median("direct, curve25519", &classic, "ms").beside("direct", direct.median()),
        Figure::median("nested hop", &nested, "ms").beside("direct", direct.median()),
        Figure::median("ours, stepped up before", &ours, "ms")
            .beside("direct", direct.median())
            .beside("curve25519", classic.median())
            .beside("nested", nested.median()),
    ])
}

async fn once(
    bench: &mut Bench<'_>,
    way: Way,
    options: &[&str],
    times: &mut Samples,
) -> Result<(), Failure> {
    bench.allow(way, "true").await?;
    let mut ssh = bench.hosts.ssh(way, options);
    ssh.arg("true").stdout(Stdio::null());
    let begun = Instant::now();
    let ended = ssh.status()?;
    times.push_millis(begun.elapsed());
    if !ended.success() {
        return Err(format!("ssh {} true ended with {ended}", way.name()).into());
    }
    bench.settled(way).await
}
