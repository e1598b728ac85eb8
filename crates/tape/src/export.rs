//! Tapes in formats other tools read: asciicast v3 for players, JSON lines for search.
//! Both carry sanitised text; JSON lines carry the exact bytes besides, in base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::frame::{Event, Exit, Frame, Notice};
use crate::header::Header;
use crate::sanitize::{Sanitizer, plain};

/// Terminal size assumed for a track that does not begin with one.
const DEFAULT_SIZE: (u16, u16) = (80, 24);

/// Turns one terminal track into asciicast v3 lines, notices of any track into markers.
///
/// <https://docs.asciinema.org/manual/asciicast/v3/>
#[derive(Clone, Debug)]
pub struct AsciicastExport {
    track: u32,
    title: String,
    timestamp: u64,
    begun: bool,
    last_ms: u64,
    output: Sanitizer,
    input: Sanitizer,
}

impl AsciicastExport {
    /// An export of one track of the tape with this header.
    pub fn new(header: &Header, track: u32) -> Self {
        Self {
            track,
            title: plain(&format!("session {}", header.session)),
            timestamp: header.started_at_ms / 1000,
            begun: false,
            last_ms: 0,
            output: Sanitizer::default(),
            input: Sanitizer::default(),
        }
    }

    /// Lines for the next frame of the tape, each with its newline; empty if it shows nothing.
    pub fn frame(&mut self, frame: &Frame) -> String {
        let notice = matches!(frame.event, Event::Notice(_));
        if frame.track != self.track && !notice {
            return String::new();
        }
        if !self.begun && frame.track == self.track {
            self.begun = true;
            if let Event::Resize { columns, rows } = frame.event {
                return self.header_line((columns, rows));
            }
            let header = self.header_line(DEFAULT_SIZE);
            return header + &self.event_line(frame);
        }
        if !self.begun {
            return String::new();
        }
        self.event_line(frame)
    }

    fn header_line(&self, (columns, rows): (u16, u16)) -> String {
        let header = json!({
            "version": 3,
            "term": {"cols": columns, "rows": rows},
            "timestamp": self.timestamp,
            "title": self.title,
        });
        format!("{header}\n")
    }

    fn event_line(&mut self, frame: &Frame) -> String {
        let Some((code, data)) = self.event(&frame.event) else {
            return String::new();
        };
        // Intervals since the last line; a clock that went back counts as no time.
        let interval = frame.at_ms.saturating_sub(self.last_ms);
        self.last_ms = frame.at_ms.max(self.last_ms);
        let (seconds, millis) = (interval / 1000, interval % 1000);
        let data = Value::String(data);
        format!("[{seconds}.{millis:03}, \"{code}\", {data}]\n")
    }

    fn event(&mut self, event: &Event) -> Option<(char, String)> {
        let shown = |code, text: String| (!text.is_empty()).then_some((code, text));
        match event {
            Event::Output(bytes) | Event::ErrorOutput(bytes) => shown('o', self.output.push(bytes)),
            Event::Input(bytes) => shown('i', self.input.push(bytes)),
            Event::Resize { columns, rows } => Some(('r', format!("{columns}x{rows}"))),
            Event::Exit(Exit::Status(status)) => Some(('x', status.to_string())),
            Event::Exit(Exit::Signal(name)) => Some(('m', plain(&format!("ended by {name}")))),
            Event::Exit(Exit::Lost) => Some(('m', "connection lost".to_owned())),
            Event::Notice(notice) => Some(('m', plain(&describe(notice)))),
            Event::Command(command) => {
                let command = String::from_utf8_lossy(command);
                Some(('m', plain(&format!("command {command}"))))
            }
            Event::TrackOpened(_) | Event::Other { .. } => None,
        }
    }
}

/// One frame as one line of JSON, newline included.
///
/// `text` is made safe to show; `data` has the bytes as they were recorded, in base64.
pub fn json_line(frame: &Frame) -> String {
    let mut line = match &frame.event {
        Event::TrackOpened(kind) => json!({"event": "track_opened", "kind": kind}),
        Event::Output(bytes) => bytes_line("output", bytes),
        Event::ErrorOutput(bytes) => bytes_line("error_output", bytes),
        Event::Input(bytes) => bytes_line("input", bytes),
        Event::Command(bytes) => bytes_line("command", bytes),
        Event::Resize { columns, rows } => {
            json!({"event": "resize", "columns": columns, "rows": rows})
        }
        Event::Exit(Exit::Status(status)) => json!({"event": "exit", "status": status}),
        Event::Exit(Exit::Signal(name)) => json!({"event": "exit", "signal": plain(name)}),
        Event::Exit(Exit::Lost) => json!({"event": "exit", "lost": true}),
        Event::Notice(notice) => {
            json!({"event": "notice", "text": plain(&describe(notice)), "detail": safe_detail(notice)})
        }
        Event::Other { kind, payload } => {
            json!({"event": "other", "kind": kind, "data": STANDARD.encode(payload)})
        }
    };
    if let Some(fields) = line.as_object_mut() {
        fields.insert("track".to_owned(), frame.track.into());
        fields.insert("at_ms".to_owned(), frame.at_ms.into());
    }
    format!("{line}\n")
}

fn bytes_line(event: &str, bytes: &[u8]) -> Value {
    let text = Sanitizer::default().push(bytes);
    json!({"event": event, "text": text, "data": STANDARD.encode(bytes)})
}

/// The notice's fields, each made safe to show.
fn safe_detail(notice: &Notice) -> Value {
    let mut detail = serde_json::to_value(notice).unwrap_or_default();
    if let Some(fields) = detail.as_object_mut() {
        for value in fields.values_mut() {
            if let Value::String(text) = value {
                *text = plain(text);
            }
        }
    }
    detail
}

fn describe(notice: &Notice) -> String {
    match notice {
        Notice::WatcherJoined { who } => format!("{who} watches"),
        Notice::WatcherLeft { who } => format!("{who} no longer watches"),
        Notice::Message { from, text } => format!("{from}: {text}"),
        Notice::Killed { by, reason } => format!("ended by {by}: {reason}"),
        Notice::Decision {
            action,
            allowed,
            reason,
        } => {
            let verdict = if *allowed { "allowed" } else { "denied" };
            format!("{verdict}: {action}: {reason}")
        }
    }
}
