//! Orders from control: one poller a door. Every session hears its own end through a slot of its own that
//! nothing can fill up; when control falls silent, all of them end.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_model::SessionId;
use portcullis_ports::Control;
use portcullis_ports::control::{CloseCause, LONGEST_SILENCE, Order};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::limits::QUIET;

/// Lines that may wait to be shown in one session; more of them are not shown.
const MESSAGES: usize = 16;

/// Kills that came before their session was known here, kept for it.
const EARLY: usize = 1024;

/// The sessions of a door, and when control was last heard.
#[derive(Debug, Clone)]
pub struct Orders(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    sessions: HashMap<SessionId, Ears>,
    early: VecDeque<(SessionId, String)>,
    heard: Instant,
    closing: Option<CloseCause>,
}

#[derive(Debug)]
struct Ears {
    stop: watch::Sender<Option<CloseCause>>,
    messages: mpsc::Sender<String>,
}

/// A session's end of it; it is no longer known when this is dropped.
#[derive(Debug)]
pub struct Registered {
    session: SessionId,
    orders: Orders,
    /// Its end.
    pub stop: Stop,
    /// Lines to show.
    pub messages: mpsc::Receiver<String>,
}

/// Where a session hears that it has to end.
#[derive(Debug)]
pub struct Stop(watch::Receiver<Option<CloseCause>>);

impl Stop {
    /// Waits until the session has to end.
    pub async fn ordered(&mut self) -> CloseCause {
        match self.0.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or(CloseCause::ControlLost),
            Err(_) => CloseCause::ControlLost,
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.orders.state().sessions.remove(&self.session);
    }
}

impl Orders {
    /// Nobody is known yet; control counts as just heard.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            sessions: HashMap::new(),
            early: VecDeque::new(),
            heard: Instant::now(),
            closing: None,
        })))
    }

    /// Makes a session known. What was ordered for it before counts.
    pub fn register(&self, session: SessionId) -> Registered {
        let mut state = self.state();
        let early = state.early.iter().find(|(known, _)| *known == session);
        let cause = match early {
            Some((_, reason)) => Some(CloseCause::Killed {
                reason: reason.clone(),
            }),
            None if state.heard.elapsed() >= LONGEST_SILENCE => Some(CloseCause::ControlLost),
            None => state.closing.clone(),
        };
        let (stop, stopped) = watch::channel(cause);
        let (messages, shown) = mpsc::channel(MESSAGES);
        state.sessions.insert(session, Ears { stop, messages });
        drop(state);
        Registered {
            session,
            orders: self.clone(),
            stop: Stop(stopped),
            messages: shown,
        }
    }

    /// Whether control was not heard for so long that nothing new may begin.
    pub fn is_quiet(&self) -> bool {
        self.state().heard.elapsed() >= QUIET
    }

    /// Ends every session, and those that begin later.
    pub fn close(&self, cause: &CloseCause) {
        let mut state = self.state();
        state.closing = Some(cause.clone());
        state.end_all(cause);
    }

    /// Asks control for orders for ever.
    pub async fn poll(&self, control: &dyn Control) -> Infallible {
        let mut cursor = 0;
        loop {
            if let Ok(orders) = timeout(LONGEST_SILENCE, control.orders(cursor)).await {
                cursor = orders.cursor;
                let mut state = self.state();
                state.heard = Instant::now();
                orders
                    .orders
                    .into_iter()
                    .for_each(|order| state.obey(order));
            } else {
                self.state().end_all(&CloseCause::ControlLost);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn obey(&mut self, order: Order) {
        match order {
            Order::Kill { session, reason } => {
                if let Some(ears) = self.sessions.get(&session) {
                    ears.end(&CloseCause::Killed { reason });
                } else {
                    // Its opening may just be on its way here.
                    self.early.truncate(EARLY - 1);
                    self.early.push_front((session, reason));
                }
            }
            Order::Message { session, text } => {
                if let Some(ears) = self.sessions.get(&session) {
                    // A session that shows nothing any more loses lines, never its end.
                    let _ = ears.messages.try_send(text);
                }
            }
        }
    }

    fn end_all(&self, cause: &CloseCause) {
        self.sessions.values().for_each(|ears| ears.end(cause));
    }
}

impl Ears {
    /// The first cause stands.
    fn end(&self, cause: &CloseCause) {
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(cause.clone());
            }
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use portcullis_model::Timestamp;
    use portcullis_model::id::TypedId;

    use super::*;

    fn session(n: u8) -> SessionId {
        SessionId::from_parts(Timestamp::from_millis(1), [n; 10])
    }

    fn kill(n: u8) -> Order {
        Order::Kill {
            session: session(n),
            reason: n.to_string(),
        }
    }

    fn killed(n: u8) -> CloseCause {
        CloseCause::Killed {
            reason: n.to_string(),
        }
    }

    #[tokio::test]
    async fn a_kill_reaches_its_session_and_the_first_cause_stands() {
        let orders = Orders::new();
        let (mut one, two) = (orders.register(session(1)), orders.register(session(2)));
        orders.state().obey(kill(1));
        orders.close(&CloseCause::ControlLost);
        assert_eq!(one.stop.ordered().await, killed(1));
        assert_eq!(*two.stop.0.borrow(), Some(CloseCause::ControlLost));
    }

    #[tokio::test]
    async fn a_kill_that_comes_before_its_session_is_not_lost() {
        let orders = Orders::new();
        orders.state().obey(kill(1));
        for other in 0..EARLY {
            orders
                .state()
                .obey(kill(u8::try_from(other % 9).unwrap_or(0) + 100));
        }
        assert!(
            orders.register(session(1)).stop.0.borrow().is_none(),
            "kept for ever"
        );
        orders.state().obey(kill(1));
        assert_eq!(orders.register(session(1)).stop.ordered().await, killed(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_control_is_noticed() {
        let orders = Orders::new();
        assert!(!orders.is_quiet());
        tokio::time::advance(QUIET).await;
        assert!(orders.is_quiet());
        tokio::time::advance(LONGEST_SILENCE).await;
        let mut late = orders.register(session(3));
        assert_eq!(late.stop.ordered().await, CloseCause::ControlLost);
    }
}
