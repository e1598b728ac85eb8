//! Tapes: as they come, with their hashes made right again, and sealed content that only the key's holder can write.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use portcullis_tape::{
    AsciicastExport, End, Ending, Event, Exit, Frame, Head, Header, KeyWrap, TapeKey, TapeWriter,
    Track, TrackKind, json_line, open, recover, verify,
};

use crate::fixed::made;

const MAGIC: &[u8] = b"PORTCULLIS TAPE 1\n";
const KEY: [u8; 32] = [42; 32];

pub(crate) fn check(bytes: &[u8]) {
    as_it_comes(bytes);
    as_it_comes(&relinked(bytes));
    sealed(bytes);
    headed(bytes);
}

struct Recorded {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
    head: Head,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| made(recorded(&frames())));

/// With the head that the ledger has, only the tape that was written passes; without it, what is opened with the key
/// is the beginning of what was written.
fn as_it_comes(bytes: &[u8]) {
    let (tape, key) = (&*RECORDED, TapeKey::new(KEY));
    if verify(bytes, &[tape.head], None).is_ok() {
        assert!(bytes == tape.bytes, "an altered tape passes");
    }
    if let Ok(verified) = verify(bytes, &[], Some(&key)) {
        let (frames, header) = read(bytes, &key);
        assert!(
            tape.frames.starts_with(&frames),
            "a frame is believed that was never sealed"
        );
        assert_eq!(header, Some(verified.header));
        if let Ending::Finished(end) = verified.ending {
            assert_eq!(
                end,
                Some(end_of_ours()),
                "an end is believed that was never sealed"
            );
        }
    }
    ended(bytes);
}

/// What is recovered is a tape with an end.
fn ended(bytes: &[u8]) {
    let end = end_of_ours();
    let Ok(recovery) = recover(bytes, &[], &end) else {
        return;
    };
    let kept = usize::try_from(recovery.keep_bytes)
        .ok()
        .and_then(|kept| bytes.get(..kept));
    assert!(kept.is_some(), "more is to be kept than there is");
    let whole = [kept.unwrap_or_default(), &recovery.append].concat();
    let verified = verify(whole.as_slice(), &[recovery.head], None);
    assert!(verified.is_ok_and(|verified| verified.ending == Ending::Recovered(end)));
}

/// All frames that the key opens, and the header.
fn read(bytes: &[u8], key: &TapeKey) -> (Vec<Frame>, Option<Header>) {
    let Ok(mut reader) = open(bytes) else {
        return (Vec::new(), None);
    };
    let header = reader.header().clone();
    let mut frames = Vec::new();
    while let Ok(Some(segment)) = reader.next_segment() {
        frames.extend(segment.frames(key).into_iter().flatten());
    }
    (frames, Some(header))
}

/// The same with every hash made right again, as somebody does who alters a tape and knows its format.
fn relinked(bytes: &[u8]) -> Vec<u8> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return bytes.to_vec();
    };
    let mut out = MAGIC.to_vec();
    let Some(mut rest) = take(rest, 0, &mut out) else {
        return out;
    };
    let mut link = sha256(&out);
    rest = rest.get(32..).unwrap_or_default();
    out.extend(link);
    loop {
        let mut segment = Vec::new();
        let Some(after) = take(rest, 32, &mut segment) else {
            break;
        };
        link = sha256(&[&link[..], &segment].concat());
        out.extend(segment);
        out.extend(link);
        rest = after.get(32..).unwrap_or_default();
    }
    out.extend(rest);
    out
}

/// Takes a length and as many bytes, less those of a hash that it counts too.
fn take<'a>(bytes: &'a [u8], less: usize, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length_of_it = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (taken, rest) = rest.split_at_checked(length_of_it.checked_sub(less)?)?;
    out.extend(length);
    out.extend(taken);
    Some(rest)
}

/// The bytes as the plaintext of a segment: flags first, then frames. What is read prints, exports and records again.
fn sealed(bytes: &[u8]) {
    let Some((flags, plaintext)) = bytes.split_first() else {
        return;
    };
    let key = TapeKey::new(KEY);
    let (_, mut tape) = made(TapeWriter::begin(&header(), TapeKey::new(KEY), [9; 16]));
    let link = tape.last_chunk::<32>().copied().unwrap_or_default();
    tape.extend(segment(&link, *flags, plaintext));
    let (frames, _) = read(&tape, &key);
    if verify(tape.as_slice(), &[], Some(&key)).is_err() {
        assert!(frames.is_empty());
        return;
    }
    let header = header();
    let mut export = AsciicastExport::new(&header, 1);
    for frame in &frames {
        shown(&json_line(frame));
        for line in export.frame(frame).split_inclusive('\n') {
            shown(line);
        }
    }
    if let Ok(again) = recorded(&frames) {
        assert_eq!(
            again.frames, frames,
            "frames are recorded as they were read"
        );
    }
}

