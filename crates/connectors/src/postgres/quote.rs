//! Names in SQL text. GRANT and REVOKE take no parameters, so a name has to be written into the statement;
//! it always goes through here.

/// The longest name in bytes: a longer one is cut off by the server and then names something else.
const LONGEST: usize = 63;

/// A name that cannot be a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("a role name is empty: set it in the resource's settings")]
    Empty,
    /// It holds a NUL.
    #[error("the role name {0:?} contains a NUL character, which no PostgreSQL name can")]
    Nul(String),
    /// It is longer than the server's names.
    #[error("the role name {0:?} is longer than 63 bytes: PostgreSQL would cut it off")]
    Long(String),
    /// The grammar takes these for keywords even between quotes.
    #[error("{0:?} is a word of PostgreSQL and cannot be the name of a role")]
    Reserved(String),
}

/// The name of a role between double quotes: whatever it contains stays one name.
///
/// # Errors
/// [`NameError`] if it cannot name a role.
pub fn role(name: &str) -> Result<String, NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.contains('\0') {
        return Err(NameError::Nul(name.to_owned()));
    }
    if name.len() > LONGEST {
        return Err(NameError::Long(name.to_owned()));
    }
    if matches!(name, "public" | "none") {
        return Err(NameError::Reserved(name.to_owned()));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_whatever_it_contains() {
        for (name, quoted) in [
            ("reader", "\"reader\""),
            ("Reader of x", "\"Reader of x\""),
            ("a\"b", "\"a\"\"b\""),
            ("\"; DROP ROLE x; --", "\"\"\"; DROP ROLE x; --\""),
            ("back\\slash'", "\"back\\slash'\""),
            ("süß\u{202e}", "\"süß\u{202e}\""),
            ("PUBLIC", "\"PUBLIC\""),
            ("current_user", "\"current_user\""),
        ] {
            assert_eq!(role(name).as_deref(), Ok(quoted));
        }
    }

    #[test]
    fn what_the_server_would_read_as_something_else_is_refused() {
        assert_eq!(role(""), Err(NameError::Empty));
        for word in ["public", "none"] {
            assert_eq!(role(word), Err(NameError::Reserved(word.to_owned())));
        }
        assert!(matches!(role("a\0b"), Err(NameError::Nul(_))));
    }

    #[test]
    fn sixty_three_bytes_are_a_name_and_sixty_four_are_not() {
        assert!(role(&"a".repeat(63)).is_ok());
        assert!(matches!(role(&"a".repeat(64)), Err(NameError::Long(_))));
        let wide = "ü".repeat(32);
        assert!(
            matches!(role(&wide), Err(NameError::Long(_))),
            "bytes count"
        );
    }
}
