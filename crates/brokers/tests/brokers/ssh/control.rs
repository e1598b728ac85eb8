//! A control that does what a test says, signs real leases over real permits, and remembers everything.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use portcullis_model::id::TypedId;
use portcullis_model::{
    Action, Controls, Digest, Environment, Identity, IdentityId, IdentityKind, Impact, Resource,
    ResourceId, Secret, Sensitivity, SessionId, Timestamp,
};
use portcullis_policy::{
    Act, LeaseBody, LeaseSigner, Object, OpenSession, Ordinary, PathKind, Permit, Preset,
    Privileged, Query, RunTask, SessionPermit, shipped,
};
use portcullis_ports::control::{
    Closing, InTransit, KeyOffer, KeyProof, Login, OpenWish, Opened, Order, Orders, PULSE, Refusal,
    Segment, SessionLease, TapeFailure, TapeOrder, TargetCredential, Ticket, Verdict,
};
use portcullis_ports::{Clock, Control};
use portcullis_tape::{Event, Head, Header, TapeKey, TapeWriter, Track, TrackKind, Verified};
use portcullis_vault::ssh::{CertRequest, session_key};
use tokio::sync::watch;

use super::sshd::{VAULTED, authority, new_key};

pub const CODE: &str = "123456";
const TAPE_KEY: [u8; 32] = [0x77; 32];

/// The machine's clock.
pub struct WallClock(pub Instant);

impl Clock for WallClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is where a test's time comes from"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_millis(u64::try_from(since.unwrap().as_millis()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What is wrong with the leases that are given out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    Good,
    OtherSigner,
    OtherAction,
    OtherAccount,
    OtherSession,
    OtherBody,
    OrdinaryPath,
    Late,
}

/// What becomes of segments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    Works,
    Fails,
    Hangs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum With {
    Certificate,
    VaultedKey,
}

/// How control behaves.
pub struct Script {
    pub known_key: String,
    pub needs_code: bool,
    pub refuses: Option<String>,
    pub lease: Lease,
    pub recording: Recording,
    pub silent: bool,
    pub with: With,
    pub notice: String,
    pub target: String,
    pub host_keys: Vec<String>,
    pub idle_limit: Duration,
    pub lasts: Duration,
}

/// One session as control saw it.
pub struct Seen {
    pub wish: OpenWish,
    pub tape: Vec<u8>,
    pub heads: Vec<Digest>,
    pub closing: Option<Closing>,
}

/// Everything that happened.
#[derive(Default)]
pub struct Record {
    pub considered: Vec<String>,
    pub proved: Vec<KeyProof>,
    pub codes: Vec<String>,
    pub made: BTreeSet<String>,
    pub forgotten: Vec<String>,
    pub refused: Vec<String>,
    pub sessions: BTreeMap<SessionId, Seen>,
    pub order: Vec<SessionId>,
    orders: Vec<Order>,
}

pub struct Scripted {
    script: Mutex<Script>,
    record: Mutex<Record>,
    changed: watch::Sender<u64>,
    clock: WallClock,
}

