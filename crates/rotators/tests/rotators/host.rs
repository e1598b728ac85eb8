//! A throwaway account and an sshd in front of it, in a copy of `/etc` that only they see: nothing of this system
//! is changed. That takes root, and a mount of one's own; without either, tests are left out if they may be.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portcullis_model::id::TypedId;
use portcullis_model::{Environment, Resource, ResourceId, Secret, Sensitivity, Timestamp};
use portcullis_ports::conformance::machine::{copy_etc, left_out};
use portcullis_ports::conformance::rotator::Specimen;
use portcullis_ports::{Endpoint, Rotator};
use portcullis_vault::session_key;
use portcullis_wire::ssh::HostKey;
use tempfile::TempDir;

/// The account's name. It is root's equal, so that it may change passwords.
const ACCOUNT: &str = "keeper";

/// An account with a home of its own, let in by key and by password.
pub struct Host {
    pub account: String,
    pub resource: Resource,
    pub endpoint: Endpoint,
    folder: TempDir,
}

/// A key pair of a number: the private half as the vault keeps it, and the public one.
pub fn key(seed: u8) -> (Vec<u8>, String) {
    let pair = session_key(&Secret::new([seed; 32])).unwrap();
    (pair.private.expose().clone(), pair.public)
}

impl Host {
    /// Makes the account; nothing where that is not possible.
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        if !inside(&etc, "true", &[]).output().unwrap().status.success() {
            left_out("root and mounts, for a copy of /etc that only it sees");
            return None;
        }
        copy_etc(&etc);
        let home = folder.path().join("home");
        std::fs::create_dir_all(home.join(".ssh")).unwrap();
        let words = [
            "--non-unique",
            "--uid",
            "0",
            "--gid",
            "0",
            "--no-create-home",
        ];
        // No password opens it, but sshd lets nobody into an account that is locked.
        let more = [
            "--password",
            "*",
            "--home-dir",
            home.to_str().unwrap(),
            "--shell",
            "/bin/bash",
            ACCOUNT,
        ];
        done(&mut inside(
            &etc,
            "useradd",
            &[&words[..], &more[..]].concat(),
        ));
        let (address, public) = sshd(folder.path());
        let host = Self {
            resource: resource(),
            account: ACCOUNT.to_owned(),
            endpoint: Endpoint {
                address: address.to_string(),
                host_keys: vec![public],
                accounts: vec![ACCOUNT.to_owned()],
            },
            folder,
        };
        host.authorize("");
        Some(host)
    }

    /// What the family's suite is told of a rotator of the value that opens the account.
    pub fn specimen<'a>(&self, rotator: &'a dyn Rotator, present: &[u8]) -> Specimen<'a> {
        Specimen {
            rotator,
            resource: self.resource.clone(),
            endpoint: self.endpoint.clone(),
            account: self.account.clone(),
            present: present.to_vec(),
            unreachable: Endpoint {
                address: "127.0.0.1:1".to_owned(),
                ..self.endpoint.clone()
            },
        }
    }

    /// Its `authorized_keys`.
    pub fn keys_file(&self) -> PathBuf {
        self.folder.path().join("home/.ssh/authorized_keys")
    }

    /// Replaces its `authorized_keys`.
    pub fn authorize(&self, lines: &str) {
        std::fs::write(self.keys_file(), lines).unwrap();
    }

    /// What its `authorized_keys` holds.
    pub fn authorized(&self) -> String {
        std::fs::read_to_string(self.keys_file()).unwrap()
    }

    /// Gives it a password.
    pub fn set_password(&self, password: &str) {
        use std::io::Write as _;
        let etc = self.folder.path().join("etc");
        let mut chpasswd = inside(&etc, "chpasswd", &[]);
        let mut child = chpasswd.stdin(Stdio::piped()).spawn().unwrap();
        let line = format!("{ACCOUNT}:{password}\n");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
    }
}

/// A program that sees the copy in the place of `/etc`.
fn inside(etc: &Path, program: &str, words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command
        .arg("mount --bind \"$0\" /etc && exec \"$@\"")
        .arg(etc);
    command.arg(program).args(words);
    command
}

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn resource() -> Resource {
    Resource {
        id: ResourceId::from_parts(Timestamp::from_millis(1), [5; 10]),
        name: "web-1".to_owned(),
        kind: "ssh".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: std::collections::BTreeSet::new(),
        credential: Some("web-1-keeper".to_owned()),
        settings: serde_json::json!({}),
    }
}

/// An sshd a connection, on sockets we accept ourselves; it ends with the test's process.
fn sshd(folder: &Path) -> (SocketAddr, String) {
    let host_key = HostKey::generate(&Secret::new([0x41; 32]));
    let key_file = folder.join("host");
    std::fs::write(&key_file, host_key.openssh().unwrap().expose()).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = folder.join("sshd_config");
    let text = format!(
        "HostKey {}\nPermitRootLogin yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n\
         UsePAM no\nStrictModes no\nPidFile none\n",
        key_file.display()
    );
    std::fs::write(&config, text).unwrap();
    // sshd wants it, and only root may make it.
    let _ = std::fs::create_dir_all("/run/sshd");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let etc = folder.join("etc");
    std::thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            answer(socket, &etc, &config);
        }
    });
    (address, host_key.public().to_string())
}

fn answer(socket: TcpStream, etc: &Path, config: &Path) {
    let input = OwnedFd::from(socket.try_clone().unwrap());
    let mut sshd = inside(
        etc,
        "/usr/sbin/sshd",
        &["-i", "-f", config.to_str().unwrap()],
    )
    .stdin(Stdio::from(input))
    .stdout(Stdio::from(OwnedFd::from(socket)))
    .stderr(Stdio::null())
    .spawn()
    .expect("/usr/sbin/sshd (package openssh-server)");
    std::thread::spawn(move || sshd.wait());
}
