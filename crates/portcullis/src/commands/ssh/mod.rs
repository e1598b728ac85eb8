//! `ssh` and `ssh-config`: plain OpenSSH through the SSH door.

mod accounts;
mod config;
mod include;
mod known_hosts;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use portcullis_ports::control::RUN_KEY_VARIABLE;
use serde_json::Value;

use crate::args::Global;
use crate::args::access::{SshArgs, SshConfigArgs};
use crate::client::{Api, Home};
use crate::outcome::{Outcome, Stuck, Usage};
use crate::output::{self, text};
use accounts::{Accounts, Held};
use known_hosts::KnownHosts;

/// Which of the server's doors this is about.
const DOOR: &str = "ssh";

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
    let keys = api.get("/ledger/key").await?;
    let door = Door::find(&keys, api.server(), args.gateway.as_deref())?;
    let file = match (&args.known_hosts, args.install) {
        (Some(named), _) => named.clone(),
        (None, true) => include::folder(global)?.join("portcullis_known_hosts"),
        (None, false) => own_known_hosts(global)?,
    };
    let known = KnownHosts::keep(&file, &keys, api.server(), &door)?;
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
    let keys = api.get("/ledger/key").await?;
    let door = Door::find(&keys, api.server(), args.gateway.as_deref())?;
    let known = KnownHosts::keep(&own_known_hosts(global)?, &keys, api.server(), &door)?;
    let [file, strict] = known.settings();
    let status = tokio::process::Command::new("ssh")
        .args(["-p", &door.port.to_string(), "-l", &login])
        .args(["-o", &format!("HostKeyAlias={}", door.alias())])
        .args(["-o", &file, "-o", &strict])
        .args(named(args.idempotency_key.as_deref())?)
        .arg(&door.host)
        .args(args.command)
        .status()
        .await
        .context("running ssh: is the OpenSSH client installed?")?;
    Ok(Outcome::Program(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// What tells the door the run's name. A connection that is shared would tell it the name, or none, of whoever made it.
fn named(key: Option<&str>) -> Result<Vec<String>, Usage> {
    let Some(key) = key else {
        return Ok(Vec::new());
    };
    if key.is_empty()
        || !key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c))
    {
        return Err(Usage(
            "an idempotency key is made of letters, digits and -_.:/@+".to_owned(),
        ));
    }
    let options = [
        "ControlPath=none".to_owned(),
        format!("SetEnv={RUN_KEY_VARIABLE}={key}"),
    ];
    Ok(options
        .into_iter()
        .flat_map(|option| ["-o".to_owned(), option])
        .collect())
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
    /// What was named, or what the server says: by itself it names the port, and the host where it is configured with the
    /// address that people use; otherwise that is where it was reached. So it is for who reached it on its own machine,
    /// where it may listen on the loopback interface alone.
    fn find(keys: &Value, server: &str, named: Option<&str>) -> anyhow::Result<Self> {
        if let Some(named) = named {
            return Self::parse(named);
        }
        let said = keys.pointer("/doors").and_then(|doors| doors.get(DOOR));
        let host = said.and_then(|door| door.get("host")?.as_str());
        let port = said.and_then(|door| u16::try_from(door.get("port")?.as_u64()?).ok());
        let reached = host_of(server);
        // One machine's own name for itself leads nobody else there.
        let host = host.filter(|host| !is_this_machine(&reached) && !is_this_machine(host));
        let host = host.map_or(reached, str::to_owned);
        if !is_host(&host) {
            bail!(Stuck {
                what: format!("{server} says that its SSH door is at {host:?}, which is no host"),
                next: "say where it is: --gateway HOST:PORT".to_owned(),
            });
        }
        Ok(Self {
            host,
            port: port.unwrap_or(DEFAULT_PORT),
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

/// Whether it can stand in a configuration of OpenSSH's, and on its command line, as a host and as nothing else.
fn is_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    !host.is_empty() && !host.starts_with('-') && host.bytes().all(plain)
}

/// Whether a host is the machine that asks.
fn is_this_machine(host: &str) -> bool {
    let loopback = |address: IpAddr| address.is_loopback();
    host == "localhost" || host.parse().is_ok_and(loopback)
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
    use serde_json::json;

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
    fn the_door_is_where_the_server_says_unless_another_is_named() {
        let find = |keys: Value, named| {
            let door = Door::find(&keys, "https://gate.internal:9443", named);
            door.map(|door| (door.host, door.port))
        };
        let at = |host: &str, port| (host.to_owned(), port);
        let told = json!({ "doors": { "ssh": { "host": "gate.example", "port": 22 } } });
        assert_eq!(find(told.clone(), None).unwrap(), at("gate.example", 22));
        assert_eq!(find(told, Some("other:2200")).unwrap(), at("other", 2200));
        let port = json!({ "doors": { "ssh": { "port": 22 } } });
        assert_eq!(find(port, None).unwrap(), at("gate.internal", 22));
        assert_eq!(find(json!({}), None).unwrap(), at("gate.internal", 2222));
    }

    #[test]
    fn whoever_reached_the_server_on_its_own_machine_reaches_its_door_there() {
        let told = json!({ "doors": { "ssh": { "host": "gate.example", "port": 22 } } });
        for (server, host) in [
            ("https://localhost:8443", "localhost"),
            ("https://127.0.0.1:8443", "127.0.0.1"),
            ("https://[::1]:8443", "::1"),
            ("https://gate.internal:8443", "gate.example"),
        ] {
            assert_eq!(Door::find(&told, server, None).unwrap().host, host);
        }
    }

    #[test]
    fn a_server_that_calls_itself_localhost_sends_nobody_to_their_own_machine() {
        for own in ["localhost", "127.0.0.1", "::1"] {
            let told = json!({ "doors": { "ssh": { "host": own, "port": 22 } } });
            let door = Door::find(&told, "https://gate.internal:8443", None).unwrap();
            assert_eq!((door.host.as_str(), door.port), ("gate.internal", 22));
        }
    }

    #[test]
    fn a_server_that_names_no_host_but_an_option_or_a_line_is_not_followed() {
        for host in ["-oProxyCommand=x", "gate\n  ProxyCommand x", "a b", ""] {
            let told = json!({ "doors": { "ssh": { "host": host, "port": 22 } } });
            let refused = Door::find(&told, "https://gate.internal", None).unwrap_err();
            assert!(refused.is::<Stuck>(), "{host:?}");
        }
    }

    #[test]
    fn the_host_of_an_address_is_what_stands_before_the_port() {
        assert_eq!(host_of("https://gate.example:8443"), "gate.example");
        assert_eq!(host_of("https://gate.example/api"), "gate.example");
        assert_eq!(host_of("https://[::1]:8443"), "::1");
    }
}
