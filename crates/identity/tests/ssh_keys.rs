//! Which texts can be enrolled as an SSH key, and what the others are told. The keys in `keys/` were made by
//! OpenSSH, and the fingerprints are what `ssh-keygen -l` says of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use portcullis_identity::ssh_key::Method;
use portcullis_ports::conformance::authenticator::Drawn;
use portcullis_ports::{Authenticator, AuthenticatorError, Chosen, Enrolled};

const ED25519: &str = include_str!("keys/ed25519.pub");

fn enroll(text: &str) -> Result<Enrolled, AuthenticatorError> {
    let chosen = Chosen::PublicKey(text.to_owned().into());
    Method.enroll(Some(chosen), "ana@example", &Drawn(1))
}

fn verifier(text: &str) -> String {
    String::from_utf8(enroll(text).unwrap().verifier.expose().clone()).unwrap()
}

/// What a text is told when it is refused.
fn refusal(text: &str) -> String {
    match enroll(text) {
        Err(AuthenticatorError::Unacceptable(why)) => why,
        other => panic!("{text:?} got {other:?}"),
    }
}

#[test]
fn keys_made_by_openssh_are_enrolled_under_the_fingerprint_openssh_shows() {
    for (text, fingerprint) in [
        (
            ED25519,
            "SHA256:D5LlHtqUI2/CgY6a+SMVcLua9mW2yqJhsrgLcH32gQc",
        ),
        (
            include_str!("keys/ecdsa256.pub"),
            "SHA256:UknFnQ3wnod2WHVJuQKTkmza2dppNpzHhyRjucRbWLg",
        ),
        (
            include_str!("keys/ecdsa384.pub"),
            "SHA256:OBdDVrXG49gabzSUkiakb5/LKXnr6oLgD2zVz37Rftk",
        ),
        (
            include_str!("keys/ecdsa521.pub"),
            "SHA256:hPo2flu6gskjmlYO7U6YhxT2EzaFvZtnQtvrnt6umd0",
        ),
        (
            include_str!("keys/rsa3072.pub"),
            "SHA256:yfcVCQcMCiBO2AaW76mgqI9sIX+K144f21fhV6YnWdU",
        ),
        (
            include_str!("keys/rsa4096.pub"),
            "SHA256:o/oTxTEM4Y+7KC5HLF9ldfM9l11tJAqFSg5gaqUeSFk",
        ),
    ] {
        assert_eq!(enroll(text).unwrap().public, fingerprint);
    }
}

#[test]
fn a_key_is_kept_without_its_comment_however_it_is_spaced() {
    let bare = ED25519.trim_end().strip_suffix(" ana@laptop key").unwrap();
    assert_eq!(verifier(ED25519), bare);
    assert_eq!(verifier(bare), bare);
    assert_eq!(
        verifier(&format!(
            "\n  {}\t another comment \r\n",
            bare.replace(' ', "\t  ")
        )),
        bare
    );
}

#[test]
fn a_private_key_pasted_by_mistake_is_named_and_not_repeated() {
    for text in [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nCANARY\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nCANARY\n",
        "PuTTY-User-Key-File-3: ssh-ed25519\nCANARY\n",
        &format!("{ED25519}\n-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n"),
    ] {
        let why = refusal(text);
        assert!(why.contains("private key"), "{why}");
        assert!(!why.contains("CANARY"), "{why}");
        let chosen = Chosen::PublicKey(text.to_owned().into());
        assert!(!format!("{chosen:?}").contains("CANARY"));
    }
}

#[test]
fn keys_that_are_not_accepted_are_told_why() {
    for (text, word) in [
        (include_str!("keys/dsa.pub"), "DSA"),
        (include_str!("keys/rsa2048.pub"), "2048 bits"),
        (include_str!("keys/ecdsa256-cert.pub"), "certificate"),
        (include_str!("keys/sk-ed25519.pub"), "not accepted yet"),
        ("", "no key"),
        (" \n\t ", "no key"),
        ("hello", "does not begin with"),
        ("ssh-foo AAAA", "does not begin with"),
        ("ssh-ed25519", "damaged"),
        ("ssh-ed25519 !!!", "damaged"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "convert"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "convert"),
    ] {
        let why = refusal(text);
        assert!(why.contains(word), "{text:?}: {why}");
    }
}

#[test]
fn options_before_a_key_are_refused_rather_than_ignored() {
    for options in [
        "restrict",
        "command=\"id\"",
        "command=\"echo ssh-ed25519\",no-pty",
        "from=\"10.0.0.0/8\"",
        "cert-authority",
    ] {
        let why = refusal(&format!("{options} {ED25519}"));
        assert!(why.contains("options"), "{why}");
    }
}

#[test]
fn one_text_is_one_key() {
    let two = format!("{ED25519}{}", include_str!("keys/rsa3072.pub"));
    assert!(refusal(&two).contains("one key at a time"));
    assert!(refusal(&ED25519.repeat(1000)).contains("too long"));
    // What follows on the same line is a comment, and never a second key.
    let beside = format!(
        "{} {}",
        ED25519.trim_end(),
        include_str!("keys/rsa3072.pub")
    );
    assert_eq!(verifier(&beside), verifier(ED25519));
}

#[test]
fn a_kind_that_is_not_the_one_inside_is_refused() {
    let body = ED25519.split(' ').nth(1).unwrap();
    let rsa = include_str!("keys/rsa3072.pub").split(' ').nth(1).unwrap();
    for text in [
        format!("ssh-rsa {body}"),
        format!("ecdsa-sha2-nistp256 {body}"),
        format!("ssh-ed25519 {rsa}"),
    ] {
        assert!(refusal(&text).contains("damaged"));
    }
}

#[test]
fn a_key_cut_short_at_any_place_or_with_more_behind_it_is_refused() {
    for text in [
        ED25519,
        include_str!("keys/ecdsa521.pub"),
        include_str!("keys/rsa3072.pub"),
    ] {
        let bare = verifier(text);
        for length in 0..bare.len() {
            refusal(bare.get(..length).unwrap());
        }
        refusal(&format!("{bare}AAAA"));
    }
}

/// An ed25519 key of any 32 bytes.
fn ed25519(point: [u8; 32]) -> String {
    let mut body = Vec::new();
    for part in [&b"ssh-ed25519"[..], &point] {
        body.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        body.extend(part);
    }
    format!("ssh-ed25519 {}", data_encoding::BASE64.encode(&body))
}

fn point(hexadecimal: &str) -> [u8; 32] {
    let bytes = data_encoding::HEXLOWER
        .decode(hexadecimal.as_bytes())
        .unwrap();
    bytes.try_into().unwrap()
}

/// For a key of small order anybody can make signatures that hold.
#[test]
fn ed25519_keys_that_anybody_could_sign_for_are_refused_however_they_are_written() {
    for text in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let mut point = point(text);
        assert!(
            refusal(&ed25519(point)).contains("anybody could sign"),
            "{text}"
        );
        point[31] |= 0x80;
        assert!(
            refusal(&ed25519(point)).contains("anybody could sign"),
            "{text}"
        );
    }
    // The base point is none of them.
    let base = "5866666666666666666666666666666666666666666666666666666666666666";
    enroll(&ed25519(point(base))).unwrap();
}
