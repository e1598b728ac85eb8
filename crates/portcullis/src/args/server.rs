//! Words for whoever runs an installation.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::administration::RoleArg;

/// `init`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("beginning").required(true))]
#[command(
    after_help = "Examples:\n  portcullis init --admin maria\n  portcullis init --evaluation --data /tmp/try"
)]
pub(crate) struct InitArgs {
    /// The one administrator who enrolls the owners
    #[arg(long, value_name = "NAME", group = "beginning")]
    pub(crate) admin: Option<String>,
    /// Demo identities instead: not to be trusted with anything
    #[arg(long, group = "beginning")]
    pub(crate) evaluation: bool,
    /// Read the passphrase of the offline key slot from here (`-`: standard input) instead of making one up
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Names and addresses of the server for its certificate; the first is the one that people use
    #[arg(long = "name", value_name = "HOST", default_values = ["localhost", "127.0.0.1", "::1"])]
    pub(crate) names: Vec<String>,
}

/// `serve`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portcullis serve --data /var/lib/portcullis")]
pub(crate) struct ServeArgs {
    /// The configuration (default: portcullis.toml in the data folder)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to run, instead of `server.role` of the configuration
    #[arg(long, value_enum)]
    pub(crate) role: Option<Role>,
    /// Unlock with this instead of the online slot: an age identity or a passphrase (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) unlock: Option<PathBuf>,
    /// The machine's clock is right and was ahead before: end all that is open, then go by it
    #[arg(long)]
    pub(crate) trust_clock: bool,
}

/// A role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Control, gate and worker in one process
    All,
    /// Keys, ledger, policies, API (not by itself yet)
    Control,
    /// The sockets of brokered sessions (not by itself yet)
    Gate,
    /// Connectors (not by itself yet)
    Worker,
}

impl Role {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Control => "control",
            Self::Gate => "gate",
            Self::Worker => "worker",
        }
    }
}

/// `doctor`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis doctor --data /var/lib/portcullis\n  portcullis doctor --data /var/lib/portcullis --checkpoint kept.checkpoint --tapes"
)]
pub(crate) struct DoctorArgs {
    /// A checkpoint you kept elsewhere (`ledger checkpoint`): the ledger must continue it
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Read every tape from its beginning to its end, and hold it against the ledger
    #[arg(long)]
    pub(crate) tapes: bool,
    /// The configuration (default: portcullis.toml in the data folder)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// `backup …`
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Copy everything but the keys into one file, also while the server runs
    #[command(
        after_help = "Example:\n  portcullis backup create --data /var/lib/portcullis /mnt/safe/portcullis.backup"
    )]
    Create {
        /// The file to make; it must not be there yet
        file: PathBuf,
    },
    /// Say whether a backup is whole and could be restored; it is unpacked beside itself for that
    #[command(
        after_help = "Example:\n  portcullis backup verify /mnt/safe/portcullis.backup --passphrase-file -"
    )]
    Verify {
        /// The backup
        file: PathBuf,
        /// Try the passphrase of the offline key slot, too (`-`: standard input)
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Make an installation of a backup, where none is; it starts frozen
    #[command(
        after_help = "Example:\n  portcullis backup restore --data /var/lib/portcullis /mnt/safe/portcullis.backup"
    )]
    Restore {
        /// The backup
        file: PathBuf,
        /// Read the passphrase of the offline key slot from here (`-`: standard input) instead of asking
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}

/// `recover`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis recover olaf2 --role resource    (in the place of an owner who is gone)\n  portcullis recover olaf                     (the owner is there, and the phone is not)"
)]
pub(crate) struct RecoverArgs {
    /// Somebody new, or an owner who is to enroll again
    pub(crate) name: String,
    /// What they may sign, beside what they may already
    #[arg(long = "role", value_name = "ROLE", value_enum)]
    pub(crate) roles: Vec<RoleArg>,
    /// Read the passphrase of the offline key slot from here (`-`: standard input) instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// `demo`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis demo            (until Ctrl-C)\n  portcullis demo --tour     (plays the stories by itself)\n  portcullis demo code rosa  (in another terminal)"
)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    pub(crate) command: Option<DemoCommand>,
    /// Run the whole story by itself and stop
    #[arg(long)]
    pub(crate) tour: bool,
}

/// What can be asked of a running demo.
#[derive(Debug, Subcommand)]
pub(crate) enum DemoCommand {
    /// Print a demo identity's next one-time code
    #[command(after_help = "Example:\n  portcullis demo code rosa")]
    Code {
        /// Whose
        name: String,
        /// The running demo's folder
        #[arg(long, env = "PORTCULLIS_DEMO", value_name = "DIR")]
        world: PathBuf,
    },
}
