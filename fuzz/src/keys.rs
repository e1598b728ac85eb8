//! What people prove themselves by, and what opens targets: SSH keys of either half, one-time codes, password hashes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use portcullis_identity::{password, ssh_key, totp};
use portcullis_model::Secret;
use portcullis_ports::authenticator::SignedKey;
use portcullis_ports::control::{KeyProof, Login};
use portcullis_ports::{Authenticator, AuthenticatorError, Chosen, Entropy, Presented};
use portcullis_vault::{CertRequest, SshAuthority, parse_password, parse_ssh_private_key};
use portcullis_wire::ssh::{HostKey, PublicKey, check_private_key};

use crate::fixed::{NOW, fill};

pub(crate) fn check(bytes: &[u8]) {
    enrolled(bytes);
    private(bytes);
    codes(bytes);
    let hash = password::Method.verify(&Secret::new(bytes.to_vec()), &too_long(), NOW);
    assert!(
        hash.is_err(),
        "a password is let in that nobody can have chosen"
    );
    if let Ok(password) = parse_password(Secret::new(bytes.to_vec())) {
        assert!(password.expose() == bytes || bytes.ends_with(b"\n"));
        assert!(!password.expose().iter().any(u8::is_ascii_control));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        public(text);
    }
}

/// What can be enrolled as a key is then accepted as it is kept, and enrolls as itself.
fn enrolled(bytes: &[u8]) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else {
        return;
    };
    let enroll =
        |text: String| ssh_key::Method.enroll(Some(Chosen::PublicKey(text.into())), "", &Counted);
    let Ok(enrolled) = enroll(text) else {
        return;
    };
    let kept = String::from_utf8_lossy(enrolled.verifier.expose()).into_owned();
    let presented = Presented::SignedKey(signed(&kept));
    assert!(
        ssh_key::Method
            .verify(&enrolled.verifier, &presented, NOW)
            .is_ok()
    );
    let other = Presented::SignedKey(signed("ssh-ed25519 AAAA"));
    assert!(
        ssh_key::Method
            .verify(&enrolled.verifier, &other, NOW)
            .is_err()
    );
    if let Ok(read) = PublicKey::parse(&kept) {
        assert_eq!(
            read.fingerprint(),
            enrolled.public,
            "two readers see two keys"
        );
    }
    let again = enroll(kept).map(|again| again.public);
    assert_eq!(again.as_ref(), Ok(&enrolled.public));
}

/// A public key of a host prints as what is read as the same; a certificate names the subject it was asked for, on one line.
fn public(line: &str) {
    if let Ok(key) = PublicKey::parse(line) {
        let read = PublicKey::parse(&key.to_string());
        assert!(read.is_ok_and(|read| read == key), "a key has one reading");
    }
    let request = CertRequest {
        subject: line.to_owned(),
        principals: vec!["root".to_owned()],
        valid_after: 1,
        valid_before: 2,
        serial: 1,
        key_id: "id".to_owned(),
        force_command: None,
        source_addresses: Vec::new(),
        permit_pty: false,
    };
    let authority = SshAuthority::from_seed(&Secret::new([1; 32]));
    if let Ok(certificate) = authority.certify(&request, &[1; 32]) {
        assert!(!certificate.trim_end().contains(char::is_control));
        assert!(certificate.contains("-cert-v01@openssh.com "));
    }
}

/// A private key is read with the public half that it has.
fn private(bytes: &[u8]) {
    let given = Secret::new(bytes.to_vec());
    let text = String::from_utf8(bytes.to_vec()).ok().map(Secret::new);
    if let Some(text) = &text {
        drop(check_private_key(text));
    }
    let Ok(key) = parse_ssh_private_key(&given) else {
        return;
    };
    let kept = String::from_utf8(key.private.expose().clone()).map(Secret::new);
    let Ok(Ok(host)) = kept.map(|kept| HostKey::parse(&kept)) else {
        return;
    };
    assert_eq!(
        host.public().fingerprint(),
        key.fingerprint,
        "two readers see two keys"
    );
    let again = parse_ssh_private_key(&key.private).map(|again| again.fingerprint);
    assert_eq!(again.ok(), Some(key.fingerprint));
}

/// No text that is not a seed judges codes, and no code of another seed is taken.
fn codes(bytes: &[u8]) {
    let verifier = Secret::new(bytes.to_vec());
    if let Ok(code) = totp::code_at(&verifier, NOW) {
        let shown = code.expose();
        assert!(shown.len() == 6 && shown.bytes().all(|byte| byte.is_ascii_digit()));
        let presented = Presented::Code(code);
        assert!(totp::Method.verify(&verifier, &presented, NOW).is_ok());
    } else {
        let presented = Presented::Code("000000".to_owned().into());
        let damaged = totp::Method.verify(&verifier, &presented, NOW);
        assert!(matches!(damaged, Err(AuthenticatorError::Damaged(_))));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(code) = totp::code_of_uri(text, NOW)
    {
        assert_eq!(code.expose().len(), 6);
    }
}

fn too_long() -> Presented {
    Presented::Password("a".repeat(1025).into())
}

fn signed(key: &str) -> SignedKey {
    SignedKey::from(&KeyProof {
        public_key: key.to_owned(),
        fingerprint: String::new(),
        source: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1),
        login: Login {
            account: "root".to_owned(),
            target: "web".to_owned(),
        },
    })
}

/// The same randomness every time.
struct Counted;

impl Entropy for Counted {
    fn fill(&self, buffer: &mut [u8]) {
        fill(3, &mut 0, buffer);
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let pair = portcullis_vault::session_key(&Secret::new([7; 32])).unwrap();
    let totp = totp::Method.enroll(None, "ana", &Counted).unwrap();
    let chosen = Chosen::Password("twelve chars".to_owned().into());
    let password = password::Method.enroll(Some(chosen), "", &Counted).unwrap();

    let public = |name: &str| {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/identity/tests/keys");
        std::fs::read(folder.join(name)).unwrap()
    };
    vec![
        ("private", pair.private.expose().clone()),
        ("ed25519", public("ed25519.pub")),
        ("ecdsa256", public("ecdsa256.pub")),
        ("rsa3072", public("rsa3072.pub")),
        ("certificate", public("ecdsa256-cert.pub")),
        ("totp", totp.verifier.expose().clone()),
        (
            "otpauth",
            totp.show_once.unwrap().expose().clone().into_bytes(),
        ),
        ("password", password.verifier.expose().clone()),
    ]
}
