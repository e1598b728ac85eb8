//! A host that nobody has brought in yet: a real sshd, started as its system would, in copies of `/etc` and `/usr/sbin` and an
//! empty `/var/lib` that only it sees. Its administrator reaches it with a key of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use portcullis_ports::conformance::machine::{copy_etc, copy_folder, left_out};
use portcullis_ports::conformance::port::Port;
use tempfile::TempDir;

use crate::client::{feed, until};
use crate::targets::keygen;

/// The parts of a system that only it sees.
const PARTS: [(&str, &str); 3] = [("etc", "/etc"), ("sbin", "/usr/sbin"), ("lib", "/var/lib")];

/// What tools that add and remove accounts keep of what was before.
const BACKUPS: [&str; 6] = [
    "passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-",
];

pub struct Host {
    sshd: Child,
    port: Port,
    folder: TempDir,
}

/// Everything in a system, by its path.
pub type System = BTreeMap<PathBuf, Entry>;

/// What a file or a folder is.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    mode: u32,
    owner: (u32, u32),
    /// When it was written, where that counts.
    written: Option<i64>,
    bytes: Vec<u8>,
}

impl Host {
    /// Starts one; nothing where that is not possible.
    pub fn start() -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("new-host-")
            .tempdir()
            .unwrap();
        let at = folder.path();
        std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o755)).unwrap();
        for (part, _) in PARTS {
            std::fs::create_dir(at.join(part)).unwrap();
        }
        if !inside(at, "true", &[]).output().unwrap().status.success() {
            left_out("root and mounts, for a system that only it sees");
            return None;
        }
        copy_etc(&at.join("etc"));
        copy_folder("/usr/sbin", &at.join("sbin"));
        keygen(&at.join("admin"));
        let port = Port::take().unwrap();
        furnish(at, port.number());
        let host = Self {
            sshd: sshd(at),
            port,
            folder,
        };
        host.serves();
        Some(host)
    }

    /// The same whose sshd reads one file, so that this has to be changed.
    pub fn without_parts() -> Option<Self> {
        let host = Self::start()?;
        let config = host.path("etc/ssh/sshd_config");
        let text = std::fs::read_to_string(&config).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("Include"));
        let lines = lines.map(|line| line.to_owned() + "\n");
        std::fs::write(&config, lines.collect::<String>()).unwrap();
        Some(host)
    }

    /// Waits until its sshd serves, also again after it read its configuration anew.
    pub fn serves(&self) {
        let port = self.port.number();
        until("the sshd listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// A path in a part of its system: `etc/ssh/sshd_config`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that sees its system.
    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        inside(self.folder.path(), program, words)
    }

    /// Runs a script of ours as its root, as `enroll` does over SSH.
    pub fn script(&self, script: &str, input: &str) -> Output {
        feed(self.command("sh", &["-c", script]), input.as_bytes())
    }

    /// What the administrator's `ssh` is told beside where it goes.
    pub fn ssh_options(&self) -> Vec<String> {
        let key = self.path("admin");
        let known = self.path("known_hosts");
        let options = [
            "-F".to_owned(),
            "/dev/null".to_owned(),
            "-p".to_owned(),
            self.port().to_string(),
            "-i".to_owned(),
            key.display().to_string(),
            "-o".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "-o".to_owned(),
            "StrictHostKeyChecking=accept-new".to_owned(),
            "-o".to_owned(),
            format!("UserKnownHostsFile={}", known.display()),
        ];
        options.into()
    }

    /// Everything in its system that somebody could tell apart, but backups that tools make of their own.
    pub fn everything(&self) -> System {
        let mut all = System::new();
        for part in ["etc", "lib"] {
            gather(&self.path(part), &mut all);
        }
        all
    }

    /// Holds it against what it was; names what differs.
    pub fn is_as(&self, before: &System, when: &str) {
        same(&self.everything(), before, when);
    }

    /// Holds against what it was what is written in `/etc`, whenever that was.
    pub fn has_written(&self, whole: &System) {
        let written = |all: &System| {
            let all = all
                .iter()
                .filter(|(path, _)| path.starts_with(self.path("etc")));
            let all = all.map(|(path, entry)| {
                (
                    path.clone(),
                    Entry {
                        written: None,
                        ..entry.clone()
                    },
                )
            });
            all.collect::<System>()
        };
        same(
            &written(&self.everything()),
            &written(whole),
            "done to its end",
        );
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn same(now: &System, then: &System, when: &str) {
    let both = now.keys().chain(then.keys());
    let differs: BTreeSet<_> = both
        .filter(|path| now.get(*path) != then.get(*path))
        .collect();
    assert!(differs.is_empty(), "{when}: {differs:?}");
}

fn gather(folder: &Path, all: &mut System) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = std::fs::symlink_metadata(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if BACKUPS.contains(&name.as_str()) || name == ".pwd.lock" {
            continue;
        }
        let bytes = if about.is_symlink() {
            let to = std::fs::read_link(&path).unwrap();
            to.to_string_lossy().into_owned().into_bytes()
        } else if about.is_file() {
            std::fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        // The tools that add accounts write their lists anew; everything else of ours keeps its time.
        let of_ssh = about.is_file() && path.to_string_lossy().contains("/etc/ssh/");
        let written = of_ssh.then(|| about.mtime_nsec() + about.mtime() * 1_000_000_000);
        if about.is_dir() {
            gather(&path, all);
        }
        let entry = Entry {
            mode: about.mode(),
            owner: (about.uid(), about.gid()),
            written,
            bytes,
        };
        all.insert(path, entry);
    }
}

/// What a system of its age has: keys, rules, a database, an included folder.
fn furnish(at: &Path, port: u16) {
    let etc = at.join("etc");
    let ssh = etc.join("ssh");
    let _ = std::fs::remove_dir_all(&ssh);
    for folder in [
        "ssh/sshd_config.d",
        "ssh/keys",
        "sudoers.d",
        "postgresql/15/main",
    ] {
        std::fs::create_dir_all(etc.join(folder)).unwrap();
    }
    keygen(&ssh.join("host_key"));
    let write = |name: &str, text: String| {
        let path = etc.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    write(
        "ssh/sshd_config",
        format!(
            "Include /etc/ssh/sshd_config.d/*.conf\nListenAddress 127.0.0.1:{port}\nHostKey /etc/ssh/host_key\n\
             AuthorizedKeysFile /etc/ssh/keys/%u\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             UsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n"
        ),
    );
    let admin = std::fs::read_to_string(at.join("admin.pub")).unwrap();
    write("ssh/keys/root", admin);
    write(
        "sudoers",
        "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n".to_owned(),
    );
    write(
        "sudoers.d/deploy",
        "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl\n".to_owned(),
    );
    write(
        "postgresql/15/main/pg_hba.conf",
        "# local access\nlocal all postgres peer\nhost all legacy 10.0.0.0/8 md5\n".to_owned(),
    );
    // Numbers of accounts are the machine's: no other host of a test gives these.
    let defs = etc.join("login.defs");
    let text = std::fs::read_to_string(&defs).unwrap();
    let last = port + 9;
    let own =
        format!("SYS_UID_MIN {port}\nSYS_UID_MAX {last}\nSYS_GID_MIN {port}\nSYS_GID_MAX {last}\n");
    let text = format!("{text}\n{own}");
    std::fs::write(&defs, text).unwrap();
    // What this machine's root has its shell do is nothing to a test.
    let home = at.join("lib/root");
    std::fs::create_dir(&home).unwrap();
    let list = etc.join("passwd");
    let lines = std::fs::read_to_string(&list).unwrap();
    let lines = lines.lines().map(|line| {
        if line.starts_with("root:") {
            "root:x:0:0:root:/var/lib/root:/bin/sh\n".to_owned()
        } else {
            line.to_owned() + "\n"
        }
    });
    std::fs::write(&list, lines.collect::<String>()).unwrap();
    // Only root may make it, and only root's sshd needs it.
    let _ = std::fs::create_dir_all("/run/sshd");
}

fn sshd(at: &Path) -> Child {
    let log = std::fs::File::create(at.join("log")).unwrap();
    inside(at, "/usr/sbin/sshd", &["-D", "-e"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("/usr/sbin/sshd (package openssh-server)")
}

/// A program that sees the parts in the place of the system's own.
fn inside(at: &Path, program: &str, words: &[&str]) -> Command {
    let mounts = PARTS.map(|(part, place)| format!("mount --bind \"$0/{part}\" {place}"));
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command.arg(format!("{} && exec \"$@\"", mounts.join(" && ")));
    command.arg(at).arg(program).args(words);
    command
}
