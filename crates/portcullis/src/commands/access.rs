//! Asking for access, deciding about it, holding it.

mod asking;
mod deciding;
mod holding;

use serde_json::{Value, json};

use crate::args::Global;
use crate::args::access::{AccessCommand, GrantsCommand, RequestsCommand, Wish};
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, action, list, moment_and_when, quoted, span, text, word};

pub(super) use deciding::digest_to_give;
use holding::{grants, show_grant};

/// Runs one of them.
pub(crate) async fn run(global: &Global, command: AccessCommand) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    match command {
        AccessCommand::Catalog => catalog(global, &api).await,
        AccessCommand::Preview(wish) => {
            let preview = api.post("/preview", &wish_body(&wish)).await?;
            show_preview(global, &preview)
        }
        AccessCommand::Request(args) => asking::request(global, &api, args).await,
        AccessCommand::Requests { command } => {
            requests(global, &api, command.unwrap_or(RequestsCommand::List)).await
        }
        AccessCommand::Approve(args) => deciding::approve(global, &api, args).await,
        AccessCommand::Deny { id, reason } => {
            deciding::deny(global, &api, &id, reason.as_deref()).await
        }
        AccessCommand::Release { id } => {
            let grant = api
                .post(&format!("/grants/{id}/release"), &json!({}))
                .await?;
            show_grant(global, &grant)
        }
        AccessCommand::Revoke { id, reason } => {
            let body = json!({ "reason": reason });
            let grant = api.post(&format!("/grants/{id}/revoke"), &body).await?;
            show_grant(global, &grant)
        }
        AccessCommand::Grants { command } => {
            grants(global, &api, command.unwrap_or(GrantsCommand::List)).await
        }
    }
}

pub(crate) fn wish_body(wish: &Wish) -> Value {
    json!({ "resource": wish.resource, "words": wish.words() })
}

async fn catalog(global: &Global, api: &Api) -> anyhow::Result<Outcome> {
    let catalog = api.list("/catalog").await?;
    if global.json {
        output::json(&catalog)?;
        return Ok(Outcome::Done);
    }
    let mut rows = Vec::new();
    for entry in catalog.as_array().into_iter().flatten() {
        for offer in entry
            .get("offers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            rows.push(vec![
                text(entry, "/resource"),
                text(offer, "/words"),
                text(offer, "/preview/path"),
                approvers(offer.get("preview").unwrap_or(&Value::Null)),
                why(offer),
            ]);
        }
    }
    let headings = ["resource", "action", "path", "approvers", "why"];
    output::table(
        &headings,
        rows,
        "there is nothing to ask for yet: an owner adds resources",
    )?;
    Ok(Outcome::Done)
}

/// Why an offer takes its path, or why it cannot be had.
fn why(offer: &Value) -> String {
    let denial = text(offer, "/preview/denial");
    if !denial.is_empty() {
        return format!("denied: {denial}");
    }
    format!(
        "{}{}",
        text(offer, "/preview/reason"),
        text(offer, "/problem")
    )
}

/// `olaf, then one of pia, iris`
fn approvers(preview: &Value) -> String {
    let stages = preview.get("stages").and_then(Value::as_array);
    let stages = stages
        .into_iter()
        .flatten()
        .map(|stage| list(stage, "/eligible").replace(", ", " or "));
    stages.collect::<Vec<_>>().join(", then ")
}

/// Prints a preview; says with the exit code whether it could be granted.
pub(crate) fn show_preview(global: &Global, preview: &Value) -> anyhow::Result<Outcome> {
    let allowed = preview
        .get("allowed")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let outcome = if allowed {
        Outcome::Done
    } else {
        Outcome::Denied
    };
    if global.json {
        output::json(preview)?;
        return Ok(outcome);
    }
    output::line(format!(
        "{} on {}",
        action(preview, "/action"),
        text(preview, "/resource")
    ))?;
    output::line(format!("path       {}", text(preview, "/path")))?;
    output::line(format!("because    {}", text(preview, "/reason")))?;
    if !allowed {
        output::line(format!("denied     {}", text(preview, "/denial")))?;
        return Ok(outcome);
    }
    output::line(format!("controls   {}", controls(preview, "/controls")))?;
    for stage in preview
        .get("stages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let who = list(stage, "/eligible");
        output::line(format!(
            "approval   {} by {} of: {who}",
            text(stage, "/name"),
            text(stage, "/quorum")
        ))?;
    }
    output::line(format!(
        "good for   {}",
        uses(preview, "/uses", "/action/name")
    ))?;
    show_effective(preview)?;
    output::line(format!("digest     {}", text(preview, "/digest")))?;
    output::line(format!("connect    {}", text(preview, "/connect")))?;
    Ok(outcome)
}

fn controls(value: &Value, pointer: &str) -> String {
    let on = |name: &str| {
        value
            .pointer(&format!("{pointer}/{name}"))
            .and_then(Value::as_bool)
            == Some(true)
    };
    let mut words = Vec::new();
    for (name, word) in [
        ("brokered", "brokered"),
        ("recording", "recorded"),
        ("mfa", "second factor"),
    ] {
        if on(name) {
            words.push(word.to_owned());
        }
    }
    words.push(format!(
        "approval level {}",
        text(value, &format!("{pointer}/approvals"))
    ));
    words.join(", ")
}

