//! Throwaway system users: the targets' servers run as somebody who cannot read the data folder.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use super::programs::run;

/// What the names of throwaway users begin with; their purpose and the demo's process follow.
pub(super) const PREFIX: &str = "pc-";

/// How long a server may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is tried to remove a user whose last processes are just ending, and how long each time.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// A system user that goes when it is dropped; or, without root, the present one.
pub(crate) struct Account {
    name: String,
    made: bool,
}

/// The signal that makes a server end at once and leave nothing behind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Farewell {
    /// What most programs end by.
    Terminate,
    /// What PostgreSQL calls an immediate shutdown.
    Quit,
}

impl Farewell {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Quit => "QUIT",
        }
    }

    fn signal(self) -> Signal {
        match self {
            Self::Terminate => Signal::TERM,
            Self::Quit => Signal::QUIT,
        }
    }

    /// Ends a child by it, or by force when it takes too long.
    pub(crate) async fn say_to(self, mut child: Child) {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // It may have ended by itself; either way it is gone.
            let _ = kill_process(id, self.signal());
        }
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}

/// Whether system users can be made.
pub(crate) fn can_be_made() -> bool {
    rustix::process::geteuid().is_root()
}

impl Account {
    /// Makes a system user whose home is `home`. It belongs to the group `tty`, so that an sshd that
    /// runs as it may hand terminals out where the system does not set their group by itself.
    pub(crate) async fn make(purpose: &str, home: &Path) -> anyhow::Result<Self> {
        let account = Self {
            name: format!("{PREFIX}{purpose}-{}", std::process::id()),
            made: true,
        };
        let home = home
            .to_str()
            .context("the temporary folder's name is not UTF-8")?;
        let words = [
            "--system",
            "--no-create-home",
            "--user-group",
            "--home-dir",
            home,
            "--shell",
            "/bin/bash",
            "--groups",
            "tty",
        ];
        run("useradd", words.iter().copied().chain([account.name()])).await?;
        run("chown", ["-R", &format!("{0}:{0}", account.name), home]).await?;
        Ok(account)
    }

    /// The user this program runs as.
    pub(crate) async fn present() -> anyhow::Result<Self> {
        let name = run("id", ["-un"]).await?;
        Ok(Self {
            name: name.trim().to_owned(),
            made: false,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs as this user, and gets `farewell` when this process is gone, however it went.
    pub(crate) fn command(&self, program: &str, farewell: Farewell) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("setpriv");
        command.args(["--pdeathsig", farewell.name()]);
        if self.made {
            command.args(["--reuid", &self.name, "--regid", &self.name]);
            command.arg("--init-groups");
        }
        command.args(["--", program]);
        command
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.made {
            remove(&self.name);
        }
    }
}

/// Ends what runs as a throwaway user, and removes it.
#[expect(
    clippy::disallowed_methods,
    reason = "called from drops, which cannot wait, when nothing else is left to run"
)]
pub(super) fn remove(name: &str) {
    for _ in 0..TRIES {
        let Some(uid) = uid_of(name) else { return };
        // What still runs as this user would keep it from going.
        for process in processes_of(uid) {
            let _ = kill_process(process, Signal::KILL);
        }
        let removed = std::process::Command::new("userdel").arg(name).output();
        if removed.is_ok_and(|output| output.status.success()) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn uid_of(name: &str) -> Option<u32> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut users = users.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// By what the kernel says of each: the owner of its folder below `/proc` may be root all the same.
fn processes_of(uid: u32) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let runs_as = |status: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        line.and_then(|ids| ids.split_whitespace().next()?.parse().ok()) == Some(uid)
    };
    entries
        .filter(|entry| {
            std::fs::read_to_string(entry.path().join("status")).is_ok_and(|text| runs_as(&text))
        })
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}
