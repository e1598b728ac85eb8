//! A real sshd on a port of its own, and the small programs that prepare one.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::process::Process;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often it is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A server's port, and its process while it runs.
pub struct Sshd {
    port: u16,
    child: Option<Child>,
}

impl Sshd {
    /// Finds a free port; nothing runs yet.
    pub fn on_free_port() -> Result<Self, Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { port, child: None })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its listening process.
    pub fn process(&self) -> Result<Process, Failure> {
        let child = self.child.as_ref().ok_or("the sshd is not running")?;
        Ok(Process(child.id()))
    }

    /// Starts it, anew when it runs already; as an account when one is named.
    pub async fn start(&mut self, config: &Path, account: Option<&str>) -> Result<(), Failure> {
        self.stop();
        let mut command = match account {
            None => Command::new("/usr/sbin/sshd"),
            Some(account) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", account, "--regid", account, "--init-groups"]);
                command.args(["--", "/usr/sbin/sshd"]);
                command
            }
        };
        command.args(["-D", "-e", "-f"]).arg(config);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = command.spawn();
        self.child = Some(started.map_err(|error| format!("starting sshd: {error}"))?);
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let listening = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(LOOK_AGAIN).await;
            }
        };
        let listening = timeout(PATIENCE, listening).await;
        Ok(listening
            .map_err(|_| format!("sshd did not start in time with {}", config.display()))?)
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; either way it is gone.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a key pair; gives the public one.
pub fn keygen(place: &Path) -> Result<String, Failure> {
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"];
    finish(Command::new("ssh-keygen").args(words).arg(place))?;
    Ok(std::fs::read_to_string(place.with_extension("pub"))?)
}

/// Runs a program to its end; gives what it printed.
pub fn finish(command: &mut Command) -> Result<String, Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {said}", output.status).into())
}
