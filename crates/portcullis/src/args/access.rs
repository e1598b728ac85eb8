//! Words about access: asking, deciding, holding, using.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::window::WindowArgs;

/// Asking for access and deciding about it.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// What you may ask for, with the path and the approvers told ahead
    #[command(after_help = "Example:\n  portcullis catalog")]
    Catalog,
    /// What a request would come to; changes nothing
    #[command(
        after_help = "Examples:\n  portcullis preview analytics read\n  portcullis preview web-1 shell\n  portcullis preview web-1 exec -- systemctl restart nginx\n  portcullis preview web-1 task restart nginx"
    )]
    Preview(Wish),
    /// Ask for access
    #[command(
        after_help = "Examples:\n  portcullis request analytics read --reason 'quarterly figures' --for 4h\n  portcullis request web-1 shell --reason 'INC-42' --wait\n  portcullis request web-1 exec --reason 'INC-42' -- systemctl restart nginx\n  portcullis request web-1 exec --reason 'deploy 7' --from 2026-01-31T22:00Z --for 1h --uses 3 -- /opt/deploy 7\n  portcullis request web-1 task restart nginx --reason 'INC-42'   (then: ssh web-1 restart nginx)"
    )]
    Request(RequestArgs),
    /// Requests you made or may decide on; lists them when nothing else is said
    Requests {
        #[command(subcommand)]
        command: Option<RequestsCommand>,
    },
    /// Approve a request, or sign a change
    #[command(
        after_help = "Examples:\n  portcullis approve req_…\n  portcullis approve req_… --reason 'for the migration only'\n  portcullis approve chg_… --digest 3f1c09ab77e2   (only what you looked at before)"
    )]
    Approve(ApproveArgs),
    /// Refuse a request or a change
    #[command(after_help = "Example:\n  portcullis deny req_… --reason 'use the replica'")]
    Deny {
        /// The request (`req_…`) or change (`chg_…`)
        id: String,
        /// Why, for whoever asked
        #[arg(long)]
        reason: Option<String>,
    },
    /// Give back what you were granted
    #[command(after_help = "Example:\n  portcullis release req_…")]
    Release {
        /// The grant, or its request
        id: String,
    },
    /// Take a grant back
    #[command(after_help = "Example:\n  portcullis revoke grt_… --reason 'the incident is over'")]
    Revoke {
        /// The grant, or its request
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// What is held, until when, and why; lists it when nothing else is said
    Grants {
        #[command(subcommand)]
        command: Option<GrantsCommand>,
    },
}

/// A resource and an action.
#[derive(Debug, Clone, Args)]
pub(crate) struct Wish {
    /// The resource
    pub(crate) resource: String,
    /// The action: its name, then `param=value`
    #[arg(required = true, value_name = "ACTION")]
    pub(crate) action: Vec<String>,
    /// A command line, for actions that take one
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

impl Wish {
    /// The words as the server reads them.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = self.action.clone();
        if !self.command.is_empty() {
            words.push("--".to_owned());
            words.extend(self.command.iter().cloned());
        }
        words
    }
}

/// `request`
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    pub(crate) wish: Wish,
    /// Why you need it
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) window: WindowArgs,
    /// Wait until it is decided
    #[arg(long)]
    pub(crate) wait: bool,
    /// Asking again with the same key answers with the same request
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// `requests …`
#[derive(Debug, Subcommand)]
pub(crate) enum RequestsCommand {
    /// All that you may see, newest first
    #[command(
        after_help = "Examples:\n  portcullis requests list\n  portcullis requests list --json"
    )]
    List,
    /// One, with everything an approval binds
    #[command(after_help = "Example:\n  portcullis requests show req_…")]
    Show {
        /// Which
        id: String,
    },
    /// Take your own request back
    #[command(after_help = "Example:\n  portcullis requests cancel req_…")]
    Cancel {
        /// Which
        id: String,
    },
}

/// `approve`
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The request (`req_…`) or change (`chg_…`)
    pub(crate) id: String,
    /// Approve only what has this digest, as `requests show` printed it; its first 12 digits do
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Option<SeenDigest>,
    /// Why, for whoever asked and for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// The digest of what somebody looked at, or what it begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenDigest(String);

impl SeenDigest {
    /// How many digits of a digest there are.
    const WHOLE: usize = 64;
    /// How many have to be given. What an identifier names has one digest for ever, so they only tell whether it is
    /// what was looked at or something else.
    const FEWEST: usize = 12;

    /// All of it, where all was given: for the server to judge.
    pub(crate) fn whole(&self) -> Option<&str> {
        (self.0.len() == Self::WHOLE).then_some(&self.0)
    }

    /// Whether a digest begins so.
    pub(crate) fn begins(&self, digest: &str) -> bool {
        digest.starts_with(&self.0)
    }
}

impl fmt::Display for SeenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SeenDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lengths = Self::FEWEST..=Self::WHOLE;
        if lengths.contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(format!(
            "it has {} digits, 0 to 9 and a to f, of which at least the first {} are given: requests show and changes show print it",
            Self::WHOLE,
            Self::FEWEST
        ))
    }
}

