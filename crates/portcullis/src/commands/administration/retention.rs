//! How long tapes are kept.

use serde_json::{Map, Value, json};

use super::show_change;
use crate::args::Global;
use crate::args::retention::RetentionCommand;
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, text};

/// Runs one of them.
pub(super) async fn retention(
    global: &Global,
    api: &Api,
    command: RetentionCommand,
) -> anyhow::Result<Outcome> {
    match command {
        RetentionCommand::Show => show(global, &api.get("/retention").await?),
        RetentionCommand::Set { kept } => {
            let days = kept.into_iter();
            let days: Map<_, _> = days
                .map(|kept| (kept.action, Value::from(kept.days)))
                .collect();
            show_change(
                global,
                &api.post("/retention", &json!({ "days": days })).await?,
            )
        }
    }
}

fn show(global: &Global, kept: &Value) -> anyhow::Result<Outcome> {
    if global.json {
        output::json(kept)?;
        return Ok(Outcome::Done);
    }
    let days = kept.get("days").and_then(Value::as_object);
    for (action, days) in days.into_iter().flatten() {
        output::line(format!("{action:<10} {days} days"))?;
    }
    output::line("all others for ever")?;
    let quota = text(kept, "/quota");
    let of = if quota.is_empty() {
        String::new()
    } else {
        format!(" of {quota}")
    };
    let bytes = text(kept, "/bytes");
    if !bytes.is_empty() {
        output::line(format!("they take  {bytes}{of} bytes"))?;
    }
    Ok(Outcome::Done)
}
