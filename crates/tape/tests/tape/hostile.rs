//! Hostile input: nothing panics, nothing is allocated because a length field says so.

use std::io::{Read, Result};

use portcullis_tape::{End, TapeError, open, recover, verify};
use proptest::{collection::vec, prelude::*};

use crate::recorded::{end, four, key};

fn feed(bytes: &[u8]) {
    if let Ok(mut reader) = open(bytes) {
        while let Ok(Some(segment)) = reader.next_segment() {
            drop(segment.frames(&key()));
            drop(segment.end(&key()));
        }
    }
    drop(verify(bytes, &[four().final_head()], Some(&key())));
    drop(recover(bytes, &[], &end()));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        feed(&bytes);
        feed(&[b"PORTCULLIS TAPE 1\n", bytes.as_slice()].concat());
        feed(&[four().header, bytes].concat());
    }

    #[test]
    fn a_tape_with_a_stretch_overwritten_is_refused(at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 1..80)) {
        let tape = four();
        let mut bad = tape.bytes();
        let at = at.index(bad.len());
        for (slot, byte) in bad[at..].iter_mut().zip(&bytes) {
            *slot = *byte;
        }
        feed(&bad);
        let untouched = bad == tape.bytes();
        prop_assert_eq!(verify(bad.as_slice(), &[tape.final_head()], None).is_ok(), untouched);
    }
}

/// Gives a header, then a length field, then for ever more: counts what is taken.
struct Endless {
    start: Vec<u8>,
    taken: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        for slot in buffer.iter_mut() {
            *slot = self.start.get(self.taken).copied().unwrap_or(0);
            self.taken += 1;
        }
        Ok(buffer.len())
    }
}

#[test]
fn a_length_beyond_the_cap_is_refused_before_anything_is_read() {
    for claimed in [u32::MAX, 4 * 1024 * 1024 + 1, 0, 10] {
        let mut start = four().header;
        start.extend(claimed.to_be_bytes());
        let mut source = Endless { start, taken: 0 };
        let mut reader = open(&mut source).unwrap();
        assert!(matches!(
            reader.next_segment(),
            Err(TapeError::SegmentLength { segment: 0, .. })
        ));
        assert!(source.taken < 4096);
    }
    let mut start = b"PORTCULLIS TAPE 1\n".to_vec();
    start.extend(u32::MAX.to_be_bytes());
    let mut source = Endless { start, taken: 0 };
    assert!(matches!(
        open(&mut source),
        Err(TapeError::HeaderTooLarge { .. })
    ));
    assert!(source.taken < 4096);
}

#[test]
fn a_source_that_fails_is_reported_as_unreadable() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> Result<usize> {
            Err(std::io::Error::other("disk on fire"))
        }
    }
    let mut bytes = four().header;
    bytes.extend([0, 0]);
    let source = bytes.as_slice().chain(Broken);
    let error = verify(source, &[], None).unwrap_err();
    assert_eq!(error, TapeError::Unreadable("disk on fire".to_owned()));
}

#[test]
fn an_end_with_any_reason_survives() {
    let strange = End {
        at_ms: u64::MAX,
        reason: "\u{0}\"\\\u{202e}".repeat(50),
    };
    let (writer, start) = crate::recorded::writer();
    let (rest, head) = writer.finish(&strange).unwrap();
    let bytes = [start, rest].concat();
    let verified = verify(bytes.as_slice(), &[head], Some(&key())).unwrap();
    assert_eq!(
        verified.ending,
        portcullis_tape::Ending::Finished(Some(strange))
    );
}
