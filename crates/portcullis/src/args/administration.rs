//! Words for owners.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::retention::RetentionCommand;
use super::{EnvironmentArg, SensitivityArg, Span};

/// What owners administer, listed when nothing else is said. Everything here is a change that owners sign with
/// `approve`.
#[derive(Debug, Subcommand)]
pub(crate) enum AdministrationCommand {
    /// Systems that access is asked for
    Resources {
        #[command(subcommand)]
        command: Option<ResourcesCommand>,
    },
    /// Programs with typed arguments that may be asked for instead of a command line
    Tasks {
        #[command(subcommand)]
        command: Option<TasksCommand>,
    },
    /// People, workloads, CI jobs, vendors, agents
    Identities {
        #[command(subcommand)]
        command: Option<IdentitiesCommand>,
    },
    /// Groups of identities, each counting on one path
    Groups {
        #[command(subcommand)]
        command: Option<GroupsCommand>,
    },
    /// The vault's secrets, without their values
    Secrets {
        #[command(subcommand)]
        command: Option<SecretsCommand>,
    },
    /// How long tapes are kept; shows it when nothing else is said
    Retention {
        #[command(subcommand)]
        command: Option<RetentionCommand>,
    },
    /// Look at every target, and propose that a restored installation opens again
    #[command(after_help = "Example:\n  portcullis thaw")]
    Thaw,
    /// Changes that wait for signatures, and those that took effect
    Changes {
        #[command(subcommand)]
        command: Option<ChangesCommand>,
    },
}

/// `resources …`
#[derive(Debug, Subcommand)]
pub(crate) enum ResourcesCommand {
    /// Add one; prints what to place at the target by hand
    #[command(
        after_help = "Example:\n  portcullis resources add web-1 --kind ssh --environment production --owner olaf \\\n    --set address=web-1.internal:22 --set account=root --set 'host_keys=[\"ssh-ed25519 AAAA…\"]'"
    )]
    Add(ResourceArgs),
    /// Change what is named in a record; everything else stays as it is
    #[command(
        after_help = "Examples:\n  portcullis resources edit web-1 --set 'accounts=[\"ops\"]'\n  portcullis resources edit web-1 --sensitivity secret --owner olaf --owner pia   (these and no other owners)"
    )]
    Edit(EditArgs),
    /// All
    #[command(after_help = "Example:\n  portcullis resources list")]
    List,
    /// One
    #[command(after_help = "Example:\n  portcullis resources show web-1")]
    Show {
        /// Which
        name: String,
    },
    /// Remove one; its grants are revoked
    #[command(after_help = "Example:\n  portcullis resources remove web-1")]
    Remove {
        /// Which
        name: String,
    },
    /// The kinds there are, with their settings
    #[command(after_help = "Example:\n  portcullis resources kinds")]
    Kinds,
}

