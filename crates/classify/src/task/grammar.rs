//! What callers may type and what owners may declare.
//!
//! A caller's text is words of plain characters between blanks: nothing that any shell treats specially, no
//! quoting, no control character, nothing outside ASCII. A typed word never begins with a dash, unless a declared
//! choice does, so no word becomes an option.

use portcullis_model::{Argument, Task};

/// The longest text a caller may type, in bytes.
const LONGEST_TEXT: usize = 4096;

/// The longest word.
const LONGEST_WORD: usize = 255;

/// The most arguments a task has, and the most words a choice offers.
const MOST: usize = 64;

/// What ends the name of a unit that can be named. Targets are not among them: `reboot.target` is one.
const UNIT_SUFFIXES: [&str; 3] = [".service", ".timer", ".socket"];

/// What a unit's name without a suffix means, as systemctl reads it.
const UNIT_DEFAULT: &str = ".service";

/// Why a caller's words are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A character that is not plain.
    #[error(
        "{0:?} is not a character for a task: its words are ASCII letters, digits and any of @%_+=:,./- with blanks between"
    )]
    Character(char),
    /// Too much.
    #[error("the words are longer than {LONGEST_TEXT} bytes")]
    Long,
    /// More or fewer words than declared.
    #[error("it takes {wanted} words, not {given}")]
    Count {
        /// How many it takes.
        wanted: usize,
        /// How many were given.
        given: usize,
    },
    /// A word is not of its type.
    #[error("{word:?} is not {wanted}")]
    Word {
        /// The word.
        word: String,
        /// What is wanted in its place.
        wanted: String,
    },
}

/// Why a task cannot be declared so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undeclarable {
    /// The program.
    #[error(
        "{0:?} is not a program's absolute path of plain characters, without '.', '..' or '//'; say where it is, such as /usr/bin/systemctl"
    )]
    Program(String),
    /// A literal.
    #[error(
        "{0:?} is not a literal argument: use plain characters, nothing a shell treats specially"
    )]
    Literal(String),
    /// A choice.
    #[error("{0:?} is no choice: give different words of plain characters, such as {{on|off}}")]
    Choice(String),
    /// A range.
    #[error("{{{0}-{1}}} holds no number: give the least, then the greatest")]
    Number(u64, u64),
    /// A folder.
    #[error("{0:?} is not a folder's absolute path of plain characters, such as {{/var/log/…}}")]
    Folder(String),
    /// Something in braces that is no type.
    #[error(
        "{0:?} is no type of argument: there are {{unit}}, {{1-100}}, {{a|b}} and {{/folder/…}}"
    )]
    Type(String),
    /// Too many.
    #[error("a task has {MOST} arguments at most")]
    Many,
}

/// Whether every character is plain.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_WORD && text.chars().all(plain)
}

const fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '@' | '%' | '_' | '+' | '=' | ':' | ',' | '.' | '/' | '-')
}

/// The words of a caller's text.
pub fn plain_words(text: &str) -> Result<Vec<&str>, Mismatch> {
    if text.len() > LONGEST_TEXT {
        return Err(Mismatch::Long);
    }
    match text.chars().find(|c| *c != ' ' && !plain(*c)) {
        Some(odd) => Err(Mismatch::Character(odd)),
        None => Ok(text.split(' ').filter(|word| !word.is_empty()).collect()),
    }
}

/// Program and arguments that a caller's words come to.
pub fn resolve(task: &Task, words: &[&str]) -> Result<Vec<String>, Mismatch> {
    let wanted = task.arguments.iter().filter(|one| one.is_typed()).count();
    if words.len() != wanted {
        return Err(Mismatch::Count {
            wanted,
            given: words.len(),
        });
    }
    let mut words = words.iter();
    let mut argv = vec![task.program.clone()];
    for argument in &task.arguments {
        argv.push(match argument {
            Argument::Literal { text } => text.clone(),
            typed => {
                let word = words.next().copied().unwrap_or_default();
                read(typed, word).ok_or_else(|| Mismatch::Word {
                    word: word.to_owned(),
                    wanted: described(typed),
                })?
            }
        });
    }
    Ok(argv)
}

/// A word as an argument of a type, in its one way of writing it.
fn read(argument: &Argument, word: &str) -> Option<String> {
    if !is_plain(word) {
        return None;
    }
    match argument {
        Argument::Literal { text } => (text == word).then(|| text.clone()),
        Argument::Choice { of } => of.iter().find(|known| *known == word).cloned(),
        Argument::Number { least, most } => number(word)
            .filter(|number| (*least..=*most).contains(number))
            .map(|number| number.to_string()),
        Argument::Unit {} => unit(word),
        Argument::Path { under } => is_below(under, word).then(|| word.to_owned()),
    }
}

pub(super) fn number(word: &str) -> Option<u64> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (word == "0" || !word.starts_with('0'));
    canonical.then(|| word.parse().ok()).flatten()
}

