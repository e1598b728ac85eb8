//! Bringing the demo's targets in, as their owner would: secrets and resources, signed by three owners.

use anyhow::Context;
use serde_json::Value;

use super::hosts::{Hosts, first_key};
use super::people::{CommandLine, OWNERS};
use super::postgres::{Passwords, Postgres};
use super::sshd::Sshd;

/// Adds the database, and the hosts where there are any.
pub(crate) async fn bring_in(
    cli: &CommandLine,
    postgres: &Postgres,
    passwords: &Passwords,
    hosts: Option<&Hosts>,
) -> anyhow::Result<()> {
    for owner in OWNERS {
        cli.login(owner).await?;
    }
    let secret = ["secrets", "add", "analytics-admin", "--kind", "password"];
    sign(
        cli,
        &cli.must("olaf", &secret, Some(&passwords.admin)).await?,
    )
    .await?;
    let port = format!("port={}", postgres.port());
    let database = [
        "resources",
        "add",
        "analytics",
        "--kind",
        "postgres",
        "--environment",
        "production",
        "--owner",
        "olaf",
        "--credential",
        "analytics-admin",
        "--set",
        "host=127.0.0.1",
        "--set",
        &port,
        "--set",
        "database=analytics",
        "--set",
        "user=portcullis",
        "--set",
        "tls=disable",
        "--set",
        r#"entitlements={"read":"analytics_read","audit":"analytics_audit"}"#,
    ];
    sign(cli, &cli.must("olaf", &database, None).await?).await?;
    if let Some(hosts) = hosts {
        host(cli, "web-1", &hosts.certified, &[]).await?;
        let key = first_key(&cli.world).display().to_string();
        let words = ["secrets", "add", "web-2-key", "--kind", "ssh_key"];
        let words = [&words[..], &["--file", &key]].concat();
        sign(cli, &cli.must("olaf", &words, None).await?).await?;
        let credential = ["--credential", "web-2-key"];
        host(cli, "web-2", &hosts.keyed, &credential).await?;
    }
    Ok(())
}

async fn host(
    cli: &CommandLine,
    name: &str,
    sshd: &Sshd,
    credential: &[&str],
) -> anyhow::Result<()> {
    let address = format!("address=127.0.0.1:{}", sshd.port());
    let account = format!("account={}", sshd.account());
    let keys = format!("host_keys=[{:?}]", sshd.host_key());
    let host = [
        "resources",
        "add",
        name,
        "--kind",
        "ssh",
        "--environment",
        "production",
        "--owner",
        "olaf",
        "--set",
        &address,
        "--set",
        &account,
        "--set",
        &keys,
    ];
    let words = [&host[..], credential].concat();
    sign(cli, &cli.must("olaf", &words, None).await?).await
}

/// The two other owners sign what the first one proposed.
async fn sign(cli: &CommandLine, proposed: &Value) -> anyhow::Result<()> {
    let change = proposed
        .get("change")
        .filter(|change| change.is_object())
        .unwrap_or(proposed);
    let id = change
        .get("id")
        .and_then(Value::as_str)
        .context("a change without an identifier")?;
    for owner in ["iris", "pia"] {
        cli.must(owner, &["approve", id], None).await?;
    }
    Ok(())
}
