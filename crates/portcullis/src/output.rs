//! What commands print: a table or lines for people, JSON for programs.

mod look;
mod record;
mod times;

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub(crate) use look::prepare;
use look::{BOLD, look};

/// Prints a line to standard output. A reader that went away ends the program quietly.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", text.as_ref())?;
    Ok(())
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Prints a line to standard error.
pub(crate) fn note(text: impl AsRef<str>) -> anyhow::Result<()> {
    writeln!(std::io::stderr().lock(), "{}", text.as_ref())?;
    Ok(())
}

/// Prints JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
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
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    table.add_rows(rows);
    if let Some(width) = look().width {
        table.set_width(width);
    }
    let text = table.trim_fmt();
    let mut lines = text.lines();
    // Every column begins with a blank; the first needs none.
    let flush = |row: &str| row.strip_prefix(' ').unwrap_or(row).to_owned();
    line(look().paint(BOLD, &flush(lines.next().unwrap_or_default())))?;
    lines.try_for_each(|row| line(look().status_in(&flush(row))))
}

/// Prints a record: JSON for programs, lines for people.
pub(crate) fn record(as_json: bool, record: &Value) -> anyhow::Result<()> {
    match record {
        Value::Object(fields) if !as_json => record::lines(fields).iter().try_for_each(line),
        _ => json(record),
    }
}

/// A status as people see it.
pub(crate) fn status(value: &Value, pointer: &str) -> String {
    look().status_in(&text(value, pointer))
}

/// A field of a JSON value as text; empty when it is not there.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A list field of a JSON value, joined.
pub(crate) fn list(value: &Value, pointer: &str) -> String {
    let items = value.pointer(pointer).and_then(Value::as_array);
    let words = items.into_iter().flatten().map(|item| match item {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    words.collect::<Vec<_>>().join(", ")
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

/// An action in words: its name and parameters.
pub(crate) fn action(value: &Value, pointer: &str) -> String {
    let Some(action) = value.pointer(pointer) else {
        return String::new();
    };
    let params = action.get("params").and_then(Value::as_object);
    let params = params
        .into_iter()
        .flatten()
        .map(|(name, value)| format!(" {name}={}", value.as_str().unwrap_or_default()));
    format!("{}{}", text(action, "/name"), params.collect::<String>())
}