/// `grants …`
#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// All that you may see, newest first
    #[command(after_help = "Example:\n  portcullis grants list")]
    List,
    /// One
    #[command(after_help = "Example:\n  portcullis grants show req_…")]
    Show {
        /// The grant, or its request
        id: String,
    },
}

/// `sessions …`
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// All that you may see, newest first
    #[command(after_help = "Example:\n  portcullis sessions list")]
    List,
    /// One
    #[command(after_help = "Example:\n  portcullis sessions show ses_…")]
    Show {
        /// Which
        id: String,
    },
    /// Look on while it runs: decided and recorded
    #[command(after_help = "Example:\n  portcullis sessions watch ses_…")]
    Watch {
        /// Which
        id: String,
    },
    /// End it at once
    #[command(after_help = "Example:\n  portcullis sessions kill ses_… --reason 'seen enough'")]
    Kill {
        /// Which
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Keep its tape, whatever its time: a legal hold
    #[command(after_help = "Example:\n  portcullis sessions hold ses_… --reason 'case 2026-17'")]
    Hold {
        /// Which
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Hold its tape no longer; three owners sign
    #[command(after_help = "Example:\n  portcullis sessions let-go ses_…")]
    LetGo {
        /// Which
        id: String,
    },
    /// Erase its tape before its time; three owners sign
    #[command(
        after_help = "Example:\n  portcullis sessions erase ses_…\n\nThe tape goes, and its key. Its heads and the record of the session stay. Copies in backups stay where they are."
    )]
    Erase {
        /// Which
        id: String,
    },
    /// Replay a tape: a file with an auditor's key, or a session with a grant to replay it
    #[command(
        after_help = "Examples:\n  portcullis sessions play ses_….tape --identity auditor.age    (offline)\n  portcullis sessions play ses_…                                 (needs a grant to replay)"
    )]
    Play {
        /// A tape file, or a session
        what: String,
        /// The auditor's age identity
        #[arg(long = "identity", value_name = "FILE")]
        auditor: Option<PathBuf>,
        /// Print all at once instead of in its own time
        #[arg(long)]
        fast: bool,
    },
    /// Take the sealed tape and the evidence file away
    #[command(after_help = "Example:\n  portcullis sessions export ses_… --out evidence/")]
    Export {
        /// Which
        id: String,
        /// Where to
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// Check a tape: a file by itself, or a session against the ledger
    #[command(
        after_help = "Examples:\n  portcullis sessions verify ses_…\n  portcullis sessions verify ses_….tape --evidence ses_….evidence --key 'portcullis/ins_…+…'   (offline)"
    )]
    Verify {
        /// A tape file, or a session
        what: String,
        /// Hold a tape file against the heads in this evidence file, which is verified first
        #[arg(long, value_name = "FILE", requires = "key")]
        evidence: Option<PathBuf>,
        /// The ledger's key, as `ledger key` prints it
        #[arg(long, value_name = "KEY", requires = "evidence")]
        key: Option<String>,
    },
}

/// `ssh`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis ssh web-1\n  portcullis ssh deploy@web-1 -- uname -a\n  portcullis ssh web-1 --idempotency-key deploy-7 -- /opt/deploy 7\n\nPlain ssh names a run so, on a connection of its own:\n  ssh -o ControlPath=none -o SetEnv=PORTCULLIS_IDEMPOTENCY_KEY=deploy-7 web-1 /opt/deploy 7"
)]
pub(crate) struct SshArgs {
    /// `TARGET` or `ACCOUNT@TARGET`
    pub(crate) target: String,
    /// The command to run
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
    /// Your own name for this run: what ran under it before is not run again, and ends as it ended
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// The SSH door, when it is not where the server says
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) gateway: Option<String>,
}

/// `ssh-config`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis ssh-config --install        (rewrites ~/.ssh/portcullis_config, which ~/.ssh/config includes)\n  portcullis ssh-config > gate.conf      (then: ssh -F gate.conf web-1)\n\nA target with several accounts also gets a name for each: ssh web-1+deploy."
)]
pub(crate) struct SshConfigArgs {
    /// The SSH door, when it is not where the server says
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) gateway: Option<String>,
    /// The private key to offer
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_file: Option<PathBuf>,
    /// Keep the lines in a file of their own that ~/.ssh/config includes; safe to repeat
    #[arg(long)]
    pub(crate) install: bool,
    /// Keep the door's key in this file, beside those of other hosts, instead of one of Portcullis' own
    #[arg(long, value_name = "FILE")]
    pub(crate) known_hosts: Option<PathBuf>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_given_whole_or_by_what_it_begins_with_and_by_nothing_less() {
        let digest = "3f1c09ab77e2".to_owned() + &"0".repeat(52);
        let begins: SeenDigest = "3F1C09AB77E2".parse().unwrap();
        assert!(begins.begins(&digest) && begins.whole().is_none());
        assert!(!begins.begins(&digest.replace("77e2", "77e3")));
        let whole: SeenDigest = digest.parse().unwrap();
        assert_eq!(whole.whole(), Some(digest.as_str()));
        for wrong in [
            "",
            "deadbeef",
            "3f1c09ab77e",
            "nonsense at all",
            &(digest + "0"),
        ] {
            let told = wrong.parse::<SeenDigest>().unwrap_err();
            assert!(told.contains("requests show"), "{told}");
        }
    }
}
