//! A 32-byte key, what is derived from it (HKDF-SHA256, RFC 5869) and wraps under it (AES-256-GCM-SIV, RFC 8452).

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use portcullis_model::Secret;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, draw};
use crate::error::VaultError;
use crate::framing::{FormatError, Reader};

pub(crate) const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 12;
const WRAPPED_LEN: usize = KEY_LEN + 16;
const SALT: &[u8] = b"portcullis vault v1";

/// The wrap is altered, of another key, or bound to something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUnwrapped;

/// A key. Each is used for one thing: what wraps or authenticates is derived for that purpose first.
pub(crate) struct Key(Secret<[u8; KEY_LEN]>);

/// A key under another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    nonce: [u8; NONCE_LEN],
    sealed: [u8; WRAPPED_LEN],
}

impl Key {
    pub(crate) fn draw(entropy: &mut dyn Entropy) -> Result<Self, VaultError> {
        let bytes = draw::<KEY_LEN>(entropy)?;
        Ok(Self::from_bytes(&bytes))
    }

    pub(crate) const fn from_bytes(bytes: &[u8; KEY_LEN]) -> Self {
        Self(Secret::new(*bytes))
    }

    pub(crate) const fn expose(&self) -> &[u8; KEY_LEN] {
        self.0.expose()
    }

    /// A key for one purpose. Different purposes give independent keys.
    pub(crate) fn derive(&self, purpose: &'static str) -> Result<Self, VaultError> {
        let mut out = Zeroizing::new([0_u8; KEY_LEN]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, SALT)
            .extract(self.expose())
            .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|derived| derived.fill(out.as_mut_slice()))
            .map_err(|_| VaultError::Cryptography("derive a key"))?;
        Ok(Self::from_bytes(&out))
    }

    /// Wraps `inner`, bound to `data`.
    pub(crate) fn wrap(
        &self,
        data: &[u8],
        inner: &Self,
        entropy: &mut dyn Entropy,
    ) -> Result<WrappedKey, VaultError> {
        let nonce = *draw::<NONCE_LEN>(entropy)?;
        let mut text = Zeroizing::new(*inner.expose());
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(data),
                text.as_mut_slice(),
            )
            .map_err(|_| VaultError::Cryptography("wrap a key"))?;
        let mut sealed = [0_u8; WRAPPED_LEN];
        for (slot, byte) in sealed.iter_mut().zip(text.iter().chain(tag.as_ref())) {
            *slot = *byte;
        }
        Ok(WrappedKey { nonce, sealed })
    }

    /// Unwraps what [`Key::wrap`] wrapped under the same key and the same `data`.
    pub(crate) fn unwrap_key(
        &self,
        data: &[u8],
        wrapped: &WrappedKey,
    ) -> Result<Self, NotUnwrapped> {
        let mut buffer = Zeroizing::new(wrapped.sealed);
        let inner = self
            .cipher()
            .map_err(|_| NotUnwrapped)?
            .open_in_place(
                Nonce::assume_unique_for_key(wrapped.nonce),
                Aad::from(data),
                buffer.as_mut_slice(),
            )
            .map_err(|_| NotUnwrapped)?;
        let inner = inner.first_chunk::<KEY_LEN>().ok_or(NotUnwrapped)?;
        Ok(Self::from_bytes(inner))
    }

    /// The HMAC-SHA256 of some bytes.
    pub(crate) fn authenticate(&self, bytes: &[u8]) -> hmac::Tag {
        hmac::sign(&self.mac_key(), bytes)
    }

    /// Whether `tag` is the HMAC-SHA256 of some bytes; in constant time.
    pub(crate) fn authentic(&self, bytes: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.mac_key(), bytes, tag).is_ok()
    }

    fn mac_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.expose())
    }

    fn cipher(&self) -> Result<LessSafeKey, VaultError> {
        UnboundKey::new(&AES_256_GCM_SIV, self.expose())
            .map(LessSafeKey::new)
            .map_err(|_| VaultError::Cryptography("take a wrapping key"))
    }
}

impl WrappedKey {
    pub(crate) fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, FormatError> {
        Ok(Self {
            nonce: reader.array(field)?,
            sealed: reader.array(field)?,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.sealed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn key(fill: u8) -> Key {
        Key::from_bytes(&[fill; KEY_LEN])
    }

    fn wrap(outer: &Key, data: &[u8]) -> WrappedKey {
        let mut sevens = |out: &mut [u8]| {
            out.fill(7);
            Ok(())
        };
        outer.wrap(data, &key(9), &mut sevens).unwrap()
    }

    #[test]
    fn a_wrap_opens_under_its_key_and_data_only() {
        let wrapped = wrap(&key(1), b"data");
        assert_eq!(
            key(1).unwrap_key(b"data", &wrapped).unwrap().expose(),
            &[9; KEY_LEN]
        );
        assert!(key(2).unwrap_key(b"data", &wrapped).is_err());
        assert!(key(1).unwrap_key(b"atad", &wrapped).is_err());
    }

    #[test]
    fn every_purpose_has_its_own_key() {
        let one = key(1).derive("one").unwrap();
        assert_ne!(one.expose(), key(1).derive("two").unwrap().expose());
        assert_ne!(one.expose(), key(2).derive("one").unwrap().expose());
        assert_eq!(one.expose(), key(1).derive("one").unwrap().expose());
    }

    /// RFC 8452, appendix C.2: the first vector with a plaintext of 32 bytes and no associated data.
    #[test]
    fn the_wrap_is_the_published_aes_256_gcm_siv() {
        let mut text = [0_u8; 32];
        hex::decode_to_slice(
            "0100000000000000000000000000000002000000000000000000000000000000",
            &mut text,
        )
        .unwrap();
        let mut outer = [0_u8; 32];
        outer[0] = 1;
        let mut nonce = |out: &mut [u8]| {
            out.fill(0);
            out[0] = 3;
            Ok(())
        };
        let wrapped = Key::from_bytes(&outer)
            .wrap(b"", &Key::from_bytes(&text), &mut nonce)
            .unwrap();
        assert_eq!(
            hex::encode(wrapped.sealed),
            "4a6a9db4c8c6549201b9edb53006cba821ec9cf850948a7c86c68ac7539d027fe819e63abcd020b006a976397632eb5d"
        );
    }
}
