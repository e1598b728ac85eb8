//! One connection's owner: it holds the socket's valve, walks the client through sign-in, starts a relay
//! for each channel, and ends it all.

use std::collections::HashSet;
use std::future::pending;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use portcullis_ports::control::{InTransit, KeyOffer, KeyProof, Ticket};
use portcullis_wire::ssh::{Answer, Front, FrontEvent, PublicKey, ServerConfig, accept};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::admission::Stranger;
use super::limits::{FAREWELL, KEY_EXCHANGE, REPORTS, SIGN_IN};
use super::login;
use super::machine::{CodeStep, Outcome, SignIn};
use super::relay::{self, After, Shared, Visitor};

/// A connection before anything was read from it.
pub struct Arrival {
    pub socket: TcpStream,
    pub source: SocketAddr,
    pub stranger: Stranger,
    /// Names the connection in what is asked of control.
    pub name: String,
}

/// Serves a connection to its end, its sessions' tapes included.
pub async fn serve(
    shared: Arc<Shared>,
    config: Arc<ServerConfig>,
    arrival: Arrival,
    shutdown: watch::Receiver<bool>,
) {
    let begun = Instant::now();
    let Arrival {
        socket,
        source,
        stranger,
        name,
    } = arrival;
    let accepted = timeout(KEY_EXCHANGE, accept(&config, socket)).await;
    let Ok(Ok((front, events))) = accepted else {
        return;
    };
    let mut owner = Owner {
        shared,
        front: CutOnDrop(front),
        source,
        name,
        sign_in: SignIn::default(),
        deadline: Some(begun + KEY_EXCHANGE),
        begun,
        stranger: Some(stranger),
        relays: JoinSet::new(),
        reported: HashSet::new(),
        reports: None,
    };
    owner.run(events, shutdown).await;
    owner.end().await;
}

/// Ends the connection with its owner, whatever ended that.
struct CutOnDrop(Front);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.valve.cut();
    }
}

/// What a connection's owner has to see to.
enum Next {
    /// A relay ended; nothing when it panicked.
    Ended(Option<After>),
    Event(FrontEvent),
}

