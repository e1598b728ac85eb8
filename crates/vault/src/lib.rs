//! Key hierarchy and sealing, pure mechanism: no clock, no file, no socket; random bytes are passed in.
//! It releases nothing by itself: only engine's `secrets::release` may call [`Keyring::open_sealed`].
//!
//! ```text
//! slots ──▶ installation root ──▶ tenant root ──▶ epoch keys ──▶ one data key per version ──▶ ciphertext
//! ```
//!
//! Every arrow but the last is a wrap with AES-256-GCM-SIV (RFC 8452); the last is XChaCha20-Poly1305. The
//! record's associated data names tenant, kind, secret and version, so that sealed secrets cannot be swapped; the
//! epoch stands only in the wrap's, so that moving to a new epoch never touches a ciphertext.

mod context;
mod entropy;
mod error;
mod framing;
mod key;
mod keyring;
mod kind;
mod password;
mod root;
mod sealed;
pub mod slot;
pub mod ssh;

pub use context::SecretContext;
pub use entropy::{Entropy, NoEntropy};
pub use error::VaultError;
pub use framing::FormatError;
pub use keyring::{Epoch, Keyring};
pub use kind::{SecretKind, UnknownKind};
pub use password::{MAX_PASSWORD_LEN, PasswordError, parse_password};
pub use root::{InstallationRoot, ROOT_LEN};
pub use sealed::{MAX_SECRET_LEN, SealedSecret};
pub use slot::{Custody, KdfCost, Slot, SlotError, SlotKind, SlotProblem, Slots};
pub use ssh::{
    AuthorityError, CertRequest, SshAuthority, SshKeyError, SshKeyPair, SshPrivateKey,
    parse_ssh_private_key, session_key,
};
