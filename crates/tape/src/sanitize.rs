//! What a recorded terminal may do to the terminal of whoever watches it: draw, and nothing else.
//! An allow-list over a state machine (after P. Williams' VT500 parser); what is not listed is dropped.

/// Characters of a control sequence kept; no real one is longer.
const MAX_SEQUENCE: usize = 64;
/// Characters of a control string (OSC, DCS, …) skipped before it is taken for never-ending. What
/// follows is shown again, so that a string left open does not hide the rest of a session.
const MAX_STRING: usize = 64 * 1024;
/// What stands in for a full reset: clears screen and colours, keeps scrollback and modes.
const SOFT_RESET: &str = "\x1b[0m\x1b[H\x1b[2J";

/// Brings a terminal back to normal after a recording was played on it.
pub const RESTORE: &str = "\x1b[0m\x1b[?1049l\x1b[?25h\x1b[?7h\x1b[4l\x1b[r\x1b(B\x0f";

/// Makes recorded terminal output safe to show.
///
/// Text, colours, cursor movement, erasing, scrolling and the alternate screen pass. Titles,
/// links, clipboard, device queries and their answers, printing, window and mouse control, and
/// direction overrides do not. Feed the bytes of one track in order, in pieces of any length.
#[derive(Clone, Debug, Default)]
pub struct Sanitizer {
    state: State,
    /// Parameters and intermediates of the sequence being read.
    sequence: String,
    /// Bytes of a character cut off by the end of the last piece.
    cut: Vec<u8>,
    skipped: usize,
    removed: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi,
    /// Inside OSC (which BEL ends too), DCS, SOS, PM or APC.
    Text {
        bell_ends: bool,
    },
    /// An ESC inside a control string: its terminator begins, or another sequence.
    TextEscape,
}

impl Sanitizer {
    /// Takes the next piece of output and returns what may be shown of it.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let mut joined = std::mem::take(&mut self.cut);
        joined.extend(bytes);
        let mut shown = String::with_capacity(joined.len());
        let mut chunks = joined.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for c in chunk.valid().chars() {
                self.step(c, &mut shown);
            }
            if chunk.invalid().is_empty() {
                continue;
            }
            if chunks.peek().is_none() && is_cut(chunk.invalid()) {
                self.cut = chunk.invalid().to_vec();
            } else {
                self.step(char::REPLACEMENT_CHARACTER, &mut shown);
            }
        }
        shown
    }

    /// Sequences taken out so far.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    fn step(&mut self, c: char, out: &mut String) {
        match self.state {
            State::Ground => self.ground(c, out),
            State::Escape => self.escape(c, out),
            State::Csi => self.csi(c, out),
            State::Text { bell_ends } => self.text(c, bell_ends),
            State::TextEscape if c == '\\' => self.state = State::Ground,
            State::TextEscape => {
                self.begin(State::Escape);
                self.escape(c, out);
            }
        }
    }

    fn ground(&mut self, c: char, out: &mut String) {
        if !self.control(c, out) {
            out.push(if is_direction_override(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            });
        }
    }

    /// Handles C0 and C1 controls, which mean the same in most states; false for anything else.
    fn control(&mut self, c: char, out: &mut String) -> bool {
        match c {
            '\n' | '\r' | '\t' | '\x08' | '\x0e' | '\x0f' => out.push(c),
            '\x1b' => self.begin(State::Escape),
            '\x18' | '\x1a' => self.state = State::Ground,
            '\u{9b}' => self.begin(State::Csi),
            '\u{9d}' => self.begin(State::Text { bell_ends: true }),
            '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => {
                self.begin(State::Text { bell_ends: false });
            }
            '\u{80}'..='\u{9f}' => {
                self.state = State::Ground;
                self.drop_one();
            }
            '\0'..='\x1f' | '\x7f' => {}
            _ => return false,
        }
        true
    }

    fn escape(&mut self, c: char, out: &mut String) {
        if self.control(c, out) {
            return;
        }
        match c {
            '[' if self.sequence.is_empty() => self.begin(State::Csi),
            ']' if self.sequence.is_empty() => self.begin(State::Text { bell_ends: true }),
            'P' | 'X' | '^' | '_' if self.sequence.is_empty() => {
                self.begin(State::Text { bell_ends: false });
            }
            ' '..='/' => self.collect(c),
            '0'..='~' => {
                let allowed = allowed_escape(&self.sequence, c);
                self.end(allowed, out);
            }
            _ => self.end(None, out),
        }
    }

    fn csi(&mut self, c: char, out: &mut String) {
        if self.control(c, out) {
            return;
        }
        match c {
            ' '..='?' => self.collect(c),
            '@'..='~' => {
                let allowed = allowed_csi(&self.sequence, c);
                self.end(allowed, out);
            }
            _ => self.end(None, out),
        }
    }

    fn text(&mut self, c: char, bell_ends: bool) {
        self.skipped = self.skipped.saturating_add(1);
        let over = match c {
            '\x07' => bell_ends,
            '\u{9c}' | '\x18' | '\x1a' => true,
            _ => self.skipped > MAX_STRING,
        };
        if over {
            self.state = State::Ground;
        } else if c == '\x1b' {
            self.state = State::TextEscape;
        }
    }

    fn begin(&mut self, state: State) {
        if matches!(state, State::Text { .. }) {
            self.drop_one();
        }
        self.state = state;
        self.sequence.clear();
        self.skipped = 0;
    }

    fn collect(&mut self, c: char) {
        // One character beyond the limit marks the sequence as too long to be allowed.
        if self.sequence.len() <= MAX_SEQUENCE {
            self.sequence.push(c);
        }
    }

    fn end(&mut self, allowed: Option<String>, out: &mut String) {
        self.state = State::Ground;
        match allowed {
            Some(sequence) => out.push_str(&sequence),
            None => self.drop_one(),
        }
    }

    fn drop_one(&mut self) {
        self.removed = self.removed.saturating_add(1);
    }
}

