//! Portcullis' own keys: made at the founding, opened when the server starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_ledger::NoteSigner;
use portcullis_model::{Digest, Secret};
use portcullis_policy::LeaseSigner;
use portcullis_ports::Broker;
use portcullis_vault::{SecretKind, SshAuthority};

use super::Vault;
use crate::failure::Failure;

/// One of Portcullis' own secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnSecret {
    /// Signs the ledger's checkpoints.
    Ledger,
    /// Signs leases.
    Leases,
    /// Certifies session keys for targets.
    SshAuthority,
    /// The HTTPS door's private key.
    Tls,
}

impl OwnSecret {
    /// Its name among the secrets.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "portcullis/ledger",
            Self::Leases => "portcullis/leases",
            Self::SshAuthority => "portcullis/ssh-authority",
            Self::Tls => "portcullis/tls",
        }
    }

    /// The name of a door's own key.
    pub(crate) fn door(door: &str) -> String {
        format!("portcullis/door/{door}")
    }

    /// What it is to the vault.
    pub(crate) const fn kind(self) -> SecretKind {
        match self {
            Self::Ledger => SecretKind::LedgerKey,
            Self::Leases => SecretKind::LeaseKey,
            Self::SshAuthority => SecretKind::SshUserAuthority,
            Self::Tls => SecretKind::TlsKey,
        }
    }
}

/// Portcullis' own keys, open.
pub(crate) struct OwnKeys {
    pub(crate) ledger: Arc<NoteSigner>,
    pub(crate) leases: LeaseSigner,
    pub(crate) ssh_authority: SshAuthority,
    pub(crate) tls: Secret<Vec<u8>>,
    /// Under what the bodies of calls are told apart.
    pub(crate) calls: Secret<[u8; 32]>,
}

/// The public keys of the doors, by the door's name.
pub(crate) type DoorKeys = BTreeMap<String, String>;

/// A key for one purpose more, from a seed. Both lengths are fixed, so that nothing can be appended.
fn derived(seed: &Secret<[u8; 32]>, purpose: &[u8]) -> Secret<[u8; 32]> {
    let label = Digest::of_bytes(purpose);
    let both = Secret::new([seed.expose().as_slice(), label.as_bytes()].concat());
    Secret::new(*Digest::of_bytes(both.expose()).as_bytes())
}

impl Vault {
    /// Opens all of them; `origin` names the ledger.
    pub(crate) async fn own_keys(&self, origin: &str) -> Result<OwnKeys, Failure> {
        let leases = self.seed(OwnSecret::Leases).await?;
        Ok(OwnKeys {
            ledger: Arc::new(self.ledger_signer(origin).await?),
            calls: derived(&leases, b"portcullis/idempotency@v1"),
            leases: LeaseSigner::from_seed(&leases)?,
            ssh_authority: SshAuthority::from_seed(&self.seed(OwnSecret::SshAuthority).await?),
            tls: self.own(OwnSecret::Tls).await?,
        })
    }

    /// A second copy of the ledger's key, for the one that writes it.
    pub(crate) async fn ledger_signer(&self, origin: &str) -> Result<NoteSigner, Failure> {
        Ok(NoteSigner::from_seed(
            origin,
            self.seed(OwnSecret::Ledger).await?.expose(),
        )?)
    }

    /// Opens a door's own key, as the protocol writes it.
    pub(crate) async fn door_key(&self, door: &str) -> Result<Secret<String>, Failure> {
        let loaded = self.record(&OwnSecret::door(door)).await?;
        let text = String::from_utf8(self.open(&loaded).await?.expose_owned());
        text.map(Secret::new)
            .map_err(|_| Failure::Damaged(format!("the key of the {door} door is not text")))
    }

    /// What the doors show to whoever comes, by the door's name.
    pub(crate) async fn door_keys(&self, brokers: &[Arc<dyn Broker>]) -> Result<DoorKeys, Failure> {
        let mut keys = DoorKeys::new();
        for broker in brokers {
            let door = broker.descriptor().name;
            let record = self.record(&OwnSecret::door(door)).await?;
            keys.insert(door.to_owned(), record.get()?.public.clone());
        }
        Ok(keys)
    }

    async fn own(&self, secret: OwnSecret) -> Result<Secret<Vec<u8>>, Failure> {
        let loaded = self.record(secret.name()).await?;
        self.open(&loaded).await
    }

    async fn seed(&self, secret: OwnSecret) -> Result<Secret<[u8; 32]>, Failure> {
        let opened = self.own(secret).await?;
        let seed = opened.expose().as_slice().try_into();
        seed.map(Secret::new)
            .map_err(|_| Failure::Damaged(format!("{} is not a seed", secret.name())))
    }
}
