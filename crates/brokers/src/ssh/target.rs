//! Where to go and with what, from what control signed.

use portcullis_ports::control::TargetCredential;
use portcullis_wire::ssh::{Credential, Destination, PublicKey};

/// A target as the wire wants it.
pub fn destination(
    address: String,
    host_keys: &[String],
    account: String,
    credential: TargetCredential,
) -> Result<Destination, String> {
    let host_keys: Result<Vec<_>, _> = host_keys
        .iter()
        .map(|line| PublicKey::parse(line))
        .collect();
    Ok(Destination {
        address,
        host_keys: host_keys.map_err(|error| format!("the target's host key: {error}"))?,
        account,
        credential: match credential {
            TargetCredential::Certificate {
                private_key,
                certificate,
            } => Credential::Certificate {
                private_key: private_key.0,
                certificate,
            },
            TargetCredential::Key { private_key } => Credential::Key(private_key.0),
            TargetCredential::Password { password } => Credential::Password(password.0),
        },
    })
}