/// Waits until the door is to close.
pub async fn closing(shutdown: &mut watch::Receiver<bool>) {
    // A door that is gone is closed.
    let _ = shutdown.wait_for(|closing| *closing).await;
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

struct Owner {
    shared: Arc<Shared>,
    front: CutOnDrop,
    source: SocketAddr,
    name: String,
    sign_in: SignIn,
    /// By when the present step must be done; nothing once the client is in.
    deadline: Option<Instant>,
    begun: Instant,
    stranger: Option<Stranger>,
    relays: JoinSet<After>,
    /// What was refused by name, and the way to tell.
    reported: HashSet<String>,
    reports: Option<mpsc::Sender<String>>,
}

impl Owner {
    async fn run(
        &mut self,
        mut events: mpsc::Receiver<FrontEvent>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        loop {
            let deadline = self.deadline;
            let next = tokio::select! {
                biased;
                // A door that closes ends the sessions; the connection ends with the last of them.
                () = closing(&mut shutdown), if self.relays.is_empty() => return,
                () = passed(deadline) => return,
                Some(ended) = self.relays.join_next() => Next::Ended(ended.ok()),
                event = events.recv() => match event {
                    Some(event) => Next::Event(event),
                    None => return,
                },
            };
            let flow = match next {
                Next::Ended(after) => self.relay_ended(after).await,
                // Control's answer may take long; a stranger's time does not.
                Next::Event(event) => tokio::select! {
                    biased;
                    flow = self.take(event) => flow,
                    () = passed(deadline) => return,
                },
            };
            if flow.is_break() {
                return;
            }
        }
    }

    async fn relay_ended(&mut self, after: Option<After>) -> ControlFlow<()> {
        match after {
            Some(After::EndIfAlone(words)) if self.relays.is_empty() => {
                let _ = timeout(FAREWELL, self.front.0.disconnect(&words)).await;
                // russh says nothing of what it has written; a moment later it has, or never will.
                sleep(FAREWELL / 4).await;
                ControlFlow::Break(())
            }
            Some(After::Nothing | After::EndIfAlone(_)) => ControlFlow::Continue(()),
            Some(After::Cut) | None => ControlFlow::Break(()),
        }
    }

    async fn take(&mut self, event: FrontEvent) -> ControlFlow<()> {
        match event {
            FrontEvent::Encrypted => self.deadline = Some(self.begun + SIGN_IN),
            FrontEvent::Offered { user, key, answer } => self.offered(&user, &key, answer).await,
            FrontEvent::Proved { user, key, answer } => self.proved(&user, &key, answer).await,
            FrontEvent::Coded { user, code, answer } => {
                let code = code.map(InTransit);
                self.coded(&user, code, answer).await;
            }
            FrontEvent::SignedIn => {
                self.deadline = None;
                self.stranger = None;
            }
            FrontEvent::Opened(channel) => {
                let Some(visitor) = self.visitor() else {
                    return ControlFlow::Break(());
                };
                let shared = Arc::clone(&self.shared);
                self.relays.spawn(relay::serve(shared, visitor, channel));
            }
            FrontEvent::Refused(what) => self.report(what.to_string()),
        }
        ControlFlow::Continue(())
    }

    fn visitor(&self) -> Option<Visitor> {
        let (login, ticket) = self.sign_in.signed_in()?;
        Some(Visitor {
            ticket: ticket.clone(),
            login: login.clone(),
            source: self.source,
            connection: self.name.clone(),
        })
    }

    /// An offer proves nothing and leaves no trace here.
    async fn offered(&self, user: &str, key: &PublicKey, answer: oneshot::Sender<bool>) {
        let offer = KeyOffer {
            fingerprint: key.fingerprint(),
            source: self.source,
        };
        let worth = login::parse(user).is_some() && self.shared.control.consider(offer).await;
        let _ = answer.send(worth);
    }

    async fn proved(&mut self, user: &str, key: &PublicKey, answer: oneshot::Sender<Answer>) {
        let Some(login) = login::parse(user) else {
            let _ = answer.send(Answer::RefuseAll);
            return;
        };
        let proof = KeyProof {
            public_key: key.to_string(),
            fingerprint: key.fingerprint(),
            source: self.source,
            login: login.clone(),
        };
        let verdict = self.shared.control.prove_key(proof).await;
        let outcome = self.sign_in.proved(user, login, verdict);
        self.settle(outcome, answer).await;
    }

    async fn coded(
        &mut self,
        user: &str,
        code: Option<InTransit<String>>,
        answer: oneshot::Sender<Answer>,
    ) {
        let outcome = match (self.sign_in.coded(user, code.is_some()), code) {
            (CodeStep::Done(outcome), _) => outcome,
            (CodeStep::Check(ticket), Some(code)) => {
                let verdict = self.shared.control.prove_code(ticket, code).await;
                self.sign_in.judged(verdict)
            }
            // The machine asks for a check of nothing but a code that was given.
            (CodeStep::Check(_), None) => return,
        };
        self.settle(outcome, answer).await;
    }

    async fn settle(&mut self, outcome: Outcome, answer: oneshot::Sender<Answer>) {
        self.forget(outcome.forget).await;
        if !outcome.delay.is_zero() {
            sleep(outcome.delay).await;
        }
        let _ = answer.send(outcome.answer);
    }

    async fn forget(&self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.shared.control.forget(ticket).await;
        }
    }

    /// Reports are sent one after the other beside the connection, each name once.
    fn report(&mut self, what: String) {
        let listed = self.reported.len();
        if listed > REPORTS || !self.reported.insert(what.clone()) {
            return;
        }
        let Some(visitor) = self.visitor() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let reports = self.reports.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel(REPORTS.saturating_add(1));
            tokio::spawn(send_reports(shared, visitor, receiver));
            sender
        });
        let report = if listed == REPORTS {
            "more than is listed here".to_owned()
        } else {
            what
        };
        // There is room for all there will ever be.
        let _ = reports.try_send(report);
    }

    /// Cuts the socket; the sessions notice, finish their tapes, and are waited for.
    async fn end(mut self) {
        self.front.0.valve.cut();
        while self.relays.join_next().await.is_some() {}
        let ticket = self.sign_in.leave();
        self.forget(ticket).await;
    }
}

async fn send_reports(shared: Arc<Shared>, visitor: Visitor, mut reports: mpsc::Receiver<String>) {
    while let Some(what) = reports.recv().await {
        let (ticket, login) = (visitor.ticket.clone(), visitor.login.clone());
        shared.control.refused(ticket, login, what).await;
    }
}