/// A resource's record.
#[derive(Debug, Args)]
pub(crate) struct ResourceArgs {
    /// Its name: what people type
    pub(crate) name: String,
    /// Its kind: `resources kinds`
    #[arg(long)]
    pub(crate) kind: String,
    /// What depends on it
    #[arg(long, value_enum)]
    pub(crate) environment: EnvironmentArg,
    /// What it holds
    #[arg(long, value_enum, default_value = "internal")]
    pub(crate) sensitivity: SensitivityArg,
    /// Who answers for it
    #[arg(long = "owner", value_name = "NAME", required = true)]
    pub(crate) owners: Vec<String>,
    /// The vaulted secret that opens it, where it does not trust our certificate authority
    #[arg(long, value_name = "SECRET")]
    pub(crate) credential: Option<String>,
    /// A setting of its kind; the value is JSON, or text
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

/// What is to be different in a resource's record.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// Which
    pub(crate) name: String,
    /// What depends on it
    #[arg(long, value_enum)]
    pub(crate) environment: Option<EnvironmentArg>,
    /// What it holds
    #[arg(long, value_enum)]
    pub(crate) sensitivity: Option<SensitivityArg>,
    /// Who answers for it from now on, and nobody else
    #[arg(long = "owner", value_name = "NAME")]
    pub(crate) owners: Vec<String>,
    /// The vaulted secret that opens it
    #[arg(long, value_name = "SECRET")]
    pub(crate) credential: Option<String>,
    /// It is opened by no vaulted secret any more
    #[arg(long, conflicts_with = "credential")]
    pub(crate) no_credential: bool,
    /// A setting of its kind; the value is JSON, or text; `KEY=null` takes it out
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

/// `tasks …`
#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    /// Declare one, or declare it anew; the account and the program are looked at first
    #[command(
        after_help = "Examples:\n  portcullis tasks add web-1 uptime --account ops -- /usr/bin/uptime\n  portcullis tasks add web-1 restart --account ops -- /usr/bin/systemctl restart '{unit}'\n  portcullis tasks add web-1 log --account ops -- /usr/bin/journalctl -u '{unit}' -n '{1-500}'\n\nWords in braces are typed by who runs it: {unit} is a service, timer or socket, {1-500} a number, {a|b} one of\nthese words, {/var/log/…} a file below a folder. All others are always as they stand."
    )]
    #[command(visible_alias = "edit")]
    Add {
        /// The resource
        resource: String,
        /// Its name: what people type
        name: String,
        /// The account it runs as
        #[arg(long)]
        account: String,
        /// The program's absolute path and its arguments
        #[arg(last = true, required = true, value_name = "PROGRAM")]
        words: Vec<String>,
    },
    /// All
    #[command(after_help = "Example:\n  portcullis tasks list")]
    List,
    /// One
    #[command(after_help = "Example:\n  portcullis tasks show web-1 restart")]
    Show {
        /// The resource
        resource: String,
        /// Which
        name: String,
    },
    /// Remove one; what it allowed ends
    #[command(after_help = "Example:\n  portcullis tasks remove web-1 restart")]
    Remove {
        /// The resource
        resource: String,
        /// Which
        name: String,
    },
}

/// `identities …`
#[derive(Debug, Subcommand)]
pub(crate) enum IdentitiesCommand {
    /// Add one; once signed, `identities enroll` gives a one-time token to enroll with
    #[command(
        after_help = "Examples:\n  portcullis identities add pia --role pam\n  portcullis identities add builder --kind ci --owner olaf --for 90d"
    )]
    Add {
        /// Its name
        name: String,
        /// What it is
        #[arg(long, value_enum, default_value = "human")]
        kind: KindArg,
        /// What it may sign for the installation
        #[arg(long = "role", value_enum)]
        roles: Vec<RoleArg>,
        /// Who answers for it, unless it is a person
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// How long it lives, unless it is a person
        #[arg(long = "for", value_name = "TIME")]
        span: Option<Span>,
        /// Print the one-time enrolment token, when nobody else has to sign
        #[arg(long)]
        enroll: bool,
    },
    /// All
    #[command(after_help = "Example:\n  portcullis identities list")]
    List,
    /// One
    #[command(after_help = "Example:\n  portcullis identities show rosa")]
    Show {
        /// Which
        name: String,
    },
    /// A fresh one-time token to enroll with
    #[command(after_help = "Example:\n  portcullis identities enroll rosa")]
    Enroll {
        /// For whom
        name: String,
    },
    /// Change what is named in a record; everything else stays as it is
    #[command(
        after_help = "Examples:\n  portcullis identities edit pia --role pam --role resource   (these and no other roles)\n  portcullis identities edit builder --owner olaf --for 90d\n  portcullis identities edit rosa --activate                  (after identities remove)"
    )]
    Edit(IdentityEditArgs),
    /// Suspend one: its sessions end, its grants are revoked, its record stays; `edit --activate` lets it act again
    #[command(
        after_help = "Example:\n  portcullis identities remove rosa\n\nNobody is erased: who acted stays known to the ledger, and the name stays taken. A suspended identity keeps its\npassword and SSH keys, and can use none of them."
    )]
    #[command(visible_alias = "suspend")]
    Remove {
        /// Which
        name: String,
    },
}

