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
            let choices = choices(kind, schema).join(" or ");
            let choices = match choices.as_str() {
                "" => choices,
                some => format!(" [{some}]"),
            };
            output::line(format!("  --set {name:<18} {told}{choices}{mark}"))?;
        }
    }
    Ok(())
}

/// The words a setting takes, when it takes no others.
fn choices(kind: &Value, schema: &Value) -> Vec<String> {
    let defined = schema.get("$ref").and_then(Value::as_str);
    let defined =
        defined.and_then(|place| kind.pointer(&format!("/settings{}", place.strip_prefix('#')?)));
    let inner = ["anyOf", "oneOf"]
        .iter()
        .filter_map(|word| schema.get(word)?.as_array());
    let inner = inner
        .flatten()
        .chain(defined)
        .flat_map(|schema| choices(kind, schema));
    let one = schema.get("const").into_iter();
    let some = schema
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let words = one.chain(some).filter_map(Value::as_str).map(str::to_owned);
    words.chain(inner).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_takes_only_some_words_says_which() {
        let kinds = portcullis_connectors::all();
        let kinds = kinds
            .iter()
            .map(|kind| serde_json::to_value(kind.descriptor()));
        let postgres = kinds
            .map(Result::unwrap)
            .find(|kind| kind["name"] == "postgres");
        let postgres = postgres.unwrap();
        let of = |name: &str| {
            let setting = postgres.pointer(&format!("/settings/properties/{name}"));
            choices(&postgres, setting.unwrap())
        };
        assert_eq!(of("tls"), ["verify-full", "disable"]);
        assert_eq!(of("host"), [""; 0]);
    }
}
