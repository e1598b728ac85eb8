//! Changes: shown, listed, signed, refused.

use serde_json::{Value, json};

use super::table;
use crate::args::Global;
use crate::args::access::ApproveArgs;
use crate::args::administration::ChangesCommand;
use crate::client::Api;
use crate::commands::access::digest_to_give;
use crate::outcome::Outcome;
use crate::output::{self, list, moment, text, word};

/// Signs a change.
pub(crate) async fn sign_change(
    global: &Global,
    api: &Api,
    args: &ApproveArgs,
) -> anyhow::Result<Outcome> {
    let path = format!("/changes/{}", args.id);
    let digest = digest_to_give(api, &path, "/digest", args).await?;
    let body = json!({ "digest": digest, "reason": args.reason });
    let signed = api.post(&format!("{path}/sign"), &body).await?;
    show_change(global, &signed)?;
    if !global.json {
        say_who_enrolls(&signed)?;
    }
    Ok(Outcome::Done)
}

/// Refuses a change.
pub(crate) async fn refuse_change(
    global: &Global,
    api: &Api,
    id: &str,
    reason: &Value,
) -> anyhow::Result<Outcome> {
    let refused = api.post(&format!("/changes/{id}/refuse"), reason).await?;
    show_change(global, &refused)?;
    Ok(Outcome::Done)
}

/// Whoever may enroll does it with a token that nobody has yet: who signed last is not whom it is for.
fn say_who_enrolls(change: &Value) -> anyhow::Result<()> {
    let name = text(change, "/enrolls");
    if text(change, "/status") == "applied" && !name.is_empty() {
        output::line(format!(
            "next       {}, or another owner of identities, gets {name}'s one-time token with\n           portcullis identities enroll {name}",
            text(change, "/proposer_name")
        ))?;
    }
    Ok(())
}

/// `environment: production -> development`, or what was found: `web-1: secret web-1-root: accepted`.
fn told(difference: &Value, found: bool) -> String {
    let side = |side| {
        let pointer = format!("/{side}");
        if difference.get(side).is_none() {
            return "(nothing)".to_owned();
        }
        match list(difference, &pointer) {
            // Milliseconds since the epoch, by the way such fields are called.
            one if one.is_empty() && text(difference, "/field").ends_with("_at") => {
                moment(difference, &pointer)
            }
            one if one.is_empty() => text(difference, &pointer),
            several => several,
        }
    };
    let (field, after) = (text(difference, "/field"), side("after"));
    if found {
        return format!("{field}: {after}");
    }
    format!("{field}: {} -> {after}", side("before"))
}

/// Prints a change; says with the exit code whether it waits for signatures.
pub(crate) fn show_change(global: &Global, change: &Value) -> anyhow::Result<Outcome> {
    let outcome = if text(change, "/status") == "pending" {
        Outcome::Pending
    } else {
        Outcome::Done
    };
    if global.json {
        output::json(change)?;
        return Ok(outcome);
    }
    output::heading(change)?;
    output::line(format!("what       {}", text(change, "/title")))?;
    let found = text(change, "/body/change") == "thaw";
    for difference in change
        .get("differences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        output::line(format!("           {}", told(difference, found)))?;
    }
    output::line(format!("by         {}", text(change, "/proposer_name")))?;
    output::line(format!("signed by  {}", list(change, "/signed_by")))?;
    let said = change.get("said").and_then(Value::as_array);
    for said in said.into_iter().flatten() {
        output::line(format!("said       {}", word(said, "")))?;
    }
    if text(change, "/status") == "refused" {
        output::line(format!("refused    by {}", word(change, "/refused")))?;
    }
    for (label, field) in [("needs", "/needs"), ("missing", "/missing")] {
        let told = text(change, field);
        if !told.is_empty() {
            output::line(format!("{label:<10} {told}"))?;
        }
    }
    output::line(format!("digest     {}", text(change, "/digest")))?;
    let token = text(change, "/enrolment_token");
    if !token.is_empty() {
        output::line(format!(
            "\nOne-time token to enroll with, good for 24 hours:\n\n  {token}"
        ))?;
    }
    Ok(outcome)
}

pub(super) async fn changes(
    global: &Global,
    api: &Api,
    command: ChangesCommand,
) -> anyhow::Result<Outcome> {
    match command {
        ChangesCommand::Show { id } => {
            let change = api.get(&format!("/changes/{id}")).await?;
            show_change(global, &change)?;
            if !global.json {
                output::json(change.get("body").unwrap_or(&Value::Null))?;
            }
            Ok(Outcome::Done)
        }
        ChangesCommand::List => {
            let all = api.list("/changes").await?;
            table(
                global,
                &all,
                &["id", "status", "what", "by", "signed by", "missing"],
                "no changes",
                |change| {
                    vec![
                        text(change, "/id"),
                        text(change, "/status"),
                        text(change, "/title"),
                        text(change, "/proposer_name"),
                        list(change, "/signed_by"),
                        text(change, "/missing"),
                    ]
                },
            )
        }
    }
}
