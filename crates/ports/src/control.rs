//! What a gate may ask of control, and what control tells it: plain data, in process today, over mutual TLS
//! when the roles run apart.
//!
//! A gate holds sockets and no vault key. It proves who connected, asks for each channel, writes the
//! tape, and obeys orders.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_model::{Action, Digest, Secret, SessionId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

/// How long a gate may go without hearing from control before its sessions die.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(5);

/// The environment variable in which a client names a run: what ran under the same name before is not run again, and
/// its outcome is told. It is for the gate, and is passed on to no target.
pub const RUN_KEY_VARIABLE: &str = "PORTCULLIS_IDEMPOTENCY_KEY";

/// How often control speaks when it has nothing to say.
pub const PULSE: Duration = Duration::from_millis(500);

/// A secret on its way between control and gate: the one place where a secret is written to a wire
/// of ours, which is this process or mutual TLS.
#[derive(Debug)]
pub struct InTransit<T: Zeroize>(pub Secret<T>);

impl<T: Zeroize + Serialize> Serialize for InTransit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.expose().serialize(serializer)
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for InTransit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Secret::new(value)))
    }
}

/// A public key a client says it has. It proves nothing and is good for nothing but the question
/// whether a signature by it would be worth asking for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOffer {
    /// The key's `SHA256:` fingerprint.
    pub fingerprint: String,
    /// Where the client comes from.
    pub source: SocketAddr,
}

/// A public key whose signature over this very connection the gate has verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyProof {
    /// The key, as OpenSSH text without a comment.
    pub public_key: String,
    /// The key's `SHA256:` fingerprint.
    pub fingerprint: String,
    /// Where the client comes from.
    pub source: SocketAddr,
    /// The account and target the client named: what an out-of-band step-up may be bound to.
    pub login: Login,
}

/// What a client's user name says: `ACCOUNT@TARGET`. Never who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The account at the target.
    pub account: String,
    /// The resource's name.
    pub target: String,
}

/// Stands for what a connection has proved, in control's memory. Worth nothing after the connection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticket(pub String);

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket([redacted])")
    }
}

/// What control makes of a step of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Enough was proved.
    Complete {
        /// What it is worth.
        ticket: Ticket,
    },
    /// The first factor holds; a second one is needed.
    NeedsCode {
        /// What it is worth so far.
        ticket: Ticket,
        /// What to ask the person for.
        prompt: String,
    },
    /// Nothing was proved. The gate waits this long before it answers.
    Refused {
        /// How long to make the client wait.
        delay: Duration,
    },
}

/// A wish to open one channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenWish {
    /// Who.
    pub ticket: Ticket,
    /// On what, as which account.
    pub login: Login,
    /// To do what: the action as the broker reads the client's request, its account included.
    pub action: Action,
    /// Where the client comes from.
    pub source: SocketAddr,
    /// Shared by the channels of one connection.
    pub connection: String,
    /// The client's own name for this run, see [`RUN_KEY_VARIABLE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Why a channel is not opened; the text goes to the client's standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs: `no_grant`, `step_up_needed`, `unknown_target`, `unavailable`.
    pub code: String,
    /// What happened, why, and the narrowest request that would do; several lines, no secrets.
    pub message: String,
    /// The status with which what was asked for ended when it ran before; absent where it is not known, or did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u32>,
}

/// A session that control has recorded as opened.
#[derive(Debug, Serialize, Deserialize)]
pub struct Opened {
    /// The session.
    pub session: SessionId,
    /// The signed lease, to be verified before anything is done: its body is a [`SessionLease`].
    pub lease: InTransit<Vec<u8>>,
    /// How to write the session's tape.
    pub tape: TapeOrder,
    /// A line for the person, to standard error, before the session starts; may be empty.
    pub notice: String,
}

/// What the lease of a session carries beside its permit.
#[derive(Debug, Serialize, Deserialize)]
pub struct SessionLease {
    /// The session.
    pub session: SessionId,
    /// Where the target listens.
    pub address: String,
    /// The account there.
    pub account: String,
    /// What to do there, as it was asked for.
    pub action: Action,
    /// The command of a task, which runs in the place of the client's words: its certificate is forced to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The host keys the target may show, as OpenSSH text; never empty.
    pub host_keys: Vec<String>,
    /// What opens the target.
    pub credential: TargetCredential,
    /// Ends the session when nothing moved for so long.
    pub idle_limit: Duration,
    /// Ends the session whatever happens.
    pub ends_at: Timestamp,
}

