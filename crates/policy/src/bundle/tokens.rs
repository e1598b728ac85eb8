//! Cedar's words and signs, told apart without recursion, so that a text can be measured before it is parsed.
//! Where this and Cedar's own lexer could disagree, Cedar refuses the text.

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, a name or a number.
    Word(&'a str),
    /// Text in quotation marks.
    Text,
    /// Anything else.
    Sign(&'a str),
}

/// Signs of two characters.
const DOUBLE: [&str; 7] = ["::", "==", "!=", "<=", ">=", "&&", "||"];

/// The tokens of a text with where each begins.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    double: bool,
}

impl<'a> Tokens<'a> {
    /// Of policies.
    pub(super) const fn of_policies(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            double: true,
        }
    }

    /// Of a schema, in which `>=` is the end of a type and a sign.
    pub(super) const fn of_schema(text: &'a str) -> Self {
        Self {
            double: false,
            ..Self::of_policies(text)
        }
    }

    fn skip_space(&mut self) -> Option<&'a str> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            if first.is_whitespace() {
                self.at += first.len_utf8();
            } else if rest.starts_with("//") {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else {
                return Some(rest);
            }
        }
    }

    fn is_double(&self, rest: &str) -> bool {
        let doubles = DOUBLE.iter().filter(|sign| self.double || **sign == "::");
        doubles.copied().any(|sign| rest.starts_with(sign))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.skip_space()?;
        let first = rest.chars().next()?;
        let begins = self.at;
        let length = match first {
            '"' => text_length(rest),
            first if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if self.is_double(rest) => 2,
            _ => first.len_utf8(),
        };
        self.at += length;
        let token = rest.get(..length)?;
        let token = match first {
            '"' => Token::Text,
            first if is_word(first) => Token::Word(token),
            _ => Token::Sign(token),
        };
        Some((begins, token))
    }
}

const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// How long the quoted text is that `rest` begins with, its marks included.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (place, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_comments_hide_brackets_and_end_where_cedar_ends_them() {
        let signs = |text| {
            Tokens::of_policies(text)
                .filter(|(_, token)| *token == Token::Sign("("))
                .count()
        };
        assert_eq!(signs("\"((\\\"((\" ("), 1);
        assert_eq!(signs("// ((\n("), 1);
        assert_eq!(signs("// ((\r("), 1);
        assert_eq!(signs("a.b((über\"(\")("), 3);
    }

    #[test]
    fn signs_of_two_characters_are_one_where_they_are() {
        let policy: Vec<_> = Tokens::of_policies("A::B>=1").map(|(at, _)| at).collect();
        assert_eq!(policy, [0, 1, 3, 4, 6]);
        let schema: Vec<_> = Tokens::of_schema("Set<A::B>=").map(|(at, _)| at).collect();
        assert_eq!(schema, [0, 3, 4, 5, 7, 8, 9]);
    }
}
