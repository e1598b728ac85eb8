//! A killed writer leaves a readable tape, and recovery gives it an end that can be told from a
//! sealed one.

use portcullis_tape::{End, Ending, TapeError, open, recover, verify};

use crate::recorded::{four, key};

fn lost() -> End {
    End {
        at_ms: 4_000,
        reason: "the gate was killed".to_owned(),
    }
}

/// Header, three whole segments and half of the fourth.
fn torn() -> Vec<u8> {
    let tape = four();
    let whole = tape.heads[3].bytes as usize;
    tape.bytes()[..whole + 40].to_vec()
}

#[test]
fn a_torn_tape_is_readable_to_its_last_whole_segment_and_called_unfinished() {
    let bytes = torn();
    let verified = verify(bytes.as_slice(), &[four().heads[2]], Some(&key())).unwrap();
    assert_eq!(verified.ending, Ending::Unfinished { torn_bytes: 40 });
    assert_eq!(verified.head, four().heads[3]);
    let mut reader = open(bytes.as_slice()).unwrap();
    let mut frames = 0;
    while let Some(segment) = reader.next_segment().unwrap() {
        frames += segment.frames(&key()).unwrap().len();
    }
    assert_eq!(
        (frames, reader.ended(), reader.torn_bytes()),
        (3, false, 40)
    );
}

#[test]
fn recovery_ends_the_tape_without_the_key() {
    let mut bytes = torn();
    let recovery = recover(bytes.as_slice(), &[four().heads[3]], &lost()).unwrap();
    bytes.truncate(recovery.keep_bytes as usize);
    bytes.extend(&recovery.append);
    let verified = verify(bytes.as_slice(), &[recovery.head], None).unwrap();
    assert_eq!(verified.ending, Ending::Recovered(lost()));
    assert_eq!(verified.head, recovery.head);
    assert!(verify(bytes.as_slice(), &[recovery.head], Some(&key())).is_ok());
    assert_eq!(
        recover(bytes.as_slice(), &[], &lost()),
        Err(TapeError::AlreadyEnded)
    );
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    assert_eq!(
        verify(bytes.as_slice(), &[recovery.head], None),
        Err(TapeError::Altered { segment: 3 })
    );
}

#[test]
fn a_tape_that_was_only_begun_can_be_recovered() {
    let tape = four();
    let recovery = recover(tape.header.as_slice(), &[tape.heads[0]], &lost()).unwrap();
    let bytes = [tape.header.clone(), recovery.append].concat();
    let verified = verify(bytes.as_slice(), &[recovery.head], None).unwrap();
    assert_eq!(verified.ending, Ending::Recovered(lost()));
}

#[test]
fn recovery_does_not_bless_a_cut_or_damaged_tape() {
    let tape = four();
    let cut = &tape.bytes()[..tape.heads[2].bytes as usize];
    assert_eq!(
        recover(cut, &[tape.heads[3]], &lost()),
        Err(TapeError::Truncated {
            found: 2,
            expected: 3
        })
    );
    let mut damaged = torn();
    damaged[tape.header.len() + 50] ^= 1;
    assert_eq!(
        recover(damaged.as_slice(), &[], &lost()),
        Err(TapeError::Altered { segment: 0 })
    );
}

#[test]
fn a_finished_tape_cut_and_recovered_by_an_attacker_falls_short_of_the_ledgers_head() {
    let tape = four();
    let mut bytes = tape.bytes()[..tape.heads[2].bytes as usize].to_vec();
    let recovery = recover(bytes.as_slice(), &[], &lost()).unwrap();
    bytes.extend(recovery.append);
    let verified = verify(bytes.as_slice(), &[], None).unwrap();
    assert!(
        matches!(verified.ending, Ending::Recovered(_)),
        "never Finished"
    );
    assert_eq!(
        verify(bytes.as_slice(), &[tape.final_head()], None),
        Err(TapeError::Truncated {
            found: 3,
            expected: 5
        })
    );
    assert_eq!(
        verify(bytes.as_slice(), &tape.heads, None),
        Err(TapeError::Forked { segments: 3 })
    );
}
