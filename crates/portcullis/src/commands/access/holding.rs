//! What somebody holds, and what became of it.

use serde_json::Value;

use super::uses;
use crate::args::Global;
use crate::args::access::GrantsCommand;
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, action, moment_and_when, quoted, text, when, word};

/// Shows grants, or one.
pub(super) async fn grants(
    global: &Global,
    api: &Api,
    command: GrantsCommand,
) -> anyhow::Result<Outcome> {
    match command {
        GrantsCommand::Show { id } => {
            let grant = api.get(&format!("/grants/{id}")).await?;
            show_grant(global, &grant)
        }
        GrantsCommand::List => {
            let all = api.list("/grants").await?;
            if global.json {
                output::json(&all)?;
                return Ok(Outcome::Done);
            }
            let rows = all.as_array().into_iter().flatten().map(|grant| {
                vec![
                    text(grant, "/id"),
                    status(grant),
                    text(grant, "/holder"),
                    text(grant, "/resource_name"),
                    action(grant, "/intent/action"),
                    text(grant, "/path"),
                    when(grant, "/ends_at"),
                ]
            });
            let headings = [
                "id", "status", "holder", "resource", "action", "path", "until",
            ];
            output::table(&headings, rows, "nothing is held")?;
            Ok(Outcome::Done)
        }
    }
}

/// `revoked (expired)`: what became of it, and why.
fn status(grant: &Value) -> String {
    let (status, why) = (text(grant, "/status"), text(grant, "/cause/why"));
    if status == "active" && grant.get("starts_at").is_some() {
        return format!("active (from {})", when(grant, "/starts_at"));
    }
    if why.is_empty() || why == status {
        return status;
    }
    format!("{status} ({})", why.replace('_', " "))
}

/// One grant.
pub(super) fn show_grant(global: &Global, grant: &Value) -> anyhow::Result<Outcome> {
    if global.json {
        output::json(grant)?;
        return Ok(Outcome::Done);
    }
    output::heading(grant)?;
    output::line(format!("who        {}", text(grant, "/holder")))?;
    output::line(format!(
        "what       {} on {}",
        action(grant, "/intent/action"),
        text(grant, "/resource_name")
    ))?;
    output::line(format!("path       {}", text(grant, "/path")))?;
    if grant.get("starts_at").is_some() {
        output::line(format!(
            "from       {}",
            moment_and_when(grant, "/starts_at")
        ))?;
    }
    output::line(format!("until      {}", moment_and_when(grant, "/ends_at")))?;
    output::line(format!(
        "good for   {}; used {}",
        uses(grant, "/uses", "/intent/action/name"),
        text(grant, "/used")
    ))?;
    output::line(format!("request    {}", text(grant, "/request")))?;
    let why = text(grant, "/cause/why");
    if !why.is_empty() {
        let cause = match why.as_str() {
            "revoked" => format!("by {}", word(grant, "/taken_back")),
            _ => quoted(grant, "/cause/cause"),
        };
        output::line(format!("ended      {why} {cause}").trim_end())?;
    }
    let left = text(grant, "/left");
    if !left.is_empty() {
        output::line(format!("left       {left}"))?;
    }
    Ok(Outcome::Done)
}