impl Scripted {
    pub fn new(script: Script) -> Self {
        Self {
            script: Mutex::new(script),
            record: Mutex::default(),
            changed: watch::Sender::new(0),
            clock: WallClock(Instant::now()),
        }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    fn note(&self, what: impl FnOnce(&mut Record)) {
        what(&mut self.record());
        self.changed.send_modify(|version| *version += 1);
    }

    /// Waits until what happened is enough, or fails after a minute.
    pub async fn until<T>(&self, what: &str, done: impl Fn(&Record) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = done(&self.record()) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        found.unwrap_or_else(|_| panic!("waited in vain until {what}"))
    }

    /// The closing of the n-th session.
    pub async fn closed(&self, n: usize) -> Closing {
        self.until("a session was closed", |record| {
            let id = record.order.get(n)?;
            record.sessions[id].closing.clone()
        })
        .await
    }

    /// The n-th session.
    pub async fn opened(&self, n: usize) -> SessionId {
        self.until("a session was opened", |record| {
            record.order.get(n).copied()
        })
        .await
    }

    pub fn kill(&self, session: SessionId) {
        self.kill_because(session, "the owner");
    }

    pub fn kill_because(&self, session: SessionId, reason: &str) {
        let reason = reason.to_owned();
        self.note(|record| record.orders.push(Order::Kill { session, reason }));
    }

    pub fn say(&self, session: SessionId, text: &str) {
        let text = text.to_owned();
        self.note(|record| record.orders.push(Order::Message { session, text }));
    }

    /// The tape of a session, verified with its key, and what is on it.
    pub fn tape(&self, session: SessionId) -> (Verified, Vec<Event>) {
        let record = self.record();
        let tape = &record.sessions[&session].tape;
        let key = TapeKey::new(TAPE_KEY);
        let verified = portcullis_tape::verify(tape.as_slice(), &[], Some(&key)).unwrap();
        let mut reader = portcullis_tape::open(tape.as_slice()).unwrap();
        let mut events = Vec::new();
        while let Some(segment) = reader.next_segment().unwrap() {
            let frames = segment.frames(&key).unwrap();
            events.extend(frames.into_iter().map(|frame| frame.event));
        }
        (verified, events)
    }

    fn ticket(&self) -> Ticket {
        let mut record = self.record();
        let name = format!("ticket-{}", record.made.len());
        record.made.insert(name.clone());
        Ticket(name)
    }

    fn credential(&self, account: &str) -> TargetCredential {
        if self.script().with == With::VaultedKey {
            let private_key = InTransit(Secret::new(new_key(VAULTED).0));
            return TargetCredential::Key { private_key };
        }
        let pair = session_key(&Secret::new([0x31; 32])).unwrap();
        let now = self.clock.now().as_secs();
        let request = CertRequest {
            subject: pair.public,
            principals: vec![account.to_owned()],
            valid_after: now - 60,
            valid_before: now + 120,
            serial: 1,
            key_id: "session".to_owned(),
            force_command: None,
            source_addresses: Vec::new(),
            permit_pty: true,
        };
        let private = String::from_utf8(pair.private.expose_owned()).unwrap();
        TargetCredential::Certificate {
            private_key: InTransit(Secret::new(private)),
            certificate: authority().certify(&request, &[7; 32]).unwrap(),
        }
    }

    fn lease(&self, session: SessionId, wish: &OpenWish) -> Vec<u8> {
        let script_lease = self.script().lease;
        let credential = self.credential(&wish.login.account);
        let script = self.script();
        let now = self.clock.now();
        let other = SessionId::from_parts(now, [0xee; 10]);
        let body = SessionLease {
            session: match script_lease {
                Lease::OtherBody => other,
                _ => session,
            },
            address: script.target.clone(),
            account: match script_lease {
                Lease::OtherAccount => "mallory".to_owned(),
                _ => wish.login.account.clone(),
            },
            action: match script_lease {
                Lease::OtherAction => Action::named("shell").with("account", "mallory"),
                _ => wish.action.clone(),
            },
            task: None,
            host_keys: script.host_keys.clone(),
            credential,
            idle_limit: script.idle_limit,
            ends_at: now.plus(script.lasts),
        };
        let seed = if script_lease == Lease::OtherSigner {
            2
        } else {
            1
        };
        let lease = LeaseBody {
            session: match script_lease {
                Lease::OtherSession => other,
                _ => session,
            },
            not_after: match script_lease {
                Lease::Late => now.minus(Duration::from_secs(1)),
                _ => now.plus(Duration::from_mins(1)),
            },
            payload: Secret::new(serde_json::to_vec(&body).unwrap()),
        };
        let permit: SessionPermit = match script_lease {
            Lease::OrdinaryPath => permit::<Ordinary, RunTask>(now, &Impact::nothing()).into(),
            _ => permit::<Privileged, OpenSession>(now, &Impact::worst()).into(),
        };
        signer(seed).seal(permit, lease).unwrap().expose().to_vec()
    }
}

fn signer(seed: u8) -> LeaseSigner {
    LeaseSigner::from_seed(&Secret::new([seed; 32])).unwrap()
}

/// As control would make it: asked of the shipped bundle with every control met.
fn permit<P: PathKind, A: Act<P>>(now: Timestamp, impact: &Impact) -> Permit<P, A> {
    let identity = Identity {
        id: IdentityId::from_parts(now, [1; 10]),
        name: "ana".to_owned(),
        kind: IdentityKind::Human,
        owner: None,
        roles: BTreeSet::new(),
        ends_at: None,
        active: true,
    };
    let resource = Resource {
        id: ResourceId::from_parts(now, [2; 10]),
        name: "web-1".to_owned(),
        kind: "ssh".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: [identity.id].into(),
        credential: None,
        settings: serde_json::Value::Null,
    };
    let query = Query {
        subject: &identity,
        on_behalf_of: &[],
        groups: &[],
        object: Object::Resource(&resource),
        action: &Action::named("shell"),
        impact,
        met: Controls::ALL,
        now,
        intent: Digest::of_bytes(b"intent"),
    };
    shipped(Preset::Strict).unwrap().authorize(&query).unwrap()
}

fn begin_tape(session: SessionId, now: Timestamp) -> Vec<u8> {
    let header = Header {
        tape: session.to_string(),
        tenant: "tenant".to_owned(),
        session: session.to_string(),
        started_at_ms: now.as_millis(),
        broker: "ssh".to_owned(),
        bundle_digest: "bundle".to_owned(),
        tracks: vec![Track {
            number: 0,
            kind: TrackKind::Terminal,
        }],
        key_wraps: Vec::new(),
    };
    TapeWriter::begin(&header, TapeKey::new(TAPE_KEY), [9; 16])
        .unwrap()
        .1
}

#[async_trait]
impl Control for Scripted {
    async fn lease_key(&self) -> [u8; 32] {
        *signer(1).verifying_key().as_bytes()
    }

