//! The demo's hosts: one that trusts Portcullis' certificates, and one that knows nothing but a key.

use std::path::{Path, PathBuf};

use super::accounts::Account;
use super::programs::keygen;
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
        let public = keygen(&first_key(path)).await?;
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
