//! An account that a key opens, and what becomes of the lines of its `authorized_keys`.

use portcullis_model::Secret;
use portcullis_ports::conformance::authenticator::Drawn as Dice;
use portcullis_ports::conformance::rotator::{Specimen, leave};
use portcullis_ports::{Rotator, RotatorError, Site};
use portcullis_rotators::ssh_key::Way;

use crate::host::{Host, key};

pub struct World(Host);

impl World {
    pub fn start() -> Option<Self> {
        let host = Host::new()?;
        host.authorize(&format!("{} of the vault\n", key(1).1));
        Some(Self(host))
    }

    pub fn specimen<'a>(&self, rotator: &'a dyn Rotator) -> Specimen<'a> {
        self.0.specimen(rotator, &key(1).0)
    }
}

fn site(host: &Host) -> Site<'_> {
    Site {
        resource: &host.resource,
        endpoint: &host.endpoint,
        account: &host.account,
    }
}

async fn added(host: &Host, old: u8, new: u8) -> Result<(), RotatorError> {
    let (old, new) = (Secret::new(key(old).0), Secret::new(key(new).0));
    let duty = leave(host.resource.id);
    Way.install(duty, &site(host), &old, &new, &Dice(1)).await
}

async fn removed(host: &Host, stays: u8, goes: u8) -> Result<(), RotatorError> {
    let (stays, goes) = (Secret::new(key(stays).0), Secret::new(key(goes).0));
    let duty = leave(host.resource.id);
    Way.retire(duty, &site(host), &stays, &goes).await
}

#[tokio::test]
async fn a_key_keeps_its_options_and_other_lines_stay_as_they_are() {
    let Some(host) = Host::new() else { return };
    let [one, two, other] = [1, 2, 3].map(|seed| key(seed).1);
    let rest = format!("# {one} was here\n\n{other} somebody's own, 100% $HOME `id` \\n\n");
    let options = "restrict,pty,environment=\"A=$(id)\"";
    host.authorize(&format!("{rest}{options} {one} vaulted"));
    added(&host, 1, 2).await.unwrap();
    let both = format!("{rest}{options} {one} vaulted\n{options} {two} vaulted\n");
    assert_eq!(host.authorized(), both);
    removed(&host, 2, 1).await.unwrap();
    let lines = host.authorized();
    assert!(
        lines.ends_with(&format!("{options} {two} vaulted\n")),
        "{lines}"
    );
    assert!(
        lines.contains("somebody's own, 100% $HOME `id` \\n\n"),
        "{lines}"
    );
    assert!(!lines.contains(&one), "{lines}");
}

#[tokio::test]
async fn a_key_that_sshd_finds_elsewhere_is_left_to_people() {
    let Some(host) = Host::new() else { return };
    let (one, real) = (key(1).1, host.keys_file().with_file_name("elsewhere"));
    host.authorize(&format!("{one}\n"));
    std::fs::rename(host.keys_file(), &real).unwrap();
    std::os::unix::fs::symlink(&real, host.keys_file()).unwrap();
    let refused = added(&host, 1, 2).await.unwrap_err().to_string();
    assert!(refused.contains("symbolic link"), "{refused}");
    assert_eq!(std::fs::read_to_string(real).unwrap(), format!("{one}\n"));
}

#[tokio::test]
async fn the_former_key_stays_when_the_new_one_is_not_there() {
    let Some(host) = Host::new() else { return };
    let lines = format!("{}\n", key(1).1);
    host.authorize(&lines);
    // Let in by the first, asked to remove it in favour of one that was never added.
    let refused = removed(&host, 2, 1).await.unwrap_err();
    assert!(matches!(refused, RotatorError::Refused { .. }), "{refused}");
    assert_eq!(host.authorized(), lines);
}