/// What opens a target. Never shown to the client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "credential", rename_all = "snake_case")]
pub enum TargetCredential {
    /// A private key made for this session and the certificate our authority gave it.
    Certificate {
        /// The private key, OpenSSH text.
        private_key: InTransit<String>,
        /// The certificate, OpenSSH text.
        certificate: String,
    },
    /// A vaulted private key.
    Key {
        /// The private key, OpenSSH text.
        private_key: InTransit<String>,
    },
    /// A vaulted password.
    Password {
        /// The password.
        password: InTransit<String>,
    },
}

/// How to write the session's tape.
#[derive(Debug, Serialize, Deserialize)]
pub struct TapeOrder {
    /// The tape's header, complete with its key wraps; already written by control.
    pub header: Vec<u8>,
    /// The tape's key.
    pub key: InTransit<[u8; 32]>,
    /// The first sixteen bytes of every nonce.
    pub nonce_prefix: [u8; 16],
    /// The longest time between something happening and its segment being sent.
    pub flush_within: Duration,
}

/// One segment of a tape, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Segment {
    /// Its place, from 0, without gaps.
    pub seq: u64,
    /// Its bytes as they go to the tape.
    pub bytes: Vec<u8>,
    /// The chain's value after it.
    pub head: Digest,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Why.
    pub cause: CloseCause,
    /// The exit status, when the target gave one.
    pub exit: Option<u32>,
    /// The signal that ended the program, without `SIG`, when the target named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Bytes from the client to the target.
    pub bytes_in: u64,
    /// Bytes from the target to the client.
    pub bytes_out: u64,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum CloseCause {
    /// The program at the target ended: the task is complete.
    Completed,
    /// The client's connection went away.
    ClientLost,
    /// The target refused or its connection went away.
    TargetLost {
        /// What was seen.
        detail: String,
    },
    /// Nothing moved for too long.
    Idle,
    /// Its time was over.
    TimeOver,
    /// An order ended it.
    Killed {
        /// The order's reason.
        reason: String,
    },
    /// The tape could not be written.
    EvidenceFailed {
        /// What was seen.
        detail: String,
    },
    /// Control fell silent.
    ControlLost,
}

/// What control tells a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// End the session at once.
    Kill {
        /// Which.
        session: SessionId,
        /// Why, for the person and the record.
        reason: String,
    },
    /// Show the person a line on standard error.
    Message {
        /// Which session.
        session: SessionId,
        /// The line.
        text: String,
    },
}

/// Orders after a cursor. An empty list is a pulse: control lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// What to ask with next.
    pub cursor: u64,
    /// In order; none is ever left out.
    pub orders: Vec<Order>,
}

/// Why the tape's segment is not safe. The session ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the tape cannot be written: {0}")]
pub struct TapeFailure(pub String);

/// What a gate may ask.
#[async_trait]
pub trait Control: Send + Sync {
    /// The public key leases are signed with, 32 bytes.
    async fn lease_key(&self) -> [u8; 32];

    /// Whether a signature by the offered key would be worth asking for. Proves nothing.
    async fn consider(&self, offer: KeyOffer) -> bool;

    /// A key was proved.
    async fn prove_key(&self, proof: KeyProof) -> Verdict;

    /// A code was given.
    async fn prove_code(&self, ticket: Ticket, code: InTransit<String>) -> Verdict;

    /// The connection is over: its ticket is void.
    async fn forget(&self, ticket: Ticket);

    /// Decides about one channel; when it returns, the session is in the ledger.
    async fn open(&self, wish: OpenWish) -> Result<Opened, Refusal>;

    /// The target let the session in: what opened it there is needed no more.
    async fn reached(&self, session: SessionId);

    /// Something was refused by name without asking (a forward, a subsystem, an agent): for the record.
    async fn refused(&self, ticket: Ticket, login: Login, what: String);

    /// Takes a segment; when it returns, the segment is durable. One is under way at a time.
    async fn record(&self, session: SessionId, segment: Segment) -> Result<(), TapeFailure>;

    /// The session is over and its last segment was recorded (or could not be).
    async fn close(&self, session: SessionId, closing: Closing);

    /// Waits for orders after a cursor, at most [`PULSE`]. Cursor 0 asks from now on.
    async fn orders(&self, after: u64) -> Orders;
}
