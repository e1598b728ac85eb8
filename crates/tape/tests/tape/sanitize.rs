//! Escape sequences that attack the reviewer's terminal, and those a recording needs.

use portcullis_tape::{Sanitizer, plain};
use proptest::prelude::*;

fn clean(bytes: &[u8]) -> String {
    Sanitizer::default().push(bytes)
}

/// Everything here must vanish between the letters.
const ATTACKS: &[(&str, &[u8])] = &[
    ("title, BEL", b"\x1b]0;owned\x07"),
    ("title, ST", b"\x1b]2;owned\x1b\\"),
    ("icon name", b"\x1b]1;owned\x07"),
    ("link", b"\x1b]8;;file:///etc/passwd\x1b\\"),
    ("clipboard write", b"\x1b]52;c;cm0gLXJmIC8K\x07"),
    ("clipboard read", b"\x1b]52;c;?\x07"),
    ("colour query", b"\x1b]11;?\x1b\\"),
    (
        "iTerm file download",
        b"\x1b]1337;File=name=eA==;inline=0:AAAA\x07",
    ),
    ("notification", b"\x1b]9;hello\x07"),
    ("working directory", b"\x1b]7;file://host/tmp\x07"),
    ("shell integration", b"\x1b]133;A\x07"),
    ("device attributes", b"\x1b[c"),
    ("secondary attributes", b"\x1b[>c"),
    ("tertiary attributes", b"\x1b[=c"),
    ("terminal version", b"\x1b[>q"),
    ("cursor report", b"\x1b[6n"),
    ("status report", b"\x1b[5n"),
    ("private report", b"\x1b[?6n"),
    ("mode query", b"\x1b[?2026$p"),
    ("title report", b"\x1b[21t"),
    ("window move", b"\x1b[3;0;0t"),
    ("window iconify", b"\x1b[2t"),
    ("terminal parameters", b"\x1b[x"),
    ("identify", b"\x1bZ"),
    ("answerback", b"\x05"),
    ("status string", b"\x1bP$qm\x1b\\"),
    ("terminfo query", b"\x1bP+q544e\x1b\\"),
    ("user keys", b"\x1bP0;1|17/6c730a\x1b\\"),
    ("sixel", b"\x1bPq#0;2;0;0;0#0~~@@\x1b\\"),
    ("kitty graphics", b"\x1b_Ga=T,f=100;AAAA\x1b\\"),
    ("privacy message", b"\x1b^secret\x1b\\"),
    ("start of string", b"\x1bXsecret\x1b\\"),
    ("media copy", b"\x1b[5i"),
    ("print screen", b"\x1b[i"),
    ("mouse tracking", b"\x1b[?1000h"),
    ("mouse tracking, SGR", b"\x1b[?1006h"),
    ("focus events", b"\x1b[?1004h"),
    ("bracketed paste", b"\x1b[?2004h"),
    ("application cursor keys", b"\x1b[?1h"),
    ("application keypad", b"\x1b="),
    ("modify other keys", b"\x1b[>4;2m"),
    ("kitty keyboard", b"\x1b[>1u"),
    ("kitty keyboard query", b"\x1b[?u"),
    ("highlight tracking", b"\x1b[1;2;3;4;5T"),
    ("keyboard lock", b"\x1b[2h"),
    ("scrollback erased", b"\x1b[3J"),
    ("leave UTF-8", b"\x1b%@"),
    ("132 columns", b"\x1b[?3h"),
    ("synchronised output", b"\x1b[?2026h"),
    ("tmux passthrough", b"\x1bPtmux;\x1b\x1b\\"),
    ("screen title", b"\x1bktitle"),
    ("bell", b"\x07"),
    ("delete", b"\x7f"),
    ("eight-bit OSC", "\u{9d}0;owned\u{9c}".as_bytes()),
    ("eight-bit CSI", "\u{9b}6n".as_bytes()),
    ("eight-bit DCS", "\u{90}$qm\u{9c}".as_bytes()),
    ("sequence within a sequence", b"\x1b[3\x1b]0;x\x07"),
    (
        "endless parameters",
        b"\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1m",
    ),
    ("huge repetition", b"\x1b[999999b"),
];

#[test]
fn every_attack_is_taken_out_and_the_text_around_it_stays() {
    for (name, attack) in ATTACKS {
        let bytes = [b"A", *attack, b"B"].concat();
        let shown = clean(&bytes);
        // A title of screen's own kind has no end mark; its words are only words.
        let expected = if *name == "screen title" {
            "AtitleB"
        } else {
            "AB"
        };
        assert_eq!(shown, expected, "{name}");
    }
}

#[test]
fn attacks_cut_into_single_bytes_are_taken_out_too() {
    for (name, attack) in ATTACKS {
        let mut sanitizer = Sanitizer::default();
        let shown: String = attack.iter().map(|byte| sanitizer.push(&[*byte])).collect();
        assert_eq!(shown, clean(attack), "{name}");
        assert!(!shown.contains('\x1b'), "{name}");
    }
}

