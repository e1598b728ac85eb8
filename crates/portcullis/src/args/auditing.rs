//! Words for auditors and policy authors.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `policy …`
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check a bundle, and say which one was checked; a folder's is checked offline
    #[command(
        after_help = "Examples:\n  portcullis policy check --policies my-policies/\n  portcullis policy check                          (the active one)"
    )]
    Check {
        /// The bundle's folder (default: what is active at the server you are signed in to, or the shipped one)
        #[arg(long, value_name = "DIR")]
        policies: Option<PathBuf>,
    },
    /// Say what a request would come to and which policies say so
    #[command(
        after_help = "Examples:\n  portcullis policy explain web-1 shell\n  portcullis policy explain web-1 exec -- systemctl restart nginx"
    )]
    Explain(super::access::Wish),
    /// Propose a bundle; owners sign it
    #[command(after_help = "Example:\n  portcullis policy propose --policies my-policies/")]
    Propose {
        /// The bundle's folder
        #[arg(long, value_name = "DIR")]
        policies: PathBuf,
    },
    /// Sign a proposed bundle; with the last signature it becomes active
    #[command(after_help = "Example:\n  portcullis policy sign chg_…")]
    #[command(visible_alias = "activate")]
    Sign {
        /// The change
        id: String,
    },
    /// Show the active bundle, or write it to a folder
    #[command(
        after_help = "Example:\n  portcullis policy show --out my-policies/   (edit, check, propose)"
    )]
    Show {
        /// Where to
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print the shipped line's truth table
    #[command(after_help = "Example:\n  portcullis policy line")]
    Line,
}

/// `ledger …`
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// The latest signed checkpoint
    #[command(after_help = "Example:\n  portcullis ledger checkpoint > checkpoint.txt")]
    Checkpoint,
    /// The evidence file of a request, grant, session or change
    #[command(
        after_help = "Examples:\n  portcullis ledger prove req_… --out story.evidence\n  portcullis ledger prove req_… --out story.evidence --tlog-proofs proofs/"
    )]
    Prove {
        /// Which
        id: String,
        /// Where to (default: standard output)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Also each leaf, and its proof in the standard form (c2sp.org/tlog-proof), for anybody's verifier
        #[arg(long, value_name = "DIR")]
        tlog_proofs: Option<PathBuf>,
    },
    /// Verify an evidence file, or a whole ledger folder, offline
    #[command(
        after_help = "Examples:\n  portcullis ledger verify story.evidence --key 'portcullis/ins_…+…' --of req_… --show\n  portcullis ledger verify ledger/ --key 'portcullis/ins_…+…' --since kept.checkpoint\n\nA story that has no end yet holds too, says what it waits for, and exits with 4."
    )]
    Verify {
        /// An evidence file, or a folder with tiles and checkpoint
        what: PathBuf,
        /// The ledger's key, as `ledger key` prints it
        #[arg(long, value_name = "KEY")]
        key: String,
        /// A checkpoint you kept: the ledger must continue it
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// Whose evidence it has to be: a request, grant, session or change
        #[arg(long, value_name = "ID")]
        of: Option<String>,
        /// The key of a witness, as `ledger witness` prints it, that has to have seen the ledger so; may be repeated
        #[arg(long = "witness", value_name = "KEY")]
        witnesses: Vec<String>,
        /// Also print what the events say
        #[arg(long)]
        show: bool,
    },
    /// Keep, on another machine, what the ledger was: one that is rolled back or rewritten is found out
    #[command(
        after_help = "Examples:\n  portcullis ledger witness --folder /var/lib/witness --name witness.example --key 'portcullis/ins_…+…'\n  portcullis ledger witness --folder /var/lib/witness --listen 0.0.0.0:8446 --key 'portcullis/ins_…+…'\n\nIt speaks c2sp.org/tlog-witness, in the clear. What it signs nobody can forge; but a server believes its refusals as they come, so let\nno stranger between the two: a proxy gives it TLS."
    )]
    Witness(WitnessArgs),
    /// The key that verifies checkpoints; with --json also the authority that target hosts trust
    #[command(after_help = "Example:\n  portcullis ledger key")]
    Key,
}

/// `ledger witness`
#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    /// Where it keeps its key, and the last checkpoint it saw of each ledger
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// What it is called; needed at its first start
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where it is asked
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8446")]
    pub(crate) listen: SocketAddr,
    /// The key of a ledger it watches, as `ledger key` prints it; may be repeated
    #[arg(long = "key", value_name = "KEY", required = true)]
    pub(crate) keys: Vec<String>,
}

/// `classify`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo '\"systemctl restart nginx\"' | portcullis classify shell"
)]
pub(crate) struct ClassifyArgs {
    /// The language of the actions
    #[arg(value_enum)]
    pub(crate) language: LanguageArg,
}

/// A language of actions.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LanguageArg {
    /// Command lines
    Shell,
}
