//! Which public keys may be enrolled, and the one way to write each.

use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{HashAlg, PublicKey};

/// Keys are far shorter; what is longer is not looked at.
const MOST_BYTES: usize = 16 * 1024;

const FEWEST_RSA_BITS: usize = 3072;
/// What OpenSSH itself can use at most.
const MOST_RSA_BITS: usize = 16_384;
/// The least FIPS 186-5 (appendix A.1) allows; with much smaller ones signatures can be made up.
const LEAST_RSA_EXPONENT: u64 = 65_537;

/// The points of Ed25519 of order 1, 2, 4 and 8, without their sign (the highest bit): signatures of such a key can be
/// made up by anybody. From ePrint 2020/1244, table 1.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    little_endian(1, 0, 0),
    little_endian(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut number = [middle; 32];
    number[0] = first;
    number[31] = last;
    number
}

const ACCEPTED: [&str; 5] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
];

/// Why a text cannot be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    #[error(
        "this is a private key, which must never leave its owner: make a new pair and give the file that ends in .pub"
    )]
    Private,
    #[error("there is no key: give the text of the file that ends in .pub")]
    Empty,
    #[error("the text is too long for one key: give the text of the file that ends in .pub")]
    TooLong,
    #[error(
        "there is more than one line: give one key at a time, as it stands in the file that ends in .pub"
    )]
    SeveralLines,
    #[error("the key is not in OpenSSH's format: convert it with `ssh-keygen -i -f FILE`")]
    Foreign,
    #[error(
        "there are options before the key, which would not be obeyed here: give the key without them"
    )]
    Options,
    #[error(
        "this is a certificate: give the key it was made for, the .pub file without -cert in its name"
    )]
    Certificate,
    #[error("DSA keys are too weak: make one with `ssh-keygen -t ed25519`")]
    Dsa,
    #[error("keys on a security key are not accepted yet: make one with `ssh-keygen -t ed25519`")]
    SecurityKey,
    #[error(
        "the RSA key has {0} bits; {FEWEST_RSA_BITS} to {MOST_RSA_BITS} are accepted: make one with `ssh-keygen -t ed25519`"
    )]
    RsaSize(usize),
    #[error(
        "the RSA key's exponent is not an odd number of at least {LEAST_RSA_EXPONENT}: make a key with `ssh-keygen -t ed25519`"
    )]
    RsaExponent,
    #[error(
        "anybody could sign for this ed25519 key, it is no point that a key can be: make one with `ssh-keygen -t ed25519`"
    )]
    Ed25519Point,
    #[error(
        "the text does not begin with a kind of key: give the text of the file that ends in .pub"
    )]
    Unknown,
    #[error("the key is damaged: copy the whole line of the file that ends in .pub")]
    Damaged,
}

/// A public key that may be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// OpenSSH text without a comment.
    pub text: String,
    /// `SHA256:` and base64 without padding, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
}

impl Key {
    /// Reads one line of a `.pub` file; its comment is dropped.
    pub fn parse(text: &str) -> Result<Self, Objection> {
        let (kind, body) = words(text)?;
        let key =
            PublicKey::from_openssh(&format!("{kind} {body}")).map_err(|_| Objection::Damaged)?;
        match key.key_data() {
            KeyData::Ed25519(point) => check_ed25519(&point.0)?,
            KeyData::Ecdsa(_) => {}
            KeyData::Rsa(rsa) => check_rsa(rsa)?,
            _ => return Err(Objection::Unknown),
        }
        Ok(Self {
            text: key.to_openssh().map_err(|_| Objection::Damaged)?,
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        })
    }
}

/// The kind and the body of the one key in a text, after everything that can be told without decoding it.
fn words(text: &str) -> Result<(&str, &str), Objection> {
    if text.contains("PRIVATE KEY") || text.contains("PuTTY-User-Key-File") {
        return Err(Objection::Private);
    }
    if text.len() > MOST_BYTES {
        return Err(Objection::TooLong);
    }
    if text.contains("BEGIN ") {
        return Err(Objection::Foreign);
    }
    let line = text.trim();
    if line.contains(['\n', '\r']) {
        return Err(Objection::SeveralLines);
    }
    let mut words = line.split_ascii_whitespace();
    let kind = words.next().ok_or(Objection::Empty)?;
    if !ACCEPTED.contains(&kind) {
        return Err(refusal(kind, words));
    }
    words
        .next()
        .map(|body| (kind, body))
        .ok_or(Objection::Damaged)
}

fn refusal<'a>(kind: &str, mut rest: impl Iterator<Item = &'a str>) -> Objection {
    let named = |word: &str| {
        if word.ends_with("-cert-v01@openssh.com") {
            Some(Objection::Certificate)
        } else if word == "ssh-dss" {
            Some(Objection::Dsa)
        } else if word.starts_with("sk-") && word.ends_with("@openssh.com") {
            Some(Objection::SecurityKey)
        } else {
            None
        }
    };
    named(kind).unwrap_or_else(|| {
        if rest.any(|word| ACCEPTED.contains(&word) || named(word).is_some()) {
            Objection::Options
        } else {
            Objection::Unknown
        }
    })
}

/// Refuses points of small order, and every second way to write a point: a number that is not below 2^255 - 19.
fn check_ed25519(point: &[u8; 32]) -> Result<(), Objection> {
    let mut number = *point;
    if let Some(last) = number.last_mut() {
        *last &= 0x7f;
    }
    let from_prime_on = number.first() >= Some(&0xed)
        && number
            .get(1..31)
            .is_some_and(|middle| middle.iter().all(|byte| *byte == 0xff))
        && number.last() == Some(&0x7f);
    if from_prime_on || SMALL_ORDER.contains(&number) {
        return Err(Objection::Ed25519Point);
    }
    Ok(())
}

fn check_rsa(key: &RsaPublicKey) -> Result<(), Objection> {
    let modulus = key.n().as_positive_bytes().ok_or(Objection::Damaged)?;
    let bits = bit_length(modulus);
    if !(FEWEST_RSA_BITS..=MOST_RSA_BITS).contains(&bits) {
        return Err(Objection::RsaSize(bits));
    }
    let exponent = key
        .e()
        .as_positive_bytes()
        .filter(|bytes| bytes.len() <= 8)
        .ok_or(Objection::RsaExponent)?
        .iter()
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    if exponent < LEAST_RSA_EXPONENT || exponent % 2 == 0 {
        return Err(Objection::RsaExponent);
    }
    Ok(())
}

/// The bits of a big-endian number without leading zero bytes.
fn bit_length(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |first| {
        let zeros = usize::try_from(first.leading_zeros()).unwrap_or(0);
        (bytes.len() * 8).saturating_sub(zeros)
    })
}
