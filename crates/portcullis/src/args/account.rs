//! Words about oneself.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Signing in and out.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Sign in with password and one-time code, or enroll with a one-time token
    Login(LoginArgs),
    /// Give the sign-in back, and perhaps an SSH key
    Logout(LogoutArgs),
    /// Say who you are here
    #[command(after_help = "Examples:\n  portcullis whoami\n  portcullis --as rosa whoami")]
    Whoami,
    /// Give a one-time code for a client that cannot ask for one (Ansible, ssh in batch mode)
    StepUp(StepUpArgs),
}

/// `login`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis login rosa --server https://gate.example:8443 --ca ca.pem\n  portcullis login --enroll          (asks for the token)\n  portcullis login rosa --ssh-key ~/.ssh/id_ed25519.pub\n\nWithout a terminal, standard input gives one answer a line, in the order of the questions."
)]
pub(crate) struct LoginArgs {
    /// Your name here
    pub(crate) name: Option<String>,
    /// Set password and one-time codes with a token that an owner gave you
    #[arg(long)]
    pub(crate) enroll: bool,
    /// Register this SSH public key as yours, to come to the SSH door with
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_key: Option<PathBuf>,
}

/// `logout`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis logout\n  portcullis logout --ssh-key SHA256:…        (a machine is lost: whoami lists your keys)"
)]
pub(crate) struct LogoutArgs {
    /// Take this SSH key of yours away first: its file, or its fingerprint. Sessions opened with it end
    #[arg(long, value_name = "FILE|FINGERPRINT")]
    pub(crate) ssh_key: Option<String>,
}

/// `step-up`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portcullis step-up root@web-1 --key ~/.ssh/id_ed25519.pub")]
pub(crate) struct StepUpArgs {
    /// What for: `ACCOUNT@TARGET`, as in the SSH login
    pub(crate) login: String,
    /// The SSH public key the client will use; the only one you registered when there is one
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}