    async fn consider(&self, offer: KeyOffer) -> bool {
        let known = self.script().known_key.clone();
        self.note(|record| record.considered.push(offer.fingerprint.clone()));
        offer.fingerprint
            == portcullis_wire::ssh::PublicKey::parse(&known)
                .unwrap()
                .fingerprint()
    }

    async fn prove_key(&self, proof: KeyProof) -> Verdict {
        let known = proof.public_key == self.script().known_key;
        self.note(|record| record.proved.push(proof));
        let ticket = known.then(|| self.ticket());
        match (ticket, self.script().needs_code) {
            (Some(ticket), false) => Verdict::Complete { ticket },
            (Some(ticket), true) => Verdict::NeedsCode {
                ticket,
                prompt: "One-time code: ".to_owned(),
            },
            (None, _) => Verdict::Refused {
                delay: Duration::from_millis(1),
            },
        }
    }

    async fn prove_code(&self, ticket: Ticket, code: InTransit<String>) -> Verdict {
        let code = code.0.expose().clone();
        let right = code == CODE;
        self.note(|record| record.codes.push(code));
        if right {
            return Verdict::Complete { ticket };
        }
        Verdict::Refused {
            delay: Duration::from_millis(1),
        }
    }

    async fn forget(&self, ticket: Ticket) {
        self.note(|record| record.forgotten.push(ticket.0));
    }

    async fn open(&self, wish: OpenWish) -> Result<Opened, Refusal> {
        if let Some(message) = self.script().refuses.clone() {
            let code = "no_grant".to_owned();
            return Err(Refusal {
                code,
                message,
                exit: None,
            });
        }
        let now = self.clock.now();
        let number = u8::try_from(self.record().order.len()).unwrap();
        let session = SessionId::from_parts(now, [number; 10]);
        let lease = self.lease(session, &wish);
        let header = begin_tape(session, now);
        let seen = Seen {
            wish,
            tape: header.clone(),
            heads: Vec::new(),
            closing: None,
        };
        self.note(|record| {
            record.sessions.insert(session, seen);
            record.order.push(session);
        });
        Ok(Opened {
            session,
            lease: InTransit(Secret::new(lease)),
            tape: TapeOrder {
                header,
                key: InTransit(Secret::new(TAPE_KEY)),
                nonce_prefix: [9; 16],
                flush_within: Duration::from_millis(250),
            },
            notice: self.script().notice.clone(),
        })
    }

    async fn reached(&self, _session: SessionId) {}

    async fn refused(&self, _ticket: Ticket, _login: Login, what: String) {
        self.note(|record| record.refused.push(what));
    }

    async fn record(&self, session: SessionId, segment: Segment) -> Result<(), TapeFailure> {
        let recording = self.script().recording;
        match recording {
            Recording::Works => {}
            Recording::Fails => return Err(TapeFailure("the disk is full".to_owned())),
            Recording::Hangs => pending().await,
        }
        self.note(|record| {
            let seen = record.sessions.get_mut(&session).unwrap();
            assert!(seen.closing.is_none(), "a segment after the closing");
            assert_eq!(segment.seq, u64::try_from(seen.heads.len()).unwrap());
            seen.tape.extend(&segment.bytes);
            seen.heads.push(segment.head);
        });
        Ok(())
    }

    async fn close(&self, session: SessionId, closing: Closing) {
        self.note(|record| {
            let seen = record.sessions.get_mut(&session).unwrap();
            assert!(seen.closing.is_none(), "closed twice");
            seen.closing = Some(closing);
        });
    }

    async fn orders(&self, after: u64) -> Orders {
        if self.script().silent {
            pending::<()>().await;
        }
        let from = usize::try_from(after).unwrap();
        let mut changed = self.changed.subscribe();
        let news = changed.wait_for(|_| self.record().orders.len() > from);
        let _ = tokio::time::timeout(PULSE, news).await;
        let record = self.record();
        Orders {
            cursor: u64::try_from(record.orders.len()).unwrap(),
            orders: record.orders.get(from..).unwrap_or_default().to_vec(),
        }
    }
}

/// The last head control was told, to be compared with the tape's own.
pub fn last_head(seen: &Seen) -> Option<[u8; 32]> {
    seen.heads.last().map(|head| *head.as_bytes())
}

/// A tape's own head.
pub fn own_head(head: &Head) -> [u8; 32] {
    head.hash
}
