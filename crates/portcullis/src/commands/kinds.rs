//! The kinds of resources: what each is, what can be asked of it, what `--set` takes.

use serde_json::Value;

use crate::args::Global;
use crate::outcome::Outcome;
use crate::output::{self, prose, text};

/// Prints them.
pub(super) fn show(global: &Global, kinds: &Value) -> anyhow::Result<Outcome> {
    if global.json {
        output::json(kinds)?;
        return Ok(Outcome::Done);
    }
    for kind in kinds.as_array().into_iter().flatten() {
        output::line(format!("{}  {}", text(kind, "/name"), text(kind, "/title")))?;
        for action in kind
            .get("actions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            output::line(format!(
                "  {:<24} {}",
                text(action, "/name"),
                text(action, "/title")
            ))?;
        }
        settings(kind)?;
    }
    Ok(Outcome::Done)
}

/// The settings, those that have to be there first.
fn settings(kind: &Value) -> anyhow::Result<()> {
    let required = kind.pointer("/settings/required").and_then(Value::as_array);
    let needed = |name: &str| {
        let mut names = required.into_iter().flatten().filter_map(Value::as_str);
        names.any(|required| required == name)
    };
    let all = kind
        .pointer("/settings/properties")
        .and_then(Value::as_object);
    let (first, then): (Vec<_>, Vec<_>) = all
        .into_iter()
        .flatten()
        .partition(|(name, _)| needed(name));
    for (mark, group) in [("", first), (" (may be left out)", then)] {
        for (name, schema) in group {
            let told = prose(schema, "/description").replace('\n', " ");
            output::line(format!("  --set {name:<18} {told}{mark}"))?;
        }
    }
    Ok(())
}
