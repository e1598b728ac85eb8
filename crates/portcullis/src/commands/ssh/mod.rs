//! `ssh` and `ssh-config`: plain OpenSSH through the SSH door.

mod accounts;
mod config;
mod include;
mod known_hosts;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

use crate::args::Global;
use crate::args::access::{SshArgs, SshConfigArgs};
use crate::client::{Api, Home};
use crate::outcome::{Outcome, Usage};
use crate::output::{self, text};
use accounts::{Accounts, Held};
use known_hosts::KnownHosts;

/// The SSH door's port when nobody says otherwise.
const DEFAULT_PORT: u16 = 2222;

/// Prints the lines that make plain `ssh TARGET` work, or keeps them where OpenSSH reads them.
pub(crate) async fn config(global: &Global, args: SshConfigArgs) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    let held = Held::by_caller(&api).await?;
    let resources = api.list("/resources").await?;
    let targets = resources.as_array().into_iter().flatten();
    let targets: Vec<_> = targets
        .filter_map(|resource| Accounts::of(resource, &held))
        .collect();
    let door = Door::find(global, &api, args.gateway.as_deref())?;
    let file = match (&args.known_hosts, args.install) {
        (Some(named), _) => named.clone(),
        (None, true) => include::folder(global)?.join("portcullis_known_hosts"),
        (None, false) => own_known_hosts(global)?,
    };
    let known = KnownHosts::keep(&file, &api, &door).await?;
    let lines = config::lines(&targets, &door, &known, &args);
    let kept = args.install.then(|| include::keep(global, &lines));
    let kept = kept.transpose()?;
    match (global.json, &kept) {
        (true, _) => output::json(&serde_json::json!({
            "ssh_config": lines, "file": kept, "known_hosts": known.path(),
        }))?,
        (false, None) => output::bytes(lines.as_bytes())?,
        (false, Some(file)) => output::line(format!(
            "{} in {}, which ~/.ssh/config includes; run this again when targets change",
            match targets.as_slice() {
                [] => "no target yet".to_owned(),
                [only] => only.target.clone(),
                many => format!("{} targets", many.len()),
            },
            file.display()
        ))?,
    }
    Ok(Outcome::Done)
}

/// Runs `ssh` through the door.
pub(crate) async fn connect(global: &Global, args: SshArgs) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    let login = if args.target.contains('@') {
        args.target.clone()
    } else {
        let resource = api.get(&format!("/resources/{}", args.target)).await?;
        let held = Held::by_caller(&api).await?;
        let accounts = Accounts::of(&resource, &held).ok_or_else(|| {
            Usage(format!(
                "{} is a {}: there is no SSH to it; `portcullis preview {} …` says how it is reached",
                args.target,
                text(&resource, "/kind"),
                args.target
            ))
        })?;
        format!("{}@{}", accounts.plain(), args.target)
    };
    let door = Door::find(global, &api, None)?;
    let known = KnownHosts::keep(&own_known_hosts(global)?, &api, &door).await?;
    let [file, strict] = known.settings();
    let status = tokio::process::Command::new("ssh")
        .args(["-p", &door.port.to_string(), "-l", &login])
        .args(["-o", &format!("HostKeyAlias={}", door.alias())])
        .args(["-o", &file, "-o", &strict])
        .arg(&door.host)
        .args(args.command)
        .status()
        .await
        .context("running ssh: is the OpenSSH client installed?")?;
    Ok(Outcome::Program(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// Where the doors' keys are kept when nobody says otherwise.
fn own_known_hosts(global: &Global) -> anyhow::Result<PathBuf> {
    Ok(Home::of(global)?.path().join("known_hosts"))
}

/// Where the SSH door is.
#[derive(Debug, PartialEq, Eq)]
struct Door {
    host: String,
    port: u16,
}

impl Door {
    /// What was named, what a server in the data folder says, or the API's host.
    fn find(global: &Global, api: &Api, named: Option<&str>) -> anyhow::Result<Self> {
        if let Some(named) = named {
            return Self::parse(named);
        }
        let host = host_of(api.server());
        let Ok(bytes) = std::fs::read(global.data.join("run/addresses.json")) else {
            return Ok(Self {
                host,
                port: DEFAULT_PORT,
            });
        };
        let said: Value = serde_json::from_slice(&bytes)?;
        let address: SocketAddr = text(&said, "/ssh").parse()?;
        let host = if address.ip().is_unspecified() {
            host
        } else {
            address.ip().to_string()
        };
        Ok(Self {
            host,
            port: address.port(),
        })
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let bare = text.trim_matches(['[', ']']);
        if bare.parse::<IpAddr>().is_ok() {
            return Ok(Self {
                host: bare.to_owned(),
                port: DEFAULT_PORT,
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (
                host,
                port.parse()
                    .map_err(|_| Usage(format!("{port:?} is no port: say HOST:PORT")))?,
            ),
            None => (text, DEFAULT_PORT),
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        })
    }

    /// The name its host key is known by, whatever target is behind it.
    fn alias(&self) -> String {
        format!("portcullis-{}-{}", self.host, self.port)
    }
}

fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    host.trim_matches(['[', ']']).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_named_with_or_without_its_port() {
        let door = |text: &str| Door::parse(text).map(|door| (door.host, door.port));
        assert_eq!(door("gate").unwrap(), ("gate".to_owned(), 2222));
        assert_eq!(door("gate:22").unwrap(), ("gate".to_owned(), 22));
        assert_eq!(door("[::1]:22").unwrap(), ("::1".to_owned(), 22));
        assert_eq!(door("::1").unwrap(), ("::1".to_owned(), 2222));
        assert!(door("gate:ssh").unwrap_err().is::<Usage>());
    }

    #[test]
    fn the_host_of_an_address_is_what_stands_before_the_port() {
        assert_eq!(host_of("https://gate.example:8443"), "gate.example");
        assert_eq!(host_of("https://gate.example/api"), "gate.example");
        assert_eq!(host_of("https://[::1]:8443"), "::1");
    }
}
