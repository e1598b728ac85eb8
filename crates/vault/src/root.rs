//! The top of the hierarchy. It is stored in no form but slots.

use portcullis_model::Secret;

use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::key::{KEY_LEN, Key};

/// The length of an installation root in bytes.
pub const ROOT_LEN: usize = KEY_LEN;

/// The key above all others of an installation. Who has it and the store has every secret.
pub struct InstallationRoot(Key);

impl InstallationRoot {
    /// Makes a new one.
    pub fn create(entropy: &mut dyn Entropy) -> Result<Self, VaultError> {
        Key::draw(entropy).map(Self)
    }

    /// Takes the root that a slot's opener gave back.
    pub fn from_slot(opened: &Secret<Vec<u8>>) -> Result<Self, VaultError> {
        let bytes = opened.expose();
        match bytes.first_chunk::<KEY_LEN>() {
            Some(key) if bytes.len() == KEY_LEN => Ok(Self(Key::from_bytes(key))),
            _ => Err(VaultError::RootLength { found: bytes.len() }),
        }
    }

    /// Shows the root to what makes a slot of it, and to nothing else.
    pub const fn expose_to_slot_sealer(&self) -> &[u8; ROOT_LEN] {
        self.0.expose()
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.0
    }

    pub(crate) fn from_key(key: Key) -> Self {
        Self(key)
    }

    /// A value that tells this root from others and nothing about it.
    pub(crate) fn recognition(&self) -> Result<Key, VaultError> {
        self.0.derive("recognises an installation root")
    }
}

impl std::fmt::Debug for InstallationRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstallationRoot([redacted])")
    }
}
