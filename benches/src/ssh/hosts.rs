//! The hosts: a real sshd as the target, a second one that hops to it with OpenSSH's own client, and the
//! client's configuration for every way there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Failure;
use crate::client::text;
use crate::process::Process;
use crate::world::World;

use super::config::{self, Entry};
use super::sshd::{Sshd, finish, keygen};

/// The target's name at the gateway.
pub const RESOURCE: &str = "bench";

/// What the target and the hop are known as to those who come straight.
const KNOWN_AS: &str = "target";

/// A way to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// OpenSSH's client to OpenSSH's server.
    Direct,
    /// The same through an OpenSSH server that runs an OpenSSH client.
    Nested,
    /// Through the gateway.
    Ours,
}

impl Way {
    /// All of them, in the order in which runs take turns.
    pub const ALL: [Self; 3] = [Self::Direct, Self::Nested, Self::Ours];

    /// Its name, in the client's configuration as well.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nested => "nested",
            Self::Ours => "ours",
        }
    }
}

/// The target and the hop, running.
pub struct Hosts {
    pub account: String,
    /// Whether the account is another than ours: servers are started as it, and their files are its own.
    foreign: bool,
    /// What the servers need.
    folder: PathBuf,
    /// What the client needs.
    own: PathBuf,
    target: Sshd,
    hop: Sshd,
}

impl Hosts {
    /// Starts them, and brings the target in as a resource that its owners sign.
    pub async fn start(world: &World) -> Result<Self, Failure> {
        let (account, foreign) = account(world).await?;
        let home = if foreign { "web/bench" } else { "bench-host" };
        let mut hosts = Self {
            account,
            foreign,
            folder: world.folder().join(home),
            own: world.folder().join("bench"),
            target: Sshd::on_free_port()?,
            hop: Sshd::on_free_port()?,
        };
        let host_key = hosts.make_keys()?;
        let authority = hosts.bring_in(world, host_key.trim()).await?;
        std::fs::write(hosts.folder.join("authority.pub"), authority)?;
        hosts.write_clients(world)?;
        let mut settings = config::server(&hosts.folder, &hosts.hop.address());
        settings += &config::hop(&hosts.folder);
        let place = hosts.place("hop.conf", &settings)?;
        let account = hosts.runs_as().map(str::to_owned);
        hosts.hop.start(&place, account.as_deref()).await?;
        hosts.offer(None).await?;
        Ok(hosts)
    }

    /// Keys of the servers, of the hop as a client, and of the client; gives the servers' public one.
    fn make_keys(&self) -> Result<String, Failure> {
        std::fs::create_dir(&self.folder)?;
        std::fs::create_dir(&self.own)?;
        let host_key = keygen(&self.folder.join("host_key"))?;
        let known = keygen(&self.folder.join("hop"))? + &keygen(&self.own.join("key"))?;
        std::fs::write(self.folder.join("authorized_keys"), known)?;
        for folder in [&self.folder, &self.own] {
            std::fs::write(folder.join("known_hosts"), format!("{KNOWN_AS} {host_key}"))?;
        }
        Ok(host_key)
    }

    fn write_clients(&self, world: &World) -> Result<(), Failure> {
        let (target, hop) = (self.target.address(), self.hop.address());
        let known = [&self.folder, &self.own].map(|folder| folder.join("known_hosts"));
        let [of_hop, of_client] = &known;
        let straight = |name, address, key, known_hosts| Entry {
            name,
            address,
            user: &self.account,
            key,
            known_hosts,
            known_as: KNOWN_AS,
        };
        let key = self.folder.join("hop");
        let inner = config::client(&[straight("target", &target, &key, of_hop)]);
        std::fs::write(self.folder.join("ssh_config"), inner)?;

        let (key, door) = (self.own.join("key"), world.ssh_door()?);
        let ours = Entry {
            name: Way::Ours.name(),
            address: &door,
            user: &format!("{}@{RESOURCE}", self.account),
            key: &world.folder().join("rosa_ed25519"),
            known_hosts: &world.folder().join("known_hosts"),
            known_as: &format!("portcullis-{}", door.replace(':', "-")),
        };
        let all = config::client(&[
            straight(Way::Direct.name(), &target, &key, of_client),
            straight(Way::Nested.name(), &hop, &key, of_client),
            ours,
        ]);
        Ok(std::fs::write(self.own.join("ssh_config"), all)?)
    }

    /// Adds the target; gives the authority it has to trust.
    async fn bring_in(&self, world: &World, host_key: &str) -> Result<String, Failure> {
        let resource = json!({
            "name": RESOURCE, "kind": "ssh", "environment": "production",
            "sensitivity": "internal", "owners": ["olaf"], "credential": null,
            "settings": {
                "address": self.target.address(),
                "account": self.account,
                "host_keys": [host_key],
            },
        });
        let put = world.post("olaf", "/resources", &resource).await?;
        let change = put.get("change").unwrap_or(&Value::Null);
        let body = json!({ "digest": text(change, "/digest") });
        for owner in ["iris", "pia"] {
            let path = format!("/changes/{}/sign", text(change, "/id"));
            world.post(owner, &path, &body).await?;
        }
        let mut lines = text(&put, "/instructions").lines();
        let authority = lines.find(|line| !line.starts_with('#') && line.contains(' '));
        Ok(authority.ok_or("the authority was not told")?.to_owned() + "\n")
    }

    /// Starts the target anew; with a cipher, it offers that one and no other, to everybody.
    pub async fn offer(&mut self, cipher: Option<&str>) -> Result<(), Failure> {
        let mut settings = config::server(&self.folder, &self.target.address());
        settings.extend(cipher.map(|cipher| format!("Ciphers {cipher}\n")));
        let place = self.place("target.conf", &settings)?;
        let account = self.runs_as().map(str::to_owned);
        self.target.start(&place, account.as_deref()).await
    }

    fn runs_as(&self) -> Option<&str> {
        self.foreign.then_some(self.account.as_str())
    }

    /// Writes a server's settings, and gives the account everything that servers need.
    fn place(&self, name: &str, settings: &str) -> Result<PathBuf, Failure> {
        let place = self.folder.join(name);
        std::fs::write(&place, settings)?;
        if let Some(account) = self.runs_as() {
            let owner = format!("{account}:{account}");
            finish(Command::new("chown").args(["-R", &owner]).arg(&self.folder))?;
        }
        Ok(place)
    }

    /// The target's listening process.
    pub fn target(&self) -> Result<Process, Failure> {
        self.target.process()
    }

    /// A folder that the target's account can read.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// OpenSSH's client on a way; what it is to do is added.
    pub fn ssh(&self, way: Way, options: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.own.join("ssh_config"));
        ssh.args(options).arg(way.name());
        ssh.stdin(Stdio::null()).stderr(Stdio::null());
        ssh
    }
}

/// The account of the demo's own host, which cannot read the installation; without that host, ours.
async fn account(world: &World) -> Result<(String, bool), Failure> {
    let all = world.get("olaf", "/resources").await?;
    let mut all = all.as_array().into_iter().flatten();
    if let Some(web) = all.find(|resource| text(resource, "/name") == "web-1") {
        return Ok((text(web, "/settings/account").to_owned(), true));
    }
    let own = finish(Command::new("id").arg("-un"))?;
    Ok((own.trim().to_owned(), false))
}
