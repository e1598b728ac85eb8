//! Idle sessions, what each takes, and how long it takes until they are dead when their grant is revoked:
//! from before the call until the client has seen its session end.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::measure::{Samples, float};
use crate::process::Process;
use crate::report::Figure;

use super::hosts::{RESOURCE, Way};
use super::{Bench, crowd};

/// Sessions that one revocation ends, opened in groups after each of which memory is looked at.
const MANY: usize = 100;
const GROUP: usize = 20;

/// Revocations of a grant with many sessions, and of one with a single session.
const TOGETHER: usize = 5;
const ALONE: usize = 20;

/// Sessions straight to the target, to compare their memory.
const STRAIGHT: usize = 20;

/// How long a session may live on before this counts as a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures it.
pub async fn run(bench: &mut Bench<'_>) -> Result<Vec<Figure>, Failure> {
    let (mut alone, mut together) = (Samples::default(), Samples::default());
    let mut later = Samples::default();
    // First: what later sessions take was taken before, by those that ended.
    let mut memory = Samples::default();
    ended_after(bench, MANY, &mut together, &mut memory).await?;
    for _ in 1..TOGETHER {
        ended_after(bench, MANY, &mut together, &mut later).await?;
    }
    for _ in 0..ALONE {
        ended_after(bench, 1, &mut alone, &mut later).await?;
    }
    let straight = straight(bench)?;
    let mut figures = vec![
        Figure::median("memory an idle session: gateway", &memory, "KiB")
            .beside("sshd", straight.median()),
        Figure::median("memory an idle session: sshd", &straight, "KiB"),
    ];
    let many = format!("revoke to dead, {MANY} sessions at once");
    figures.extend(Figure::p50_and_p99(
        "revoke to dead, one session",
        &alone,
        "ms",
    ));
    figures.extend(Figure::p50_and_p99(&many, &together, "ms"));
    Ok(figures)
}

/// Opens sessions on a grant of their own, then revokes it.
async fn ended_after(
    bench: &mut Bench<'_>,
    sessions: usize,
    times: &mut Samples,
    memory: &mut Samples,
) -> Result<(), Failure> {
    bench.step_up().await?;
    let grant = bench.world.granted(RESOURCE, &["shell"]).await?;
    let mut crowd = Vec::new();
    while crowd.len() < sessions {
        let group = GROUP.min(sessions - crowd.len());
        let before = bench.world.gateway().memory()?;
        crowd.extend(crowd::open(&bench.hosts, Way::Ours, group)?);
        let each = float(u64::try_from(group)?);
        memory.push((bench.world.gateway().memory()? - before) / each);
    }
    let ends = crowd::watch(crowd);
    let begun = Instant::now();
    bench.world.revoke(&grant).await?;
    for _ in 0..sessions {
        let ended = ends
            .recv_timeout(PATIENCE)
            .map_err(|_| "a session of a revoked grant lives on")?;
        times.push_millis(ended.duration_since(begun));
    }
    bench.world.until_grant(&grant, "revoked").await
}

/// The memory of the sshd processes that serve an idle session, one value a session.
fn straight(bench: &Bench<'_>) -> Result<Samples, Failure> {
    let _crowd = crowd::open(&bench.hosts, Way::Direct, STRAIGHT)?;
    let sessions = bench.hosts.target()?.children()?;
    sessions.into_iter().map(of_sshd).collect()
}

/// An sshd and the sshds below it; what they started for the person does not count.
fn of_sshd(process: Process) -> Result<f64, Failure> {
    let mut all = process.memory()?;
    for child in process.children()? {
        if child.name()?.starts_with("sshd") {
            all += of_sshd(child)?;
        }
    }
    Ok(all)
}
