//! Just enough of Rust's grammar to scan sources: tokens without comments, the paths they spell, and where
//! test code begins. A scan over tokens is not fooled by a word in a comment, a string or a test module.

mod lexer;
mod paths;
#[cfg(test)]
mod tests;

pub use lexer::{Kind, Token, tokens};
pub use paths::{Spelled, paths};

/// The tokens with every `#[cfg(test)]` item removed.
pub fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    split_tests(tokens).0
}

/// The tokens of `#[cfg(test)]` items only.
pub fn only_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    split_tests(tokens).1
}

/// Names of the modules that `#[cfg(test)] mod NAME;` places in files of their own.
pub fn test_modules<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let tests = only_tests(tokens);
    tests
        .windows(3)
        .filter_map(|window| match window {
            [keyword, name, end] if keyword.is("mod") && end.is(";") => Some(name.text),
            _ => None,
        })
        .collect()
}

/// True if `tokens` define a function called `name`.
pub fn defines_function(tokens: &[Token<'_>], name: &str) -> bool {
    tokens
        .windows(2)
        .any(|window| matches!(window, [keyword, found] if keyword.is("fn") && found.is(name)))
}

const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn split_tests<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<Token<'a>>) {
    let (mut production, mut tests) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while let Some((first, tail)) = rest.split_first() {
        if starts_with(rest, &CFG_TEST) {
            let (item, after) = rest.split_at(item_length(rest));
            tests.extend_from_slice(item);
            rest = after;
        } else {
            production.push(*first);
            rest = tail;
        }
    }
    (production, tests)
}

fn starts_with(tokens: &[Token<'_>], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.is(text))
}

/// How many tokens the item at the front has: up to its first `;` or closing `}` outside every bracket.
fn item_length(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.mark() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}