/// The name of a unit with its suffix.
pub(super) fn unit(word: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.@".contains(&byte);
    let begins = word
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !begins || !word.bytes().all(fits) {
        return None;
    }
    let named = UNIT_SUFFIXES
        .iter()
        .any(|suffix| word.len() > suffix.len() && word.ends_with(suffix));
    let whole = if named {
        word.to_owned()
    } else {
        format!("{word}{UNIT_DEFAULT}")
    };
    // What it means is asked for by its words again, and has to fit into one.
    (whole.len() <= LONGEST_WORD).then_some(whole)
}

/// Whether a path is a file's below a folder: no part is empty, `.` or `..`, or begins with a dot or a dash.
fn is_below(under: &str, path: &str) -> bool {
    let rest = path
        .strip_prefix(under)
        .and_then(|rest| rest.strip_prefix('/'));
    rest.is_some_and(|rest| rest.split('/').all(is_part))
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && !part.starts_with(['.', '-'])
}

fn is_absolute(path: &str) -> bool {
    is_plain(path)
        && path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(is_part))
}

fn described(argument: &Argument) -> String {
    match argument {
        Argument::Literal { text } => text.clone(),
        Argument::Choice { of } => format!("one of {}", of.join(", ")),
        Argument::Number { least, most } => format!("a number from {least} to {most}"),
        Argument::Unit {} => "the name of a unit such as nginx.service".to_owned(),
        Argument::Path { under } => format!("a file below {under}, without '..'"),
    }
}

/// What to type: the name and a stand-in for each word.
pub fn usage(task: &Task) -> String {
    let typed = task.arguments.iter().filter(|one| one.is_typed());
    typed.fold(task.name.clone(), |usage, argument| {
        format!("{usage} {argument}")
    })
}

/// Whether a task can be declared so; its name and account are names of their own and checked as such.
pub fn check(program: &str, arguments: &[Argument]) -> Result<(), Undeclarable> {
    if !is_absolute(program) {
        return Err(Undeclarable::Program(program.to_owned()));
    }
    if arguments.len() > MOST {
        return Err(Undeclarable::Many);
    }
    arguments.iter().try_for_each(check_argument)
}

fn check_argument(argument: &Argument) -> Result<(), Undeclarable> {
    let text = argument.to_string();
    match argument {
        Argument::Literal { text } if is_plain(text) => Ok(()),
        Argument::Literal { .. } => Err(Undeclarable::Literal(text)),
        Argument::Choice { of } => {
            let twice = of.iter().enumerate().any(|(place, word)| {
                of.iter()
                    .skip(place.saturating_add(1))
                    .any(|other| other == word)
            });
            let fits = !of.is_empty() && of.len() <= MOST && of.iter().all(|word| is_plain(word));
            if fits && !twice {
                Ok(())
            } else {
                Err(Undeclarable::Choice(text))
            }
        }
        Argument::Number { least, most } if least <= most => Ok(()),
        Argument::Number { least, most } => Err(Undeclarable::Number(*least, *most)),
        Argument::Unit {} => Ok(()),
        Argument::Path { under } if is_absolute(under) => Ok(()),
        Argument::Path { under } => Err(Undeclarable::Folder(under.clone())),
    }
}

/// Reads an argument as it is typed at `tasks add`: a type in braces, or a literal.
pub fn argument(text: &str) -> Result<Argument, Undeclarable> {
    let inner = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let read = match inner {
        None => Argument::Literal {
            text: text.to_owned(),
        },
        Some("unit") => Argument::Unit {},
        Some(inner) => typed(inner).ok_or_else(|| Undeclarable::Type(text.to_owned()))?,
    };
    check_argument(&read)?;
    Ok(read)
}

