#![allow(clippy::unwrap_used, clippy::string_slice, reason = "tests")]

use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
use portcullis_ports::conformance::authenticator::Drawn;

use super::*;

/// As little work as a verifier may ask for: for tests of everything but the cost.
const LEAST: &str = "m=19456,t=1,p=1";
const SALT: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn parses(phc: &str) -> bool {
    Verifier::parse(phc.as_bytes()).is_some()
}

fn enroll(password: &str) -> Result<Enrolled, AuthenticatorError> {
    let chosen = Chosen::Password(password.to_owned().into());
    Method.enroll(Some(chosen), "ana@example", &Drawn(7))
}

#[test]
fn another_implementations_verifier_accepts_what_was_enrolled() {
    let enrolled = enroll("twelve chars").unwrap();
    let phc = String::from_utf8(enrolled.verifier.expose().clone()).unwrap();
    let parsed = PasswordHash::new(&phc).unwrap();
    let theirs = argon2::Argon2::default();
    assert!(theirs.verify_password(b"twelve chars", &parsed).is_ok());
    assert!(theirs.verify_password(b"twelve char5", &parsed).is_err());
}

#[test]
fn the_verifier_says_how_it_was_made_and_so_does_the_public_part() {
    let enrolled = enroll("twelve chars").unwrap();
    let phc = String::from_utf8(enrolled.verifier.expose().clone()).unwrap();
    assert!(phc.starts_with("$argon2id$v=19$m=32768,t=2,p=1$"), "{phc}");
    assert_eq!(enrolled.public, "argon2id m=32768,t=2,p=1");
}

#[test]
fn a_verifier_made_at_another_cost_is_still_judged() {
    let phc = format!("$argon2id$v=19${LEAST}${SALT}${HASH}");
    let verifier = Verifier::parse(phc.as_bytes()).unwrap();
    assert_eq!(*verifier.to_phc().expose(), phc);
    assert!(!verifier.accepts("twelve chars").unwrap());
}

#[test]
fn a_verifier_that_is_too_cheap_or_would_exhaust_the_machine_is_damaged() {
    for cost in [
        "m=19455,t=2,p=1",
        "m=8,t=1,p=1",
        "m=262145,t=2,p=1",
        "m=4294967295,t=2,p=1",
        "m=99999999999,t=2,p=1",
        "m=65536,t=0,p=1",
        "m=65536,t=9,p=1",
        "m=65536,t=4294967295,p=1",
        "m=65536,t=2,p=0",
        "m=65536,t=2,p=5",
    ] {
        let phc = format!("$argon2id$v=19${cost}${SALT}${HASH}");
        assert!(!parses(&phc), "{phc}");
    }
}

#[test]
fn a_verifier_written_in_any_other_way_is_damaged() {
    assert!(parses(&format!("$argon2id$v=19${LEAST}${SALT}${HASH}")));
    for phc in [
        format!("$argon2i$v=19${LEAST}${SALT}${HASH}"),
        format!("$argon2d$v=19${LEAST}${SALT}${HASH}"),
        format!("$argon2id$v=16${LEAST}${SALT}${HASH}"),
        format!("$argon2id${LEAST}${SALT}${HASH}"),
        format!("$argon2id$v=19$t=1,m=19456,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19${LEAST},data=AAAA${SALT}${HASH}"),
        format!("$argon2id$v=19$m=+19456,t=1,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19$m=019456,t=1,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19${LEAST}${}${HASH}", &SALT[1..]),
        format!("$argon2id$v=19${LEAST}${SALT}A${HASH}"),
        format!("$argon2id$v=19${LEAST}${SALT}==${HASH}"),
        format!("$argon2id$v=19${LEAST}${SALT}${HASH}AA"),
        format!("$argon2id$v=19${LEAST}${SALT}${HASH}$"),
        format!("$argon2id$v=19${LEAST}${SALT}${}B", &HASH[1..]),
        format!(" $argon2id$v=19${LEAST}${SALT}${HASH}"),
        format!("$argon2id$v=19${LEAST}${SALT}${HASH}\n"),
    ] {
        assert!(!parses(&phc), "{phc}");
    }
}

#[test]
fn a_password_is_long_enough_from_twelve_characters_whatever_they_are() {
    assert_eq!(check("elevenchars"), Err(Objection::TooShort));
    assert_eq!(check("óóóóóóóóóóó"), Err(Objection::TooShort));
    assert_eq!(check(""), Err(Objection::TooShort));
    assert_eq!(check("aaaaaaaaaaaa"), Ok(()));
    assert_eq!(check("óóóóóóóóóóóó"), Ok(()));
}

#[test]
fn a_password_has_at_most_1024_bytes() {
    assert_eq!(check(&"a".repeat(1024)), Ok(()));
    assert_eq!(check(&"a".repeat(1025)), Err(Objection::TooLong));
    assert_eq!(check(&"ó".repeat(513)), Err(Objection::TooLong));
}

#[test]
fn a_password_that_is_not_acceptable_is_refused_at_enrolment_and_says_why() {
    let refused = enroll("short").unwrap_err();
    assert_eq!(
        refused,
        AuthenticatorError::Unacceptable(Objection::TooShort.to_string())
    );
    assert!(!refused.to_string().contains("\"short\""));
}

#[test]
fn an_endless_password_is_refused_without_hashing_it() {
    // This cost would fail to hash anything, so a refusal shows that nothing was hashed.
    let verifier = Verifier::decoy(Cost::IMPOSSIBLE);
    assert_eq!(matches(&verifier, &"a".repeat(1025)), Ok(false));
    assert_eq!(
        matches(&verifier, &"a".repeat(1024)),
        Err(AuthenticatorError::Exhausted(NAME))
    );
}

#[test]
fn a_decoy_fails_even_for_a_password_whose_hash_is_all_zero() {
    let presented = Presented::Password("twelve chars".to_owned().into());
    assert_eq!(
        Method.decoy(&presented, Timestamp::from_millis(0)),
        AuthenticatorError::Mismatch(NAME)
    );
}

#[test]
fn a_decoy_costs_what_a_new_verifier_costs() {
    let enrolled = enroll("twelve chars").unwrap();
    let real = Verifier::parse(enrolled.verifier.expose()).unwrap();
    assert_eq!(real.cost(), Verifier::decoy(Cost::CURRENT).cost());
}
