//! The password of an account of a Linux host: `chpasswd -e` is handed a yescrypt hash on its standard input, so that
//! the password itself is never on the host. There is one slot: setting the new one ends the old one.

use async_trait::async_trait;
use portcullis_model::Secret;
use portcullis_policy::DutyPermit;
use portcullis_ports::clock::random;
use portcullis_ports::{Drawn, Entropy, Rotator, RotatorDescriptor, RotatorError, Site};
use portcullis_wire::ssh::Credential;
use yescrypt::{PasswordHasher, Yescrypt};
use zeroize::Zeroizing;

use crate::host;

/// As root, or as somebody who may run exactly this through sudo without a password.
const SET: &str = "if [ \"$(id -u)\" = 0 ]; then exec /usr/sbin/chpasswd -e; fi; \
                   exec sudo -n /usr/sbin/chpasswd -e";

/// What passwords are made of: 64 characters that no shell, prompt or file treats specially.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The length of a password: 6 bits a character, 192 in all.
const LENGTH: usize = 32;

/// The length of a hash's salt, as Debian's own `passwd` draws it.
const SALT: usize = 16;

/// The rotator.
#[derive(Debug, Clone, Copy)]
pub struct Way;

#[async_trait]
impl Rotator for Way {
    fn descriptor(&self) -> RotatorDescriptor {
        RotatorDescriptor {
            name: "linux",
            title: "Password of an account of a Linux host",
            resource_kind: "ssh",
            secret_kind: "password",
        }
    }

    fn draw(&self, entropy: &dyn Entropy) -> Result<Drawn, RotatorError> {
        let drawn = Zeroizing::new(random::<LENGTH>(entropy));
        let letters = drawn.iter().filter_map(|byte| {
            // 64 divides 256: every letter is as likely as any other.
            ALPHABET.get(usize::from(byte & 0x3f)).copied()
        });
        Ok(Drawn {
            value: Secret::new(letters.collect()),
            public: String::new(),
        })
    }

    async fn accepts(
        &self,
        site: &Site<'_>,
        value: &Secret<Vec<u8>>,
    ) -> Result<bool, RotatorError> {
        host::accepts(site, Credential::Password(host::text(value)?)).await
    }

    async fn install(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        present: &Secret<Vec<u8>>,
        candidate: &Secret<Vec<u8>>,
        entropy: &dyn Entropy,
    ) -> Result<(), RotatorError> {
        host::check(&duty, site)?;
        let line = line(site.account, candidate, &random(entropy))?;
        let with = Credential::Password(host::text(present)?);
        host::work(site, with, "set the new password", SET, &line).await
    }

    async fn retire(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        _candidate: &Secret<Vec<u8>>,
        _former: &Secret<Vec<u8>>,
    ) -> Result<(), RotatorError> {
        // Setting the new one did it.
        host::check(&duty, site)
    }
}

/// What `chpasswd -e` reads: the account and the hash.
fn line(
    account: &str,
    password: &Secret<Vec<u8>>,
    salt: &[u8; SALT],
) -> Result<Secret<Vec<u8>>, RotatorError> {
    let unusable = |reason: &str| RotatorError::Invalid(format!("account {account:?} {reason}"));
    if account.contains([':', '\n']) {
        return Err(unusable("has a character that chpasswd takes for its own"));
    }
    let hash = Yescrypt::default()
        .hash_password_with_salt(password.expose(), salt)
        .map_err(|_| unusable("gets no hash"))?;
    Ok(Secret::new(
        format!("{account}:{}\n", hash.as_str()).into_bytes(),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use yescrypt::PasswordVerifier as _;

    use super::*;

    #[test]
    fn what_goes_to_the_host_is_a_hash_that_verifies_and_not_the_password() {
        let password = Secret::new(b"correct-horse".to_vec());
        let line = line("deploy", &password, &[7; SALT]).unwrap();
        let text = String::from_utf8(line.expose().clone()).unwrap();
        let hash = text
            .trim_end()
            .strip_prefix("deploy:")
            .filter(|hash| hash.starts_with("$y$j9T$"))
            .unwrap();
        assert!(!text.contains("correct-horse"));
        let verify = |password: &[u8]| Yescrypt::default().verify_password(password, hash);
        assert!(verify(b"correct-horse").is_ok());
        assert!(verify(b"correct-horsf").is_err());
    }

    #[test]
    fn an_account_cannot_smuggle_in_another_line() {
        let password = Secret::new(b"x".to_vec());
        for account in ["deploy\nroot", "root:x"] {
            assert!(line(account, &password, &[7; SALT]).is_err());
        }
    }
}
