//! The SSH key of an account, in two slots: its line in `~/.ssh/authorized_keys` is doubled for the new key, with the
//! options it has, and the old one is removed once the new one is let in.

use async_trait::async_trait;
use portcullis_model::Secret;
use portcullis_policy::DutyPermit;
use portcullis_ports::clock::random;
use portcullis_ports::{Drawn, Entropy, Rotator, RotatorDescriptor, RotatorError, Site};
use portcullis_vault::{parse_ssh_private_key, session_key};
use portcullis_wire::ssh::Credential;

use crate::host;

/// Adds the new key beside the old one. Reads two lines, each a type and a key: the old, then the new.
const ADD: &str = concat!("exec /bin/sh -c '", include_str!("add.sh"), "'");

/// Removes the old key. Reads two lines: the one that stays, then the one that goes.
const REMOVE: &str = concat!("exec /bin/sh -c '", include_str!("remove.sh"), "'");

/// The rotator.
#[derive(Debug, Clone, Copy)]
pub struct Way;

#[async_trait]
impl Rotator for Way {
    fn descriptor(&self) -> RotatorDescriptor {
        RotatorDescriptor {
            name: "ssh_key",
            title: "SSH key of an account",
            resource_kind: "ssh",
            secret_kind: "ssh_key",
        }
    }

    fn draw(&self, entropy: &dyn Entropy) -> Result<Drawn, RotatorError> {
        let pair = session_key(&Secret::new(random(entropy))).map_err(invalid)?;
        Ok(Drawn {
            value: pair.private,
            public: pair.public,
        })
    }

    async fn accepts(
        &self,
        site: &Site<'_>,
        value: &Secret<Vec<u8>>,
    ) -> Result<bool, RotatorError> {
        host::accepts(site, Credential::Key(host::text(value)?)).await
    }

    async fn install(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        present: &Secret<Vec<u8>>,
        candidate: &Secret<Vec<u8>>,
        _entropy: &dyn Entropy,
    ) -> Result<(), RotatorError> {
        host::check(&duty, site)?;
        let keys = public_halves(present, candidate)?;
        let with = Credential::Key(host::text(present)?);
        host::work(site, with, "add the new key", ADD, &keys).await
    }

    async fn retire(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        candidate: &Secret<Vec<u8>>,
        former: &Secret<Vec<u8>>,
    ) -> Result<(), RotatorError> {
        host::check(&duty, site)?;
        let keys = public_halves(candidate, former)?;
        let with = Credential::Key(host::text(candidate)?);
        host::work(site, with, "remove the former key", REMOVE, &keys).await
    }
}

/// The public halves of two keys, a line each.
fn public_halves(
    one: &Secret<Vec<u8>>,
    other: &Secret<Vec<u8>>,
) -> Result<Secret<Vec<u8>>, RotatorError> {
    let public = |key| Ok::<_, RotatorError>(parse_ssh_private_key(key).map_err(invalid)?.public);
    let lines = format!("{}\n{}\n", public(one)?, public(other)?);
    Ok(Secret::new(lines.into_bytes()))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function of map_err"
)]
fn invalid(error: impl ToString) -> RotatorError {
    RotatorError::Invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_stay_within_their_quotes() {
        for script in [include_str!("add.sh"), include_str!("remove.sh")] {
            assert!(!script.contains('\''), "{script}");
        }
        assert!(ADD.ends_with('\'') && REMOVE.ends_with('\''));
    }
}
