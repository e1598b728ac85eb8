//! What the tests of this crate share: counted randomness and a tenant with a keyring.

#![allow(dead_code, reason = "each test file uses its part")]

use portcullis_model::id::TypedId;
use portcullis_model::{Digest, InstallationId, Secret, SecretId, TenantId, Timestamp};
use portcullis_vault::{InstallationRoot, Keyring, NoEntropy, SecretContext, SecretKind};

/// Bytes that never repeat and are the same in every run: SHA-256 of a seed and a counter.
pub fn counted(seed: u64) -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> {
    let mut block = 0_u64;
    move |out| {
        for chunk in out.chunks_mut(32) {
            block += 1;
            let bytes = [seed.to_be_bytes(), block.to_be_bytes()].concat();
            chunk.copy_from_slice(&Digest::of_bytes(&bytes).as_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

pub fn id<T: TypedId>(number: u8) -> T {
    T::from_parts(Timestamp::from_millis(1_795_000_000_000), [number; 10])
}

pub fn tenant() -> TenantId {
    id(1)
}

pub fn installation() -> InstallationId {
    id(9)
}

pub fn root(seed: u64) -> InstallationRoot {
    InstallationRoot::create(&mut counted(seed)).unwrap()
}

pub fn keyring() -> Keyring {
    Keyring::create(&root(1), tenant(), &mut counted(2)).unwrap()
}

pub fn context() -> SecretContext {
    SecretContext {
        tenant: tenant(),
        kind: SecretKind::Password,
        secret: id::<SecretId>(3),
        version: 1,
    }
}

pub fn secret(text: &str) -> Secret<Vec<u8>> {
    Secret::new(text.as_bytes().to_vec())
}
