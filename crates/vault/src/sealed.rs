//! One sealed version of a secret: its bytes, and the record cipher (XChaCha20-Poly1305).

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use portcullis_model::Secret;
use zeroize::{Zeroize, Zeroizing};

use crate::entropy::{Entropy, draw};
use crate::error::VaultError;
use crate::framing::{FormatError, Reader, begin};
use crate::key::{Key, WrappedKey};
use crate::keyring::Epoch;

/// The greatest length of a secret in bytes.
pub const MAX_SECRET_LEN: usize = 1 << 20;

const WHAT: &str = "sealed secret";
const MAGIC: [u8; 4] = *b"PCSS";
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
/// Plaintexts are padded to a multiple of this, so that the store does not tell how long a password is.
const BLOCK: usize = 64;

/// A secret as it is stored. Without its keyring and its context it opens for nobody.
///
/// Bytes: `PCSS`, version 1, epoch (4), wrapped data key (12 + 48), nonce (24), ciphertext and tag.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    pub(crate) epoch: Epoch,
    pub(crate) wrapped: WrappedKey,
    pub(crate) record: Record,
}

/// A ciphertext under its data key; moving to a new epoch keeps it as it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Record {
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
}

impl SealedSecret {
    /// Reads stored bytes. Whether they are authentic is seen when they are opened.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::open(WHAT, MAGIC, bytes)?;
        let epoch = Epoch::read(&mut reader)?;
        let wrapped = WrappedKey::read(&mut reader, "data key")?;
        let nonce = reader.array("nonce")?;
        let ciphertext = reader.remainder("ciphertext", BLOCK + TAG_LEN)?.to_vec();
        Ok(Self {
            epoch,
            wrapped,
            record: Record { nonce, ciphertext },
        })
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = begin(MAGIC);
        out.extend_from_slice(&self.epoch.number().to_be_bytes());
        self.wrapped.write(&mut out);
        out.extend_from_slice(&self.record.nonce);
        out.extend_from_slice(&self.record.ciphertext);
        out
    }

    /// The epoch whose key wraps the data key.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSecret")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// Encrypts, bound to `data`.
    pub(crate) fn seal(
        key: &Key,
        data: &[u8],
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Self, VaultError> {
        let mut buffer = pad(plaintext)?;
        let nonce = *draw::<NONCE_LEN>(entropy)?;
        cipher(key)
            .encrypt_in_place(&XNonce::from(nonce), data, &mut *buffer)
            .map_err(|_| VaultError::Cryptography("seal a record"))?;
        Ok(Self {
            nonce,
            ciphertext: std::mem::take(&mut *buffer),
        })
    }

    /// Decrypts what [`Record::seal`] encrypted with the same key and the same `data`; otherwise nothing.
    pub(crate) fn open(&self, key: &Key, data: &[u8]) -> Option<Secret<Vec<u8>>> {
        let mut buffer = Zeroizing::new(self.ciphertext.clone());
        cipher(key)
            .decrypt_in_place(&XNonce::from(self.nonce), data, &mut *buffer)
            .ok()?;
        unpad(&buffer).map(|plaintext| Secret::new(plaintext.to_vec()))
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    let mut bytes = chacha20poly1305::Key::from(*key.expose());
    let cipher = XChaCha20Poly1305::new(&bytes);
    bytes.as_mut_slice().zeroize();
    cipher
}

/// The length in four bytes, the plaintext, and zeros up to a whole number of blocks. The buffer has room for the
/// tag, so that encrypting in place leaves no copy behind.
fn pad(plaintext: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let found = plaintext.len();
    let len = u32::try_from(found)
        .ok()
        .filter(|_| found <= MAX_SECRET_LEN)
        .ok_or(VaultError::TooLong {
            found,
            max: MAX_SECRET_LEN,
        })?;
    let padded = (found + size_of::<u32>()).next_multiple_of(BLOCK);
    let mut buffer = Zeroizing::new(Vec::with_capacity(padded + TAG_LEN));
    buffer.extend_from_slice(&len.to_be_bytes());
    buffer.extend_from_slice(plaintext);
    buffer.resize(padded, 0);
    Ok(buffer)
}

fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let (len, rest) = padded.split_first_chunk()?;
    rest.get(..usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sealed(plaintext: &[u8]) -> Record {
        let mut sevens = |out: &mut [u8]| {
            out.fill(7);
            Ok(())
        };
        Record::seal(&Key::from_bytes(&[1; 32]), b"data", plaintext, &mut sevens).unwrap()
    }

    #[test]
    fn a_record_opens_with_its_key_and_data_only() {
        let record = sealed(b"hunter2");
        let key = Key::from_bytes(&[1; 32]);
        assert_eq!(record.open(&key, b"data").unwrap().expose(), b"hunter2");
        assert!(record.open(&key, b"date").is_none());
        assert!(record.open(&Key::from_bytes(&[2; 32]), b"data").is_none());
    }

    #[test]
    fn secrets_of_similar_length_seal_to_the_same_length() {
        assert_eq!(
            sealed(b"").ciphertext.len(),
            sealed(&[b'x'; 60]).ciphertext.len()
        );
        assert!(sealed(&[b'x'; 61]).ciphertext.len() > sealed(&[b'x'; 60]).ciphertext.len());
    }

    #[test]
    fn a_secret_may_have_the_greatest_length_and_no_more() {
        assert!(pad(&vec![1; MAX_SECRET_LEN]).is_ok());
        assert!(matches!(
            pad(&vec![1; MAX_SECRET_LEN + 1]),
            Err(VaultError::TooLong { .. })
        ));
    }
}