/// What a grant is good for. A session that its holder ends by logging out ends the grant as well; one that breaks off
/// or is killed does not.
fn uses(value: &Value, uses: &str, action: &str) -> String {
    if let Some(most) = value.pointer(&format!("{uses}/up_to")) {
        return format!("{most} uses");
    }
    match (text(value, uses).as_str(), text(value, action).as_str()) {
        ("one", _) => "one use",
        ("window", "shell") => "sessions until one is ended by logging out",
        _ => "any number of uses until it ends",
    }
    .to_owned()
}

/// What an entitlement is worth, as it was read at the target.
fn show_effective(value: &Value) -> anyhow::Result<()> {
    let Some(effective) = value
        .get("effective")
        .or_else(|| value.pointer("/terms/effective"))
    else {
        return Ok(());
    };
    output::line("gives")?;
    for privilege in effective
        .get("listed")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        output::line(format!("           {}", output::shown(privilege)))?;
    }
    let more = effective.get("more").and_then(Value::as_u64).unwrap_or(0);
    if more > 0 {
        output::line(format!("           and {more} more"))?;
    }
    Ok(())
}

/// Prints a request; says with the exit code where it stands.
fn show_request(global: &Global, request: &Value) -> anyhow::Result<Outcome> {
    let status = text(request, "/status");
    let outcome = match status.as_str() {
        "pending" => Outcome::Pending,
        "granted" => Outcome::Done,
        _ => Outcome::Denied,
    };
    if global.json {
        output::json(request)?;
        return Ok(outcome);
    }
    output::heading(request)?;
    output::line(format!("who        {}", text(request, "/requester")))?;
    output::line(format!(
        "what       {} on {}",
        action(request, "/terms/intent/action"),
        text(request, "/resource_name")
    ))?;
    output::line(format!("why        {}", quoted(request, "/reason")))?;
    output::line(format!(
        "path       {} ({})",
        text(request, "/terms/path"),
        text(request, "/terms/classified/reason")
    ))?;
    output::line(format!(
        "controls   {}",
        controls(request, "/terms/profile")
    ))?;
    output::line(format!(
        "good for   {}, {} from {}",
        uses(request, "/terms/uses", "/terms/intent/action/name"),
        span(request, "/terms/span_secs"),
        match request.pointer("/terms/starts_at") {
            Some(_) => moment_and_when(request, "/terms/starts_at"),
            None => "the grant".to_owned(),
        }
    ))?;
    show_effective(request)?;
    output::line(format!("digest     {}", text(request, "/terms/digest")))?;
    for approval in request
        .get("approved")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        output::line(format!(
            "approved   {} by {}, {}",
            text(approval, "/stage"),
            word(approval, ""),
            moment_and_when(approval, "/at")
        ))?;
    }
    if status == "denied" {
        output::line(format!("denied     by {}", word(request, "/denied")))?;
    }
    let grant = text(request, "/grant");
    if !grant.is_empty() {
        let stands = standing(request);
        output::line(format!("grant      {grant}{stands}"))?;
    }
    let why = quoted(request, "/why");
    if !why.is_empty() {
        output::line(format!("because    {why}"))?;
    }
    if status == "pending" {
        output::line(format!("waits for  {}", list(request, "/waits_for")))?;
    }
    Ok(outcome)
}

/// ` (active)`: where the grant stands, and what to do while it is not there.
fn standing(request: &Value) -> String {
    match text(request, "/grant_status").as_str() {
        "" => String::new(),
        "assigning" => format!(
            " (assigning: not there yet; portcullis grants show {})",
            text(request, "/grant")
        ),
        status => format!(" ({status})"),
    }
}

async fn requests(global: &Global, api: &Api, command: RequestsCommand) -> anyhow::Result<Outcome> {
    match command {
        RequestsCommand::Show { id } => {
            let request = api.get(&format!("/requests/{id}")).await?;
            show_request(global, &request)?;
            Ok(Outcome::Done)
        }
        RequestsCommand::Cancel { id } => {
            let request = api
                .post(&format!("/requests/{id}/cancel"), &json!({}))
                .await?;
            show_request(global, &request)?;
            Ok(Outcome::Done)
        }
        RequestsCommand::List => {
            let all = api.list("/requests").await?;
            if global.json {
                output::json(&all)?;
                return Ok(Outcome::Done);
            }
            let rows = all.as_array().into_iter().flatten().map(|request| {
                vec![
                    text(request, "/id"),
                    text(request, "/status"),
                    text(request, "/requester"),
                    text(request, "/resource_name"),
                    action(request, "/terms/intent/action"),
                    text(request, "/terms/path"),
                    list(request, "/waits_for"),
                ]
            });
            let headings = [
                "id",
                "status",
                "who",
                "resource",
                "action",
                "path",
                "waits for",
            ];
            output::table(&headings, rows, "no requests")?;
            Ok(Outcome::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granted_request_says_where_its_grant_stands_and_no_more_than_is_so() {
        let told = |status: Value| standing(&json!({ "grant": "grt_1", "grant_status": status }));
        assert_eq!(told(json!("active")), " (active)");
        assert_eq!(told(json!("revoked")), " (revoked)");
        let not_yet = told(json!("assigning"));
        assert!(not_yet.contains("not there yet"), "{not_yet}");
        assert!(
            not_yet.contains("portcullis grants show grt_1"),
            "{not_yet}"
        );
        assert_eq!(told(Value::Null), "", "lists do not say");
    }
}
