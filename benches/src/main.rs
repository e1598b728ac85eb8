//! `make bench`: speed, in one run on one machine, as medians and as ratios against peers of that run.
//!
//! `portcullis-benches FILE [SUBJECT…]` writes the figures to FILE as JSON; without subjects it measures
//! all of them: store, start, requests, setup, echo, revoke, transfer.

mod client;
mod disk;
mod machine;
mod measure;
mod process;
mod report;
mod requests;
mod ssh;
mod start;
mod store;
mod world;

use std::path::{Path, PathBuf};

use report::Report;
use ssh::Bench;
use world::World;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What can be measured.
const SUBJECTS: [&str; 7] = [
    "store", "start", "requests", "setup", "echo", "revoke", "transfer",
];

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let usage = format!(
        "say where to write: FILE [SUBJECT…], of {}",
        SUBJECTS.join(", ")
    );
    let file = PathBuf::from(words.next().ok_or_else(|| usage.clone())?);
    let chosen: Vec<_> = words.collect();
    if chosen.iter().any(|word| !SUBJECTS.contains(&word.as_str())) {
        return Err(usage.into());
    }
    let wanted = |subject: &str| chosen.is_empty() || chosen.iter().any(|word| word == subject);
    let program = std::env::current_exe()?.with_file_name("portcullis");
    let mut report = Report::begin(machine::describe());
    if wanted("store") {
        report.add("store", &store::run().await?);
    }
    if wanted("start") {
        report.add("start", &start::run(&program)?);
    }
    if SUBJECTS.iter().skip(2).any(|subject| wanted(subject)) {
        in_a_world(&program, wanted, &mut report).await?;
    }
    report.keep(&file, &machine::load())
}

/// What needs a running server with people and hosts.
async fn in_a_world(
    program: &Path,
    wanted: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut world = World::start(program).await?;
    let mut bench = Bench::open(&mut world).await?;
    if wanted("requests") {
        report.add("requests", &requests::run(bench.world()).await?);
    }
    bench.run(wanted, report).await
}
