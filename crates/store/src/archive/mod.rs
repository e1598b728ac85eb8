//! A copy of many files in one: a plain tar, whose last member lists the length and SHA-256 of all before it. What was
//! cut, changed, added or left out on the way is told by name, and nothing lands outside the folder it is unpacked in.

mod error;
#[cfg(test)]
mod tests;
mod unpack;
mod write;

pub use error::ArchiveError;
pub use unpack::{Unpacked, unpack};
pub use write::ArchiveWriter;

/// The last member. No other may have its name.
const TABLE: &str = "manifest";

/// The longest table: some two million members.
const MOST_TABLE_BYTES: u64 = 256 * 1024 * 1024;

/// How long something in memory is, as files count.
fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A member as the table lists it.
struct Listed<'a> {
    digest: &'a str,
    bytes: u64,
    name: &'a str,
}

impl<'a> Listed<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        Some(Self {
            digest: words.next()?,
            bytes: words.next()?.parse().ok()?,
            name: words.next()?,
        })
    }
}

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {} {}", self.digest, self.bytes, self.name)
    }
}
