//! SSH keys. The gate verifies the signature over its connection; here it is judged whether the key that
//! signed is the one that was enrolled.

mod key;

use portcullis_model::{Factor, KindDescriptor, Secret, Timestamp};
use portcullis_ports::{
    Authenticator, AuthenticatorError, Chosen, Enrolled, Entropy, Presented, SignedKey,
};

use key::Key;

const WHAT: &str = "SSH key";

/// Sign-in with an SSH key. What is public about an enrolment is the key's `SHA256:` fingerprint, by which
/// an identity can be found.
#[derive(Debug, Clone, Copy)]
pub struct Method;

impl Authenticator for Method {
    fn descriptor(&self) -> KindDescriptor {
        crate::method("ssh_key", "SSH key")
    }

    fn enroll(
        &self,
        chosen: Option<Chosen>,
        _label: &str,
        _entropy: &dyn Entropy,
    ) -> Result<Enrolled, AuthenticatorError> {
        let Some(Chosen::PublicKey(text)) = chosen else {
            return Err(AuthenticatorError::Unfit(WHAT));
        };
        let key = Key::parse(text.expose())
            .map_err(|why| AuthenticatorError::Unacceptable(why.to_string()))?;
        Ok(Enrolled {
            verifier: Secret::new(key.text.into_bytes()),
            show_once: None,
            public: key.fingerprint,
        })
    }

    fn verify(
        &self,
        verifier: &Secret<Vec<u8>>,
        presented: &Presented,
        _now: Timestamp,
    ) -> Result<Factor, AuthenticatorError> {
        let signed = key_of(presented)?;
        let enrolled = enrolled(verifier.expose()).ok_or(AuthenticatorError::Damaged(WHAT))?;
        if signed.as_openssh() != enrolled.text {
            return Err(AuthenticatorError::Mismatch(WHAT));
        }
        Ok(Factor::SshKey {
            fingerprint: enrolled.fingerprint,
        })
    }

    fn decoy(&self, presented: &Presented, _now: Timestamp) -> AuthenticatorError {
        match key_of(presented) {
            Ok(signed) => {
                // Stands for reading the enrolled key.
                let _ = enrolled(signed.as_openssh().as_bytes());
                AuthenticatorError::Mismatch(WHAT)
            }
            Err(error) => error,
        }
    }
}

fn key_of(presented: &Presented) -> Result<&SignedKey, AuthenticatorError> {
    match presented {
        Presented::SignedKey(key) => Ok(key),
        Presented::Password(_) | Presented::Code(_) => Err(AuthenticatorError::Unfit(WHAT)),
    }
}

/// Reads a verifier; `None` for anything but the canonical text of an acceptable key.
fn enrolled(verifier: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(verifier).ok()?;
    Key::parse(text).ok().filter(|key| key.text == text)
}
