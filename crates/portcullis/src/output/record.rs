//! A record as lines for people: what it is called, what it says, records within it further in.

use portcullis_model::visible;
use serde_json::{Map, Value};

use super::{moment, shown};

/// The lines of a record. What says nothing is left out.
pub(super) fn lines(record: &Map<String, Value>) -> Vec<String> {
    let said: Vec<_> = record.iter().filter(|(_, value)| says(value)).collect();
    let width = said.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (name, value) in said {
        match value {
            Value::Object(inner) => {
                lines.push(visible(name));
                lines.extend(further_in(self::lines(inner)));
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                lines.push(visible(name));
                for item in items.iter().filter_map(Value::as_object) {
                    lines.extend(further_in(self::lines(item)));
                }
            }
            _ => {
                let told = plain(record, name, value);
                lines.push(format!("{:<width$}  {told}", visible(name)));
            }
        }
    }
    lines
}

fn further_in(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}

fn says(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

fn plain(record: &Map<String, Value>, name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| plain(record, "", item));
            items.collect::<Vec<_>>().join(", ")
        }
        // Milliseconds since the epoch, by the way such fields are called.
        Value::Number(_) if name.ends_with("_at") => {
            moment(&Value::Object(record.clone()), &format!("/{name}"))
        }
        other => shown(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_told_in_lines_and_what_says_nothing_is_left_out() {
        let record = json!({
            "name": "web-1", "owners": ["olaf", "pia"], "credential": null, "tags": [],
            "ends_at": 0, "settings": { "port": 22 }, "keys": [{ "id": "a" }, { "id": "b" }],
        });
        let lines = record.as_object().map(lines).unwrap_or_default();
        let told = [
            "ends_at  1970-01-01 00:00:00Z",
            "keys",
            "  id  a",
            "  id  b",
            "name     web-1",
            "owners   olaf, pia",
            "settings",
            "  port  22",
        ];
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found: Vec<_> = lines.iter().map(|line| words(line)).collect();
        for line in told.map(words) {
            assert!(found.contains(&line), "{line} in {lines:?}");
        }
        assert_eq!(lines.len(), told.len(), "{lines:?}");
    }
}
