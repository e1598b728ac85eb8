//! SSH: plain OpenSSH clients to a real sshd, straight, through a nested OpenSSH hop and through the
//! gateway, in turns.

mod config;
mod crowd;
mod echo;
mod hosts;
mod revoke;
mod setup;
mod sshd;
mod terminal;
mod transfer;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failure;
use crate::client::text;
use crate::report::Report;
use crate::world::World;

use hosts::{Hosts, Way};

pub use hosts::RESOURCE;

/// A step-up counts for five minutes; one this old is made anew before it is needed.
const STALE: Duration = Duration::from_mins(3);

/// What the SSH subjects share.
pub struct Bench<'a> {
    world: &'a mut World,
    hosts: Hosts,
    stepped_up: Option<Instant>,
}

impl<'a> Bench<'a> {
    /// Starts the hosts.
    pub async fn open(world: &'a mut World) -> Result<Self, Failure> {
        let hosts = Hosts::start(world).await?;
        Ok(Self {
            world,
            hosts,
            stepped_up: None,
        })
    }

    /// The world around it.
    pub const fn world(&self) -> &World {
        self.world
    }

    /// Measures everything that was asked for.
    pub async fn run(
        &mut self,
        wanted: impl Fn(&str) -> bool,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if wanted("setup") {
            report.add(
                "ssh: setting up, and running true",
                &setup::run(self).await?,
            );
        }
        if wanted("echo") {
            report.add("ssh: the echo of one byte", &echo::run(self).await?);
        }
        if wanted("revoke") {
            self.world.refresh().await?;
            report.add(
                "ssh: idle sessions, and from revoke to dead",
                &revoke::run(self).await?,
            );
        }
        if wanted("transfer") {
            self.world.refresh().await?;
            transfer::run(self, report).await?;
        }
        Ok(())
    }

    /// Sees to it that rosa need not be asked for a code for a while.
    async fn step_up(&mut self) -> Result<(), Failure> {
        if self.stepped_up.is_some_and(|since| since.elapsed() < STALE) {
            return Ok(());
        }
        let rosa = self.world.get("rosa", "/whoami").await?;
        let body = json!({
            "code": self.world.code("rosa")?,
            "account": self.hosts.account,
            "target": RESOURCE,
            "key": text(&rosa, "/ssh_keys/0"),
        });
        self.world.post("rosa", "/step-up", &body).await?;
        self.stepped_up = Some(Instant::now());
        Ok(())
    }

    /// Gets everything that running a command on a way takes: through the gateway, two approvals of it.
    async fn allow(&mut self, way: Way, command: &str) -> Result<(), Failure> {
        if way == Way::Ours {
            self.step_up().await?;
            self.world
                .granted(RESOURCE, &["exec", "--", command])
                .await?;
        }
        Ok(())
    }

    /// Waits until a command's grant is used up: its session is over, and its tape is closed.
    async fn settled(&self, way: Way) -> Result<(), Failure> {
        if way != Way::Ours {
            return Ok(());
        }
        let grants = self.world.get("rosa", "/grants").await?;
        for grant in grants.as_array().into_iter().flatten() {
            let open = text(grant, "/status") != "revoked";
            if open && grant.pointer("/issue/uses").and_then(Value::as_str) == Some("one") {
                self.world
                    .until_grant(text(grant, "/id"), "revoked")
                    .await?;
            }
        }
        Ok(())
    }
}
