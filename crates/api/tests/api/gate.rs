//! A gate without sockets: signs somebody in at the door, opens sessions, sends their tapes, hears orders.

use std::net::SocketAddr;

use portcullis_model::{Action, Digest, Secret, SessionId};
use portcullis_ports::Control;
use portcullis_ports::control::{
    CloseCause, Closing, InTransit, KeyProof, Login, OpenWish, Opened, Order, Refusal, Segment,
    TapeFailure, Ticket, Verdict,
};
use portcullis_tape::{End, Event, Frame, TapeKey, TapeWriter};
use serde_json::json;

use crate::world::World;

/// A key made by OpenSSH, and the fingerprint that `ssh-keygen -l` says of it.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKr6b1ymbj5F5fy7pYKHoAPP+BGhxC1MLzzGpy631L3Y";
const FINGERPRINT: &str = "SHA256:D5LlHtqUI2/CgY6a+SMVcLua9mW2yqJhsrgLcH32gQc";

/// A connection of somebody who proved who they are.
pub struct Gate {
    ticket: Ticket,
    login: Login,
}

/// A session as its gate has it.
pub struct Held {
    pub id: SessionId,
    tape: TapeWriter,
    sent: u64,
}

fn source() -> SocketAddr {
    "192.0.2.7:4321".parse().unwrap()
}

impl Gate {
    /// Registers a key for somebody and signs them in with it and a code.
    pub async fn sign_in(world: &World, name: &str, token: &str, target: &str) -> Self {
        let body = json!({ "public_key": KEY });
        world.post(token, "/ssh-keys", body).await.done();
        Self::at(world, name, target).await
    }

    /// Signs somebody in whose key is registered already.
    pub async fn at(world: &World, name: &str, target: &str) -> Self {
        let login = Login {
            account: "root".to_owned(),
            target: target.to_owned(),
        };
        let proof = KeyProof {
            public_key: KEY.to_owned(),
            fingerprint: FINGERPRINT.to_owned(),
            source: source(),
            login: login.clone(),
        };
        let Verdict::NeedsCode { ticket, .. } = world.engine.prove_key(proof).await else {
            panic!("the key was refused");
        };
        let code = InTransit(Secret::new(world.code(name)));
        let verdict = world.engine.prove_code(ticket.clone(), code).await;
        assert!(matches!(verdict, Verdict::Complete { .. }), "{verdict:?}");
        Self { ticket, login }
    }

    /// Opens a shell.
    pub async fn open(&self, world: &World) -> Result<Held, Refusal> {
        self.open_under(world, None).await
    }

    /// The same, as a run that has a name.
    pub async fn open_under(&self, world: &World, key: Option<&str>) -> Result<Held, Refusal> {
        let held = self.wait_before(world, key).await?;
        world.engine.reached(held.id).await;
        Ok(held)
    }

    /// The same, before its target has let it in.
    pub async fn wait_before(&self, world: &World, key: Option<&str>) -> Result<Held, Refusal> {
        let wish = OpenWish {
            ticket: self.ticket.clone(),
            login: self.login.clone(),
            action: Action::named("shell"),
            source: source(),
            connection: "one".to_owned(),
            key: key.map(str::to_owned),
        };
        let Opened { session, tape, .. } = world.engine.open(wish).await?;
        let reader = portcullis_tape::open(tape.header.as_slice()).unwrap();
        let key = TapeKey::new(*tape.key.0.expose());
        let begun = TapeWriter::begin(reader.header(), key, tape.nonce_prefix);
        Ok(Held {
            id: session,
            tape: begun.unwrap().0,
            sent: 0,
        })
    }
}

impl Held {
    /// Records some output.
    pub async fn record(&mut self, world: &World) -> Result<(), TapeFailure> {
        let frame = Frame {
            track: 1,
            at_ms: self.sent,
            event: Event::Output(b"$ ".to_vec()),
        };
        let _due = self.tape.push(&frame).unwrap();
        let bytes = self.tape.flush().unwrap().unwrap();
        let head = self.tape.head().hash;
        self.send(world, bytes, head).await
    }

    async fn send(
        &mut self,
        world: &World,
        bytes: Vec<u8>,
        head: [u8; 32],
    ) -> Result<(), TapeFailure> {
        let segment = Segment {
            seq: self.sent,
            bytes,
            head: Digest::from_array(head),
        };
        self.sent += 1;
        world.engine.record(self.id, segment).await
    }

    /// Ends the session; its tape too, if that can be done.
    pub async fn close(self, world: &World, cause: CloseCause) {
        self.close_with(world, cause, None).await;
    }

    /// The same, with the status that its program ended with.
    pub async fn close_with(self, world: &World, cause: CloseCause, exit: Option<u32>) {
        let Self { id, tape, sent } = self;
        let end = End {
            at_ms: 1000,
            reason: "it ended".to_owned(),
        };
        let (bytes, head) = tape.finish(&end).unwrap();
        let segment = Segment {
            seq: sent,
            bytes,
            head: Digest::from_array(head.hash),
        };
        // Whether it can is what some tests are about.
        drop(world.engine.record(id, segment).await);
        let closing = Closing {
            cause,
            exit,
            signal: None,
            bytes_in: 1,
            bytes_out: 2,
        };
        world.engine.close(id, closing).await;
    }
}

/// Listens for orders from now on.
pub struct Listener(u64);

impl Listener {
    pub async fn new(world: &World) -> Self {
        Self(world.engine.orders(0).await.cursor)
    }

    /// Waits until each of these sessions was told to end.
    pub async fn hears_the_end_of(&mut self, world: &World, sessions: &[SessionId]) {
        let mut waiting = sessions.to_vec();
        let heard = async {
            while !waiting.is_empty() {
                let told = world.engine.orders(self.0).await;
                self.0 = told.cursor;
                for order in told.orders {
                    if let Order::Kill { session, .. } = order {
                        waiting.retain(|one| *one != session);
                    }
                }
            }
        };
        let heard = tokio::time::timeout(std::time::Duration::from_secs(30), heard).await;
        assert!(heard.is_ok(), "not all were told to end");
    }
}
