//! The vault's secrets, without their values.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{show_change, show_record, table, word};
use crate::args::Global;
use crate::args::administration::SecretsCommand;
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, text, when};
use crate::secret_file;

/// How often a rotation is looked at while somebody waits for it.
const ROTATION_POLL: Duration = Duration::from_millis(250);

pub(super) async fn secrets(
    global: &Global,
    api: &Api,
    command: SecretsCommand,
) -> anyhow::Result<Outcome> {
    match command {
        SecretsCommand::Add { name, kind, file } => {
            let file = file.unwrap_or_else(|| PathBuf::from("-"));
            let value = secret_file::read(&file)?;
            let body = json!({ "name": name, "kind": word(&kind), "value": value.expose() });
            show_change(global, &api.post("/secrets", &body).await?)
        }
        SecretsCommand::List => {
            let all = api.list("/secrets").await?;
            let headings = [
                "name",
                "kind",
                "version",
                "released",
                "last released",
                "rotated",
            ];
            table(global, &all, &headings, "no secrets", |secret| {
                vec![
                    text(secret, "/name"),
                    text(secret, "/secret_kind"),
                    text(secret, "/version"),
                    text(secret, "/released"),
                    when(secret, "/released_at"),
                    when(secret, "/rotated_at"),
                ]
            })
        }
        SecretsCommand::Rotate { name, give_up } => rotate(global, api, &name, give_up).await,
        SecretsCommand::Verify { name } => {
            let path = format!("/secrets/{name}/verify");
            let verified = api.post(&path, &json!({})).await?;
            if global.json {
                output::json(&verified)?;
            }
            anyhow::ensure!(
                text(&verified, "/accepted") == "true",
                "the target does not accept {name} as the vault has it; see secrets show {name}"
            );
            if !global.json {
                output::line(format!("the target accepts {name}"))?;
            }
            Ok(Outcome::Done)
        }
        SecretsCommand::Show { name } => show_record(global, &find_secret(api, &name).await?),
    }
}

/// Begins a rotation and waits until it came through, or failed once: it goes on by itself.
async fn rotate(global: &Global, api: &Api, name: &str, give_up: bool) -> anyhow::Result<Outcome> {
    let path = if give_up {
        format!("/secrets/{name}/rotation/abandon")
    } else {
        format!("/secrets/{name}/rotate")
    };
    let mut secret = api.post(&path, &json!({})).await?;
    while !text(&secret, "/rotation/version").is_empty()
        && text(&secret, "/rotation/seen").is_empty()
    {
        tokio::time::sleep(ROTATION_POLL).await;
        secret = find_secret(api, name).await?;
    }
    if global.json {
        output::json(&secret)?;
    }
    let seen = text(&secret, "/rotation/seen");
    if !seen.is_empty() {
        anyhow::bail!(
            "{seen}; it is tried again at {}",
            when(&secret, "/rotation/next_at")
        );
    }
    if !global.json {
        let version = text(&secret, "/version");
        output::line(if give_up {
            format!("{name} stays at version {version}")
        } else {
            format!(
                "{name} is at version {version}: the target accepts it and refuses the one before"
            )
        })?;
    }
    Ok(Outcome::Done)
}

async fn find_secret(api: &Api, name: &str) -> anyhow::Result<Value> {
    let all = api.list("/secrets").await?;
    let found = all
        .as_array()
        .into_iter()
        .flatten()
        .find(|secret| text(secret, "/name") == name);
    found
        .cloned()
        .with_context(|| format!("there is no secret {name}; see secrets list"))
}
