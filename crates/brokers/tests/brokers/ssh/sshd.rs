//! A real sshd in a temporary folder: one process a connection, on sockets we accept ourselves, so that
//! the port is never anybody else's. Shells find no rc files of whoever runs the tests, whose account it is.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use portcullis_model::Secret;
use portcullis_vault::ssh::SshAuthority;
use portcullis_wire::ssh::HostKey;
use tempfile::TempDir;

/// The authority the sshd trusts.
pub fn authority() -> SshAuthority {
    SshAuthority::from_seed(&Secret::new([0xca; 32]))
}

/// A key pair of a number: private and public text.
pub fn new_key(seed: u8) -> (String, String) {
    let key = HostKey::generate(&Secret::new([seed; 32]));
    let private = key.openssh().unwrap().expose().clone();
    (private, key.public().to_string())
}

/// The key that is in the accounts's `authorized_keys`, as a vaulted one would be.
pub const VAULTED: u8 = 0x5a;
const HOST: u8 = 0x40;

pub struct Sshd {
    pub address: SocketAddr,
    pub host_key: String,
    folder: TempDir,
}

impl Sshd {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (private, public) = new_key(HOST);
        write_private(&path("host"), &private);
        std::fs::write(path("ca.pub"), authority().public_openssh().unwrap()).unwrap();
        std::fs::write(path("authorized_keys"), new_key(VAULTED).1).unwrap();
        let config = format!(
            "HostKey {0}/host\nTrustedUserCAKeys {0}/ca.pub\nAuthorizedKeysFile {0}/authorized_keys\n\
             StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nUsePAM no\nPidFile none\nAcceptEnv LC_* FOO\n\
             LogLevel VERBOSE\nPrintMotd no\nSetEnv HOME={0}\n",
            folder.path().display()
        );
        std::fs::write(path("sshd_config"), config).unwrap();
        // Only root may make it, and only root's sshd needs it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (config, log) = (path("sshd_config"), path("log"));
        // Ends with the test's process.
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                answer(socket, &config, &log);
            }
        });
        Self {
            address,
            host_key: public,
            folder,
        }
    }

    /// Whoever comes with the vaulted key gets this command, whatever they ask for.
    pub fn force(&self, command: &str) {
        let line = format!("command=\"{command}\" {}", new_key(VAULTED).1);
        std::fs::write(self.folder.path().join("authorized_keys"), line).unwrap();
    }

    /// What the sshd wrote about connections so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn answer(socket: TcpStream, config: &Path, log: &Path) {
    let input = OwnedFd::from(socket.try_clone().unwrap());
    let mut sshd = Command::new("/usr/sbin/sshd")
        .args(["-i", "-f"])
        .arg(config)
        .arg("-E")
        .arg(log)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(OwnedFd::from(socket)))
        .stderr(Stdio::null())
        .spawn()
        .expect("/usr/sbin/sshd (package openssh-server)");
    std::thread::spawn(move || sshd.wait());
}

pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The account tests run as, which is the one they log in to.
pub fn account() -> String {
    let id = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}