/// A line of an export is JSON, and nothing in it acts on a terminal.
fn shown(line: &str) {
    let inner = line.strip_suffix('\n');
    let inner = inner.unwrap_or_default();
    assert!(!inner.is_empty() && !inner.contains(char::is_control));
    let value: Result<serde_json::Value, _> = serde_json::from_str(inner);
    assert!(value.is_ok(), "an exported line is not JSON");
}

fn segment(link: &[u8; 32], flags: u8, plaintext: &[u8]) -> Vec<u8> {
    let length = u32::try_from(plaintext.len() + 16 + 42 + 32).unwrap_or_default();
    let mut fields = length.to_be_bytes().to_vec();
    fields.extend([1, flags]);
    fields.extend([0; 16 + 24]);
    let aad = [&link[..], &fields].concat();
    let payload = Payload {
        msg: plaintext,
        aad: &aad,
    };
    let cipher = XChaCha20Poly1305::new(&KEY.into());
    fields.extend(made(cipher.encrypt(&XNonce::from([0; 24]), payload)));
    let link = sha256(&[&link[..], &fields].concat());
    fields.extend(link);
    fields
}

/// The bytes as the JSON of a header.
fn headed(bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let mut tape = [MAGIC, &length.to_be_bytes(), bytes].concat();
    tape.extend(sha256(&tape));
    if let Ok(reader) = open(tape.as_slice()) {
        let begun = TapeWriter::begin(reader.header(), TapeKey::new(KEY), [9; 16]);
        if let Ok((_, again)) = begun {
            let read = open(again.as_slice())
                .ok()
                .map(|again| again.header().clone());
            assert_eq!(
                read.as_ref(),
                Some(reader.header()),
                "a header is written as it is read"
            );
        }
    }
}

/// A tape of these frames, each in a segment of its own, and what is read of it.
fn recorded(frames: &[Frame]) -> Result<Recorded, portcullis_tape::TapeError> {
    let (mut writer, mut bytes) = TapeWriter::begin(&header(), TapeKey::new(KEY), [9; 16])?;
    for frame in frames {
        let _ = writer.push(frame)?;
        bytes.extend(writer.flush()?.unwrap_or_default());
    }
    let (end, head) = writer.finish(&end_of_ours())?;
    bytes.extend(end);
    let (frames, _) = read(&bytes, &TapeKey::new(KEY));
    Ok(Recorded {
        bytes,
        frames,
        head,
    })
}

fn header() -> Header {
    Header {
        tape: "tap_1".to_owned(),
        tenant: "ten_1".to_owned(),
        session: "ses_1".to_owned(),
        started_at_ms: 1_795_000_000_123,
        broker: "ssh".to_owned(),
        bundle_digest: "00".to_owned(),
        tracks: vec![Track {
            number: 1,
            kind: TrackKind::Terminal,
        }],
        key_wraps: vec![KeyWrap {
            recipient: "age1auditor".to_owned(),
            wrapped: vec![1, 2, 3],
        }],
    }
}

fn end_of_ours() -> End {
    End {
        at_ms: 9_000,
        reason: "logout".to_owned(),
    }
}

fn frames() -> Vec<Frame> {
    let at = |at_ms, event| Frame {
        track: 1,
        at_ms,
        event,
    };
    vec![
        at(
            0,
            Event::Resize {
                columns: 80,
                rows: 24,
            },
        ),
        at(10, Event::Output(b"one\r\n".to_vec())),
        at(20, Event::Output(b"x".repeat(300))),
        at(30, Event::Exit(Exit::Status(0))),
    ]
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap_or_default()
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let json = |bytes: &[u8]| {
        let length = u32::from_be_bytes(*bytes[MAGIC.len()..].first_chunk().unwrap());
        let from = MAGIC.len() + 4;
        bytes[from..from + usize::try_from(length).unwrap()].to_vec()
    };
    // Flags, then track, time, kind, length and payload of each.
    let notice = br#"{"notice":"message","from":"a","text":"b"}"#;
    let mut plaintext = vec![0, 1, 0, 5, 4, 0, 80, 0, 24, 1, 10, 2, 3, b'o', b'n', b'e'];
    plaintext.extend([
        2, 20, 1, 1, 2, 2, 25, 6, 2, b'i', b'd', 2, 30, 7, 5, 0, 0, 0, 0, 3,
    ]);
    plaintext.extend([1, 40, 7, 5, 1, b'K', b'I', b'L', b'L', 0, 50, 8]);
    plaintext.push(u8::try_from(notice.len()).unwrap());
    plaintext.extend(notice);
    vec![
        ("tape", RECORDED.bytes.clone()),
        ("header", json(&RECORDED.bytes)),
        ("frames", plaintext),
    ]
}
