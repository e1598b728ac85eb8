//! The bytes of a slot: what it is, its body, and a checksum that tells decay from a wrong passphrase.
//! The checksum is no protection against a hand that can recompute it; the body's own cipher is.

use portcullis_model::Digest;

use super::{Slot, SlotError, SlotKind};
use crate::framing::{FormatError, Reader, begin, push_short_text};

const WHAT: &str = "key slot";
const MAGIC: [u8; 4] = *b"PCSL";
const SUM_LEN: usize = 32;

/// `PCSL`, version 1, kind (1 + n), body (4 + n), SHA-256 of all that.
pub(super) fn write(kind: &SlotKind, body: &[u8]) -> Vec<u8> {
    let mut out = begin(MAGIC);
    push_short_text(&mut out, kind.as_str());
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(body);
    let sum = Digest::of_bytes(&out);
    out.extend_from_slice(sum.as_bytes());
    out
}

/// The body, if the blob is whole and of the kind that its record says.
pub(super) fn read(slot: &Slot) -> Result<&[u8], SlotError> {
    let label = || slot.label.clone();
    let (kind, body, sum) = split(&slot.blob).map_err(|error| SlotError::Format {
        label: label(),
        error,
    })?;
    let summed = slot.blob.len().saturating_sub(SUM_LEN);
    let summed = slot.blob.get(..summed).unwrap_or_default();
    if Digest::of_bytes(summed).as_bytes() != &sum {
        return Err(SlotError::Damaged { label: label() });
    }
    if kind != slot.kind.as_str() {
        return Err(SlotError::KindMismatch {
            label: label(),
            recorded: slot.kind.clone(),
            made: kind.to_owned(),
        });
    }
    Ok(body)
}

fn split(blob: &[u8]) -> Result<(&str, &[u8], [u8; SUM_LEN]), FormatError> {
    let mut reader = Reader::open(WHAT, MAGIC, blob)?;
    let kind = reader.short_text("kind")?;
    let body = reader.long_bytes("contents")?;
    let sum = reader.array("checksum")?;
    reader.finish()?;
    Ok((kind, body, sum))
}
