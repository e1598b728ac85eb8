//! Exports: what a player and a search tool get, and that neither gets an attack.

use portcullis_tape::{AsciicastExport, Event, Exit, Frame, Notice, TrackKind, json_line};

use crate::recorded::{header, output};

fn frame(track: u32, at_ms: u64, event: Event) -> Frame {
    Frame {
        track,
        at_ms,
        event,
    }
}

fn size(columns: u16, rows: u16) -> Event {
    Event::Resize { columns, rows }
}

fn message(text: &str) -> Event {
    Event::Notice(Notice::Message {
        from: "idn_owner".to_owned(),
        text: text.to_owned(),
    })
}

fn asciicast(frames: &[Frame]) -> String {
    let mut export = AsciicastExport::new(&header(), 1);
    frames.iter().map(|frame| export.frame(frame)).collect()
}

#[test]
fn a_terminal_track_becomes_an_asciicast_of_version_three() {
    let cast = asciicast(&[
        frame(1, 0, size(120, 40)),
        output(248, "$ \"hi\"\r\n"),
        output(1_250, "\x1b[31mred"),
        frame(2, 1_300, Event::Output(b"another track".to_vec())),
        frame(1, 1_500, size(100, 30)),
        frame(9, 2_000, message("hello")),
        frame(1, 62_000, Event::Exit(Exit::Status(3))),
    ]);
    let mut lines = cast.lines();
    let head: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(head["version"], 3);
    assert_eq!(head["term"]["cols"], 120);
    assert_eq!(head["term"]["rows"], 40);
    assert_eq!(head["timestamp"], 1_795_000_000);
    let rest: Vec<&str> = lines.collect();
    assert_eq!(
        rest,
        [
            r#"[0.248, "o", "$ \"hi\"\r\n"]"#,
            r#"[1.002, "o", "\u001b[31mred"]"#,
            r#"[0.250, "r", "100x30"]"#,
            r#"[0.500, "m", "idn_owner: hello"]"#,
            r#"[60.000, "x", "3"]"#,
        ]
    );
}

#[test]
fn a_track_without_a_size_gets_the_usual_one_and_time_never_runs_backwards() {
    let cast = asciicast(&[output(500, "a"), output(100, "b"), output(700, "c")]);
    assert!(cast.contains(r#""cols":80"#));
    assert!(
        cast.ends_with("[0.500, \"o\", \"a\"]\n[0.000, \"o\", \"b\"]\n[0.200, \"o\", \"c\"]\n")
    );
}

#[test]
fn exports_carry_no_sequence_that_attacks_the_reader_even_when_it_is_split() {
    let cast = asciicast(&[
        output(0, "before\x1b]52;c;cm0g"),
        output(1, "LXJm\x07after"),
        frame(1, 2, message("\x1b]0;owned\x07")),
        frame(1, 3, Event::Exit(Exit::Signal("\u{9b}2J".to_owned()))),
    ]);
    assert!(cast.contains("\"before\"") && cast.contains("\"after\""));
    assert!(!cast.contains("52;c") && !cast.contains("\\u001b]") && !cast.contains('\u{9b}'));
    for line in cast.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn json_lines_carry_safe_text_and_the_exact_bytes() {
    let line = json_line(&output(5, "x\x1b]0;t\x07\u{9d}0;t\u{9c}y"));
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["text"], "xy");
    assert_eq!(value["data"], "eBtdMDt0B8KdMDt0wpx5");
    assert_eq!((&value["track"], &value["at_ms"]), (&1.into(), &5.into()));
    assert!(line.ends_with('\n') && line.lines().count() == 1);
    assert!(!line.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn every_kind_of_event_has_a_json_line_of_its_own() {
    let events = [
        Event::TrackOpened(TrackKind::Exec),
        Event::Output(Vec::new()),
        Event::ErrorOutput(Vec::new()),
        Event::Input(Vec::new()),
        Event::Command(b"id".to_vec()),
        size(1, 1),
        Event::Exit(Exit::Status(0)),
        Event::Notice(Notice::Decision {
            action: "ssh:exec \u{9b}".to_owned(),
            allowed: false,
            reason: "not approved".to_owned(),
        }),
        Event::Other {
            kind: 64,
            payload: vec![1],
        },
    ];
    let mut names = std::collections::BTreeSet::new();
    for event in events {
        let line = json_line(&frame(1, 0, event));
        assert!(!line.trim_end().chars().any(char::is_control), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(names.insert(value["event"].as_str().unwrap().to_owned()));
    }
}
