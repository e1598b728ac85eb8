//! What is negotiated: the post-quantum hybrid and AES-GCM first, nothing without a proof of integrity,
//! strict key exchange (CVE-2023-48795), no compression, no RSA (RUSTSEC-2023-0071).

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve};
use russh::{Preferred, cipher, compression, kex};

const EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
];

const COMPRESSIONS: &[compression::Name] = &[compression::NONE];

const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
];

/// Whether keys of this algorithm can be used on either side.
pub(crate) fn is_usable(algorithm: &Algorithm) -> bool {
    KEYS.contains(algorithm)
}

/// What a server offers.
pub(crate) fn served() -> Preferred {
    with_keys(Cow::Borrowed(KEYS))
}

/// What a client asks for that knows which host keys to expect: only their algorithms, so that a host
/// with several keys shows the one that is known.
pub(crate) fn asked(expected: &[Algorithm]) -> Preferred {
    with_keys(
        KEYS.iter()
            .filter(|key| expected.contains(key))
            .cloned()
            .collect(),
    )
}

fn with_keys(key: Cow<'static, [Algorithm]>) -> Preferred {
    Preferred {
        kex: Cow::Borrowed(EXCHANGES),
        key,
        cipher: Cow::Borrowed(CIPHERS),
        compression: Cow::Borrowed(COMPRESSIONS),
        ..Preferred::DEFAULT
    }
}
