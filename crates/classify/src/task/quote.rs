//! Program and arguments as one line that every POSIX shell reads back as exactly those words.

use super::grammar::is_plain;

/// The line (IEEE Std 1003.1-2017, XCU 2.2): plain words as they are, all others in single quotes, where nothing
/// but the single quote itself means anything. A word with a NUL is not a word to any system: it is cut out of
/// no line here, since nothing that is declared or typed holds one.
pub fn command_line(argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    // A plain first word with '=' would be an assignment, and one with '~' is not plain.
    if is_plain(word) && !word.contains('=') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// The words that a shell reads in a line: it hands them to `printf`, each followed by a NUL.
    fn reread(shell: &str, line: &str) -> Vec<String> {
        let script = format!("set -- {line}\nfor word do printf '%s\\0' \"$word\"; done");
        let output = Command::new(shell).arg("-c").arg(script).output().unwrap();
        assert!(output.status.success(), "{shell}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut words: Vec<_> = text.split('\0').map(str::to_owned).collect();
        words.pop();
        words
    }

    /// Words that a shell could read otherwise.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[^\0]{0,12}",
            "[ -~]{0,12}",
            "[;&|<>()$`\\\\\"'*?\\[\\]{}~#!^ \t\n=-]{0,8}",
            Just("--".to_owned()),
            Just("-o".to_owned()),
            Just("A=b".to_owned()),
            Just("$(id)".to_owned()),
            Just("'\\''".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn every_posix_shell_reads_a_line_back_as_the_words_it_was_made_of(
            argv in prop::collection::vec(word(), 1..6),
        ) {
            for shell in ["sh", "dash", "bash"] {
                prop_assert_eq!(&reread(shell, &command_line(&argv)), &argv, "{}", shell);
            }
        }
    }

    #[test]
    fn plain_words_stay_as_they_are_and_others_are_quoted() {
        let line = |words: &[&str]| {
            command_line(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(line(&["/usr/bin/df", "-h"]), "/usr/bin/df -h");
        assert_eq!(line(&["/x", "", "a'b", "A=b"]), r"/x '' 'a'\''b' 'A=b'");
    }
}
