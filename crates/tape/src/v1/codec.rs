//! Frames as bytes: `track` varint, `at_ms` varint, `kind` u8, length varint, payload.
//! Kind numbers are for ever; 48-63 are reserved for files, 64-79 SQL, 80-95 HTTP, 96-111 screens.

use crate::frame::{Event, Exit, Frame, Notice, TrackKind};

const TRACK_OPENED: u8 = 1;
const OUTPUT: u8 = 2;
const ERROR_OUTPUT: u8 = 3;
const INPUT: u8 = 4;
const RESIZE: u8 = 5;
const COMMAND: u8 = 6;
const EXIT: u8 = 7;
const NOTICE: u8 = 8;

const TERMINAL: u8 = 1;
const EXEC: u8 = 2;
const EVENT: u8 = 3;

const STATUS: u8 = 0;
const SIGNAL: u8 = 1;
const LOST: u8 = 2;

/// Appends a frame to a segment's plaintext.
pub(crate) fn encode(track: u32, at_ms: u64, kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(track), out);
    varint(at_ms, out);
    out.push(kind);
    varint(u64::try_from(payload.len()).unwrap_or(u64::MAX), out);
    out.extend(payload);
}

/// Kind number and payload of an event.
pub(crate) fn payload(event: &Event) -> (u8, Vec<u8>) {
    match event {
        Event::TrackOpened(kind) => (TRACK_OPENED, vec![track_kind(*kind)]),
        Event::Output(bytes) => (OUTPUT, bytes.clone()),
        Event::ErrorOutput(bytes) => (ERROR_OUTPUT, bytes.clone()),
        Event::Input(bytes) => (INPUT, bytes.clone()),
        Event::Resize { columns, rows } => {
            (RESIZE, [columns.to_be_bytes(), rows.to_be_bytes()].concat())
        }
        Event::Command(bytes) => (COMMAND, bytes.clone()),
        Event::Exit(exit) => (EXIT, exit_payload(exit)),
        // A notice is strings and booleans under string keys: serialising it cannot fail.
        Event::Notice(notice) => (NOTICE, serde_json::to_vec(notice).unwrap_or_default()),
        Event::Other { kind, payload } => (*kind, payload.clone()),
    }
}

/// Splits a plaintext into its frames; `None` if it does not end with a whole one.
pub(crate) fn decode(plaintext: &[u8]) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    let mut rest = plaintext;
    while !rest.is_empty() {
        frames.push(take_frame(&mut rest)?);
    }
    Some(frames)
}

fn take_frame(rest: &mut &[u8]) -> Option<Frame> {
    let track = u32::try_from(take_varint(rest)?).ok()?;
    let at_ms = take_varint(rest)?;
    let (kind, tail) = rest.split_first()?;
    *rest = tail;
    let length = usize::try_from(take_varint(rest)?).ok()?;
    let (payload, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(Frame {
        track,
        at_ms,
        event: event(*kind, payload),
    })
}

/// An event as typed as this release can make it; anything else stays what it is.
fn event(kind: u8, payload: &[u8]) -> Event {
    typed(kind, payload).unwrap_or_else(|| Event::Other {
        kind,
        payload: payload.to_vec(),
    })
}

fn typed(kind: u8, payload: &[u8]) -> Option<Event> {
    let bytes = || payload.to_vec();
    Some(match kind {
        TRACK_OPENED => Event::TrackOpened(track_kind_of(payload)?),
        OUTPUT => Event::Output(bytes()),
        ERROR_OUTPUT => Event::ErrorOutput(bytes()),
        INPUT => Event::Input(bytes()),
        RESIZE => resize_of(payload)?,
        COMMAND => Event::Command(bytes()),
        EXIT => Event::Exit(exit_of(payload)?),
        NOTICE => Event::Notice(notice_of(payload)?),
        _ => return None,
    })
}

fn track_kind(kind: TrackKind) -> u8 {
    match kind {
        TrackKind::Terminal => TERMINAL,
        TrackKind::Exec => EXEC,
        TrackKind::Event => EVENT,
    }
}

fn track_kind_of(payload: &[u8]) -> Option<TrackKind> {
    match payload {
        [TERMINAL] => Some(TrackKind::Terminal),
        [EXEC] => Some(TrackKind::Exec),
        [EVENT] => Some(TrackKind::Event),
        _ => None,
    }
}

fn resize_of(payload: &[u8]) -> Option<Event> {
    let [c0, c1, r0, r1] = *<&[u8; 4]>::try_from(payload).ok()?;
    Some(Event::Resize {
        columns: u16::from_be_bytes([c0, c1]),
        rows: u16::from_be_bytes([r0, r1]),
    })
}

fn exit_payload(exit: &Exit) -> Vec<u8> {
    match exit {
        Exit::Status(status) => [&[STATUS][..], &status.to_be_bytes()].concat(),
        Exit::Signal(name) => [&[SIGNAL], name.as_bytes()].concat(),
        Exit::Lost => vec![LOST],
    }
}

fn exit_of(payload: &[u8]) -> Option<Exit> {
    match payload.split_first()? {
        (&STATUS, rest) => Some(Exit::Status(u32::from_be_bytes(rest.try_into().ok()?))),
        (&SIGNAL, rest) => Some(Exit::Signal(String::from_utf8(rest.to_vec()).ok()?)),
        (&LOST, []) => Some(Exit::Lost),
        _ => None,
    }
}

/// A notice with fields beyond ours would lose them when typed, so it must print back the same.
fn notice_of(payload: &[u8]) -> Option<Notice> {
    let notice: Notice = serde_json::from_slice(payload).ok()?;
    (serde_json::to_vec(&notice).ok()? == payload).then_some(notice)
}

/// LEB128, at most ten bytes.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        let shifted = bits.checked_shl(shift)?;
        if shifted >> shift != bits {
            return None;
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
