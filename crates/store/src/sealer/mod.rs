//! Sealing to age recipients (C2SP age, X25519): auditors and operators have the tools to open it.

use std::fmt::Display;
use std::io::{self, Read as _};
use std::iter;

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor};
use portcullis_model::Secret;
use portcullis_ports::{Sealer, SealerError};

/// Seals to `age1…` recipients, opens with `AGE-SECRET-KEY-1…` identities.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgeSealer;

impl Sealer for AgeSealer {
    fn name(&self) -> &'static str {
        "age"
    }

    fn seal(&self, recipient: &str, plain: &[u8]) -> Result<Vec<u8>, SealerError> {
        let key = recipient
            .trim()
            .parse::<Recipient>()
            .map_err(|cause| malformed(name_recipient(recipient), &cause))?;
        age::encrypt(&key, plain).map_err(|error| malformed(name_recipient(recipient), &error))
    }

    fn open(
        &self,
        identity: &Secret<String>,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, SealerError> {
        // The identity itself must not get into a message.
        let key = identity_in(identity.expose())
            .parse::<Identity>()
            .map_err(|cause| {
                malformed("the age identity (AGE-SECRET-KEY-1…)".to_owned(), &cause)
            })?;
        let key: &dyn age::Identity = &key;
        let sealed_to = Decryptor::new(sealed).map_err(refused)?;
        let mut reader = sealed_to.decrypt(iter::once(key)).map_err(refused)?;
        // Room for all of it from the start: a buffer that grows leaves copies behind.
        let mut plain = Vec::with_capacity(sealed.len());
        let read = reader.read_to_end(&mut plain);
        let plain = Secret::new(plain);
        read.map_err(|error| damaged(&error))?;
        Ok(plain)
    }

    fn generate(&self) -> (Secret<String>, String) {
        let identity = Identity::generate();
        let text = Secret::new(identity.to_string().expose_secret().to_owned());
        (text, identity.to_public().to_string())
    }
}

/// The identity in a file of `age-keygen`, which has comments around it; of a file with several, all of it, which is
/// none.
fn identity_in(text: &str) -> &str {
    let said = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let mut lines = text.lines().map(str::trim).filter(said);
    match (lines.next(), lines.next()) {
        (Some(only), None) => only,
        _ => text,
    }
}

/// Somebody who mixes the two up gives an identity for a recipient: it must not get into a message.
fn name_recipient(recipient: &str) -> String {
    if recipient.to_lowercase().contains("age-secret-key-") {
        "the age recipient, which is an identity,".to_owned()
    } else {
        format!("the age recipient {recipient:?}")
    }
}

fn malformed(what: String, cause: &dyn Display) -> SealerError {
    SealerError::Malformed {
        what,
        cause: cause.to_string(),
    }
}

fn refused(error: DecryptError) -> SealerError {
    let said = match error {
        DecryptError::NoMatchingKeys => return SealerError::NotForUs,
        DecryptError::InvalidMac => "its header was changed",
        DecryptError::InvalidHeader => "it does not begin as age files do",
        DecryptError::UnknownFormat => "its version of the age format is not known",
        DecryptError::Io(cause) => return damaged(&cause),
        _ => "it cannot be decrypted",
    };
    SealerError::Damaged(said.to_owned())
}

fn damaged(cause: &io::Error) -> SealerError {
    SealerError::Damaged(match cause.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => format!("its content was changed ({cause})"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_taken_as_age_keygen_writes_it_and_two_are_none() {
        let (identity, recipient) = AgeSealer.generate();
        let sealed = AgeSealer.seal(&recipient, b"a tape's key").unwrap();
        let identity = identity.expose();
        let written = format!("# created: today\n# public key: {recipient}\n{identity}\n");
        let opened = AgeSealer.open(&Secret::new(written), &sealed).unwrap();
        assert_eq!(opened.expose(), b"a tape's key");
        let two = format!("{identity}\n{identity}\n");
        let refused = AgeSealer.open(&Secret::new(two), &sealed);
        assert!(matches!(refused, Err(SealerError::Malformed { .. })));
    }
}
