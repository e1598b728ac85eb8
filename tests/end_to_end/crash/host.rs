//! A host that can crash: a real sshd with an account of its own, in namespaces that end with it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portcullis_ports::conformance::machine::{copy_etc, left_out};
use portcullis_ports::conformance::port::Port;

use crate::client::until;
use crate::targets::keygen;

/// Its account, root's equal there, so that it may change passwords.
pub const ACCOUNT: &str = "keeper";

/// What runs as its first process: sees a copy of `/etc`, no process but its own, and no disk of the server's.
const BEGIN: &str = "mount --bind \"$0\" /etc && mount -t proc proc /proc && \
                     { umount -l \"$1\" 2>&- ; shift; exec \"$@\"; }";

/// A host with one account, let in by keys in its home and by certificates of one authority.
pub struct Host {
    folder: PathBuf,
    port: Port,
    runs: Option<Child>,
}

impl Host {
    /// Makes it in `folder`; nothing where that is not possible.
    pub fn start(folder: &Path, port: Port, public_key: &str, authority: &str) -> Option<Self> {
        let ssh = folder.join("home/.ssh");
        std::fs::create_dir_all(&ssh).unwrap();
        let etc = folder.join("etc");
        std::fs::create_dir(&etc).unwrap();
        let number = port.number();
        let mut host = Self {
            folder: folder.to_path_buf(),
            port,
            runs: None,
        };
        if !host.inside("true").output().unwrap().status.success() {
            left_out("root, mounts and namespaces, for a host of its own");
            return None;
        }
        copy_etc(&etc);
        let home = folder.join("home").display().to_string();
        let words = "--non-unique --uid 0 --gid 0 --no-create-home --password * --shell /bin/sh";
        let mut useradd = host.inside("useradd");
        useradd.args(words.split(' ').chain(["--home-dir", &home, ACCOUNT]));
        assert!(useradd.status().unwrap().success(), "useradd");
        keygen(&folder.join("host_key"));
        std::fs::write(ssh.join("authorized_keys"), public_key).unwrap();
        std::fs::write(folder.join("authority.pub"), authority).unwrap();
        // Only root may make it, and only root's sshd needs it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let at = folder.display();
        let settings = format!(
            "ListenAddress 127.0.0.1:{number}\nHostKey {at}/host_key\nTrustedUserCAKeys {at}/authority.pub\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nPermitRootLogin yes\n\
             StrictModes no\nPidFile none\nMaxStartups 200\n"
        );
        std::fs::write(folder.join("sshd_config"), settings).unwrap();
        host.start_again();
        Some(host)
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--pid", "--fork"]);
        command.args(["--kill-child=KILL", "sh", "-c", BEGIN]);
        let disk = self.folder.with_file_name("product").join("data");
        let etc = self.folder.join("etc");
        command.args([&etc, &disk]).arg(program);
        command
    }

    /// Starts what crashed, where it was.
    pub fn start_again(&mut self) {
        let log = std::fs::File::options();
        let log = log.clone().create(true).append(true).clone();
        let log = log.open(self.folder.join("log")).unwrap();
        let mut sshd = self.inside("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"])
            .arg(self.folder.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.runs = Some(sshd.spawn().expect("unshare"));
        until("the host listens", || self.listens());
    }

    /// Ends it and everything that runs there.
    pub fn crash(&mut self) {
        if let Some(mut first) = self.runs.take() {
            first.kill().unwrap();
            first.wait().unwrap();
            until("the host is gone", || !self.listens());
        }
    }

    fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port.number())).is_ok()
    }

    /// The settings of a resource that is this host.
    pub fn settings(&self) -> [String; 3] {
        let key = std::fs::read_to_string(self.folder.join("host_key.pub")).unwrap();
        [
            format!("address=127.0.0.1:{}", self.port.number()),
            format!("account={ACCOUNT}"),
            format!("host_keys=[{:?}]", key.trim()),
        ]
    }

    /// The keys that its account is let in by.
    pub fn authorized(&self) -> String {
        std::fs::read_to_string(self.folder.join("home/.ssh/authorized_keys")).unwrap()
    }

    /// Whether it lets a key in: asked by a plain client.
    pub fn accepts(&self, key: &Path) -> bool {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ]);
        ssh.args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ]);
        ssh.args(["-p", &self.port.number().to_string(), "-i"])
            .arg(key);
        ssh.args([&format!("{ACCOUNT}@127.0.0.1"), "true"]);
        ssh.output().unwrap().status.success()
    }

    /// The processes whose arguments hold a text.
    pub fn running(&self, marker: &str) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let home = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            if line.contains(marker) && home.starts_with(&self.folder) {
                found.push(format!("{}: {line}", entry.file_name().display()));
            }
        }
        found
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.crash();
    }
}
