//! A host with accounts and programs to be made tasks of: a real sshd that takes whatever a client's environment
//! brings, in copies of `/etc` and `/usr/sbin` that only it sees. That takes root and a mount; without either, tests are
//! left out if they may be.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portcullis_ports::conformance::machine::{copy_etc, copy_folder, left_out};
use portcullis_ports::conformance::port::Port;
use tempfile::TempDir;

use crate::client::until;
use crate::targets::keygen;
use crate::world::{World, said, text};

/// The account of the tasks.
pub const ACCOUNT: &str = "ops";

/// The host's name to Portcullis.
pub const HOST: &str = "host-1";

pub struct TaskHost {
    sshd: Child,
    port: Port,
    folder: TempDir,
}

impl TaskHost {
    /// Starts it and adds it to a world as a resource of olaf's; nothing where that is not possible.
    pub fn start(world: &World) -> Option<Self> {
        // Not below a folder that begins with a dot, which no task's path does.
        let folder = tempfile::Builder::new()
            .prefix("task-host-")
            .tempdir()
            .unwrap();
        let at = folder.path();
        for part in ["etc", "sbin"] {
            std::fs::create_dir(at.join(part)).unwrap();
        }
        if !inside(at, "true", &[]).output().unwrap().status.success() {
            left_out("root and mounts, for a copy of /etc that only it sees");
            return None;
        }
        copy_etc(&at.join("etc"));
        copy_folder("/usr/sbin", &at.join("sbin"));
        allow(at, 0o755);
        for part in ["home", "bin"] {
            std::fs::create_dir(at.join(part)).unwrap();
            allow(&at.join(part), 0o755);
        }
        let (port, sshd) = sshd(
            at,
            &text(&world.json("olaf", &["ledger", "key"], 0)["ssh_authority"]),
        );
        let host = Self { sshd, port, folder };
        // What this machine's root has its shell do is nothing to a test.
        host.rehome("root", &host.folder("home/root", 0o700));
        host.add_account(ACCOUNT);
        host.introduce(world);
        Some(host)
    }

    fn introduce(&self, world: &World) {
        let key = std::fs::read_to_string(self.path("host_key.pub")).unwrap();
        let address = format!("address=127.0.0.1:{}", self.port.number());
        let keys = format!("host_keys=[{:?}]", key.trim());
        let words = [
            "resources",
            "add",
            HOST,
            "--kind",
            "ssh",
            "--environment",
            "staging",
            "--owner",
            "olaf",
            "--set",
            &address,
            "--set",
            "account=ops",
            "--set",
            "accounts=[\"root\", \"other\"]",
            "--set",
            &keys,
        ];
        world.signed("olaf", &words);
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes an account whose home is not its own to write.
    pub fn add_account(&self, name: &str) {
        let home = self.path("home").join(name);
        std::fs::create_dir(&home).unwrap();
        allow(&home, 0o755);
        let home = home.to_str().unwrap();
        let words = [
            "--no-create-home",
            "--user-group",
            "--password",
            "*",
            "--home-dir",
            home,
            "--shell",
            "/bin/sh",
            name,
        ];
        self.done("useradd", &words);
    }

    /// Runs a program that sees the host's `/etc`.
    pub fn done(&self, program: &str, words: &[&str]) {
        let output = inside(self.folder.path(), program, words).output().unwrap();
        assert!(
            output.status.success(),
            "{program} {words:?}: {}",
            said(&output)
        );
    }

    /// Writes a script that root owns and everybody runs; its path.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.path("bin").join(name);
        std::fs::write(&path, text).unwrap();
        allow(&path, 0o755);
        path.to_str().unwrap().to_owned()
    }

    /// Makes a folder of root's; its path.
    pub fn folder(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).unwrap();
        allow(&path, mode);
        path
    }

    /// Says of an account that its home is elsewhere. `usermod` refuses it while the account's last process ends.
    pub fn rehome(&self, account: &str, home: &Path) {
        let list = self.path("etc/passwd");
        let lines = std::fs::read_to_string(&list).unwrap();
        let lines = lines.lines().map(|line| {
            let mut fields: Vec<_> = line.split(':').collect();
            if fields[0] == account {
                fields[5] = home.to_str().unwrap();
            }
            fields.join(":") + "\n"
        });
        std::fs::write(&list, lines.collect::<String>()).unwrap();
    }

    /// Gives a path to an account.
    pub fn give(&self, to: &str, path: &Path) {
        self.done("chown", &["-h", to, path.to_str().unwrap()]);
    }

    /// Has a `sudo` there that lets everybody do everything, or none.
    pub fn may_by_sudo(&self, may: bool) {
        let path = self.path("sbin/sudo");
        if may {
            std::fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
            allow(&path, 0o755);
        } else {
            std::fs::remove_file(&path).unwrap();
        }
    }
}

impl Drop for TaskHost {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

pub fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A program that sees the copies in the place of `/etc` and `/usr/sbin`.
fn inside(folder: &Path, program: &str, words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command
        .arg("mount --bind \"$0/etc\" /etc && mount --bind \"$0/sbin\" /usr/sbin && exec \"$@\"");
    command.arg(folder).arg(program).args(words);
    command
}

/// The worst there is: it takes every variable, reads `~/.ssh/environment`, and runs `~/.ssh/rc`.
fn sshd(folder: &Path, authority: &str) -> (Port, Child) {
    keygen(&folder.join("host_key"));
    std::fs::write(folder.join("authority.pub"), authority).unwrap();
    // Only root may make it, and only root's sshd needs it.
    let _ = std::fs::create_dir_all("/run/sshd");
    let port = Port::take().unwrap();
    let (number, at) = (port.number(), folder.display());
    let settings = format!(
        "ListenAddress 127.0.0.1:{number}\nHostKey {at}/host_key\nTrustedUserCAKeys {at}/authority.pub\n\
         AuthorizedKeysFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n\
         PermitRootLogin yes\nStrictModes no\nPidFile none\nAcceptEnv *\nPermitUserEnvironment yes\n\
         PermitUserRC yes\nLogLevel DEBUG1\n"
    );
    std::fs::write(folder.join("sshd_config"), settings).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let config = folder.join("sshd_config");
    let child = inside(
        folder,
        "/usr/sbin/sshd",
        &["-D", "-e", "-f", config.to_str().unwrap()],
    )
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .stderr(log)
    .spawn()
    .expect("/usr/sbin/sshd (package openssh-server)");
    until("the sshd listens", || {
        std::net::TcpStream::connect(("127.0.0.1", number)).is_ok()
    });
    (port, child)
}
