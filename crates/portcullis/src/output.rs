//! What commands print: a table or lines for people, JSON for programs.
//!
//! Everything a command says passes here, and what others wrote is harmless to a terminal when it leaves:
//! values are taken from JSON by [`text`] and its like, one line each, and what is printed is escaped again.

mod escape;
mod look;
mod record;
mod table;
mod times;

use std::io::Write;

use jiff::Timestamp;
use portcullis_model::{visible, visible_lines};
use serde::Serialize;
use serde_json::Value;

pub(crate) use look::prepare;
use look::{BOLD, look};

/// Prints a line, or several, to standard output. A reader that went away ends the program quietly.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    raw_line(&visible_lines(text.as_ref()))
}

/// Prints a line whose colours are ours; the rest of it was escaped before.
fn raw_line(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Prints bytes as they are: files, and recordings that were made harmless.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Prints a line to standard error.
pub(crate) fn note(text: impl AsRef<str>) -> anyhow::Result<()> {
    writeln!(std::io::stderr().lock(), "{}", visible_lines(text.as_ref()))?;
    Ok(())
}

/// Prints JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    raw_line(&escape::json(&serde_json::to_string_pretty(value)?))
}

/// Prints JSON that is one line already.
pub(crate) fn json_line(text: &str) -> anyhow::Result<()> {
    raw_line(&escape::json(text))
}

/// Prints a line of JSON to standard error.
pub(crate) fn json_note(value: &Value) -> anyhow::Result<()> {
    let line = escape::json(&value.to_string());
    writeln!(std::io::stderr().lock(), "{line}")?;
    Ok(())
}

/// What a record is called and how it stands: the first line of every record.
pub(crate) fn heading(record: &Value) -> anyhow::Result<()> {
    let status = look().status_in(&text(record, "/status"));
    raw_line(&format!("{}  {status}", text(record, "/id")))
}

/// Prints a table, or a sentence when there is nothing in it.
pub(crate) fn table(
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    nothing: &str,
) -> anyhow::Result<()> {
    let rows: Vec<_> = rows.into_iter().collect();
    if rows.is_empty() {
        return line(nothing);
    }
    let lines = table::lines(headings, &rows, look().width);
    for (index, row) in lines.iter().enumerate() {
        let painted = if index == 0 {
            look().paint(BOLD, row)
        } else {
            look().status_in(row)
        };
        raw_line(&painted)?;
    }
    Ok(())
}

/// Prints a record: JSON for programs, lines for people.
pub(crate) fn record(as_json: bool, record: &Value) -> anyhow::Result<()> {
    match record {
        Value::Object(fields) if !as_json => record::lines(fields).iter().try_for_each(line),
        _ => json(record),
    }
}

/// A field of a JSON value as text of one line; empty when it is not there.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map_or_else(String::new, shown)
}

/// A field whose lines are its own: what the product itself says at length.
pub(crate) fn prose(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    visible_lines(text.unwrap_or_default())
}

/// Free text of somebody's, in quotes, so that it cannot pass for another field; empty when there is none.
pub(crate) fn quoted(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.map_or_else(String::new, portcullis_model::quoted)
}

/// Who ended something and why: `olaf: "use the replica"`.
pub(crate) fn word(of: &Value, pointer: &str) -> String {
    let by = text(of, &format!("{pointer}/by"));
    let reason = quoted(of, &format!("{pointer}/reason"));
    if reason.is_empty() {
        by
    } else {
        format!("{by}: {reason}")
    }
}

/// A list field of a JSON value, joined.
pub(crate) fn list(value: &Value, pointer: &str) -> String {
    let items = value.pointer(pointer).and_then(Value::as_array);
    let words = items.into_iter().flatten().map(shown);
    words.collect::<Vec<_>>().join(", ")
}

/// A value as text of one line.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => visible(text),
        other => escape::json(&other.to_string()),
    }
}

/// A moment given in milliseconds since the epoch, in UTC to the second.
pub(crate) fn moment(value: &Value, pointer: &str) -> String {
    at(value, pointer).map_or_else(String::new, times::absolute)
}

/// The same for a table: as far away as it is, to somebody who looks at a terminal.
pub(crate) fn when(value: &Value, pointer: &str) -> String {
    match (at(value, pointer), look().now) {
        (Some(at), Some(now)) => times::relative(at, now),
        _ => moment(value, pointer),
    }
}

/// The same for a record: both.
pub(crate) fn moment_and_when(value: &Value, pointer: &str) -> String {
    match (at(value, pointer), look().now) {
        (Some(at), Some(now)) => {
            format!("{} ({})", times::absolute(at), times::relative(at, now))
        }
        _ => moment(value, pointer),
    }
}

fn at(value: &Value, pointer: &str) -> Option<Timestamp> {
    let millis = value.pointer(pointer)?.as_i64()?;
    Timestamp::from_millisecond(millis).ok()
}

/// A span given in seconds, in words.
pub(crate) fn span(value: &Value, pointer: &str) -> String {
    let secs = value.pointer(pointer).and_then(Value::as_i64);
    secs.map_or_else(String::new, times::span)
}

/// An action in words: its name and parameters. A value that is more than a word is quoted.
pub(crate) fn action(value: &Value, pointer: &str) -> String {
    let Some(action) = value.pointer(pointer) else {
        return String::new();
    };
    let params = action.get("params").and_then(Value::as_object);
    let params = params.into_iter().flatten().map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        format!(" {}={}", visible(name), escape::word(value))
    });
    format!("{}{}", text(action, "/name"), params.collect::<String>())
}
