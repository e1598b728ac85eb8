//! Rust source to tokens. Comments and blanks vanish; a literal is one token; `::` is one mark.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// A string, byte string or character, with its quotes and prefix.
    Literal,
    /// Any other sign.
    Mark,
}

/// One token and the line it begins on, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub line: usize,
}

impl<'a> Token<'a> {
    /// True for a word or mark spelled `text`; a literal is never equal to anything.
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }

    /// The sign, or nothing if this is no mark.
    pub fn mark(&self) -> &'a str {
        if self.kind == Kind::Mark {
            self.text
        } else {
            ""
        }
    }

    /// What stands between the quotes of a plain string literal, escapes not resolved.
    pub fn quoted(&self) -> Option<&'a str> {
        let (_, after) = self.text.split_once('"')?;
        let (inside, _) = after.rsplit_once('"')?;
        (self.kind == Kind::Literal).then_some(inside)
    }
}

/// Cuts `source` into tokens. Never fails: what it cannot make out becomes single marks.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
    };
    let mut found = Vec::new();
    while let Some(first) = lexer.rest.chars().next() {
        let line = lexer.line;
        let (kind, length) = next_length(lexer.rest, first);
        let text = lexer.take(length);
        if let Some(kind) = kind {
            found.push(Token { kind, text, line });
        }
    }
    found
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (head, tail) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.line += head.matches('\n').count();
        self.rest = tail;
        head
    }
}

/// The kind and byte length of what `rest` begins with; no kind for blanks and comments.
fn next_length(rest: &str, first: char) -> (Option<Kind>, usize) {
    if first.is_whitespace() {
        return (None, first.len_utf8());
    }
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, block_comment(rest));
    }
    if let Some(length) = string(rest).or_else(|| character(rest)) {
        return (Some(Kind::Literal), length);
    }
    if is_word(first) {
        return (
            Some(Kind::Word),
            rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        );
    }
    let length = if rest.starts_with("::") {
        2
    } else {
        first.len_utf8()
    };
    (Some(Kind::Mark), length)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let prefix = rest.len() - body.len();
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inside = raw.trim_start_matches('#').strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + length);
    }
    let inside = body.strip_prefix('"')?;
    Some(prefix + 1 + closing(inside, '"'))
}

/// A character literal, told apart from a lifetime by its closing quote.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('b').unwrap_or(rest);
    let inside = body.strip_prefix('\'')?;
    let mut chars = inside.chars();
    let (first, second) = (chars.next()?, chars.next()?);
    if first != '\\' && second != '\'' {
        return None;
    }
    Some(rest.len() - inside.len() + closing(inside, '\''))
}

/// Bytes up to and with the closing quote; a backslash hides what follows it.
fn closing(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    inside.len()
}
