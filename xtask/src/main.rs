//! Checks that the compiler does not make: `cargo xtask layers` and `cargo xtask tidy`.
//! Both read the workspace as it lies on disk, print every complaint with its place, and exit 1 if there is one.

mod layers;
mod report;
mod rust;
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
";

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    if arguments.next().is_some() {
        return usage();
    }
    let report = match command.as_str() {
        "layers" => layers::check(&Workspace::load()?, &layers::table::TABLE),
        "tidy" => {
            let workspace = Workspace::load()?;
            let mut report = tidy::check(&workspace, &tidy::table::TABLE);
            tidy::formatting(&workspace, &mut report)?;
            report
        }
        _ => return usage(),
    };
    print(&command, &report)?;
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn usage() -> anyhow::Result<ExitCode> {
    std::io::stderr().write_all(USAGE.as_bytes())?;
    Ok(ExitCode::from(2))
}

fn print(command: &str, report: &Report) -> std::io::Result<()> {
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
    writeln!(out, "{command}: {verdict}")
}
