//! How a POSIX shell reads a line of words (Shell Command Language, 2.2), as far as it does so without running or
//! replacing anything; a line of which it would do more has no reading here.

/// The words of a line, or nothing if a shell would do more with it than split it.
pub(crate) fn read(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut bare = true;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => {
                words.extend(word.take());
                bare = true;
            }
            '\'' => {
                bare = false;
                let inside = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        other => inside.push(other),
                    }
                }
            }
            '\\' => {
                bare = false;
                let escaped = chars.next().filter(|c| *c != '\n')?;
                word.get_or_insert_default().push(escaped);
            }
            // A first word that is bare up to an equals sign sets a variable.
            '=' if bare && words.is_empty() => return None,
            c if c.is_ascii_alphanumeric() || "@%_+=:,./-".contains(c) => {
                word.get_or_insert_default().push(c);
            }
            _ => return None,
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_read_as_they_were() {
        let words = read(r"/bin/x 'a b' '' 'it'\''s' -n=1").unwrap();
        assert_eq!(words, ["/bin/x", "a b", "", "it's", "-n=1"]);
    }

    #[test]
    fn what_a_shell_would_act_on_has_no_reading() {
        for line in [
            "a;b", "a $x", "a|b", "a `b`", "a > b", "a *", "~/x", "a\nb", "x=1 y", "'a", "a \\",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
