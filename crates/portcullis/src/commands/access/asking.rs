//! Asking for access, and waiting for what comes of it.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{show_request, wish_body};
use crate::args::Global;
use crate::args::access::RequestArgs;
use crate::args::window::{Start, Uses, WindowArgs};
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, list, text};

/// How often `--wait` looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long a granted entitlement is waited for: until it is assigned, nothing is held that was granted.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(10);

/// Asks, and waits where that is wanted.
pub(super) async fn request(
    global: &Global,
    api: &Api,
    args: RequestArgs,
) -> anyhow::Result<Outcome> {
    let mut body = wish_body(&args.wish);
    if let Value::Object(fields) = &mut body {
        fields.insert("reason".to_owned(), Value::String(args.reason.clone()));
        asked_window(fields, &args.window);
    }
    let mut made = match &args.idempotency_key {
        Some(key) => api.post_once("/requests", &body, key).await?,
        None => api.post("/requests", &body).await?,
    };
    if args.wait {
        let id = text(&made, "/id");
        // Whoever is to approve has to be told which, and Ctrl-C must not lose it.
        if text(&made, "/status") == "pending" {
            tell_waiting(global, &made)?;
        }
        while text(&made, "/status") == "pending" {
            tokio::time::sleep(LOOK_AGAIN).await;
            made = api.get(&format!("/requests/{id}")).await?;
        }
    }
    show_request(global, &assigned(api, made).await)
}

/// When and how often.
fn asked_window(fields: &mut Map<String, Value>, window: &WindowArgs) {
    let secs = window.span.0.as_secs();
    fields.insert("span_secs".to_owned(), Value::from(secs));
    let starts = window.start.map(|start| match start {
        // By the server's clock, and the same when it is asked again.
        Start::In(span) => ("starts_in_secs", Value::from(span.as_secs())),
        Start::At(moment) => ("starts_at", Value::from(moment.as_millisecond())),
    });
    let uses = window.uses.map(|uses| match uses {
        Uses::Counted(most) => Value::from(most),
        Uses::Any => Value::from("any"),
    });
    let told = [starts, uses.map(|uses| ("uses", uses))];
    let told = told.into_iter().flatten();
    fields.extend(told.map(|(name, value)| (name.to_owned(), value)));
}

/// A request once what it granted is there, or as it stands when that takes longer than a moment.
pub(super) async fn assigned(api: &Api, mut request: Value) -> Value {
    let path = format!("/requests/{}", text(&request, "/id"));
    let until = Instant::now() + ASSIGNED_WITHIN;
    let ahead = request.pointer("/terms/starts_at").is_some();
    while !ahead && text(&request, "/grant_status") == "assigning" && Instant::now() < until {
        tokio::time::sleep(LOOK_AGAIN).await;
        match api.get(&path).await {
            Ok(now) => request = now,
            // What was done is done, and is told as it was seen last.
            Err(_) => break,
        }
    }
    request
}

/// Says to standard error what is waited for: standard output is for what comes of it.
fn tell_waiting(global: &Global, request: &Value) -> anyhow::Result<()> {
    let (id, names) = (text(request, "/id"), list(request, "/waits_for"));
    if global.json {
        let waits_for = request.get("waits_for");
        return output::json_note(
            &json!({ "id": id, "status": "pending", "waits_for": waits_for }),
        );
    }
    output::note(format!(
        "{id} waits for {names} (portcullis approve {id}); Ctrl-C stops the waiting, not the request"
    ))
}
