//! The vault's one way out. Whatever leaves it leaves here, against a permit or a duty, or as one of
//! Portcullis' own keys when the server starts.

mod own;
mod release;
mod rows;

use portcullis_flow::secret::{SecretEvent, SecretState};
use portcullis_model::id::TypedId;
use portcullis_model::{ChangeId, Secret, SecretId, TenantId};
use portcullis_ports::Entropy;
use portcullis_ports::store::SealedRow;
use portcullis_vault::{Keyring, NoEntropy, SealedSecret, SecretContext, SecretKind};

use crate::failure::Failure;
use crate::journal::{Command, Journal, Loaded};

pub(crate) use own::{DoorKeys, OwnKeys, OwnSecret};
pub(crate) use release::{FactReads, Warrant};
pub use rows::sealed_with;

/// The open keyring, and where sealed secrets lie.
pub(crate) struct Vault {
    keyring: Keyring,
    journal: Journal,
}

/// Adapts the entropy port to the vault's notion of it.
pub(crate) fn draw_from(
    entropy: &dyn Entropy,
) -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> + '_ {
    |buffer| {
        entropy.fill(buffer);
        Ok(())
    }
}

/// A secret to be taken in.
pub(crate) struct Intake<'a> {
    /// Its unique name.
    pub(crate) name: &'a str,
    /// What it is.
    pub(crate) kind: SecretKind,
    /// Its public half or fingerprint, if it has one.
    pub(crate) public: &'a str,
    /// Its value.
    pub(crate) value: &'a Secret<Vec<u8>>,
    /// The change that signed it.
    pub(crate) change: Option<ChangeId>,
}

impl Vault {
    pub(crate) fn new(keyring: Keyring, journal: Journal) -> Self {
        Self { keyring, journal }
    }

    /// The tenant whose keys these are.
    pub(crate) const fn tenant(&self) -> TenantId {
        self.keyring.tenant()
    }

    /// Takes a secret in under a new name, or as the next version of the one that has the name.
    pub(crate) async fn store(
        &self,
        command: &mut Command<'_>,
        intake: &Intake<'_>,
    ) -> Result<SecretId, Failure> {
        let known = self
            .journal
            .find_one::<SecretState>("name", intake.name)
            .await?;
        let mut loaded =
            known.unwrap_or_else(|| Loaded::fresh(self.journal.fresh_id::<SecretId>()));
        let id = loaded
            .stream
            .parse::<SecretId>()
            .map_err(|error| Failure::Damaged(error.to_string()))?;
        let version = loaded.state.as_ref().map_or(1, SecretState::next_version);
        let event = if version == 1 {
            SecretEvent::Added {
                name: intake.name.to_owned(),
                secret_kind: intake.kind.as_str().to_owned(),
                public: intake.public.to_owned(),
                change: intake.change,
            }
        } else {
            SecretEvent::VersionStored {
                version,
                public: intake.public.to_owned(),
            }
        };
        command.push(&mut loaded, &event)?;
        command.seal(
            &loaded.stream,
            self.seal(id, intake.kind, version, intake.value)?,
        );
        Ok(id)
    }

    /// Seals a value to be kept under a secret's identifier.
    pub(crate) fn seal(
        &self,
        id: SecretId,
        kind: SecretKind,
        version: u64,
        value: &Secret<Vec<u8>>,
    ) -> Result<SealedRow, Failure> {
        let context = self.context(id, kind, version)?;
        let mut draw = draw_from(self.journal.entropy.as_ref());
        let sealed = self.keyring.seal(&context, value, &mut draw)?;
        Ok(SealedRow {
            id: id.to_string(),
            version,
            bytes: sealed.to_bytes(),
        })
    }

    fn context(
        &self,
        id: SecretId,
        kind: SecretKind,
        version: u64,
    ) -> Result<SecretContext, Failure> {
        let version = u32::try_from(version)
            .map_err(|_| Failure::Damaged(format!("{id} has a version out of range")))?;
        Ok(SecretContext {
            tenant: self.tenant(),
            kind,
            secret: id,
            version,
        })
    }

    /// Opens the newest version of a secret. Private to this module: see [`Warrant`] and [`OwnKeys`].
    async fn open(&self, loaded: &Loaded<SecretState>) -> Result<Secret<Vec<u8>>, Failure> {
        let state = loaded.get()?;
        let kind = state
            .secret_kind
            .parse::<SecretKind>()
            .map_err(|error| Failure::Damaged(error.to_string()))?;
        let id = loaded
            .stream
            .parse::<SecretId>()
            .map_err(|error| Failure::Damaged(error.to_string()))?;
        self.open_version(id, kind, state.version).await
    }

    async fn open_version(
        &self,
        id: SecretId,
        kind: SecretKind,
        version: u64,
    ) -> Result<Secret<Vec<u8>>, Failure> {
        let text = id.to_string();
        let row = self.journal.store.sealed(&text, Some(version)).await?;
        let row =
            row.ok_or_else(|| Failure::Damaged(format!("the sealed bytes of {id} are gone")))?;
        let sealed = SealedSecret::from_bytes(&row.bytes)
            .map_err(|error| Failure::Damaged(format!("{id}: {error}")))?;
        Ok(self
            .keyring
            .open_sealed(&self.context(id, kind, version)?, &sealed)?)
    }

    /// The record of a secret.
    pub(crate) async fn record(&self, name: &str) -> Result<Loaded<SecretState>, Failure> {
        let found = self.journal.find_one::<SecretState>("name", name).await?;
        found.ok_or_else(|| Failure::missing("secret", name))
    }
}

/// The secret identifier a tape's key is sealed under: the session's own bits under another prefix.
pub(crate) fn tape_secret(session: portcullis_model::SessionId) -> Result<SecretId, Failure> {
    let text = session.to_string();
    let body = text.split_once('_').map_or("", |(_, body)| body);
    format!("{}_{body}", SecretId::PREFIX)
        .parse()
        .map_err(|_| Failure::missing("session", session))
}
