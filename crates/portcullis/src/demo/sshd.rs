//! A host of the demo: a real OpenSSH server that trusts one thing, and nothing else.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::accounts::{Account, Farewell};
use super::port::Port;
use super::programs::{keygen, run};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(15);

/// What an sshd lets in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trust<'a> {
    /// Certificates of this authority.
    Authority(&'a str),
    /// Whoever has this key; the line in `authorized_keys` is there to be replaced.
    Key(&'a str),
}

/// A running sshd.
pub(crate) struct Sshd {
    child: Child,
    port: Port,
    host_key: String,
    account: Account,
}

impl Sshd {
    /// Starts one as `account`, which is the only account it can log in.
    pub(crate) async fn start(
        account: Account,
        folder: &Path,
        trust: Trust<'_>,
    ) -> anyhow::Result<Self> {
        let host_key = keygen(&folder.join("host_key")).await?;
        trust.write_down(folder)?;
        let port = Port::take()?;
        let config = folder.join("sshd_config");
        std::fs::write(&config, settings(folder, port.number(), trust))?;
        own(&account, folder).await?;
        let mut sshd = account.command("/usr/sbin/sshd", Farewell::Terminate);
        sshd.args(["-D", "-e", "-f"])
            .arg(&config)
            .kill_on_drop(true);
        sshd.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = sshd
            .spawn()
            .context("starting sshd: apt-get install openssh-server")?;
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port.number()))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listening)
            .await
            .context("sshd did not start in time")?;
        Ok(Self {
            child,
            port,
            host_key,
            account,
        })
    }

    /// Where it listens, on the loopback interface.
    pub(crate) const fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its host key, as OpenSSH text.
    pub(crate) fn host_key(&self) -> &str {
        &self.host_key
    }

    /// The account on it.
    pub(crate) fn account(&self) -> &str {
        self.account.name()
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        Farewell::Terminate.say_to(self.child).await;
    }
}

impl Trust<'_> {
    fn write_down(self, folder: &Path) -> anyhow::Result<()> {
        match self {
            Self::Authority(key) => {
                std::fs::write(folder.join("authority.pub"), format!("{key}\n"))?;
            }
            Self::Key(line) => {
                std::fs::create_dir(folder.join(".ssh"))?;
                std::fs::write(folder.join(".ssh/authorized_keys"), format!("{line}\n"))?;
            }
        }
        Ok(())
    }

    fn settings(self, folder: &Path) -> String {
        match self {
            Self::Authority(_) => {
                let authority = folder.join("authority.pub");
                let authority = authority.display();
                format!("TrustedUserCAKeys {authority}\nAuthorizedKeysFile none\n")
            }
            Self::Key(_) => "AuthorizedKeysFile .ssh/authorized_keys\n".to_owned(),
        }
    }
}

async fn own(account: &Account, folder: &Path) -> anyhow::Result<()> {
    let folder = folder.to_string_lossy();
    run("chown", ["-R", account.name(), &folder]).await?;
    Ok(())
}

fn settings(folder: &Path, port: u16, trust: Trust<'_>) -> String {
    let trusted = trust.settings(folder);
    let folder = folder.display();
    format!(
        "ListenAddress 127.0.0.1:{port}\n\
         HostKey {folder}/host_key\n\
         {trusted}\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         UsePAM no\n\
         StrictModes no\n\
         PidFile none\n"
    )
}