#[test]
fn what_a_recording_needs_passes_unchanged() {
    let needed: &[&str] = &[
        "plain text, ünïcödé 漢字 🙂\r\n\tindented\x08",
        "\x1b[1;31mred\x1b[0m",
        "\x1b[38;5;196m\x1b[48:2::1:2:3m",
        "\x1b[2J\x1b[H\x1b[10;20Hx\x1b[K\x1b[1K\x1b[J\x1b[1J",
        "\x1b[3A\x1b[4B\x1b[5C\x1b[6D\x1b[7G\x1b[8d",
        "\x1b[?1049h\x1b[?25l\x1b[?25h\x1b[?1049l\x1b[?7l",
        "\x1b[1;24r\x1b[2L\x1b[3M\x1b[4P\x1b[5@\x1b[6X\x1b[2S\x1b[2T",
        "\x1b7\x1b8\x1bD\x1bE\x1bM\x1bH\x1b[s\x1b[u",
        "\x1b(0lqqk\x1b(B\x0e\x0f",
        "\x1b[2 q\x1b[4h\x1b[4l\x1b[30b",
    ];
    for text in needed {
        let mut sanitizer = Sanitizer::default();
        assert_eq!(sanitizer.push(text.as_bytes()), *text);
        assert_eq!(sanitizer.removed(), 0, "{text:?}");
    }
}

#[test]
fn mixed_mode_lists_keep_only_what_is_harmless() {
    assert_eq!(clean(b"\x1b[?25;1000;1049h"), "\x1b[?25;1049h");
    assert_eq!(clean(b"\x1bc"), "\x1b[0m\x1b[H\x1b[2J");
}

#[test]
fn a_string_left_open_does_not_hide_the_rest_of_the_session() {
    let mut bytes = b"\x1b]0;".to_vec();
    bytes.extend(vec![b'x'; 100_000]);
    bytes.extend(b"rm -rf /");
    let shown = clean(&bytes);
    assert!(shown.ends_with("rm -rf /") && shown.len() < 40_000);
    assert_eq!(clean(b"\x1b]0;open\x1b[31mred"), "\x1b[31mred");
    assert_eq!(clean(b"\x1b]0;open\x18visible"), "visible");
}

#[test]
fn bytes_that_are_not_text_become_replacement_characters() {
    assert_eq!(clean(b"a\x9b31mb"), "a\u{fffd}31mb");
    assert_eq!(clean(b"a\xc3(b"), "a\u{fffd}(b");
    let mut sanitizer = Sanitizer::default();
    assert_eq!(sanitizer.push(b"\xe6\xbc"), "");
    assert_eq!(sanitizer.push(b"\xa2"), "漢");
}

#[test]
fn text_that_reads_otherwise_than_it_runs_is_made_visible() {
    assert_eq!(clean("rm \u{202e}cod.exe".as_bytes()), "rm \u{fffd}cod.exe");
    assert_eq!(
        plain("a\x1b[2J\u{9b}\nb\u{2066}"),
        "a\u{fffd}[2J\u{fffd}\u{fffd}b\u{fffd}"
    );
}

/// Reads the sanitiser's output as strictly as a terminal would and rejects what acts outside.
fn assert_harmless(shown: &str) {
    let mut rest = shown;
    while let Some((text, sequence)) = rest.split_once('\x1b') {
        assert!(
            !text
                .chars()
                .any(|c| c.is_control() && !"\r\n\t\x08\x0e\x0f".contains(c))
        );
        let kind = sequence.chars().next().unwrap();
        assert!("[()78DEHM".contains(kind), "{sequence:?}");
        let mut tail = &sequence[1..];
        if kind == '[' {
            let at = tail.find(|c: char| ('@'..='~').contains(&c)).unwrap();
            let (body, last) = (&tail[..at], tail.as_bytes()[at]);
            assert!(
                body.bytes().all(|byte| b"0123456789;:? ".contains(&byte)),
                "{body:?}"
            );
            assert!(!b"cinptxy".contains(&last), "{sequence:?}");
            tail = &tail[at + 1..];
        }
        rest = tail;
    }
    assert!(!rest.chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c)));
}

fn nasty() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(ATTACKS).prop_map(|(_, attack)| attack.to_vec()),
        "\x1b\\[[0-9;:?<=>]{0,8}[ -/]?[@-~]".prop_map(String::into_bytes),
        "\x1b[ -/]?[0-~]".prop_map(String::into_bytes),
        "[\u{80}-\u{9f}a-z]{0,3}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_comes_in_only_harmless_sequences_come_out(bytes in nasty(), cut in any::<prop::sample::Index>()) {
        let whole = clean(&bytes);
        assert_harmless(&whole);
        prop_assert_eq!(clean(whole.as_bytes()), whole.as_str(), "already clean");
        let at = cut.index(bytes.len() + 1);
        let mut sanitizer = Sanitizer::default();
        let pieces = sanitizer.push(&bytes[..at]) + &sanitizer.push(&bytes[at..]);
        prop_assert_eq!(pieces, whole);
    }
}