/// One line of text with every control character and direction override made visible.
///
/// For names, reasons and messages that somebody else wrote.
pub fn plain(text: &str) -> String {
    let safe = |c: char| {
        if c.is_control() || is_direction_override(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(safe).collect()
}

/// Characters that reorder text, so that a line reads otherwise than it runs.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether these bytes could become a character with more behind them.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn allowed_escape(intermediates: &str, last: char) -> Option<String> {
    match (intermediates, last) {
        // Save, restore, index, next line, tab stop, reverse index.
        ("", '7' | '8' | 'D' | 'E' | 'H' | 'M') => Some(format!("\x1b{last}")),
        ("", 'c') => Some(SOFT_RESET.to_owned()),
        // ASCII and line drawing into G0 and G1.
        ("(" | ")", '0' | 'B') => Some(format!("\x1b{intermediates}{last}")),
        _ => None,
    }
}

fn allowed_csi(sequence: &str, last: char) -> Option<String> {
    if sequence.len() > MAX_SEQUENCE {
        return None;
    }
    if let Some(modes) = sequence.strip_prefix('?') {
        return allowed_modes(
            "?",
            modes,
            last,
            &["6", "7", "12", "25", "47", "1047", "1048", "1049"],
        );
    }
    if let Some(style) = sequence.strip_suffix(' ') {
        let cursor_style = last == 'q' && is_numbers(style, 1);
        return cursor_style.then(|| format!("\x1b[{style} q"));
    }
    if !is_numbers(sequence, 5) {
        return None;
    }
    let parameters: Vec<&str> = sequence.split(';').collect();
    let allowed = match last {
        // Cursor movement, erasing, inserting, deleting, scrolling, tabs, colours, margins.
        '@'..='I'
        | 'K'
        | 'L'
        | 'M'
        | 'P'
        | 'S'
        | 'X'
        | 'Z'
        | '`'
        | 'a'
        | 'd'
        | 'e'
        | 'f'
        | 'g'
        | 'm'
        | 'r' => true,
        // Not 3, which clears the watcher's scrollback.
        'J' => parameters
            .iter()
            .all(|value| matches!(*value, "" | "0" | "1" | "2")),
        // With more parameters it starts mouse tracking and waits for an answer.
        'T' => parameters.len() == 1,
        // Repeats a character: bounded, or a few bytes become very many.
        'b' => is_numbers(sequence, 3),
        's' | 'u' => sequence.is_empty(),
        'h' | 'l' => return allowed_modes("", sequence, last, &["4", "20"]),
        _ => false,
    };
    allowed.then(|| format!("\x1b[{sequence}{last}"))
}

/// Keeps the harmless ones of a list of modes to set or reset.
fn allowed_modes(prefix: &str, modes: &str, last: char, harmless: &[&str]) -> Option<String> {
    if !matches!(last, 'h' | 'l') {
        return None;
    }
    let kept: Vec<&str> = modes
        .split(';')
        .filter(|mode| harmless.contains(mode))
        .collect();
    (!kept.is_empty()).then(|| format!("\x1b[{prefix}{}{last}", kept.join(";")))
}

/// Only digits with `;` and `:` between, each number of at most `digits` digits.
fn is_numbers(text: &str, digits: usize) -> bool {
    text.split([';', ':'])
        .all(|number| number.len() <= digits && number.bytes().all(|byte| byte.is_ascii_digit()))
}
