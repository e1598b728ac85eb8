//! Passwords. Long rather than complicated (NIST SP 800-63B-4, 3.1.1.2): at least 12 characters,
//! no rules of composition, compared as the bytes that were typed.

#[cfg(test)]
mod tests;
mod verifier;

use portcullis_model::{Factor, KindDescriptor, Secret, Timestamp};
use portcullis_ports::clock::random;
use portcullis_ports::{Authenticator, AuthenticatorError, Chosen, Enrolled, Entropy, Presented};

use verifier::{Cost, Verifier};

const NAME: &str = "password";

/// The fewest characters of a new password.
pub const FEWEST_CHARS: usize = 12;

/// The most bytes of a password; what is longer is refused before it is hashed.
pub const MOST_BYTES: usize = 1024;

/// Sign-in with a password, kept as an Argon2id hash in a PHC string.
#[derive(Debug, Clone, Copy)]
pub struct Method;

impl Authenticator for Method {
    fn descriptor(&self) -> KindDescriptor {
        crate::method(NAME, "Password")
    }

    fn enroll(
        &self,
        chosen: Option<Chosen>,
        _label: &str,
        entropy: &dyn Entropy,
    ) -> Result<Enrolled, AuthenticatorError> {
        let Some(Chosen::Password(password)) = chosen else {
            return Err(AuthenticatorError::Unfit(NAME));
        };
        check(password.expose())
            .map_err(|why| AuthenticatorError::Unacceptable(why.to_string()))?;
        let verifier = Verifier::hash(password.expose(), random(entropy), Cost::CURRENT)
            .map_err(|_| AuthenticatorError::Exhausted(NAME))?;
        Ok(Enrolled {
            verifier: Secret::new(verifier.to_phc().expose_owned().into_bytes()),
            show_once: None,
            public: format!("argon2id {}", Cost::CURRENT),
        })
    }

    fn verify(
        &self,
        verifier: &Secret<Vec<u8>>,
        presented: &Presented,
        _now: Timestamp,
    ) -> Result<Factor, AuthenticatorError> {
        let password = password_of(presented)?;
        let verifier =
            Verifier::parse(verifier.expose()).ok_or(AuthenticatorError::Damaged(NAME))?;
        if matches(&verifier, password)? {
            Ok(Factor::Password)
        } else {
            Err(AuthenticatorError::Mismatch(NAME))
        }
    }

    fn decoy(&self, presented: &Presented, _now: Timestamp) -> AuthenticatorError {
        let judged = password_of(presented)
            .and_then(|password| matches(&Verifier::decoy(Cost::CURRENT), password));
        match judged {
            Ok(_) => AuthenticatorError::Mismatch(NAME),
            Err(error) => error,
        }
    }
}

/// Why a password is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Objection {
    #[error(
        "the password is too short: choose at least {FEWEST_CHARS} characters, such as a few words"
    )]
    TooShort,
    #[error("the password is too long: choose at most {MOST_BYTES} bytes")]
    TooLong,
}

fn check(password: &str) -> Result<(), Objection> {
    if password.len() > MOST_BYTES {
        return Err(Objection::TooLong);
    }
    if password.chars().count() < FEWEST_CHARS {
        return Err(Objection::TooShort);
    }
    Ok(())
}

fn password_of(presented: &Presented) -> Result<&str, AuthenticatorError> {
    match presented {
        Presented::Password(password) => Ok(password.expose()),
        Presented::Code(_) | Presented::SignedKey(_) => Err(AuthenticatorError::Unfit(NAME)),
    }
}

/// A password that cannot have been enrolled is refused without hashing, for everybody alike.
fn matches(verifier: &Verifier, password: &str) -> Result<bool, AuthenticatorError> {
    if password.len() > MOST_BYTES {
        return Ok(false);
    }
    verifier
        .accepts(password)
        .map_err(|_| AuthenticatorError::Exhausted(NAME))
}
