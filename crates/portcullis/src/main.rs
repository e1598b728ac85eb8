//! The one binary: the server, the command line, the demo.

mod args;
mod client;
mod commands;
mod demo;
mod dumps;
mod outcome;
mod output;
mod prompt;
mod secret_file;
mod server;
mod witness;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::FromArgMatches;

use crate::args::{Cli, Command};
use crate::outcome::Outcome;

fn main() -> ExitCode {
    let parsed = args::parser()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return outcome::misspoken(&error),
    };
    let json = cli.global.json;
    output::prepare(&cli.global);
    match run(cli) {
        Ok(outcome) => outcome.code(),
        Err(error) => outcome::report(&error, json),
    }
}

fn run(cli: Cli) -> anyhow::Result<Outcome> {
    dumps::forbid().context("forbidding core dumps of this process, which holds secrets")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(dispatch(cli))
}

async fn dispatch(cli: Cli) -> anyhow::Result<Outcome> {
    let global = cli.global;
    match cli.command {
        Command::Init(args) => server::init::run(&global, args).await,
        Command::Serve(args) => server::serve::run(&global, args).await,
        Command::Backup { command } => server::backup::run(&global, command).await,
        Command::Recover(args) => server::recover::run(&global, args).await,
        Command::Doctor(args) => server::doctor::run(&global, args).await,
        Command::Demo(args) => demo::run(&global, args).await,
        Command::Account(command) => commands::account::run(&global, command).await,
        Command::Access(command) => commands::access::run(&global, command).await,
        Command::Sessions { command } => commands::sessions::run(&global, command).await,
        Command::Ssh(args) => commands::ssh::connect(&global, args).await,
        Command::SshConfig(args) => commands::ssh::config(&global, args).await,
        Command::Enroll(args) => commands::enroll::run(&global, args).await,
        Command::SideDoors { command } => commands::side_doors::run(&global, command).await,
        Command::Administration(command) => commands::administration::run(&global, command).await,
        Command::Policy { command } => commands::policy::run(&global, command).await,
        Command::Ledger { command } => commands::ledger::run(&global, command).await,
        Command::Classify(args) => commands::classify::run(&args),
        Command::Completion { shell } => commands::manual::completion(shell),
        Command::Man { directory } => commands::manual::pages(&global, &directory),
    }
}
