//! The story of a host that trusts no certificates: opened by a key nobody sees, which is another one afterwards.

use anyhow::Context;
use tokio::process::Command;

use super::super::hosts::{Hosts, first_key};
use super::super::programs::{output_of, said};
use super::privileged::ssh;
use super::steps::{Steps, hold, shown};
use crate::output::{self, text};

/// What is approved, and run.
const COMMAND: &str = "uptime";

/// Runs it; returns the request.
pub(super) async fn run(steps: &Steps<'_>, hosts: &Hosts) -> anyhow::Result<String> {
    steps.everybody_in().await?;
    Steps::say("one command on web-2 is asked for, and approved by two, for one use")?;
    let words = ["request", "web-2", "exec", "--reason", "INC-43"];
    let words = [&words[..], &["--", COMMAND]].concat();
    let request = text(&steps.must("rosa", &words).await?, "/id");
    for approver in ["olaf", "pia"] {
        steps.must(approver, &["approve", &request]).await?;
    }
    let show = ["secrets", "show", "web-2-key"];
    let before = steps.field("olaf", &show, "/public").await?;

    Steps::say("plain ssh runs it; the key that opened the host stays in the vault")?;
    let ssh = ssh(steps, &["web-2", COMMAND])?;
    shown("rosa", &ssh)?;
    let ran = said(&output_of(ssh, None).await?);
    hold(ran.contains("load average"), "the command runs", &ran)?;
    output::line(format!("      {}", ran.trim()))?;

    Steps::say("after the session the key is rotated, and the host is seen to refuse the old one")?;
    steps
        .until("the key is another one", || async {
            Ok(steps.field("olaf", &show, "/public").await? != before)
        })
        .await?;
    steps
        .must("olaf", &["secrets", "verify", "web-2-key"])
        .await?;
    the_first_key_opens_nothing(steps, hosts).await?;
    Ok(request)
}

/// The key it was brought in with, tried as somebody would who kept a copy of it.
async fn the_first_key_opens_nothing(steps: &Steps<'_>, hosts: &Hosts) -> anyhow::Result<()> {
    let key = first_key(steps.world.path());
    let key = key
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    let login = format!("{}@127.0.0.1", hosts.keyed.account());
    let port = hosts.keyed.port().to_string();
    let mut direct = Command::new("ssh");
    direct.args(["-F", "none", "-i", key, "-p", &port, "-o", "BatchMode=yes"]);
    direct.args(["-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no"]);
    direct.args(["-o", "UserKnownHostsFile=/dev/null", &login, "true"]);
    shown("anybody", &direct)?;
    let refused = said(&output_of(direct, None).await?);
    hold(
        refused.contains("Permission denied (publickey"),
        "the key it was brought in with opens nothing",
        &refused,
    )?;
    output::line("      Permission denied (publickey)")
}
