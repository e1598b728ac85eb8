//! The paths that tokens spell, with the groups of `use a::{b, c::d}` written out.

use super::lexer::{Kind, Token};

/// A path as written, and its line. `use std::{fs, io::Read}` spells `std::fs` and `std::io::Read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelled<'a> {
    pub segments: Vec<&'a str>,
    pub line: usize,
}

impl Spelled<'_> {
    /// True if `wanted`, such as `std::fs`, occurs as whole neighbouring segments. An import of everything
    /// (`use std::*`) counts as an import of each.
    pub fn contains(&self, wanted: &str) -> bool {
        let wanted: Vec<&str> = wanted.split("::").collect();
        self.segments.windows(wanted.len()).any(|window| {
            let mut pairs = window.iter().zip(&wanted);
            let first = pairs.next().is_some_and(|(found, wanted)| found == wanted);
            first && pairs.all(|(found, wanted)| *found == "*" || found == wanted)
        })
    }
}

/// Every path in `tokens`, single words included.
pub fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Spelled<'a>> {
    let mut reader = Reader {
        tokens,
        at: 0,
        found: Vec::new(),
    };
    while reader.at < tokens.len() {
        if reader.peek_word().is_some() {
            reader.path(&[]);
        } else {
            reader.at += 1;
        }
    }
    reader.found
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    found: Vec<Spelled<'a>>,
}

impl<'a> Reader<'_, 'a> {
    fn peek(&self, ahead: usize) -> Option<&Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    fn peek_word(&self) -> Option<Token<'a>> {
        self.peek(0)
            .copied()
            .filter(|token| token.kind == Kind::Word)
    }

    fn peek_is(&self, ahead: usize, text: &str) -> bool {
        self.peek(ahead).is_some_and(|token| token.is(text))
    }

    /// Reads `a::b::c` or `a::{…}` behind `prefix`.
    fn path(&mut self, prefix: &[&'a str]) {
        let mut segments = prefix.to_vec();
        let line = self.peek(0).map_or(0, |token| token.line);
        while let Some(word) = self.peek_word() {
            segments.push(word.text);
            self.at += 1;
            if !self.peek_is(0, "::") {
                break;
            }
            if self.peek_is(1, "{") {
                self.at += 2;
                self.group(&segments);
                return;
            }
            self.at += 1;
            if self.peek_is(0, "*") {
                segments.push("*");
            }
        }
        self.found.push(Spelled { segments, line });
    }

    /// Reads the inside of `{…}` behind `prefix`; the new name after `as` is nobody's path.
    fn group(&mut self, prefix: &[&'a str]) {
        while let Some(token) = self.peek(0).copied() {
            if token.is("}") {
                self.at += 1;
                return;
            }
            if token.is("as") {
                self.at += 2;
            } else if token.kind == Kind::Word {
                self.path(prefix);
            } else if token.is("*") {
                self.everything(prefix, token.line);
            } else {
                self.at += 1;
            }
        }
    }

    fn everything(&mut self, prefix: &[&'a str], line: usize) {
        let segments = prefix.iter().copied().chain(["*"]).collect();
        self.found.push(Spelled { segments, line });
        self.at += 1;
    }
}
