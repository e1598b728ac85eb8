//! A small recorded tape, its segments and heads.

use portcullis_tape::{
    End, Event, Frame, Head, Header, KeyWrap, TapeKey, TapeWriter, Track, TrackKind,
};

pub fn key() -> TapeKey {
    TapeKey::new([42; 32])
}

pub fn header() -> Header {
    Header {
        tape: "tap_1".to_owned(),
        tenant: "ten_1".to_owned(),
        session: "ses_1".to_owned(),
        started_at_ms: 1_795_000_000_123,
        broker: "ssh".to_owned(),
        bundle_digest: "sha256:00".to_owned(),
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

pub fn end() -> End {
    End {
        at_ms: 9_000,
        reason: "logout".to_owned(),
    }
}

pub fn output(at_ms: u64, text: &str) -> Frame {
    Frame {
        track: 1,
        at_ms,
        event: Event::Output(text.as_bytes().to_vec()),
    }
}

pub fn writer() -> (TapeWriter, Vec<u8>) {
    TapeWriter::begin(&header(), key(), [9; 16]).unwrap()
}

/// A tape in its pieces: the header, one data segment for each text, and the end marker.
#[derive(Clone)]
pub struct Recorded {
    pub header: Vec<u8>,
    pub segments: Vec<Vec<u8>>,
    /// Heads after the header and after each segment.
    pub heads: Vec<Head>,
}

impl Recorded {
    pub fn new(texts: &[&str]) -> Self {
        let (mut writer, header) = writer();
        let mut heads = vec![writer.head()];
        let mut segments = Vec::new();
        for (at, text) in (0..).zip(texts) {
            let _ = writer.push(&output(at * 1000, text)).unwrap();
            segments.push(writer.flush().unwrap().unwrap());
            heads.push(writer.head());
        }
        let (marker, head) = writer.finish(&end()).unwrap();
        segments.push(marker);
        heads.push(head);
        Self {
            header,
            segments,
            heads,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        bytes.extend(self.segments.concat());
        bytes
    }

    pub fn final_head(&self) -> Head {
        *self.heads.last().unwrap()
    }
}

pub fn four() -> Recorded {
    Recorded::new(&["one\r\n", "two\r\n", "three\r\n", "four\r\n"])
}
