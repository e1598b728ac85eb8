//! Passwords at intake: what is refused before it is sealed.

use portcullis_model::Secret;

/// The greatest length of a password in bytes.
pub const MAX_PASSWORD_LEN: usize = 1024;

/// Why a password is not taken in. It never holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing was given.
    #[error("the password is empty; give at least one character")]
    Empty,
    /// Longer than targets take.
    #[error("a password has at most {MAX_PASSWORD_LEN} bytes, this has {found}")]
    TooLong {
        /// The length in bytes.
        found: usize,
    },
    /// No UTF-8.
    #[error("the password is not UTF-8 text; if it is a key file, add it as a key")]
    NotText,
    /// A line break at the end, or anything else that cannot be typed.
    #[error(
        "the password contains a line break or another control character; give it without (`printf %s` instead of `echo`)"
    )]
    Control,
}

/// Takes a password in, as it will be given to the target.
pub fn parse_password(given: Secret<Vec<u8>>) -> Result<Secret<Vec<u8>>, PasswordError> {
    let bytes = given.expose();
    if bytes.is_empty() {
        return Err(PasswordError::Empty);
    }
    if bytes.len() > MAX_PASSWORD_LEN {
        return Err(PasswordError::TooLong { found: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| PasswordError::NotText)?;
    if text.chars().any(char::is_control) {
        return Err(PasswordError::Control);
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Secret<Vec<u8>>, PasswordError> {
        parse_password(Secret::new(bytes.to_vec()))
    }

    #[test]
    fn a_password_with_blanks_and_umlauts_is_taken_as_it_is() {
        let given = " größer als 8 ".as_bytes();
        assert_eq!(parse(given), Ok(Secret::new(given.to_vec())));
    }

    #[test]
    fn what_no_login_takes_is_refused() {
        assert_eq!(parse(b""), Err(PasswordError::Empty));
        assert_eq!(parse(b"hunter2\n"), Err(PasswordError::Control));
        assert_eq!(parse(b"hun\0ter2"), Err(PasswordError::Control));
        assert_eq!(parse(b"hunter\xff"), Err(PasswordError::NotText));
        let long = vec![b'x'; MAX_PASSWORD_LEN + 1];
        assert_eq!(parse(&long), Err(PasswordError::TooLong { found: 1025 }));
    }
}
