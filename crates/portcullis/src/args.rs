//! The words of the command line: one definition for parser, help, completion and manual pages.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod administration;
pub(crate) mod auditing;
pub(crate) mod hosts;
pub(crate) mod retention;
pub(crate) mod server;
pub(crate) mod window;

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
    /// Print no colours, as when `NO_COLOR` is set
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) no_color: bool,
    /// What surrounds the program, beside its words.
    #[arg(skip = Surroundings::read())]
    pub(crate) around: Surroundings,
}

/// What the environment says that no option of ours does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Where sign-ins are kept (`PORTCULLIS_HOME`).
    pub(crate) sign_ins: Option<PathBuf>,
    /// The home folder, as the system says (`HOME`).
    pub(crate) home: Option<PathBuf>,
    /// Whether colours are unwelcome: <https://no-color.org>, whatever it says, if it says anything.
    pub(crate) no_color: bool,
    /// Whether the terminal is one that shows text alone (`TERM`).
    pub(crate) dumb: bool,
}

impl Surroundings {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line reads the environment, once, here"
    )]
    fn read() -> Self {
        let said = |name| std::env::var_os(name).filter(|said| !said.is_empty());
        Self {
            sign_ins: said("PORTCULLIS_HOME").map(PathBuf::from),
            home: said("HOME").map(PathBuf::from),
            no_color: said("NO_COLOR").is_some(),
            dumb: said("TERM").is_some_and(|term| term == "dumb"),
        }
    }
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new installation
    Init(server::InitArgs),
    /// Run the server
    Serve(server::ServeArgs),
    /// Keep a copy of an installation, and make one of it when the machine is lost
    Backup {
        #[command(subcommand)]
        command: server::BackupCommand,
    },
    /// Put an owner in with the offline key slot, where too few are left to sign; the server is stopped
    Recover(server::RecoverArgs),
    /// Say what is wrong with this installation
    Doctor(server::DoctorArgs),
    /// Try everything in a throwaway world
    Demo(server::DemoArgs),
    #[command(flatten)]
    Account(account::AccountCommand),
    #[command(flatten)]
    Access(access::AccessCommand),
    /// Brokered sessions; lists them when nothing else is said
    Sessions {
        #[command(subcommand)]
        command: Option<access::SessionsCommand>,
    },
    /// Open a brokered SSH session
    Ssh(access::SshArgs),
    /// Print what ~/.ssh/config needs for plain `ssh TARGET`
    SshConfig(access::SshConfigArgs),
    /// Bring a host in: what would change there, do it, take it back; and which side doors it has
    Enroll(hosts::EnrollArgs),
    /// Ways into a host that do not lead through Portcullis
    SideDoors {
        #[command(subcommand)]
        command: hosts::SideDoorsCommand,
    },
    #[command(flatten)]
    Administration(administration::AdministrationCommand),
    /// Policy bundles
    Policy {
        #[command(subcommand)]
        command: auditing::PolicyCommand,
    },
    /// The ledger and its evidence
    Ledger {
        #[command(subcommand)]
        command: auditing::LedgerCommand,
    },
    /// Say what actions can do, offline: a JSON string a line in, a JSON result a line out
    Classify(auditing::ClassifyArgs),
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

/// The whole command line: what is helped with, completed and written to manual pages.
pub(crate) fn command() -> clap::Command {
    with_exit_codes(Cli::command())
}

/// The same as it is parsed: a mistake is told with the usage of the command, and not with what of the
/// environment happened to be set.
pub(crate) fn parser() -> clap::Command {
    let mut command = command();
    command.build();
    with_plain_usage(command)
}

fn with_plain_usage(mut command: clap::Command) -> clap::Command {
    for name in inner(&command) {
        command = command.mut_subcommand(name, with_plain_usage);
    }
    let usage = command.render_usage().to_string();
    command.override_usage(usage.trim_start_matches("Usage: ").to_owned())
}

fn inner(command: &clap::Command) -> Vec<String> {
    let inner = command.get_subcommands();
    inner.map(|inner| inner.get_name().to_owned()).collect()
}

fn with_exit_codes(mut command: clap::Command) -> clap::Command {
    for name in inner(&command) {
        command = command.mut_subcommand(name, with_exit_codes);
    }
    let told = command.get_after_help().map(ToString::to_string);
    let told = told.map_or_else(String::new, |told| format!("{told}\n\n"));
    command.after_help(format!("{told}{EXIT_CODES}"))
}

fn no_span(text: &str) -> String {
    format!("{text:?} is no span: say a number and its unit, as in 90s, 15m, 1h, 2d")
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
        let number: u64 = number.parse().map_err(|_| no_span(text))?;
        let secs = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(no_span(text)),
        };
        if number == 0 {
            return Err(format!("access that lasts {text} is none: say 15m, 1h, 2d"));
        }
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
#[allow(clippy::unwrap_used, reason = "tests")]
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
    fn a_mistake_is_told_with_the_usage_and_not_with_the_environment() {
        let words = [
            "portcullis",
            "--data",
            "x",
            "--server",
            "https://x",
            "approve",
        ];
        let told = parser()
            .try_get_matches_from(words)
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("Usage: portcullis approve [OPTIONS] <ID>"),
            "{told}"
        );
        assert!(!told.contains("--server"), "{told}");
    }

    #[test]
    fn colours_are_refused_without_swallowing_the_next_word() {
        let words = ["portcullis", "--no-color", "changes", "list"];
        let matches = parser().try_get_matches_from(words).unwrap();
        assert!(matches.get_flag("no_color"));
        assert_eq!(matches.subcommand_name(), Some("changes"));
    }

    #[test]
    fn completion_offers_no_option_that_help_does_not() {
        let mut script = Vec::new();
        clap_complete::generate(
            clap_complete::Shell::Bash,
            &mut command(),
            "portcullis",
            &mut script,
        );
        let script = String::from_utf8(script).unwrap();
        for hidden in ["--home", "--term", "--user-home"] {
            assert!(!script.contains(hidden), "{hidden}");
        }
        assert!(script.contains("--no-color"));
    }

    #[test]
    fn what_can_be_listed_is_listed_when_nothing_else_is_said() {
        for noun in [
            "requests",
            "grants",
            "sessions",
            "resources",
            "identities",
            "groups",
            "secrets",
            "changes",
        ] {
            assert!(
                parser().try_get_matches_from(["portcullis", noun]).is_ok(),
                "{noun}"
            );
            let words = ["portcullis", noun, "nonsense"];
            assert!(parser().try_get_matches_from(words).is_err(), "{noun}");
        }
    }

    #[test]
    fn access_for_no_time_at_all_is_refused_for_what_it_is() {
        let told = "0s".parse::<Span>().unwrap_err();
        assert!(told.contains("lasts 0s"), "{told}");
        assert_eq!("90s".parse(), Ok(Span(std::time::Duration::from_secs(90))));
    }

    #[test]
    fn every_command_is_consistent_says_what_it_does_and_shows_an_example() {
        let command = command();
        command.clone().debug_assert();
        check(&command, "");
    }
}
