//! Checks that the compiler does not make: `cargo xtask layers` and `cargo xtask tidy` read the workspace as it lies on
//! disk, print every complaint with its place, and exit 1 if there is one. `cargo xtask shuffle` runs the tests out of order,
//! `cargo xtask fuzz` the fuzz targets.

mod fuzz;
mod layers;
mod report;
mod rust;
mod shuffle;
mod tidy;
mod workspace;

use std::io::Write as _;
use std::process::ExitCode;

use report::Report;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  layers   who may import whom, what the pure floors may touch, who may call what
  tidy     formatting, stray blanks, decision numbers, lints, sleeping tests, words, links
  shuffle  all tests in a random order; --seed N repeats one
  fuzz     every fuzz target for 10 minutes; --minutes N, --jobs N at once, NAME… only these
";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let passed = match words.as_slice() {
        ["layers"] => {
            let report = layers::check(&Workspace::load()?, &layers::table::TABLE);
            passes("layers", &report)?
        }
        ["tidy"] => {
            let workspace = Workspace::load()?;
            let mut report = tidy::check(&workspace, &tidy::table::TABLE);
            tidy::formatting(&workspace, &mut report)?;
            passes("tidy", &report)?
        }
        ["shuffle"] => shuffle::run(shuffle::seed_of_the_clock())?,
        ["shuffle", "--seed", seed] => match seed.parse() {
            Ok(seed) => shuffle::run(seed)?,
            Err(_) => return usage(),
        },
        ["fuzz", rest @ ..] => match fuzz::Order::parse(rest) {
            Some(order) => fuzz::run(&order)?,
            None => return usage(),
        },
        _ => return usage(),
    };
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn usage() -> anyhow::Result<ExitCode> {
    std::io::stderr().write_all(USAGE.as_bytes())?;
    Ok(ExitCode::from(2))
}

/// Prints a report; whether there is nothing to complain about.
fn passes(command: &str, report: &Report) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    for note in report.notes() {
        writeln!(out, "note: {note}")?;
    }
    for complaint in report.complaints() {
        writeln!(out, "error: {complaint}")?;
    }
    let verdict = match report.complaints().len() {
        0 => "ok".to_owned(),
        1 => "1 complaint".to_owned(),
        many => format!("{many} complaints"),
    };
    writeln!(out, "{command}: {verdict}")?;
    Ok(report.is_clean())
}
