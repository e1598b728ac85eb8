//! Deciding about what others asked for, or would change.

use serde_json::json;

use super::{assigned, show_request};
use crate::args::Global;
use crate::args::access::ApproveArgs;
use crate::client::Api;
use crate::outcome::Outcome;
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
    let digest = match args.digest {
        Some(digest) => digest,
        None => text(&api.get(&path).await?, "/terms/digest"),
    };
    let body = json!({ "digest": digest });
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
