//! Reading something and knowing its digest afterwards.

use std::io::{self, Read};

use aws_lc_rs::digest::{Context, SHA256};

/// Counts and hashes what is read through it.
pub struct Hashing<R> {
    source: R,
    context: Context,
    bytes: u64,
}

impl<R> Hashing<R> {
    /// Nothing is read yet.
    pub fn new(source: R) -> Self {
        Self {
            source,
            context: Context::new(&SHA256),
            bytes: 0,
        }
    }

    /// How many bytes were read, and their SHA-256 in hexadecimal.
    pub fn finish(self) -> (u64, String) {
        let digest = self.context.finish();
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        (self.bytes, digits.collect())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        if let Some(bytes) = buffer.get(..read) {
            self.context.update(bytes);
            self.bytes += u64::try_from(read).map_err(io::Error::other)?;
        }
        Ok(read)
    }
}
