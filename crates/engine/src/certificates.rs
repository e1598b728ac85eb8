//! Certificates for targets that trust our authority, each with a key made for it alone.

use std::time::Duration;

use portcullis_model::Secret;
use portcullis_ports::clock::random;
use portcullis_ports::control::{InTransit, TargetCredential};
use portcullis_vault::{CertRequest, session_key};

use crate::Engine;
use crate::failure::Failure;

/// Clocks differ: a certificate is good from so long before it was made.
const EARLIER: Duration = Duration::from_mins(1);

/// What a certificate is for.
pub(crate) struct Certificate<'a> {
    /// The account it opens.
    pub(crate) account: &'a str,
    /// What the target writes into its log.
    pub(crate) key_id: String,
    /// How long it can be used to log in.
    pub(crate) lasts: Duration,
    /// The only command that can be run.
    pub(crate) forced: Option<String>,
    /// Whether a terminal may be asked for.
    pub(crate) terminal: bool,
}

impl Engine {
    /// Makes one, with its key; its serial number for the record.
    pub(crate) fn certificate(
        &self,
        wanted: Certificate<'_>,
    ) -> Result<(TargetCredential, u64), Failure> {
        let entropy = self.journal.entropy.as_ref();
        let pair = session_key(&Secret::new(random(entropy)))?;
        let now = self.journal.now();
        let serial = u64::from_be_bytes(random(entropy));
        let request = CertRequest {
            subject: pair.public,
            principals: vec![wanted.account.to_owned()],
            valid_after: now.minus(EARLIER).as_secs(),
            valid_before: now.plus(wanted.lasts).as_secs(),
            serial,
            key_id: wanted.key_id,
            force_command: wanted.forced,
            source_addresses: Vec::new(),
            permit_pty: wanted.terminal,
        };
        let certificate = self.own.ssh_authority.certify(&request, &random(entropy))?;
        let private = String::from_utf8(pair.private.expose_owned())
            .map_err(|_| Failure::Damaged("a session key is not text".to_owned()))?;
        let credential = TargetCredential::Certificate {
            private_key: InTransit(Secret::new(private)),
            certificate,
        };
        Ok((credential, serial))
    }
}
