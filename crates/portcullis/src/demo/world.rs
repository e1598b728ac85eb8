//! The demo's world: an installation, its targets and its people, under one temporary folder.

use std::path::{Path, PathBuf};

use anyhow::Context;
use portcullis_engine::{Beginning, Unlock};
use portcullis_model::Secret;
use portcullis_ports::Sealer;
use portcullis_ports::clock::random;
use portcullis_store::AgeSealer;
use portcullis_vault::KdfCost;

use super::accounts::{self, Account};
use super::folder::Folder;
use super::hosts::Hosts;
use super::people::{self, CommandLine, PASSWORD, ssh_key};
use super::postgres::{Passwords, Postgres};
use super::setup::bring_in;
use crate::output;
use crate::server::config::Config;
use crate::server::folder::{DataFolder, replace_private};
use crate::server::serve::{Server, Start};
use crate::server::{OsEntropy, init};

/// A running world. Everything in it goes with it.
pub(crate) struct World {
    server: Server,
    postgres: Postgres,
    hosts: Option<Hosts>,
    pub(crate) cli: CommandLine,
    pub(crate) ledger_key: String,
    folder: Folder,
}

impl World {
    /// Makes it.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = Folder::make()?;
        let path = folder.path().to_path_buf();
        let passwords = Passwords {
            admin: made_up(),
            rosa: made_up(),
        };
        let (auditor, recipient) = AgeSealer.generate();
        replace_private(&path.join("auditor.age"), auditor.expose().as_bytes())?;

        let (server, founded) = serve(&path, recipient).await?;
        let engine = server.engine();
        let postgres = Postgres::start(
            account("db", &path.join("db")).await?,
            &path.join("db"),
            &passwords,
        )
        .await?;
        let hosts = start_hosts(&path, engine.ssh_authority()).await?;
        people::enroll(engine, &path, founded.tokens).await?;
        let cli = CommandLine {
            world: path.clone(),
            server: format!("https://{}", server.https),
            certificate: path.join("data/tls/certificate.pem"),
        };
        bring_in(&cli, &postgres, &passwords, hosts.as_ref()).await?;
        let world = Self {
            server,
            postgres,
            hosts,
            cli,
            ledger_key: founded.ledger_key,
            folder,
        };
        world.write_files(&passwords).await?;
        Ok(world)
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The hosts, where there are any to log in to.
    pub(crate) const fn hosts(&self) -> Option<&Hosts> {
        self.hosts.as_ref()
    }

    /// The database's port.
    pub(crate) const fn postgres_port(&self) -> u16 {
        self.postgres.port()
    }

    /// The file with rosa's own database password.
    pub(crate) fn pgpass(&self) -> PathBuf {
        self.path().join("pgpass")
    }

    /// The configuration that makes `ssh web-1` work.
    pub(crate) fn ssh_config(&self) -> PathBuf {
        self.path().join("ssh_config")
    }

    async fn write_files(&self, passwords: &Passwords) -> anyhow::Result<()> {
        let line = format!(
            "127.0.0.1:{}:*:rosa:{}\n",
            self.postgres_port(),
            passwords.rosa
        );
        replace_private(&self.pgpass(), line.as_bytes())?;
        let mut exports: Vec<_> = self
            .cli
            .environment()
            .into_iter()
            .map(|(name, value)| format!("export {name}={value}"))
            .collect();
        exports.push(format!("export PGPASSFILE={}", self.pgpass().display()));
        exports.push(format!("export LEDGER_KEY={}", self.ledger_key));
        exports.push(format!("export PATH={}:$PATH", own_folder()?.display()));
        replace_private(
            &self.path().join("env"),
            (exports.join("\n") + "\n").as_bytes(),
        )?;
        let known_hosts = self.path().join("known_hosts");
        let key_file = ssh_key(self.path());
        let words = [
            "ssh-config",
            "--identity-file",
            &key_file.display().to_string(),
            "--known-hosts",
            &known_hosts.display().to_string(),
        ];
        let config = self.cli.must("olaf", &words, None).await?;
        let config = config
            .get("ssh_config")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        std::fs::write(self.ssh_config(), config)?;
        // Who set it up is nobody's default: a plain command is to say that nobody is signed in.
        self.cli.leave_nobody_current()
    }

    /// What there is to try, in five steps.
    pub(crate) fn welcome(&self) -> String {
        let path = self.path().display();
        let host = if self.hosts.is_some() {
            format!(
                "4. portcullis --as rosa request web-1 shell --reason try   (approve as olaf and as pia); then, with a code of rosa's: ssh -F {path}/ssh_config web-1   (web-2 likewise: its key is in the vault)"
            )
        } else {
            "4. (the hosts are left out: they need root, so that their accounts cannot read this installation)".to_owned()
        };
        format!(
            "Portcullis listens at https://{} (SSH door {}). In another terminal:\n\n\
             1. . {path}/env      # everybody's password is \"{PASSWORD}\"; codes: portcullis demo code NAME\n\
             2. portcullis login olaf; portcullis login pia; portcullis login rosa; portcullis --as rosa preview analytics read\n\
             3. portcullis --as rosa request analytics read --reason try --for 10m   (portcullis --as olaf approve req_…); then: psql postgresql://rosa@127.0.0.1:{}/analytics -c 'SELECT * FROM orders'\n\
             {host}\n\
             5. portcullis --as olaf ledger prove req_… --out story.evidence; portcullis ledger verify story.evidence --key \"$LEDGER_KEY\" --of req_… --show\n\n\
             Ctrl-C ends it and leaves nothing behind.",
            self.server.https,
            self.server.ssh,
            self.postgres_port(),
        )
    }

    /// Waits until a part of its server has ended unasked; says which.
    pub(crate) async fn broken(&mut self) -> &'static str {
        self.server.broken().await
    }

    /// Stops everything.
    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.postgres.stop().await;
        if let Some(hosts) = self.hosts {
            hosts.stop().await;
        }
    }
}

async fn serve(
    path: &Path,
    auditor: String,
) -> anyhow::Result<(Server, portcullis_engine::Founded)> {
    let folder = DataFolder::create(&path.join("data"))?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let cost = KdfCost::new(19 * 1024, 2, 1)?;
    let founded = init::make(
        &folder,
        Beginning::Evaluation,
        Secret::new(made_up()),
        cost,
        &names,
    )
    .await?;
    let mut config = Config::default();
    config.listen.https.set_port(0);
    config.listen.ssh.set_port(0);
    config.tape.auditors.push(auditor);
    let start = Start {
        unlock: Unlock::Online(Secret::new(founded.online.expose().clone())),
        by: "the key it was made with".to_owned(),
        trust_clock: false,
    };
    Ok((Server::start(&folder, &config, start).await?, founded))
}

async fn account(purpose: &str, home: &Path) -> anyhow::Result<Account> {
    std::fs::create_dir(home)?;
    if accounts::can_be_made() {
        Account::make(purpose, home).await
    } else {
        Account::present().await
    }
}

async fn start_hosts(path: &Path, authority: &str) -> anyhow::Result<Option<Hosts>> {
    if accounts::can_be_made() {
        return Ok(Some(Hosts::start(path, authority).await?));
    }
    output::note(
        "demo: without root there are no accounts for hosts of their own: web-1 and web-2 are left out",
    )?;
    Ok(None)
}

/// Where this program lies: so that the demo's terminal finds it.
fn own_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program
        .parent()
        .context("this program lies nowhere")?
        .to_path_buf())
}

fn made_up() -> String {
    let number = u128::from_be_bytes(random(&OsEntropy));
    format!("{number:032x}")
}
