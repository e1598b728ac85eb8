//! A door with everything around it: a real sshd behind, a scripted control beside, OpenSSH in front.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_brokers::by_name;
use portcullis_ports::conformance::authenticator::Drawn;
use portcullis_ports::{BrokerError, BrokerSettings};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::control::{CODE, Lease, Recording, Script, Scripted, WallClock, With};
use super::sshd::{Sshd, account, new_key, write_private};

/// What a client could need at most on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// The key control knows.
pub const ANA: u8 = 1;

pub struct World {
    pub control: Arc<Scripted>,
    pub sshd: Sshd,
    pub door: SocketAddr,
    pub folder: TempDir,
    pub account: String,
    shutdown: watch::Sender<bool>,
    serving: Option<JoinHandle<Result<(), BrokerError>>>,
}

/// What a client left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl World {
    pub async fn new() -> Self {
        let sshd = Sshd::start();
        let control = Arc::new(Scripted::new(Script {
            known_key: new_key(ANA).1,
            needs_code: true,
            refuses: None,
            lease: Lease::Good,
            recording: Recording::Works,
            silent: false,
            with: With::Certificate,
            notice: String::new(),
            target: sshd.address.to_string(),
            host_keys: vec![sshd.host_key.clone()],
            idle_limit: Duration::from_mins(10),
            lasts: Duration::from_hours(1),
        }));
        let broker = by_name("ssh").unwrap();
        let (host_key, public) = broker.generate_host_key(&Drawn(42)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = listener.local_addr().unwrap();
        let (shutdown, closing) = watch::channel(false);
        let settings = BrokerSettings {
            host_key,
            control: control.clone(),
            clock: Arc::new(WallClock(Instant::now())),
            entropy: Arc::new(Drawn(43)),
            shutdown: closing,
        };
        let serving = tokio::spawn(async move { broker.serve(listener, settings).await });
        let folder = tempfile::tempdir().unwrap();
        let known = format!("[127.0.0.1]:{} {public}\n", door.port());
        std::fs::write(folder.path().join("known_hosts"), known).unwrap();
        let world = Self {
            control,
            sshd,
            door,
            folder,
            account: account(),
            shutdown,
            serving: Some(serving),
        };
        write_private(&world.path("id"), &new_key(ANA).0);
        world.answers(&[CODE]);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn user(&self) -> String {
        format!("{}@web-1", self.account)
    }

    /// What the person types at prompts, in order; the last one for ever.
    pub fn answers(&self, codes: &[&str]) {
        use std::os::unix::fs::PermissionsExt as _;
        let list = self.path("codes");
        std::fs::write(&list, codes.join("\n") + "\n").unwrap();
        let list = list.display();
        let script = format!(
            "#!/bin/sh\nhead -n 1 {list}\nif [ \"$(wc -l < {list})\" -gt 1 ]; then\n\
             sed 1d {list} > {list}.next; mv {list}.next {list}; fi\n"
        );
        std::fs::write(self.path("askpass"), script).unwrap();
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(self.path("askpass"), mode).unwrap();
    }

    /// Plain ssh, with options before the host and a command behind it.
    pub fn ssh(&self, options: &[&str], command: &[&str]) -> Command {
        self.ssh_as(&self.user(), options, command)
    }

    /// The same under another user name.
    pub fn ssh_as(&self, user: &str, options: &[&str], command: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-l", user, "-p"])
            .arg(self.door.port().to_string())
            .arg("-i")
            .arg(self.path("id"))
            .args(["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"])
            .args(["-o", "StrictHostKeyChecking=yes", "-o"])
            .arg(format!(
                "UserKnownHostsFile={}",
                self.path("known_hosts").display()
            ))
            .args(options)
            .arg("127.0.0.1")
            .args(command)
            .env("SSH_ASKPASS", self.path("askpass"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        ssh
    }

    /// Runs a command to its end.
    pub async fn run(&self, options: &[&str], command: &[&str]) -> Ran {
        ended(self.ssh(options, command).spawn().unwrap()).await
    }

    /// The same with standard input.
    pub async fn run_with(&self, options: &[&str], command: &[&str], input: &[u8]) -> Ran {
        let mut ssh = self.ssh(options, command);
        let mut child = ssh.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeding = tokio::spawn(async move {
            let _ = stdin.write_all(&input).await;
        });
        let ran = ended(child).await;
        feeding.await.unwrap();
        ran
    }

    /// Closes the door and waits until it is closed.
    pub async fn close(&mut self) {
        self.shutdown.send_replace(true);
        let serving = self.serving.take().unwrap();
        timeout(DEADLINE, serving).await.unwrap().unwrap().unwrap();
    }
}

/// Waits for a client's end.
pub async fn ended(child: Child) -> Ran {
    let output = timeout(DEADLINE, child.wait_with_output()).await;
    let output = output.expect("the client ends").unwrap();
    Ran {
        status: output.status.code(),
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits until a condition outside of control holds.
pub async fn until(what: &str, done: impl Fn() -> bool) {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !done() {
            ticks.tick().await;
        }
    };
    let waited = timeout(DEADLINE, waiting).await;
    waited.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// Whether a process of this number is there (and has not merely not been reaped).
pub fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|rest| !rest.starts_with('Z'))
}
