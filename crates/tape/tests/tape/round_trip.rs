//! What goes in comes out: frames, headers, sizes.

use portcullis_tape::{
    Due, End, Ending, Event, Exit, FLUSH_BYTES, Frame, MAX_PAYLOAD_BYTES, MAX_SEGMENT_BYTES,
    Notice, TapeError, TapeKey, TapeWriter, TrackKind, open, verify,
};
use proptest::{collection::vec, prelude::*};

use crate::recorded::{end, header, key, output, writer};

fn notice() -> impl Strategy<Value = Notice> {
    let text = ".{0,20}";
    prop_oneof![
        text.prop_map(|who| Notice::WatcherJoined { who }),
        text.prop_map(|who| Notice::WatcherLeft { who }),
        (text, text).prop_map(|(from, text)| Notice::Message { from, text }),
        (text, text).prop_map(|(by, reason)| Notice::Killed { by, reason }),
        (text, any::<bool>(), text).prop_map(|(action, allowed, reason)| Notice::Decision {
            action,
            allowed,
            reason
        }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let bytes = || vec(any::<u8>(), 0..300);
    let kinds = prop_oneof![
        Just(TrackKind::Terminal),
        Just(TrackKind::Exec),
        Just(TrackKind::Event)
    ];
    prop_oneof![
        kinds.prop_map(Event::TrackOpened),
        bytes().prop_map(Event::Output),
        bytes().prop_map(Event::ErrorOutput),
        bytes().prop_map(Event::Input),
        bytes().prop_map(Event::Command),
        any::<(u16, u16)>().prop_map(|(columns, rows)| Event::Resize { columns, rows }),
        any::<u32>().prop_map(|status| Event::Exit(Exit::Status(status))),
        "[A-Z]{0,9}".prop_map(|name| Event::Exit(Exit::Signal(name))),
        Just(Event::Exit(Exit::Lost)),
        notice().prop_map(Event::Notice),
        (48_u8..112, bytes()).prop_map(|(kind, payload)| Event::Other { kind, payload }),
    ]
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let frame = (any::<u32>(), any::<u64>(), event()).prop_map(|(track, at_ms, event)| Frame {
        track,
        at_ms,
        event,
    });
    vec(frame, 0..40)
}

proptest! {
    #[test]
    fn any_frames_in_any_segments_come_back_as_they_were(
        frames in frames(), flush_every in 1_usize..10,
    ) {
        let (mut writer, mut bytes) = writer();
        for (at, frame) in frames.iter().enumerate() {
            let _ = writer.push(frame).unwrap();
            if at % flush_every == 0 {
                bytes.extend(writer.flush().unwrap().unwrap());
            }
        }
        let (rest, head) = writer.finish(&end()).unwrap();
        bytes.extend(rest);
        prop_assert_eq!(head.bytes, bytes.len() as u64);

        let mut reader = open(bytes.as_slice()).unwrap();
        prop_assert_eq!(reader.header(), &header());
        let mut back = Vec::new();
        while let Some(segment) = reader.next_segment().unwrap() {
            let opened = segment.frames(&key()).unwrap();
            if let Some(first) = opened.first() {
                prop_assert_eq!(segment.first_event_ms(), first.at_ms);
            }
            back.extend(opened);
        }
        prop_assert!(reader.ended());
        prop_assert_eq!(reader.head(), head);
        prop_assert_eq!(back, frames);
        let verified = verify(bytes.as_slice(), &[head], Some(&key())).unwrap();
        prop_assert_eq!(verified.ending, Ending::Finished(Some(end())));
    }
}

#[test]
fn a_tape_verifies_without_its_key_and_shows_nothing_of_its_content() {
    let (mut writer, mut bytes) = writer();
    let _ = writer.push(&output(0, "the canary sings")).unwrap();
    let end = End {
        at_ms: 1,
        reason: "the canary left".to_owned(),
    };
    let (rest, head) = writer.finish(&end).unwrap();
    bytes.extend(rest);
    let verified = verify(bytes.as_slice(), &[head], None).unwrap();
    assert_eq!(verified.ending, Ending::Finished(None));
    assert!(!bytes.windows(6).any(|window| window == b"canary"));
    assert!(
        !bytes
            .windows(32)
            .any(|window| window == key().expose_secret())
    );
    assert_eq!(format!("{:?}", key()), "TapeKey([redacted])");
}

#[test]
fn text_is_compressed_and_noise_is_not() {
    let (mut writer, _) = writer();
    let _ = writer
        .push(&output(0, &"drwxr-xr-x root root\r\n".repeat(3000)))
        .unwrap();
    let text = writer.flush().unwrap().unwrap();
    assert!(text.len() < 4000, "{}", text.len());
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let frame = Frame {
        track: 1,
        at_ms: 0,
        event: Event::Output(noise.take(60_000).collect()),
    };
    let _ = writer.push(&frame).unwrap();
    let stored = writer.flush().unwrap().unwrap();
    assert!(stored.len() >= 60_000 && stored.len() < 60_200);
}

#[test]
fn a_segment_is_due_at_64_kib_and_refuses_more_than_it_can_hold() {
    let (mut writer, _) = writer();
    let piece = "x".repeat(FLUSH_BYTES / 2);
    assert_eq!(writer.push(&output(0, &piece)).unwrap(), Due::Later);
    assert_eq!(writer.push(&output(0, &piece)).unwrap(), Due::Now);
    let large = "x".repeat(MAX_PAYLOAD_BYTES);
    for _ in 0..3 {
        assert_eq!(writer.push(&output(0, &large)).unwrap(), Due::Now);
    }
    assert_eq!(writer.push(&output(0, &large)), Err(TapeError::SegmentFull));
    assert_eq!(
        writer.push(&output(0, &format!("{large}x"))),
        Err(TapeError::FrameTooLarge {
            bytes: MAX_PAYLOAD_BYTES + 1,
            limit: MAX_PAYLOAD_BYTES
        })
    );
    assert!(writer.pending_bytes() < MAX_SEGMENT_BYTES);
    assert!(writer.flush().unwrap().is_some());
    assert_eq!(writer.flush().unwrap(), None);
}

#[test]
fn a_header_too_large_to_be_read_is_not_written() {
    let mut large = header();
    large.broker = "x".repeat(300_000);
    assert!(matches!(
        TapeWriter::begin(&large, key(), [0; 16]),
        Err(TapeError::HeaderTooLarge { .. })
    ));
}

#[test]
fn no_two_segments_share_a_nonce() {
    let (mut writer, _) = writer();
    let mut nonces = std::collections::BTreeSet::new();
    for at in 0..50 {
        let _ = writer.push(&output(at, "same")).unwrap();
        let segment = writer.flush().unwrap().unwrap();
        assert!(nonces.insert(segment[22..46].to_vec()));
    }
}

#[test]
fn heads_are_written_as_json_with_a_hex_hash() {
    let head = writer().0.head();
    let json = serde_json::to_string(&head).unwrap();
    assert_eq!(
        serde_json::from_str::<portcullis_tape::Head>(&json).unwrap(),
        head
    );
    let short = json.replace(&json[json.len() - 4..json.len() - 2], "");
    assert!(serde_json::from_str::<portcullis_tape::Head>(&short).is_err());
    assert_ne!(TapeKey::new([1; 32]), key());
}
