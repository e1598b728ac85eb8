//! Every bound of the door in one place.

use std::time::Duration;

use portcullis_wire::ssh::StreamLimits;

/// Session channels on one connection at a time.
pub const CHANNELS: usize = 10;

/// Connections that have not signed in, in all.
pub const STRANGERS: usize = 64;

/// Connections that have not signed in, from one source.
pub const STRANGERS_PER_SOURCE: usize = 8;

/// From the connection to the end of the key exchange.
pub const KEY_EXCHANGE: Duration = Duration::from_secs(10);

/// From the connection to the end of sign-in: a person types a code.
pub const SIGN_IN: Duration = Duration::from_mins(2);

/// Sign-in attempts on a connection.
pub const ATTEMPTS: usize = 6;

/// Codes a person may try for one proof of a key.
pub const CODES: u8 = 3;

/// What may wait towards a client, and what it may send before sign-in.
pub const FRONT: StreamLimits = StreamLimits {
    window: 2 << 20,
    soft: 1 << 20,
    hard: 8 << 20,
    before_sign_in: 256 << 10,
};

/// What may wait from a target.
pub const TARGET: StreamLimits = FRONT;

/// Each of connecting to a target and signing in there.
pub const TARGET_PATIENCE: Duration = Duration::from_secs(15);

/// Control's answer to a wish to open a channel.
pub const OPENING: Duration = Duration::from_secs(30);

/// No channel is opened when control was not heard for so long.
pub const QUIET: Duration = Duration::from_secs(1);

/// Tape bytes that are not yet safe, above which an interactive session's output waits.
pub const UNSAFE_INTERACTIVE: usize = 64 << 10;

/// The same without a terminal: 4 MiB, less the room one more packet takes in a segment.
pub const UNSAFE_BULK: usize = (4 << 20) - (256 << 10);

/// The longest time between something happening and its segment being sent.
pub const FLUSH: Duration = Duration::from_millis(250);

/// A segment that is not safe after so long has failed; the session ends within five seconds of it.
pub const SEGMENT_PATIENCE: Duration = Duration::from_secs(4);

/// A farewell that a client does not take in time is not waited for.
pub const FAREWELL: Duration = Duration::from_millis(200);

/// A close that russh does not take in time means that the connection is stuck.
pub const CLOSE: Duration = Duration::from_secs(1);

/// How long after a signal a program at a target may take to be seen ended; the client is not kept waiting.
pub const PARTING: Duration = Duration::from_millis(200);

/// How long it may take when it has to be looked for at the target.
pub const SWEEPING: Duration = Duration::from_secs(3);

/// Sessions at the end of the door: time to write their tapes' ends.
pub const SHUTDOWN: Duration = Duration::from_secs(10);

/// Refusals by name that are reported of one connection; of more only that there were more.
pub const REPORTS: usize = 64;

/// The bytes of a client's own name for a run.
pub const RUN_KEY_BYTES: usize = 200;

/// Variables a channel may pass on, and the bytes of them all.
pub const VARIABLES: usize = 32;
/// See [`VARIABLES`].
pub const VARIABLE_BYTES: usize = 8 << 10;

/// The exit status of what was refused.
pub const REFUSED_STATUS: u32 = 3;

/// The exit status OpenSSH gives to a session that was lost.
pub const LOST_STATUS: u32 = 255;
