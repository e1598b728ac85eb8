//! JSON and words that are harmless to a terminal and still say the same.

use portcullis_model::{acts, quoted};

/// JSON text with every character that would act on a terminal as its escape. Line feeds of its layout stay;
/// within strings, where alone the others can be, serialisation has escaped them already.
pub(super) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && acts(c) {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            shown.extend(units.map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A word as it is; in quotes when it is none, or has marks of its own.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn json_cannot_act_on_a_terminal_and_reads_back_the_same() {
        let all: String = (0..0xe1000)
            .filter_map(char::from_u32)
            .filter(|c| acts(*c))
            .collect();
        for c in ["\u{9b}", "\u{7f}", "\u{202e}", "\u{e0041}", "\n", "\u{1b}"] {
            assert!(all.contains(c), "{c:?}");
        }
        let value = json!({ "reason": all, "\u{9b}key": "漢字 \"x\" \\" });
        let shown = super::json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!shown.chars().any(|c| c != '\n' && acts(c)), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_word_stays_and_more_than_a_word_is_quoted() {
        assert_eq!(word("root"), "root");
        assert_eq!(word("id"), "id");
        assert_eq!(word(""), r#""""#);
        assert_eq!(word("id   path ordinary"), r#""id   path ordinary""#);
        assert_eq!(word("id\u{1b}[2K\r"), r#""id\u{1b}[2K\r""#);
        assert_eq!(word("a=b"), r#""a=b""#);
    }
}
