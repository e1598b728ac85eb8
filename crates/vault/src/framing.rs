//! Bytes with one reading: length-prefixed fields for associated data, and a reader for stored blobs that says
//! exactly what is wrong with them.

/// Why stored bytes are not what they should be. `what` names the kind of blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The magic number is another's.
    #[error("these bytes are not a {what}; check that the right record was read")]
    Foreign {
        /// The kind of blob that was wanted.
        what: &'static str,
    },
    /// A format version this build does not know.
    #[error(
        "the {what} has format version {found}, which this build does not know; use a newer build"
    )]
    Version {
        /// The kind of blob.
        what: &'static str,
        /// The version that was read.
        found: u8,
    },
    /// The bytes end early.
    #[error("the {what} is cut short in its {field}; restore it from a backup")]
    Truncated {
        /// The kind of blob.
        what: &'static str,
        /// The field that is incomplete.
        field: &'static str,
    },
    /// There are bytes after the end.
    #[error("the {what} has {extra} bytes after its end; restore it from a backup")]
    Trailing {
        /// The kind of blob.
        what: &'static str,
        /// How many bytes are too many.
        extra: usize,
    },
    /// A field holds what it cannot hold.
    #[error("the {what} has an impossible {field}; restore it from a backup")]
    Impossible {
        /// The kind of blob.
        what: &'static str,
        /// The field.
        field: &'static str,
    },
}

/// Associated data in the making: a domain and fields, each behind its length as 8 bytes, big end first. Two
/// different lists of fields never give the same bytes.
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    /// Starts with the domain, which no other use may share.
    pub(crate) fn new(domain: &'static str) -> Self {
        Self(Vec::with_capacity(192)).bytes(domain.as_bytes())
    }

    /// Adds a field of bytes.
    pub(crate) fn bytes(mut self, field: &[u8]) -> Self {
        let len = u64::try_from(field.len()).unwrap_or(u64::MAX);
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(field);
        self
    }

    /// Adds a field of text.
    pub(crate) fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    /// Adds a number.
    pub(crate) fn number(self, field: u32) -> Self {
        self.bytes(&field.to_be_bytes())
    }

    /// The bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a stored blob from its beginning.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the magic number and the version; version 1 is the only one there is.
    pub(crate) fn open(
        what: &'static str,
        magic: [u8; 4],
        bytes: &'a [u8],
    ) -> Result<Self, FormatError> {
        let mut reader = Self { what, rest: bytes };
        if reader.array::<4>("magic number")? != magic {
            return Err(FormatError::Foreign { what });
        }
        match reader.array::<1>("version")? {
            [1] => Ok(reader),
            [found] => Err(FormatError::Version { what, found }),
        }
    }

    /// Reads a part that has no magic number of its own.
    pub(crate) const fn over(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(FormatError::Truncated {
                what: self.what,
                field,
            })?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next number of four bytes.
    pub(crate) fn number(&mut self, field: &'static str) -> Result<u32, FormatError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// A text of at most 255 bytes behind its length in one byte, as [`push_short_text`] writes it.
    pub(crate) fn short_text(&mut self, field: &'static str) -> Result<&'a str, FormatError> {
        let [len] = self.array::<1>(field)?;
        let taken = self.take(usize::from(len), field)?;
        std::str::from_utf8(taken).map_err(|_| self.impossible(field))
    }

    /// Bytes behind their length in four bytes.
    pub(crate) fn long_bytes(&mut self, field: &'static str) -> Result<&'a [u8], FormatError> {
        let len = usize::try_from(self.number(field)?).unwrap_or(usize::MAX);
        self.take(len, field)
    }

    fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(FormatError::Truncated {
                what: self.what,
                field,
            })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Everything that is left, of at least `least` bytes.
    pub(crate) fn remainder(
        self,
        field: &'static str,
        least: usize,
    ) -> Result<&'a [u8], FormatError> {
        if self.rest.len() < least {
            return Err(FormatError::Truncated {
                what: self.what,
                field,
            });
        }
        Ok(self.rest)
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), FormatError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(FormatError::Trailing {
                what: self.what,
                extra,
            }),
        }
    }

    /// The error for a field that holds what it cannot hold.
    pub(crate) const fn impossible(&self, field: &'static str) -> FormatError {
        FormatError::Impossible {
            what: self.what,
            field,
        }
    }
}

/// Begins a blob that [`Reader::open`] reads.
pub(crate) fn begin(magic: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(&magic);
    out.push(1);
    out
}

/// Writes a text behind its length in one byte. What is written so (identifiers, kinds) is far shorter than 255
/// bytes; more would be cut, and not read back.
pub(crate) fn push_short_text(out: &mut Vec<u8>, text: &str) {
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend(text.bytes().take(usize::from(u8::MAX)));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_from_one_field_to_the_next_changes_the_bytes() {
        let one = Fields::new("d").text("ab").text("c").finish();
        let two = Fields::new("d").text("a").text("bc").finish();
        assert_ne!(one, two);
    }

    #[test]
    fn an_empty_field_is_not_a_missing_one() {
        assert_ne!(
            Fields::new("d").text("").finish(),
            Fields::new("d").finish()
        );
    }

    #[test]
    fn a_version_from_the_future_is_named() {
        let found = Reader::open("thing", *b"ABCD", b"ABCD\x02").err().unwrap();
        assert_eq!(
            found,
            FormatError::Version {
                what: "thing",
                found: 2
            }
        );
    }
}
