//! Tampering with a tape, without and with knowledge of the format.

use portcullis_tape::{Ending, Head, TapeError, TapeKey, TapeWriter, Verified, open, verify};

use crate::recorded::{Recorded, end, four, header, key, output};

fn check(tape: &Recorded, bytes: &[u8]) -> Result<Verified, TapeError> {
    verify(bytes, &[tape.final_head()], None)
}

fn joined(tape: &Recorded, order: &[usize]) -> Vec<u8> {
    let mut bytes = tape.header.clone();
    for at in order {
        bytes.extend(&tape.segments[*at]);
    }
    bytes
}

#[test]
fn an_untouched_tape_passes_every_head_the_ledger_has() {
    let tape = four();
    let verified = verify(tape.bytes().as_slice(), &tape.heads, Some(&key())).unwrap();
    assert_eq!(verified.head, tape.final_head());
    assert_eq!(verified.header, header());
}

#[test]
fn any_flipped_bit_anywhere_is_detected_with_the_ledgers_head() {
    let tape = four();
    let bytes = tape.bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            assert!(check(&tape, &bad).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn without_any_head_a_flipped_bit_never_leaves_a_finished_tape() {
    let bytes = four().bytes();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        let verdict = verify(bad.as_slice(), &[], None).map(|verified| verified.ending);
        assert!(
            matches!(verdict, Err(_) | Ok(Ending::Unfinished { .. })),
            "byte {at}"
        );
    }
}

#[test]
fn a_flipped_bit_is_found_in_its_segment_and_in_the_header() {
    let tape = four();
    let mut bad = tape.clone();
    bad.segments[2][60] ^= 1;
    assert_eq!(
        check(&tape, &bad.bytes()),
        Err(TapeError::Altered { segment: 2 })
    );
    let mut seq = tape.clone();
    seq.segments[2][13] ^= 1;
    assert_eq!(
        check(&tape, &seq.bytes()),
        Err(TapeError::Altered { segment: 2 })
    );
    let mut head = tape.clone();
    head.header[60] ^= 1;
    assert_eq!(check(&tape, &head.bytes()), Err(TapeError::HeaderAltered));
}

#[test]
fn a_dropped_segment_is_named() {
    let tape = four();
    assert_eq!(
        check(&tape, &joined(&tape, &[0, 1, 3, 4])),
        Err(TapeError::Dropped {
            segment: 2,
            found: 3
        })
    );
    assert_eq!(
        check(&tape, &joined(&tape, &[0, 1, 4])),
        Err(TapeError::Dropped {
            segment: 2,
            found: 4
        })
    );
}

#[test]
fn reordered_and_repeated_segments_are_noticed() {
    let tape = four();
    assert_eq!(
        check(&tape, &joined(&tape, &[0, 2, 1, 3, 4])),
        Err(TapeError::Reordered {
            segment: 1,
            found: 2
        })
    );
    assert_eq!(
        check(&tape, &joined(&tape, &[0, 1, 1, 2, 3, 4])),
        Err(TapeError::Reordered {
            segment: 2,
            found: 1
        })
    );
}

#[test]
fn a_tape_cut_anywhere_is_truncated_for_the_ledger_and_unfinished_without_it() {
    let tape = four();
    let bytes = tape.bytes();
    for length in tape.header.len()..bytes.len() {
        let cut = &bytes[..length];
        assert!(
            matches!(
                check(&tape, cut),
                Err(TapeError::Truncated { expected: 5, .. })
            ),
            "at {length}"
        );
        let verified = verify(cut, &[], None).unwrap();
        assert!(
            matches!(verified.ending, Ending::Unfinished { .. }),
            "at {length}"
        );
    }
    for length in 0..tape.header.len() {
        assert!(verify(&bytes[..length], &[], None).is_err());
    }
    let message = check(&tape, &bytes[..bytes.len() - 1])
        .unwrap_err()
        .to_string();
    assert!(message.contains("4 whole segments") && message.contains("head says 5"));
}

#[test]
fn a_tape_rewritten_with_its_own_key_is_a_fork_for_the_ledger() {
    let tape = four();
    let other = Recorded::new(&["one\r\n", "two\r\n", "THREE\r\n", "four\r\n"]);
    assert!(verify(other.bytes().as_slice(), &[], Some(&key())).is_ok());
    assert_eq!(
        check(&tape, &other.bytes()),
        Err(TapeError::Forked { segments: 5 })
    );
    assert_eq!(
        verify(other.bytes().as_slice(), &tape.heads, None),
        Err(TapeError::Forked { segments: 3 })
    );
    let claim = Head {
        bytes: 1,
        ..tape.final_head()
    };
    assert_eq!(
        verify(tape.bytes().as_slice(), &[claim], None),
        Err(TapeError::Forked { segments: 5 })
    );
}

#[test]
fn a_chain_rebuilt_without_the_key_fails_its_seals() {
    // The attacker keeps the header, so that the key check passes, and recomputes every link.
    let tape = four();
    let mut bytes = tape.header.clone();
    let mut link: [u8; 32] = *tape.header.last_chunk().unwrap();
    for (at, segment) in tape.segments.iter().enumerate() {
        let mut forged = segment[..segment.len() - 32].to_vec();
        if at == 1 {
            forged[50] ^= 1;
        }
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(&link);
        context.update(&forged);
        link.copy_from_slice(context.finish().as_ref());
        forged.extend(link);
        bytes.extend(forged);
    }
    assert!(
        verify(bytes.as_slice(), &[], None).is_ok(),
        "the forgery is consistent"
    );
    assert_eq!(
        verify(bytes.as_slice(), &[], Some(&key())),
        Err(TapeError::SealBroken { segment: 1 })
    );
    assert_eq!(check(&tape, &bytes), Err(TapeError::Forked { segments: 5 }));
}

#[test]
fn a_segment_moved_under_another_header_fails_its_seal_even_with_the_chain_rebuilt() {
    let (mut writer, _) = TapeWriter::begin(&header(), key(), [9; 16]).unwrap();
    let _ = writer.push(&output(0, "rm -rf /")).unwrap();
    let stolen = writer.flush().unwrap().unwrap();
    let mut other = header();
    other.session = "ses_2".to_owned();
    let (_, start) = TapeWriter::begin(&other, key(), [9; 16]).unwrap();
    let mut forged = stolen[..stolen.len() - 32].to_vec();
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(start.last_chunk::<32>().unwrap());
    context.update(&forged);
    forged.extend(context.finish().as_ref());
    let bytes = [start, forged].concat();
    assert_eq!(
        verify(bytes.as_slice(), &[], Some(&key())),
        Err(TapeError::SealBroken { segment: 0 })
    );
}

#[test]
fn a_wrong_key_is_called_that() {
    let tape = four();
    let wrong = TapeKey::new([43; 32]);
    assert_eq!(
        verify(tape.bytes().as_slice(), &[], Some(&wrong)),
        Err(TapeError::WrongKey)
    );
    let bytes = tape.bytes();
    let mut reader = open(bytes.as_slice()).unwrap();
    let segment = reader.next_segment().unwrap().unwrap();
    assert_eq!(segment.frames(&wrong), Err(TapeError::WrongKey));
    assert!(segment.frames(&key()).is_ok());
}

#[test]
fn nothing_may_follow_the_end_marker() {
    let tape = four();
    let mut bytes = tape.bytes();
    bytes.push(0);
    assert_eq!(check(&tape, &bytes), Err(TapeError::AfterEnd));
    let longer = joined(&tape, &[0, 1, 2, 3, 4, 0]);
    assert_eq!(check(&tape, &longer), Err(TapeError::AfterEnd));
    let (writer, _) = TapeWriter::begin(&header(), key(), [0; 16]).unwrap();
    assert!(writer.finish(&end()).is_ok());
}

#[test]
fn other_files_and_other_versions_are_told_apart() {
    assert_eq!(verify(&b"hello"[..], &[], None), Err(TapeError::NotTape));
    assert_eq!(verify(&b""[..], &[], None), Err(TapeError::NotTape));
    assert_eq!(
        verify(&b"PORTCULLIS TAPE 2\nwhatever"[..], &[], None),
        Err(TapeError::UnknownVersion("2".to_owned()))
    );
    assert_eq!(
        verify(&b"PORTCULLIS TAPE \x1b[2J\n"[..], &[], None),
        Err(TapeError::UnknownVersion("\u{fffd}[2J".to_owned()))
    );
}
