//! The demo's database: a real PostgreSQL with something to read and something to fear.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

use super::accounts::{Account, Farewell};
use super::port::Port;
use super::programs::finish;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is in it: `analytics_read` reads, `analytics_audit` says it reads and can also write.
const CONTENT: &str = "
CREATE ROLE portcullis LOGIN CREATEROLE PASSWORD 'ADMIN_PASSWORD';
GRANT pg_signal_backend TO portcullis;
CREATE ROLE rosa LOGIN PASSWORD 'ROSA_PASSWORD';
CREATE ROLE analytics_read NOLOGIN;
CREATE ROLE analytics_audit NOLOGIN;
CREATE DATABASE analytics;
\\connect analytics
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE TABLE orders (id int PRIMARY KEY, customer text, total numeric);
INSERT INTO orders SELECT n, 'customer ' || n, n * 10 FROM generate_series(1, 20) AS n;
GRANT SELECT ON orders TO analytics_read;
GRANT SELECT, INSERT ON orders TO analytics_audit;
";

/// A running PostgreSQL.
pub(crate) struct Postgres {
    child: Child,
    port: Port,
    account: Account,
}

impl Postgres {
    /// Makes a cluster in `folder` and starts it as `account`.
    pub(crate) async fn start(
        account: Account,
        folder: &Path,
        passwords: &Passwords,
    ) -> anyhow::Result<Self> {
        let programs = programs()?;
        let data = folder.join("data");
        let mut initdb = account.command(
            &programs.join("initdb").to_string_lossy(),
            Farewell::Terminate,
        );
        initdb.args([
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--no-sync",
            "--username=postgres",
            "-D",
        ]);
        initdb.arg(&data).current_dir(folder);
        finish(initdb, None).await.context("initdb")?;
        let port = Port::take()?;
        let mut server =
            account.command(&programs.join("postgres").to_string_lossy(), Farewell::Quit);
        server
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.number().to_string(), "-h", "127.0.0.1", "-k"])
            .arg(folder);
        server
            .args(["-c", "fsync=off"])
            .current_dir(folder)
            .kill_on_drop(true);
        server
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let child = server.spawn().context("starting postgres")?;
        let running = Self {
            child,
            port,
            account,
        };
        running.fill(&programs, folder, passwords).await?;
        Ok(running)
    }

    /// Where it listens, on the loopback interface.
    pub(crate) const fn port(&self) -> u16 {
        self.port.number()
    }

    async fn fill(
        &self,
        programs: &Path,
        folder: &Path,
        passwords: &Passwords,
    ) -> anyhow::Result<()> {
        let psql = || {
            let mut psql = self.account.command(
                &programs.join("psql").to_string_lossy(),
                Farewell::Terminate,
            );
            psql.args([
                "-v",
                "ON_ERROR_STOP=1",
                "-qX",
                "-U",
                "postgres",
                "-d",
                "postgres",
                "-h",
            ]);
            psql.arg(folder)
                .args(["-p", &self.port().to_string()])
                .current_dir(folder);
            psql
        };
        let ready = async {
            while finish(psql(), Some("SELECT 1;")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready)
            .await
            .context("postgres did not start in time")?;
        let content = CONTENT
            .replace("ADMIN_PASSWORD", &passwords.admin)
            .replace("ROSA_PASSWORD", &passwords.rosa);
        finish(psql(), Some(&content))
            .await
            .context("filling the demo database")?;
        Ok(())
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        Farewell::Quit.say_to(self.child).await;
    }
}

/// The passwords in the demo database.
pub(crate) struct Passwords {
    /// Of the role that Portcullis administers it with.
    pub(crate) admin: String,
    /// Of rosa's own login.
    pub(crate) rosa: String,
}

/// Where Debian keeps PostgreSQL's server programs.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed: apt-get install postgresql")?;
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|path| path.join("initdb").exists())
        .collect();
    found.sort();
    match found.pop() {
        Some(path) => Ok(path),
        None => bail!("PostgreSQL's server is not installed: apt-get install postgresql"),
    }
}

/// A `psql` as rosa would start it.
pub(crate) fn psql(port: u16, password_file: &Path) -> Command {
    let mut psql = Command::new("psql");
    psql.env("PGPASSFILE", password_file);
    psql.arg("-XAt");
    psql.arg(format!("postgresql://rosa@127.0.0.1:{port}/analytics"));
    psql
}
