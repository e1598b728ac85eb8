//! Targets of an installation that is no demo: a real sshd of one's own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portcullis_ports::conformance::port::Port;
use portcullis_ports::conformance::postgres_server::PostgresServer;

use crate::client::{feed, until};
use crate::world::said;

/// A running sshd that logs the present account in: by one key, and by certificates of one authority. Shells find
/// none of the account's rc files.
pub struct Sshd {
    child: Child,
    port: Port,
    folder: PathBuf,
}

impl Sshd {
    /// Starts it in `folder`.
    pub fn start(folder: &Path, public_key: &str, authority: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        keygen(&folder.join("host_key"));
        std::fs::write(folder.join("authorized_keys"), public_key).unwrap();
        std::fs::write(folder.join("authority.pub"), authority).unwrap();
        // Only root may make it, and only root's sshd needs it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let port = Port::take().unwrap();
        let (number, at) = (port.number(), folder.display());
        let settings = format!(
            "ListenAddress 127.0.0.1:{number}\nHostKey {at}/host_key\n\
             TrustedUserCAKeys {at}/authority.pub\nAuthorizedKeysFile {at}/authorized_keys\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n\
             PermitRootLogin yes\nStrictModes no\nPidFile none\nLogLevel DEBUG3\nSetEnv HOME={at}\n"
        );
        std::fs::write(folder.join("sshd_config"), settings).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("/usr/sbin/sshd (package openssh-server)");
        until("the sshd listens", || {
            std::net::TcpStream::connect(("127.0.0.1", number)).is_ok()
        });
        Self {
            child,
            port,
            folder: folder.to_path_buf(),
        }
    }

    /// The settings of a resource that is this host.
    pub fn settings(&self) -> [String; 3] {
        let key = std::fs::read_to_string(self.folder.join("host_key.pub")).unwrap();
        [
            format!("address=127.0.0.1:{}", self.port.number()),
            format!("account={}", account()),
            format!("host_keys=[{:?}]", key.trim()),
        ]
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A database with a role that can be lent to rosa.
pub fn database(password: &str, password_of_rosa: &str) -> PostgresServer {
    let database = PostgresServer::start().unwrap();
    let statements = format!(
        "CREATE ROLE portcullis LOGIN CREATEROLE PASSWORD '{password}';
         GRANT pg_signal_backend, pg_read_all_stats TO portcullis;
         CREATE ROLE rosa LOGIN PASSWORD '{password_of_rosa}';
         CREATE ROLE reader NOLOGIN;
         CREATE TABLE orders (id int);
         GRANT SELECT ON orders TO reader;"
    );
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
    psql.arg(database.admin_url("postgres"));
    let output = feed(psql, statements.as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    database
}

/// Makes a key pair at a path.
pub fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

/// The account that runs the tests.
fn account() -> String {
    let id = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}
