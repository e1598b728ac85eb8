//! The seed a person's authenticator app and the installation share, and the codes that follow from it.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use portcullis_model::{Secret, Timestamp};

/// The length RFC 4226 (section 4, R6) recommends.
pub const SEED_BYTES: usize = 20;

/// What the codes are made with; begins every verifier.
pub const PARAMETERS: &str = "totp sha1 6 digits 30 s";

const STEP_SECONDS: u64 = 30;
const DIGITS: usize = 6;
const ISSUER: &str = "Portcullis";

/// The number of the thirty seconds a moment falls into.
pub const fn step_of(now: Timestamp) -> u64 {
    now.as_secs() / STEP_SECONDS
}

/// The shared secret.
pub struct Seed(Secret<[u8; SEED_BYTES]>);

impl Seed {
    /// A seed of random bytes.
    pub const fn new(bytes: [u8; SEED_BYTES]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Reads what [`Seed::to_verifier`] wrote; `None` for anything else.
    pub fn parse(verifier: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(verifier).ok()?;
        let body = text.strip_prefix(PARAMETERS)?.strip_prefix(' ')?;
        let bytes = Secret::new(BASE32_NOPAD.decode(body.as_bytes()).ok()?);
        bytes.expose().as_slice().try_into().ok().map(Self::new)
    }

    /// Reads what [`Seed::to_uri`] wrote; `None` for anything else.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let (_, parameters) = uri.strip_prefix("otpauth://totp/")?.split_once('?')?;
        let secret = parameters
            .split('&')
            .find_map(|field| field.strip_prefix("secret="))?;
        let bytes = Secret::new(BASE32_NOPAD.decode(secret.as_bytes()).ok()?);
        bytes.expose().as_slice().try_into().ok().map(Self::new)
    }

    /// What to keep: the parameters and the seed.
    pub fn to_verifier(&self) -> Secret<Vec<u8>> {
        let text = format!("{PARAMETERS} {}", self.base32().expose());
        Secret::new(text.into_bytes())
    }

    /// What an authenticator app reads, usually as a picture (the `otpauth` key URI format). A colon would
    /// end the issuer there, so one in the label is written as a space.
    pub fn to_uri(&self, label: &str) -> Secret<String> {
        Secret::new(format!(
            "otpauth://totp/{ISSUER}:{}?secret={}&issuer={ISSUER}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            percent_encode(&label.replace(':', " ")),
            self.base32().expose(),
        ))
    }

    /// The code of a step (RFC 4226, section 5.3).
    pub fn code(&self, step: u64) -> Secret<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.expose());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = bytes.last().map_or(0, |last| usize::from(last & 0xf));
        let number = bytes
            .iter()
            .skip(offset)
            .take(4)
            .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        Secret::new(format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 1_000_000))
    }

    /// The step whose code this is, among the one before now, now, and the one after. All three are always
    /// compared, as texts, so that nothing but six ASCII digits matches. Should two have the same code the
    /// later counts, so that spending it spends the code.
    pub fn spent_step(&self, code: &Secret<String>, now: Timestamp) -> Option<u64> {
        let step = step_of(now);
        [step.checked_sub(1), Some(step), step.checked_add(1)]
            .into_iter()
            .flatten()
            .fold(None, |found, step| {
                (self.code(step) == *code).then_some(step).or(found)
            })
    }

    fn base32(&self) -> Secret<String> {
        Secret::new(BASE32_NOPAD.encode(self.0.expose()))
    }
}

/// Keeps what RFC 3986 (section 2.3) calls unreserved.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::string_slice, reason = "tests")]
mod tests {
    use totp_rs::Totp;

    use super::*;

    fn rfc() -> Seed {
        Seed::new(*b"12345678901234567890")
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// RFC 6238, appendix B: the rows for SHA-1. Its codes have eight digits; ours are the last six.
    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(rfc().code(step_of(at(seconds))).expose(), &code[2..]);
        }
    }

    /// RFC 4226, appendix D.
    #[test]
    fn the_codes_are_those_of_rfc_4226() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(rfc().code(step).expose(), code);
        }
    }

    #[test]
    fn another_implementation_reads_the_uri_and_shows_the_same_codes() {
        for label in ["ana", "ana@bank.example:8443", "Ána & Co/1?x=%41#y"] {
            let theirs = Totp::from_url(rfc().to_uri(label).expose()).unwrap();
            assert_eq!(theirs.issuer(), Some(ISSUER));
            assert_eq!(theirs.account_name(), label.replace(':', " "));
            for seconds in (0..100_000).step_by(997) {
                assert_eq!(
                    theirs.generate(seconds).to_string(),
                    *rfc().code(step_of(at(seconds))).expose()
                );
            }
        }
    }

    #[test]
    fn a_code_counts_in_its_own_step_and_the_two_beside_it_and_names_its_step() {
        let step = 37_037_036;
        let code = rfc().code(step);
        for now in [step - 1, step, step + 1] {
            assert_eq!(rfc().spent_step(&code, at(now * 30)), Some(step));
            assert_eq!(rfc().spent_step(&code, at(now * 30 + 29)), Some(step));
        }
        for now in [step - 2, step + 2] {
            assert_eq!(rfc().spent_step(&code, at(now * 30)), None);
        }
    }

    #[test]
    fn when_two_steps_share_a_code_the_later_one_is_spent() {
        // The first neighbours of equal code under this seed; found by search.
        let twin = 910_737;
        assert_eq!(rfc().code(twin), rfc().code(twin + 1));
        let code = rfc().code(twin);
        assert_eq!(rfc().spent_step(&code, at(twin * 30)), Some(twin + 1));
        assert_eq!(rfc().spent_step(&code, at((twin + 1) * 30)), Some(twin + 1));
    }

    #[test]
    fn the_beginning_and_the_end_of_time_have_codes() {
        assert_eq!(rfc().spent_step(&rfc().code(0), at(0)), Some(0));
        let last = step_of(Timestamp::MAX);
        assert_eq!(
            rfc().spent_step(&rfc().code(last), Timestamp::MAX),
            Some(last)
        );
    }

    #[test]
    fn a_code_is_exactly_six_ascii_digits() {
        let now = at(59);
        let right = rfc().code(step_of(now)).expose().clone();
        assert!(rfc().spent_step(&right.clone().into(), now).is_some());
        for wrong in [
            format!(" {right}"),
            format!("{right}\n"),
            format!("0{right}"),
            right[1..].to_owned(),
            format!("{} {}", &right[..3], &right[3..]),
            right.replace('2', "２"),
            right.replace('2', "٢"),
            format!("+{}", &right[1..]),
            String::new(),
        ] {
            assert_eq!(
                rfc().spent_step(&wrong.clone().into(), now),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_verifier_reads_back_and_one_that_is_longer_or_lower_case_does_not() {
        let verifier = rfc().to_verifier();
        let text = String::from_utf8(verifier.expose().clone()).unwrap();
        let read = Seed::parse(text.as_bytes()).unwrap();
        assert_eq!(read.code(7), rfc().code(7));
        for damaged in [
            format!("{text}A"),
            format!("{text}AAAAAAAA"),
            format!("{text}\n"),
            text.to_lowercase(),
            text.replace("6 digits", "8 digits"),
        ] {
            assert!(Seed::parse(damaged.as_bytes()).is_none(), "{damaged}");
        }
    }
}
