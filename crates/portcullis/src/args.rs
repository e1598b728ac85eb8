//! The words of the command line: one definition for parser, help, completion and manual pages.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod administration;
pub(crate) mod server;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Access requests and privileged access in one system.
///
/// Ask for what a task needs; the action's impact decides which way it goes. What is ordinary is
/// assigned to your own account for a time; what is privileged runs through a brokered, recorded session.
#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Examples:\n  portcullis demo                        (try everything in a throwaway world)\n  portcullis login rosa\n  portcullis catalog\n  portcullis request web-1 shell --reason INC-42 --wait"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The heading of what is not a command's own.
const EVERYWHERE: &str = "Options of every command";

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print JSON
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// The data folder of an installation
    #[arg(
        long,
        global = true,
        env = "PORTCULLIS_DATA",
        default_value = "portcullis-data",
        value_name = "DIR",
        help_heading = EVERYWHERE
    )]
    pub(crate) data: PathBuf,
    /// The server to talk to
    #[arg(long, global = true, env = "PORTCULLIS_SERVER", value_name = "URL", help_heading = EVERYWHERE)]
    pub(crate) server: Option<String>,
    /// The certificate to trust it by
    #[arg(long, global = true, env = "PORTCULLIS_CA", value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) ca: Option<PathBuf>,
    /// Whose sign-in to use, when several people share this account
    #[arg(long = "as", global = true, env = "PORTCULLIS_AS", value_name = "NAME", help_heading = EVERYWHERE)]
    pub(crate) identity: Option<String>,
    /// Where sign-ins are kept
    #[arg(
        long,
        global = true,
        env = "PORTCULLIS_HOME",
        value_name = "DIR",
        hide = true
    )]
    pub(crate) home: Option<PathBuf>,
    /// Whether colours are unwelcome
    #[arg(long, global = true, env = "NO_COLOR", hide = true)]
    pub(crate) no_color: Option<std::ffi::OsString>,
    /// The kind of terminal
    #[arg(long, global = true, env = "TERM", hide = true)]
    pub(crate) term: Option<String>,
    /// The home folder, as the system says
    #[arg(long, global = true, env = "HOME", hide = true)]
    pub(crate) user_home: Option<PathBuf>,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new installation
    Init(server::InitArgs),
    /// Run the server
    Serve(server::ServeArgs),
    /// Say what is wrong with this installation
    Doctor(server::DoctorArgs),
    /// Try everything in a throwaway world
    Demo(server::DemoArgs),
    #[command(flatten)]
    Account(account::AccountCommand),
    #[command(flatten)]
    Access(access::AccessCommand),
    /// Brokered sessions
    Sessions {
        #[command(subcommand)]
        command: access::SessionsCommand,
    },
    /// Open a brokered SSH session
    Ssh(access::SshArgs),
    /// Print what ~/.ssh/config needs for plain `ssh TARGET`
    SshConfig(access::SshConfigArgs),
    #[command(flatten)]
    Administration(administration::AdministrationCommand),
    /// Policy bundles
    Policy {
        #[command(subcommand)]
        command: administration::PolicyCommand,
    },
    /// The ledger and its evidence
    Ledger {
        #[command(subcommand)]
        command: administration::LedgerCommand,
    },
    /// Say what actions can do, offline: a JSON string a line in, a JSON result a line out
    Classify(administration::ClassifyArgs),
    /// Print a completion script
    #[command(
        after_help = "Example:\n  portcullis completion bash > /etc/bash_completion.d/portcullis"
    )]
    Completion {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages
    #[command(after_help = "Example:\n  portcullis man /usr/local/share/man/man1")]
    Man {
        /// Where to
        directory: PathBuf,
    },
}

/// What the exit codes of every command mean.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 pending approval.";

/// The whole command line: what is parsed, helped with, completed and written to manual pages.
pub(crate) fn command() -> clap::Command {
    with_exit_codes(Cli::command())
}

fn with_exit_codes(mut command: clap::Command) -> clap::Command {
    let names: Vec<_> = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned())
        .collect();
    for name in names {
        command = command.mut_subcommand(name, with_exit_codes);
    }
    let told = command.get_after_help().map(ToString::to_string);
    let told = told.map_or_else(String::new, |told| format!("{told}\n\n"));
    command.after_help(format!("{told}{EXIT_CODES}"))
}

/// A span of time: `90s`, `15m`, `1h`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) std::time::Duration);

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = text
            .chars()
            .next_back()
            .ok_or("say a number and a unit: 90s, 15m, 1h, 2d")?;
        let number = text.strip_suffix(unit).unwrap_or_default();
        let number: u64 = number
            .parse()
            .map_err(|_| format!("{text:?} is no span: 90s, 15m, 1h, 2d"))?;
        let secs = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(format!("{unit:?} is no unit: s, m, h or d")),
        };
        let secs = number.checked_mul(secs).ok_or("that is too long")?;
        Ok(Self(std::time::Duration::from_secs(secs)))
    }
}

/// What depends on a resource.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum EnvironmentArg {
    /// Nobody but developers
    Development,
    /// Testers
    Staging,
    /// Customers
    Production,
}

/// What a resource holds.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SensitivityArg {
    /// Data without a special label
    Internal,
    /// Personal, financial or otherwise protected data
    Sensitive,
    /// Credentials and keys
    Secret,
}

impl EnvironmentArg {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl SensitivityArg {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Sensitive => "sensitive",
            Self::Secret => "secret",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let told = command.get_after_help().map(ToString::to_string);
        let told = told.unwrap_or_default();
        assert!(told.ends_with(EXIT_CODES), "{path}");
        assert!(
            command.get_about().is_some(),
            "{path} says nothing of itself"
        );
        let mut inner = command.get_subcommands().peekable();
        if inner.peek().is_none() {
            assert!(told.starts_with("Example"), "{path} has no example");
            assert!(told.contains(path.trim()), "no example shows{path}");
        }
        inner.for_each(|command| check(command, &path));
    }

    #[test]
    fn every_command_is_consistent_says_what_it_does_and_shows_an_example() {
        let command = command();
        command.clone().debug_assert();
        check(&command, "");
    }
}
