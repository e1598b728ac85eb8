//! SSH keys: what is taken in, what is made for one session, and the authority that certifies it.

mod address;
mod authority;
mod key;

pub use authority::{AuthorityError, CertRequest, MAX_CERTIFICATE_SECS, SEED_LEN, SshAuthority};
pub use key::{SshKeyError, SshKeyPair, SshPrivateKey, parse_ssh_private_key, session_key};
