//! What others wrote, on its way to somebody's terminal: recorded output, and texts in what the program says.

use portcullis_model::{acts, quoted, visible, visible_lines};
use portcullis_tape::{Sanitizer, plain};

pub(crate) fn check(bytes: &[u8]) {
    recorded(bytes);
    let text = String::from_utf8_lossy(bytes);
    assert!(!plain(&text).contains(char::is_control));
    for (shown, may) in [(visible(&text), ""), (visible_lines(&text), "\n")] {
        assert!(!shown.contains(|c| acts(c) && !may.contains(c)));
    }
    assert_eq!(
        visible(&visible(&text)),
        visible(&text),
        "what is visible stays as it is"
    );
    assert_eq!(
        unquoted(&quoted(&text)).as_deref(),
        Some(&*text),
        "what is quoted is told apart"
    );
}

/// Recorded output only draws, however it is cut into pieces, and is clean once it was cleaned.
fn recorded(bytes: &[u8]) {
    let whole = cleaned(&[bytes]);
    let at = bytes
        .first()
        .map_or(0, |byte| usize::from(*byte))
        .min(bytes.len());
    let (one, other) = bytes.split_at(at);
    assert_eq!(
        cleaned(&[one, other]),
        whole,
        "pieces are cleaned otherwise than the whole"
    );
    only_draws(&whole.0);
    assert_eq!(
        cleaned(&[whole.0.as_bytes()]),
        (whole.0.clone(), 0),
        "what is clean stays as it is"
    );
    assert!(
        whole.0.len() <= bytes.len().saturating_mul(6),
        "a few bytes became many"
    );
}

fn cleaned(pieces: &[&[u8]]) -> (String, u64) {
    let mut sanitizer = Sanitizer::default();
    let shown: Vec<_> = pieces.iter().map(|piece| sanitizer.push(piece)).collect();
    (shown.concat(), sanitizer.removed())
}

/// Every escape sequence is whole, and none of those that answer, title, copy, print, or move a window.
fn only_draws(shown: &str) {
    let mut chars = shown.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            assert!(
                !c.is_control() || "\n\r\t\x08\x0e\x0f".contains(c),
                "{c:?} is shown"
            );
            assert!(
                !('\u{202a}'..='\u{202e}').contains(&c),
                "{c:?} turns the text around"
            );
            continue;
        }
        match chars.next() {
            Some('[') => {
                let mut parameters = String::new();
                let last = chars.by_ref().find(|c| {
                    let parameter = c.is_ascii_digit() || ";:? ".contains(*c);
                    if parameter {
                        parameters.push(*c);
                    }
                    !parameter
                });
                let last = last.unwrap_or('\0');
                assert!(
                    last.is_ascii_alphabetic() || "@`".contains(last),
                    "CSI {parameters}{last:?}"
                );
                let style = last == 'q' && parameters.ends_with(' ');
                assert!(
                    !"cinptxyqRV".contains(last) || style,
                    "CSI {parameters}{last}"
                );
                assert!(
                    last != 'J' || !parameters.contains('3'),
                    "the watcher's lines are wiped"
                );
            }
            Some('(' | ')') => assert!(matches!(chars.next(), Some('0' | 'B'))),
            other => assert!(other.is_some_and(|c| "78DEHM".contains(c)), "ESC {other:?}"),
        }
    }
}

/// Reads a quoted text back.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => out.push(match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    let code = u32::from_str_radix(digits.strip_prefix('{')?, 16).ok()?;
                    char::from_u32(code)?
                }
                other => other,
            }),
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let texts = [
        (
            "prompt",
            "\x1b]0;root@web-1: ~\x07\x1b[01;32mroot@web-1\x1b[00m:~# ls -l\r\n",
        ),
        (
            "editor",
            "\x1b[?1049h\x1b[22;0;0t\x1b[1;24r\x1b(B\x1b[m\x1b[4l\x1b[?7h\x1b[H\x1b[2J\x1b[3;1H~\x1b[?25l\x1b[?1049l",
        ),
        (
            "asked",
            "\x1b[c\x1b[6n\x1b[>c\x1bP+q544e\x1b\\\x1b]52;c;aWQ=\x07\x1b[5i\x1b[14t",
        ),
        (
            "odd",
            "\x01\u{9b}31mred\u{9d}x\u{9c}\u{202e}\u{2066}gnp\u{200b}\x1b[\x07\x1b[999b\x1bc",
        ),
        (
            "words",
            "a \"quoted\" \\ and\ttabbed\u{1b}[31m\u{202e}\u{e0001}\n",
        ),
    ];
    texts
        .map(|(name, text)| (name, text.as_bytes().to_vec()))
        .to_vec()
}
