//! Bearer tokens: who they say they are for, and the digest that is all we keep.

use portcullis_model::{Digest, IdentityId, Secret};
use portcullis_ports::Entropy;
use portcullis_ports::clock::random;

use crate::failure::Failure;

/// A bearer token: an identity and 32 random bytes, `pct_idn_…_…`. The identity in it is where to
/// look, never a proof; the proof is the digest found there.
pub(crate) struct Token {
    identity: IdentityId,
    text: Secret<String>,
}

const PREFIX: &str = "pct_";

impl Token {
    /// A fresh one.
    pub(crate) fn issue(identity: IdentityId, entropy: &dyn Entropy) -> Self {
        let random = hex::encode(random::<32>(entropy));
        Self {
            identity,
            text: Secret::new(format!("{PREFIX}{identity}_{random}")),
        }
    }

    /// One that somebody presents.
    pub(crate) fn parse(text: &Secret<String>) -> Result<Self, Failure> {
        let unknown =
            || Failure::Unauthenticated("this is no token of this installation".to_owned());
        let body = text.expose().strip_prefix(PREFIX).ok_or_else(unknown)?;
        let (identity, _) = body.rsplit_once('_').ok_or_else(unknown)?;
        let identity = identity.parse().map_err(|_| unknown())?;
        Ok(Self {
            identity,
            text: Secret::new(text.expose().clone()),
        })
    }

    pub(crate) const fn identity(&self) -> IdentityId {
        self.identity
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of_bytes(self.text.expose().as_bytes())
    }

    /// The text, for its holder.
    pub(crate) fn expose(self) -> Secret<String> {
        self.text
    }
}
