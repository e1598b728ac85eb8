//! A host, reached by the caller's own `ssh`: one connection, kept for the few commands that are run over it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use portcullis_hosts::{ACT, Act, Answer, Ask, LOOK, Went};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::args::hosts::EnrollArgs;
use crate::outcome::Stuck;

/// How long a host may take to answer, and to do everything.
const PATIENCE: Duration = Duration::from_mins(3);

/// How much it may say.
const MOST_BYTES: u64 = 64 << 20;

/// How often it is gone to after its sshd was told to read its configuration, which is not there for a moment.
const TRIES: usize = 10;

/// How long it is waited in between.
const BETWEEN: Duration = Duration::from_millis(300);

/// A way there. Dropping it leaves the connection to end by itself, soon.
pub(crate) struct Reach<'a> {
    args: &'a EnrollArgs,
    /// Where the connection that is shared listens.
    place: TempDir,
}

/// What a command said, and how it ended.
struct Ran {
    status: Option<i32>,
    output: Vec<u8>,
}

impl<'a> Reach<'a> {
    /// The way to a host.
    pub(crate) fn to(args: &'a EnrollArgs) -> anyhow::Result<Self> {
        if args.host.starts_with('-') {
            bail!(Stuck {
                what: format!("{:?} is an option and no host", args.host),
                next: "portcullis enroll HOST -- SSH OPTIONS".to_owned(),
            });
        }
        let place = tempfile::Builder::new().prefix("pcl-").tempdir()?;
        Ok(Self { args, place })
    }

    /// Asks everything, in one go.
    pub(crate) async fn look(&self, asks: &[Ask]) -> anyhow::Result<Vec<Answer>> {
        let input = Ask::input(&self.args.sshd_config, asks);
        let ran = self.run(LOOK, input).await?;
        if ran.status != Some(0) {
            bail!(self.refused(&ran));
        }
        Ask::answers(asks, &ran.output).map_err(|garbled| {
            let next = format!(
                "see what `ssh {} true` prints, and end that",
                self.args.host
            );
            Stuck {
                what: garbled.to_string(),
                next,
            }
            .into()
        })
    }

    /// Does everything, in one go.
    pub(crate) async fn act(&self, acts: &[Act]) -> anyhow::Result<Went> {
        let input = Act::input(&self.args.sshd_config, acts);
        let ran = self.run(ACT, input).await?;
        Ok(Act::went(acts.len(), &ran.output))
    }

    /// Where `ssh` goes: a host and a port.
    pub(crate) async fn address(&self) -> anyhow::Result<String> {
        let told = self.ssh(&["-G"]).output().await;
        let told = told.context("running ssh: is the OpenSSH client installed?")?;
        let text = String::from_utf8_lossy(&told.stdout);
        let value = |key: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines
                .find(|(known, _)| *known == key)
                .map(|(_, value)| value)
        };
        match (value("hostname"), value("port")) {
            (Some(host), Some(port)) if host.contains(':') => Ok(format!("[{host}]:{port}")),
            (Some(host), Some(port)) => Ok(format!("{host}:{port}")),
            _ => bail!(Stuck {
                what: format!("ssh does not say where {} is", self.args.host),
                next: "say it: --address HOST:PORT".to_owned(),
            }),
        }
    }

    /// Goes there again by a connection of its own, once sshd took a new configuration: whoever is refused by it is to know.
    pub(crate) async fn anew(&self) -> anyhow::Result<()> {
        self.end().await;
        for _ in 0..TRIES {
            let mut there = self.ssh(&["-T", "-x", "-a"]);
            there.arg("exit 0").stdin(Stdio::null());
            there.stdout(Stdio::null()).stderr(Stdio::null());
            if there.status().await.is_ok_and(|status| status.success()) {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN).await;
        }
        bail!(Stuck {
            what: format!(
                "{} lets nobody in any more by a new connection",
                self.args.host
            ),
            next: "the sessions you have there go on: mend it by one of them, or by its console"
                .to_owned(),
        })
    }

    /// Ends the connection that was shared.
    pub(crate) async fn end(&self) {
        let mut end = self.ssh(&["-O", "exit"]);
        end.stdout(Stdio::null()).stderr(Stdio::null());
        // What is not there needs no end.
        drop(end.status().await);
    }

    fn ssh(&self, first: &[&str]) -> Command {
        let socket = self.place.path().join("c");
        let mut command = Command::new("ssh");
        command
            .args(first)
            .args(["-o", "ControlMaster=auto", "-o", "ControlPersist=20"])
            .arg("-o")
            .arg(format!("ControlPath={}", socket.display()))
            .args(&self.args.ssh)
            .arg(&self.args.host);
        command
    }

    async fn run(&self, script: &str, input: String) -> anyhow::Result<Ran> {
        // What sshd says of the connection is kept for the look.
        let root = if self.args.sudo {
            "sudo -n env SSH_CONNECTION=\"$SSH_CONNECTION\" "
        } else {
            ""
        };
        let mut child = self
            .ssh(&["-T", "-x", "-a"])
            .arg(format!("exec {root}/bin/sh -c '{script}'"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("running ssh: is the OpenSSH client installed?")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let write = async move {
            if let Some(mut stdin) = stdin {
                // Whoever reads it no more says by its end why.
                drop(stdin.write_all(input.as_bytes()).await);
            }
        };
        let mut output = Vec::new();
        let read = async {
            match stdout {
                Some(stdout) => stdout.take(MOST_BYTES).read_to_end(&mut output).await,
                None => Ok(0),
            }
        };
        let both = async { tokio::join!(read, write) };
        let talked = tokio::time::timeout(PATIENCE, both).await;
        let (read, ()) = talked.map_err(|_| self.endless("takes too long"))?;
        if u64::try_from(read?).is_ok_and(|read| read >= MOST_BYTES) {
            bail!(self.endless("says more than can be listened to"));
        }
        Ok(Ran {
            status: child.wait().await?.code(),
            output,
        })
    }

    fn endless(&self, what: &str) -> Stuck {
        Stuck {
            what: format!("{} {what}", self.args.host),
            next: "see what hangs there: a home on a file server, a directory of accounts"
                .to_owned(),
        }
    }

    fn refused(&self, ran: &Ran) -> Stuck {
        let host = &self.args.host;
        let (what, next) = match ran.status {
            Some(10) => (
                format!("{host} is looked at as root, and this is somebody else"),
                format!(
                    "portcullis enroll root@HOST …, or --sudo where sudo at {host} needs no password"
                ),
            ),
            Some(11) => (
                format!(
                    "{host} has no sshd to look at, or no base64, stat, timeout and sha256sum to look with"
                ),
                "install openssh-server and coreutils there".to_owned(),
            ),
            Some(255) => (
                format!("ssh does not get to {host}"),
                format!("try `ssh {host} true`; options for it follow after --"),
            ),
            Some(1) if self.args.sudo => (
                format!("sudo does not let you act as root at {host} without asking"),
                "go there as root, or have sudo ask for nothing as long as this takes".to_owned(),
            ),
            status => (
                format!(
                    "looking at {host} ended with {}",
                    status.map_or_else(|| "no status".to_owned(), |status| status.to_string())
                ),
                format!("try `ssh {host} true`: its login shell has to run commands"),
            ),
        };
        Stuck { what, next }
    }
}
