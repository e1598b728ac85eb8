//! Deciding about what others asked for, or would change.

use anyhow::bail;
use serde_json::json;

use super::asking::assigned;
use super::show_request;
use crate::args::Global;
use crate::args::access::{ApproveArgs, SeenDigest};
use crate::client::Api;
use crate::outcome::{Outcome, Stuck};
use crate::output::text;

/// Approves a request, or signs a change.
pub(super) async fn approve(
    global: &Global,
    api: &Api,
    args: ApproveArgs,
) -> anyhow::Result<Outcome> {
    if args.id.starts_with("chg_") {
        return crate::commands::administration::sign_change(global, api, &args).await;
    }
    let path = format!("/requests/{}", args.id);
    let digest = digest_to_give(api, &path, "/terms/digest", &args).await?;
    let body = json!({ "digest": digest, "reason": args.reason });
    let approved = api.post(&format!("{path}/approve"), &body).await?;
    show_request(global, &assigned(api, approved).await)?;
    Ok(Outcome::Done)
}

/// Refuses either.
pub(super) async fn deny(
    global: &Global,
    api: &Api,
    id: &str,
    reason: Option<&str>,
) -> anyhow::Result<Outcome> {
    let body = json!({ "reason": reason });
    if id.starts_with("chg_") {
        return crate::commands::administration::refuse_change(global, api, id, &body).await;
    }
    let denied = api.post(&format!("/requests/{id}/deny"), &body).await?;
    show_request(global, &denied)?;
    Ok(Outcome::Done)
}

/// The digest of what is to be approved or signed: the one that was looked at, where somebody says which it is.
pub(crate) async fn digest_to_give(
    api: &Api,
    path: &str,
    field: &str,
    args: &ApproveArgs,
) -> anyhow::Result<String> {
    if let Some(whole) = args.digest.as_ref().and_then(SeenDigest::whole) {
        return Ok(whole.to_owned());
    }
    let there = text(&api.get(path).await?, field);
    match &args.digest {
        Some(seen) if !seen.begins(&there) => bail!(Stuck {
            what: format!(
                "the digest of {} is {there}, which does not begin with {seen}",
                args.id
            ),
            next: format!(
                "look at what it is: portcullis {} show {}",
                noun(&args.id),
                args.id
            ),
        }),
        _ => Ok(there),
    }
}

/// The command that shows it.
fn noun(id: &str) -> &'static str {
    if id.starts_with("chg_") {
        "changes"
    } else {
        "requests"
    }
}
