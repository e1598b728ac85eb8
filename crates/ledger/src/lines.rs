//! A cursor over newline-terminated lines, shared by the text formats.
//! Strict on purpose: one value has one spelling, so a changed byte is never silently accepted.

/// Reads lines one by one and counts them, from 1, for error messages.
pub(crate) struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            number: 0,
        }
    }

    /// The next line without its newline; `None` at the end or when the newline is missing.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        self.number = self.number.saturating_add(1);
        Some(line)
    }

    /// The next line's value if it reads `KEY VALUE`; consumes nothing otherwise.
    pub(crate) fn field(&mut self, key: &str) -> Option<&'a str> {
        let value = self.peek()?.strip_prefix(key)?.strip_prefix(' ')?;
        self.next();
        Some(value)
    }

    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.rest.split_once('\n').map(|(line, _)| line)
    }

    /// Number of the line that would come next.
    pub(crate) fn upcoming(&self) -> usize {
        self.number.saturating_add(1)
    }

    /// Everything not read yet.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }
}

/// Decimal without sign or leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical {
        text.parse().ok()
    } else {
        None
    }
}
