//! Certificates and keys, read by the real `ssh-keygen`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use portcullis_model::Secret;
use portcullis_vault::{
    AuthorityError, CertRequest, SshAuthority, SshKeyError, parse_ssh_private_key, session_key,
};

const NONCE: [u8; 32] = [5; 32];
/// 2026-11-22, 00:00:00 UTC.
const MIDNIGHT: u64 = 1_795_305_600;

fn authority() -> SshAuthority {
    SshAuthority::from_seed(&Secret::new([1; 32]))
}

fn request() -> CertRequest {
    CertRequest {
        subject: session_key(&Secret::new([2; 32])).unwrap().public,
        principals: vec!["root".into(), "deploy".into()],
        valid_after: MIDNIGHT,
        valid_before: MIDNIGHT + 300,
        serial: 42,
        key_id: "ses_01 idn_02".into(),
        force_command: Some("/usr/bin/id -un".into()),
        source_addresses: vec!["192.0.2.0/24".into(), "2001:db8::1".into()],
        permit_pty: true,
    }
}

fn ssh_keygen(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("ssh-keygen")
        .args(arguments)
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn described(certificate: &str) -> String {
    let output = ssh_keygen(&["-L", "-f", "-"], certificate.as_bytes());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join("\n")
}

/// A private key made by `ssh-keygen`, as its file holds it.
fn generated(arguments: &[&str]) -> (Secret<Vec<u8>>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let file = file.to_str().unwrap();
    let output = ssh_keygen(
        &[&["-q", "-C", "someone@somewhere", "-f", file], arguments].concat(),
        b"",
    );
    assert!(output.status.success(), "{output:?}");
    let public = std::fs::read_to_string(format!("{file}.pub")).unwrap();
    (Secret::new(std::fs::read(file).unwrap()), public)
}

fn without_comment(public: &str) -> String {
    let words: Vec<&str> = public.split_whitespace().take(2).collect();
    words.join(" ")
}

#[test]
fn ssh_keygen_reads_in_the_certificate_what_was_asked_for() {
    let certificate = authority().certify(&request(), &NONCE).unwrap();
    let text = described(&certificate);
    for line in [
        "Type: ssh-ed25519-cert-v01@openssh.com user certificate",
        "Key ID: \"ses_01 idn_02\"",
        "Serial: 42",
        "Valid: from 2026-11-22T00:00:00 to 2026-11-22T00:05:00",
        "Principals:\nroot\ndeploy",
        "Critical Options:\nforce-command /usr/bin/id -un\nsource-address 192.0.2.0/24,2001:db8::1",
        "Extensions:\npermit-pty",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(text.contains(&authority().fingerprint()), "{text}");
}

#[test]
fn what_is_not_asked_for_is_not_permitted() {
    let bare = CertRequest {
        force_command: None,
        source_addresses: vec![],
        permit_pty: false,
        ..request()
    };
    let text = described(&authority().certify(&bare, &NONCE).unwrap());
    assert!(text.contains("Critical Options: (none)"), "{text}");
    assert!(text.contains("Extensions: (none)"), "{text}");
    let shell = CertRequest {
        permit_pty: true,
        ..bare
    };
    let text = described(&authority().certify(&shell, &NONCE).unwrap());
    assert!(text.ends_with("Extensions:\npermit-pty"), "{text}");
}

#[test]
fn ssh_keygen_refuses_a_certificate_with_a_changed_principal() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let certificate = authority().certify(&request(), &NONCE).unwrap();
    let mut words = certificate.split(' ');
    let name = words.next().unwrap();
    let mut bytes = base64.decode(words.next().unwrap()).unwrap();
    let place = bytes.windows(6).position(|w| w == b"deploy").unwrap();
    bytes[place] = b'r';
    let forged = format!("{name} {}\n", base64.encode(&bytes));
    assert!(
        !ssh_keygen(&["-L", "-f", "-"], forged.as_bytes())
            .status
            .success()
    );
}

#[test]
fn the_same_seed_gives_the_same_authority_and_another_seed_another() {
    let again = SshAuthority::from_seed(&Secret::new([1; 32]));
    assert_eq!(again.public_openssh(), authority().public_openssh());
    let other = SshAuthority::from_seed(&Secret::new([3; 32]));
    assert_ne!(other.public_openssh(), authority().public_openssh());
}

#[test]
fn a_certificate_for_everybody_or_for_odd_names_is_refused() {
    let refused = |principals: &[&str]| {
        let request = CertRequest {
            principals: principals.iter().map(|&name| name.to_owned()).collect(),
            ..request()
        };
        authority().certify(&request, &NONCE).unwrap_err()
    };
    assert_eq!(refused(&[]), AuthorityError::NoPrincipal);
    for odd in ["", "root,admin", "ro ot", "root\n", "*", "!root"] {
        assert_eq!(
            refused(&["deploy", odd]),
            AuthorityError::Principal(odd.into())
        );
    }
}

#[test]
fn a_certificate_lives_a_second_to_a_day() {
    let window = |valid_after, valid_before| {
        let request = CertRequest {
            valid_after,
            valid_before,
            ..request()
        };
        authority().certify(&request, &NONCE).is_ok()
    };
    assert!(window(MIDNIGHT, MIDNIGHT + 1));
    assert!(window(MIDNIGHT, MIDNIGHT + 86_400));
    assert!(!window(MIDNIGHT, MIDNIGHT));
    assert!(!window(MIDNIGHT, MIDNIGHT - 1));
    assert!(!window(MIDNIGHT, MIDNIGHT + 86_401));
    assert!(!window(0, u64::MAX));
    assert!(!window(u64::MAX - 1, u64::MAX));
}

#[test]
fn texts_that_would_break_a_log_or_a_command_are_refused() {
    let refused = |request: CertRequest| authority().certify(&request, &NONCE).unwrap_err();
    for bad in ["", "two\nlines", "\u{1b}[2J"] {
        assert!(matches!(
            refused(CertRequest {
                key_id: bad.into(),
                ..request()
            }),
            AuthorityError::Text { field: "key id" }
        ));
        assert!(matches!(
            refused(CertRequest {
                force_command: Some(bad.into()),
                ..request()
            }),
            AuthorityError::Text {
                field: "forced command"
            }
        ));
    }
    assert!(matches!(
        refused(CertRequest {
            source_addresses: vec!["192.0.2.1/24".into()],
            ..request()
        }),
        AuthorityError::SourceAddress(_)
    ));
}

#[test]
fn what_is_no_key_of_a_person_is_not_certified() {
    let certificate = authority().certify(&request(), &NONCE).unwrap();
    let own = authority().public_openssh().unwrap();
    for subject in ["", "ssh-ed25519 AAAA", "not a key", &certificate, &own] {
        let request = CertRequest {
            subject: subject.to_owned(),
            ..request()
        };
        assert!(
            matches!(
                authority().certify(&request, &NONCE),
                Err(AuthorityError::Subject { .. })
            ),
            "{subject}"
        );
    }
    assert_eq!(
        authority().certify(&request(), &[0; 32]),
        Err(AuthorityError::Nonce)
    );
}

#[test]
fn ssh_keygen_derives_the_same_public_key_from_a_session_key() {
    let pair = session_key(&Secret::new([7; 32])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, pair.private.expose()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = ssh_keygen(&["-y", "-f", file.to_str().unwrap()], b"");
    let public = String::from_utf8(output.stdout).unwrap();
    assert_eq!(without_comment(&public), pair.public.trim());
}

#[test]
fn keys_that_ssh_keygen_makes_are_taken_in_without_their_comment() {
    for (kind, name) in [
        (["-t", "ed25519"], "ssh-ed25519"),
        (["-t", "ecdsa"], "ecdsa-sha2-nistp256"),
        (["-t", "rsa"], "ssh-rsa"),
    ] {
        let (private, public) = generated(&[kind.as_slice(), &["-N", ""]].concat());
        let parsed = parse_ssh_private_key(&private).unwrap();
        assert_eq!(parsed.public, without_comment(&public));
        assert_eq!(parsed.algorithm, name);
        let listed = ssh_keygen(&["-l", "-f", "-"], public.as_bytes());
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains(&parsed.fingerprint), "{listed}");
        assert_eq!(
            parse_ssh_private_key(&parsed.private).unwrap().public,
            parsed.public
        );
    }
}

#[test]
fn an_encrypted_key_is_refused_in_every_format() {
    for format in ["RFC4716", "PEM", "PKCS8"] {
        let (private, _) = generated(&["-t", "rsa", "-N", "a passphrase", "-m", format]);
        assert_eq!(
            parse_ssh_private_key(&private).unwrap_err(),
            SshKeyError::Encrypted,
            "{format}"
        );
    }
    assert!(SshKeyError::Encrypted.to_string().contains("ssh-keygen -p"));
}

#[test]
fn what_is_not_a_private_key_is_called_what_it_is() {
    let parse = |bytes: &[u8]| parse_ssh_private_key(&Secret::new(bytes.to_vec())).unwrap_err();
    for format in ["PEM", "PKCS8"] {
        let (private, public) = generated(&["-t", "rsa", "-N", "", "-m", format]);
        assert_eq!(parse(private.expose()), SshKeyError::OldFormat);
        assert_eq!(parse(public.as_bytes()), SshKeyError::Public);
    }
    assert_eq!(
        parse(b"PuTTY-User-Key-File-3: ssh-ed25519\n"),
        SshKeyError::Putty
    );
    assert_eq!(parse(b"hunter2"), SshKeyError::NotAKey);
    assert_eq!(parse(b"\xff\xfe"), SshKeyError::NotAKey);
    assert_eq!(parse(&vec![b'-'; 70_000]), SshKeyError::NotAKey);
}

#[test]
fn a_private_key_with_a_changed_half_is_refused() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let pair = session_key(&Secret::new([7; 32])).unwrap();
    let text = String::from_utf8(pair.private.expose().clone()).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut bytes = base64.decode(body).unwrap();
    let place = bytes.windows(32).position(|w| w == [7; 32]).unwrap();
    bytes[place] ^= 1;
    let encoded = base64.encode(&bytes);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let forged = format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
        lines.join("\n")
    );
    assert!(matches!(
        parse_ssh_private_key(&Secret::new(forged.into_bytes())),
        Err(SshKeyError::Damaged { .. })
    ));
}
