//! The demo's hosts: one that trusts Portcullis' certificates, and one that knows nothing but a key.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::accounts::Account;
use super::programs::run;
use super::sshd::{Sshd, Trust};

/// Both of them.
pub(crate) struct Hosts {
    /// `web-1`, which trusts our certificates.
    pub(crate) certified: Sshd,
    /// `web-2`, which is opened by a vaulted key.
    pub(crate) keyed: Sshd,
}

impl Hosts {
    /// Starts them, each as an account of its own.
    pub(crate) async fn start(path: &Path, authority: &str) -> anyhow::Result<Self> {
        let key = first_key(path);
        let file = key
            .to_str()
            .context("the temporary folder's name is not UTF-8")?;
        run(
            "ssh-keygen",
            ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file],
        )
        .await?;
        let public = std::fs::read_to_string(key.with_extension("pub"))?;
        let (web_1, web_2) = (path.join("web"), path.join("web-2"));
        Ok(Self {
            certified: start("web", &web_1, Trust::Authority(authority)).await?,
            keyed: start("web2", &web_2, Trust::Key(&public)).await?,
        })
    }

    /// Stops them.
    pub(crate) async fn stop(self) {
        self.certified.stop().await;
        self.keyed.stop().await;
    }
}

/// The key that `web-2` is brought in with: it is in the vault from then on, and good until its first rotation.
pub(crate) fn first_key(world: &Path) -> PathBuf {
    world.join("web-2-key")
}

async fn start(purpose: &str, folder: &Path, trust: Trust<'_>) -> anyhow::Result<Sshd> {
    std::fs::create_dir(folder)?;
    let account = Account::make(purpose, folder).await?;
    Sshd::start(account, folder, trust).await
}