fn typed(inner: &str) -> Option<Argument> {
    let folder = inner.strip_suffix("/…").or(inner.strip_suffix("/..."));
    if let Some(under) = folder {
        return Some(Argument::Path {
            under: under.to_owned(),
        });
    }
    if inner.contains('|') {
        return Some(Argument::Choice {
            of: inner.split('|').map(str::to_owned).collect(),
        });
    }
    let (least, most) = inner.split_once('-')?;
    Some(Argument::Number {
        least: number(least)?,
        most: number(most)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn takes(text: &str, word: &str) -> Option<String> {
        read(&argument(text).unwrap(), word)
    }

    #[test]
    fn each_type_takes_its_own_words_in_one_way_of_writing_them() {
        for (typed, word, read) in [
            ("{unit}", "nginx", "nginx.service"),
            ("{unit}", "nginx.service", "nginx.service"),
            ("{unit}", "getty@tty1.service", "getty@tty1.service"),
            ("{unit}", "reboot.target", "reboot.target.service"),
            ("{1-100}", "100", "100"),
            ("{0-9}", "0", "0"),
            ("{on|off}", "off", "off"),
            ("{-v|-q}", "-q", "-q"),
            (
                "{/var/log/…}",
                "/var/log/nginx/access.log",
                "/var/log/nginx/access.log",
            ),
        ] {
            assert_eq!(takes(typed, word).as_deref(), Some(read), "{typed} {word}");
        }
    }

    #[test]
    fn words_of_no_type_or_of_another_are_refused() {
        for (typed, word) in [
            ("{unit}", ""),
            ("{unit}", "-nginx"),
            ("{unit}", "--all"),
            ("{unit}", ".service"),
            ("{unit}", "ngin*"),
            ("{unit}", "a/b"),
            ("{unit}", "ngıinx"),
            ("{1-100}", "0"),
            ("{1-100}", "101"),
            ("{1-100}", "+5"),
            ("{1-100}", "-5"),
            ("{1-100}", "05"),
            ("{1-100}", "5 "),
            ("{1-100}", "1e2"),
            ("{1-100}", "99999999999999999999999"),
            ("{1-100}", "٣"),
            ("{on|off}", "On"),
            ("{on|off}", "on|off"),
            ("{on|off}", ""),
            ("{/var/log/…}", "/var/log"),
            ("{/var/log/…}", "/var/log/"),
            ("{/var/log/…}", "/var/logs/x"),
            ("{/var/log/…}", "/var/log/../shadow"),
            ("{/var/log/…}", "/var/log/./x"),
            ("{/var/log/…}", "/var/log//x"),
            ("{/var/log/…}", "/var/log/a/..b"),
            ("{/var/log/…}", "/var/log/-rf"),
            ("{/var/log/…}", "var/log/x"),
        ] {
            assert_eq!(takes(typed, word), None, "{typed} {word:?}");
        }
    }

    #[test]
    fn nothing_that_a_shell_or_an_option_parser_treats_specially_is_of_any_type() {
        let hostile = [
            "-o",
            "--",
            "-nginx",
            "--all",
            "a;id",
            "$(id)",
            "`id`",
            "a|id",
            "a&id",
            "a>b",
            "a<b",
            "a\nb",
            "a\rb",
            "a\tb",
            "a\0b",
            "*",
            "a?",
            "[a]",
            "{a,b}",
            "~",
            "~root",
            "#",
            "!1",
            "a'b",
            "a\"b",
            "a\\b",
            "a b",
            " ",
            "",
            "\u{430}",
            "a\u{202e}b",
            "\u{ff0d}o",
            "\u{7f}",
        ];
        for typed in ["{unit}", "{1-9}", "{on|off}", "{/srv/x/…}"] {
            for word in hostile {
                for word in [
                    word.to_owned(),
                    format!("/srv/x/{word}"),
                    format!("on{word}"),
                    format!("5{word}"),
                ] {
                    let plain = word.chars().all(plain);
                    let read = takes(typed, &word);
                    assert!(plain || read.is_none(), "{typed} {word:?}");
                    assert!(
                        read.is_none_or(|read| !read.starts_with('-')),
                        "{typed} {word:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn words_stand_between_blanks_and_nothing_else_is_a_word() {
        assert_eq!(
            plain_words(" logs  nginx 5 ").unwrap(),
            ["logs", "nginx", "5"]
        );
        for odd in "\t\n\r\0;&|<>()$`\\\"'*?[]{}~#!^\u{a0}\u{2003}é\u{202e}\u{7f}".chars() {
            let text = format!("logs a{odd}b");
            assert_eq!(
                plain_words(&text),
                Err(Mismatch::Character(odd)),
                "{text:?}"
            );
        }
        assert_eq!(plain_words(&"a".repeat(4097)), Err(Mismatch::Long));
    }

    #[test]
    fn what_can_be_declared_reads_back_as_it_is_printed_and_the_rest_is_refused() {
        for text in [
            "-n",
            "{unit}",
            "{1-5}",
            "{a|b|-c}",
            "{/srv/x/…}",
            "--lines=5",
        ] {
            assert_eq!(argument(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "a b",
            "$HOME",
            "*",
            "{",
            "{}",
            "{shell}",
            "{5-1}",
            "{1-}",
            "{-1-5}",
            "{a|a}",
            "{a|}",
            "{a|b c}",
            "{var/…}",
            "{/…}",
            "{/a/../b/…}",
            "a;b",
            "a\nb",
            "é",
        ] {
            assert!(argument(text).is_err(), "{text:?}");
        }
        for program in ["/usr/bin/id", "/opt/x-1/run_me"] {
            assert_eq!(check(program, &[]), Ok(()), "{program}");
        }
        for program in [
            "",
            "id",
            "/",
            "usr/bin/id",
            "/usr/bin/",
            "/usr//bin/id",
            "/usr/../bin/id",
            "/usr/bin/./id",
            "/usr/bin/i d",
            "/usr/bin/id;x",
            "/usr/bin/-x",
            "~/id",
            "/usr/bin/\u{456}d",
        ] {
            assert!(check(program, &[]).is_err(), "{program:?}");
        }
    }
}
