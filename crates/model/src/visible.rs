//! Text that somebody else wrote, made safe to show: what would act on a terminal, hide, or reorder what is
//! read is spelled out instead.

/// One line of text. Everything else than a character that is seen as itself becomes its escape: `\n`,
/// `\u{1b}`, `\u{202e}`. What is shown cannot begin a line, move the cursor or run otherwise than it reads.
#[must_use]
pub fn visible(text: &str) -> String {
    spelled(text, acts)
}

/// The same for text of several lines, whose line feeds are its own.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    spelled(text, |c| c != '\n' && acts(c))
}

/// One line in quotes, for free text: where it begins and ends cannot be forged.
#[must_use]
pub fn quoted(text: &str) -> String {
    let inner = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{}\"", visible(&inner))
}

fn spelled(text: &str, spell: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if spell(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a character does something else than to be seen: controls (C0, DEL, C1), and what Unicode calls
/// format characters and default ignorable: direction, joining, line separators, tags, variation selectors
/// beyond the first sixteen. Blanks as wide as a letter count as hidden too.
#[must_use]
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every control character and every way to reorder or separate lines.
    fn acting() -> impl Iterator<Item = char> {
        let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        let hidden = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\
                      \u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\
                      \u{feff}\u{fff9}\u{e0001}\u{e0041}\u{e007f}";
        controls.chain(hidden.chars())
    }

    #[test]
    fn what_acts_is_spelled_out_and_nothing_of_it_is_left() {
        for c in acting() {
            for shown in [visible(&format!("a{c}b")), quoted(&format!("a{c}b"))] {
                assert!(!shown.chars().any(acts), "{c:?}: {shown:?}");
                assert!(shown.contains(r"a\"), "{c:?}: {shown:?}");
            }
        }
        assert_eq!(
            visible("a\r\n\t\u{1b}[2J\u{9b}\u{202e}"),
            r"a\r\n\t\u{1b}[2J\u{9b}\u{202e}"
        );
    }

    #[test]
    fn what_is_seen_as_itself_stays() {
        for text in [
            "plain, \"quoted\" \\ text",
            "ünïcödé e\u{301} 漢字 हिन्दी עברית 🙂\u{fe0f}",
        ] {
            assert_eq!(visible(text), text);
            assert_eq!(visible_lines(text), text);
        }
    }

    #[test]
    fn several_lines_keep_their_line_feeds_and_nothing_else() {
        assert_eq!(visible_lines("a\nb\rc\u{2028}d"), "a\nb\\rc\\u{2028}d");
    }

    #[test]
    fn quotes_cannot_be_closed_from_within() {
        assert_eq!(quoted(r#"a" b\"#), r#""a\" b\\""#);
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
    }
}