/// What is to be different in an identity's record.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("difference").required(true).multiple(true))]
pub(crate) struct IdentityEditArgs {
    /// Which
    pub(crate) name: String,
    /// What it may sign for the installation from now on, and nothing else
    #[arg(long = "role", value_enum, group = "difference")]
    pub(crate) roles: Vec<RoleArg>,
    /// It signs nothing for the installation any more
    #[arg(long, conflicts_with = "roles", group = "difference")]
    pub(crate) no_roles: bool,
    /// Who answers for it from now on
    #[arg(long, value_name = "NAME", group = "difference")]
    pub(crate) owner: Option<String>,
    /// How long it lives from now on
    #[arg(long = "for", value_name = "TIME", group = "difference")]
    pub(crate) span: Option<Span>,
    /// It may act again after it was suspended; it has to sign in anew
    #[arg(long, group = "difference")]
    pub(crate) activate: bool,
}

/// What an identity is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindArg {
    /// A person
    Human,
    /// A service
    Workload,
    /// A job of a build system
    Ci,
    /// A person or system of another organisation
    Vendor,
    /// A program that decides by itself
    Agent,
}

/// What an identity may sign.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    /// Identities and policy
    Iam,
    /// Privileged sessions
    Pam,
    /// Resources
    Resource,
}

/// `groups …`
#[derive(Debug, Subcommand)]
pub(crate) enum GroupsCommand {
    /// Add one, or set its members
    #[command(
        after_help = "Example:\n  portcullis groups add database-approvers --path ordinary --member olaf --member pia"
    )]
    #[command(visible_alias = "edit")]
    Add {
        /// Its name
        name: String,
        /// The path it counts on
        #[arg(long, value_enum)]
        path: PathArg,
        /// Its members
        #[arg(long = "member", value_name = "NAME")]
        members: Vec<String>,
    },
    /// All
    #[command(after_help = "Example:\n  portcullis groups list")]
    List,
    /// One
    #[command(after_help = "Example:\n  portcullis groups show database-approvers")]
    Show {
        /// Which
        name: String,
    },
    /// Remove one
    #[command(after_help = "Example:\n  portcullis groups remove database-approvers")]
    Remove {
        /// Which
        name: String,
    },
}

/// One of the two paths.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PathArg {
    /// Access requests
    Ordinary,
    /// Privileged access
    Privileged,
}

/// `secrets …`
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Take one in; its value comes from a file or standard input and is never shown again
    #[command(
        after_help = "Examples:\n  portcullis secrets add analytics-admin --kind password < password.txt\n  portcullis secrets add web-1-root --kind ssh_key --file id_ed25519"
    )]
    Add {
        /// Its name
        name: String,
        /// What it is
        #[arg(long, value_enum)]
        kind: SecretKindArg,
        /// Where its value is (default: standard input)
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// All, without their values
    #[command(after_help = "Example:\n  portcullis secrets list")]
    List,
    /// One, without its value
    #[command(after_help = "Example:\n  portcullis secrets show analytics-admin")]
    Show {
        /// Which
        name: String,
    },
    /// Put another value in its place at its target, proved there, and wait until that is done
    #[command(
        after_help = "Examples:\n  portcullis secrets rotate web-1-root\n  portcullis secrets rotate web-1-root --give-up    (the target is seen to refuse the new value)\n\nA secret that opened a session is rotated after it by itself."
    )]
    Rotate {
        /// Which
        name: String,
        /// Give a rotation up that does not come through
        #[arg(long)]
        give_up: bool,
    },
    /// Ask its target whether it is accepted
    #[command(after_help = "Example:\n  portcullis secrets verify web-1-root")]
    Verify {
        /// Which
        name: String,
    },
}

/// A kind of secret that people add.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SecretKindArg {
    /// A password
    Password,
    /// An SSH private key without a passphrase
    #[value(name = "ssh_key")]
    SshKey,
}

/// `changes …`
#[derive(Debug, Subcommand)]
pub(crate) enum ChangesCommand {
    /// All, newest first
    #[command(after_help = "Example:\n  portcullis changes list")]
    List,
    /// One, with everything a signature binds
    #[command(after_help = "Example:\n  portcullis changes show chg_…")]
    Show {
        /// Which
        id: String,
    },
}
