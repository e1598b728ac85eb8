//! All tests in a random order: what passes only after or beside another test is not tested. A runner starts tests by name,
//! so they are handed to it in chunks, each a random choice of all tests, one chunk after another.

#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// Tests of one chunk: few enough that the filter that names them fits into an argument of the runner.
const CHUNK: usize = 110;

/// A test, as the runner names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Test {
    binary: String,
    name: String,
}

/// A seed that nobody chose.
#[expect(
    clippy::disallowed_methods,
    reason = "the order is to be another one every time"
)]
pub fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Runs all tests in the order of a seed; whether all passed.
pub fn run(seed: u64) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    writeln!(out, "shuffle: seed {seed}")?;
    let tests = shuffled(listed(&list()?)?, seed);
    let (mut ran, mut failed) = (0, 0);
    let chunks = tests.chunks(CHUNK);
    let all = chunks.len();
    for (number, chunk) in (1_usize..).zip(chunks) {
        let output = nextest(&["run", "--no-fail-fast", "-E", &filter(chunk)])
            .output()
            .context("cannot run cargo nextest")?;
        let found = tests_run(&String::from_utf8_lossy(&output.stderr)).unwrap_or(0);
        ran += found;
        // A test that the filter missed did not pass.
        let passed = output.status.success() && found == chunk.len();
        if !passed {
            failed += 1;
            show(&output)?;
        }
        let verdict = if passed { "ok" } else { "failed" };
        let asked = chunk.len();
        writeln!(
            out,
            "chunk {number} of {all}: {found} of {asked} tests run: {verdict}"
        )?;
    }
    writeln!(
        out,
        "shuffle: {ran} of {} tests run, {failed} of {all} chunks failed; \
         again in this order: cargo xtask shuffle --seed {seed}",
        tests.len()
    )?;
    Ok(failed == 0)
}

fn nextest(words: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg("nextest").args(words).arg("--workspace");
    cargo
}

/// What the runner says that there is, after building it.
fn list() -> anyhow::Result<Value> {
    let output = nextest(&["list", "--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo nextest; scripts/setup test installs it")?;
    ensure!(output.status.success(), "the tests cannot be listed");
    serde_json::from_slice(&output.stdout).context("reading the list of tests")
}

/// Everything that the runner printed.
fn show(output: &Output) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    err.write_all(&output.stdout)?;
    err.write_all(&output.stderr)
}

/// The tests in a list, but for those that are only run when asked for.
fn listed(list: &Value) -> anyhow::Result<Vec<Test>> {
    let suites = list.get("rust-suites").and_then(Value::as_object);
    let mut tests = Vec::new();
    for (binary, suite) in suites.context("the list of tests has no suites")? {
        let cases = suite.get("testcases").and_then(Value::as_object);
        for (name, case) in cases.with_context(|| format!("{binary} has no list of tests"))? {
            let ignored = case.get("ignored").and_then(Value::as_bool);
            if !ignored.with_context(|| format!("{name} may be ignored or not"))? {
                tests.push(Test {
                    binary: binary.clone(),
                    name: name.clone(),
                });
            }
        }
    }
    Ok(tests)
}

/// The order of a seed: the same for the same tests, whatever order they are listed in.
fn shuffled(mut tests: Vec<Test>, seed: u64) -> Vec<Test> {
    tests.sort_by_cached_key(|test| {
        let mut hasher = DefaultHasher::new();
        (seed, test).hash(&mut hasher);
        (hasher.finish(), test.clone())
    });
    tests
}

/// These tests and no others, in the runner's language of filters.
fn filter(tests: &[Test]) -> String {
    let each = tests
        .iter()
        .map(|Test { binary, name }| format!("(binary_id(={binary}) and test(={name}))"));
    each.collect::<Vec<_>>().join(" or ")
}

/// How many tests were run, by the last line of what the runner says.
fn tests_run(said: &str) -> Option<usize> {
    let summary = said.lines().rfind(|line| line.contains("Summary ["))?;
    let (before, _) = summary
        .split_once(" tests run")
        .or_else(|| summary.split_once(" test run"))?;
    // Broken off, it says `3/110`.
    let number = before.rsplit(' ').next()?.split('/').next()?;
    number.parse().ok()
}
