//! Words for bringing hosts in.

use clap::{Args, Subcommand};

use super::{EnvironmentArg, SensitivityArg, Span};

/// `enroll …`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis enroll root@web-1.internal                  (says what it would do, and changes nothing)\n  portcullis enroll root@web-1.internal --apply --environment production\n  portcullis enroll web-1 --sudo --as olaf --apply --environment production -- -p 2022 -J jump.internal\n  portcullis enroll root@web-1.internal --undo\n\nIt goes there by your own `ssh`, as root or with --sudo, and gives Portcullis no more than trust in its certificates. Every\nway into the host that does not lead through Portcullis is listed, for an owner of the resource to close there or to keep\nwith a reason (side-doors). Run it again at any time: what was done is left alone, what is new is found."
)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct EnrollArgs {
    /// Where it is, as `ssh` is told: `root@web-1.internal`, or a name in your configuration
    pub(crate) host: String,
    /// The resource's name; without, the host's up to its first dot
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Do it: have the host trust Portcullis, and propose the resource
    #[arg(long, conflicts_with = "undo")]
    pub(crate) apply: bool,
    /// Take everything back that was done there
    #[arg(long)]
    pub(crate) undo: bool,
    /// What depends on it
    #[arg(long, value_enum)]
    pub(crate) environment: Option<EnvironmentArg>,
    /// What it holds
    #[arg(long, value_enum, default_value = "internal")]
    pub(crate) sensitivity: SensitivityArg,
    /// Who answers for it; without, you
    #[arg(long = "owner", value_name = "NAME")]
    pub(crate) owners: Vec<String>,
    /// The account that sessions open
    #[arg(long, default_value = "root")]
    pub(crate) account: String,
    /// The account that tasks run as; it is made if it is not there
    #[arg(long, value_name = "ACCOUNT", default_value = "ops")]
    pub(crate) tasks: String,
    /// Make no account for tasks
    #[arg(long, conflicts_with = "tasks")]
    pub(crate) no_tasks: bool,
    /// Where the server reaches its sshd; without, where your `ssh` does
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
    /// The configuration that its sshd reads
    #[arg(long, value_name = "PATH", default_value = "/etc/ssh/sshd_config")]
    pub(crate) sshd_config: String,
    /// Become root there by sudo, which has to ask for nothing
    #[arg(long)]
    pub(crate) sudo: bool,
    /// More options for `ssh`
    #[arg(last = true, value_name = "SSH OPTIONS")]
    pub(crate) ssh: Vec<String>,
}

/// `side-doors …`
#[derive(Debug, Subcommand)]
pub(crate) enum SideDoorsCommand {
    /// Those of a host, as `enroll` found them last
    #[command(after_help = "Example:\n  portcullis side-doors list web-1")]
    List {
        /// The resource
        resource: String,
    },
    /// Keep one, and say why; to close one, close it at the host and run `enroll` again
    #[command(
        after_help = "Example:\n  portcullis side-doors keep web-1 3f9c0d12ab44 --reason 'backup agent, see OPS-12' --for 180d"
    )]
    Keep {
        /// The resource
        resource: String,
        /// Which
        door: String,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// For how long; for good without
        #[arg(long = "for", value_name = "TIME")]
        span: Option<Span>,
    },
}
