//! `ssh` and `ssh-config`: plain OpenSSH through the SSH door.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::Value;

use crate::args::Global;
use crate::args::access::{SshArgs, SshConfigArgs};
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, text};

/// The SSH door's port when nobody says otherwise.
const DEFAULT_PORT: &str = "2222";

/// Prints the lines that make plain `ssh TARGET` work.
pub(crate) async fn config(global: &Global, args: SshConfigArgs) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    let resources = api.get("/resources").await?;
    let (host, port) = gateway(global, &api, args.gateway.as_deref())?;
    let mut lines = String::from("# portcullis ssh-config\n");
    for resource in resources.as_array().into_iter().flatten() {
        let Some(account) = resource
            .pointer("/settings/account")
            .and_then(Value::as_str)
        else {
            continue;
        };
        let name = text(resource, "/name");
        write!(
            lines,
            "Host {name}\n  HostName {host}\n  Port {port}\n  User {account}@{name}\n"
        )?;
        writeln!(lines, "  HostKeyAlias portcullis-{host}-{port}")?;
        writeln!(
            lines,
            "  PreferredAuthentications publickey,keyboard-interactive"
        )?;
        if let Some(file) = &args.identity_file {
            writeln!(
                lines,
                "  IdentityFile {}\n  IdentitiesOnly yes",
                file.display()
            )?;
        }
        if let Some(file) = &args.known_hosts {
            writeln!(lines, "  UserKnownHostsFile {}", file.display())?;
        }
    }
    if global.json {
        output::json(&serde_json::json!({ "ssh_config": lines }))?;
    } else {
        output::line(lines.trim_end())?;
    }
    Ok(Outcome::Done)
}

/// Runs `ssh` through the door.
pub(crate) async fn connect(global: &Global, args: SshArgs) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    let (account, target) = if let Some((account, target)) = args.target.split_once('@') {
        (account.to_owned(), target.to_owned())
    } else {
        let resource = api.get(&format!("/resources/{}", args.target)).await?;
        (text(&resource, "/settings/account"), args.target.clone())
    };
    let (host, port) = gateway(global, &api, None)?;
    let status = tokio::process::Command::new("ssh")
        .args(["-p", &port, "-l", &format!("{account}@{target}"), &host])
        .args(args.command)
        .status()
        .await
        .context("running ssh: is the OpenSSH client installed?")?;
    Ok(Outcome::Program(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// Where the SSH door is: what was named, what a server in the data folder says, or the server's host.
fn gateway(global: &Global, api: &Api, named: Option<&str>) -> anyhow::Result<(String, String)> {
    if let Some(named) = named {
        let (host, port) = named.rsplit_once(':').unwrap_or((named, DEFAULT_PORT));
        return Ok((host.to_owned(), port.to_owned()));
    }
    if let Ok(bytes) = std::fs::read(global.data.join("run/addresses.json")) {
        let said: Value = serde_json::from_slice(&bytes)?;
        if let Some((host, port)) = text(&said, "/ssh").rsplit_once(':') {
            return Ok((host.to_owned(), port.to_owned()));
        }
    }
    let host = api
        .server()
        .split_once("://")
        .map_or(api.server(), |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    Ok((host.to_owned(), DEFAULT_PORT.to_owned()))
}
