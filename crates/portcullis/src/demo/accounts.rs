//! Throwaway system users: the targets' servers run as somebody who cannot read the data folder.

use std::path::Path;

use anyhow::Context;

use super::programs::run;

/// A system user that goes when it is dropped; or, without root, the present one.
pub(crate) struct Account {
    name: String,
    made: bool,
}

/// Whether system users can be made.
pub(crate) fn can_be_made() -> bool {
    rustix::process::geteuid().is_root()
}

impl Account {
    /// Makes a system user whose home is `home`. It belongs to the group `tty`, so that an sshd that
    /// runs as it may hand terminals out where the system does not set their group by itself.
    pub(crate) async fn make(purpose: &str, home: &Path) -> anyhow::Result<Self> {
        let name = format!("pc-{purpose}-{}", std::process::id());
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
        run("useradd", words.iter().copied().chain([name.as_str()])).await?;
        let account = Self { name, made: true };
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

    /// A command that runs as this user.
    pub(crate) fn command(&self, program: &str) -> tokio::process::Command {
        if !self.made {
            return tokio::process::Command::new(program);
        }
        let mut command = tokio::process::Command::new("setpriv");
        command.args([
            "--reuid",
            &self.name,
            "--regid",
            &self.name,
            "--init-groups",
            "--",
            program,
        ]);
        command
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.made {
            // What still runs as this user would keep it from going.
            let _ = std::process::Command::new("pkill")
                .args(["-KILL", "-u", &self.name])
                .output();
            let _ = std::process::Command::new("userdel")
                .arg(&self.name)
                .output();
        }
    }
}
