//! One-time codes from a shared seed and the clock (RFC 6238): SHA-1, six digits, thirty seconds, which is
//! what every authenticator app can do. That each step counts once is the engine's to see to.

mod seed;

use portcullis_model::{Factor, KindDescriptor, Secret, Timestamp};
use portcullis_ports::clock::random;
use portcullis_ports::{Authenticator, AuthenticatorError, Chosen, Enrolled, Entropy, Presented};

use seed::{PARAMETERS, Seed};

const WHAT: &str = "one-time code";

/// Sign-in with a code from an authenticator app.
#[derive(Debug, Clone, Copy)]
pub struct Method;

/// The code an authenticator app shows at a moment: for the demo's identities and for tests.
pub fn code_at(
    verifier: &Secret<Vec<u8>>,
    now: Timestamp,
) -> Result<Secret<String>, AuthenticatorError> {
    let seed = Seed::parse(verifier.expose()).ok_or(AuthenticatorError::Damaged(WHAT))?;
    Ok(seed.code(seed::step_of(now)))
}

/// The same from the `otpauth` URI that enrolment showed; `None` for anything else.
pub fn code_of_uri(uri: &str, now: Timestamp) -> Option<Secret<String>> {
    Some(Seed::of_uri(uri)?.code(seed::step_of(now)))
}

impl Authenticator for Method {
    fn descriptor(&self) -> KindDescriptor {
        crate::method("totp", "One-time code")
    }

    fn enroll(
        &self,
        chosen: Option<Chosen>,
        label: &str,
        entropy: &dyn Entropy,
    ) -> Result<Enrolled, AuthenticatorError> {
        if chosen.is_some() {
            return Err(AuthenticatorError::Unfit(WHAT));
        }
        if label.trim().is_empty() {
            return Err(AuthenticatorError::Unacceptable(
                "a one-time code needs a label: name the account and the installation".to_owned(),
            ));
        }
        let seed = Seed::new(random(entropy));
        Ok(Enrolled {
            verifier: seed.to_verifier(),
            show_once: Some(seed.to_uri(label)),
            public: PARAMETERS.to_owned(),
        })
    }

    fn verify(
        &self,
        verifier: &Secret<Vec<u8>>,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Factor, AuthenticatorError> {
        let code = code_of(presented)?;
        let seed = Seed::parse(verifier.expose()).ok_or(AuthenticatorError::Damaged(WHAT))?;
        seed.spent_step(code, now)
            .map(|step| Factor::Totp { step })
            .ok_or(AuthenticatorError::Mismatch(WHAT))
    }

    fn decoy(&self, presented: &Presented, now: Timestamp) -> AuthenticatorError {
        match code_of(presented) {
            Ok(code) => {
                Seed::new([0; seed::SEED_BYTES]).spent_step(code, now);
                AuthenticatorError::Mismatch(WHAT)
            }
            Err(error) => error,
        }
    }
}

fn code_of(presented: &Presented) -> Result<&Secret<String>, AuthenticatorError> {
    match presented {
        Presented::Code(code) => Ok(code),
        Presented::Password(_) | Presented::SignedKey(_) => Err(AuthenticatorError::Unfit(WHAT)),
    }
}
