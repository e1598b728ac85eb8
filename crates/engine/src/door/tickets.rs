//! What connections have proved so far, in memory and no longer than they last.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use portcullis_model::{Factor, IdentityId, Timestamp};
use portcullis_ports::Entropy;
use portcullis_ports::clock::random;
use portcullis_ports::control::{Login, Ticket};

/// What one connection has proved.
#[derive(Debug, Clone)]
pub(super) struct Proved {
    pub(super) identity: IdentityId,
    pub(super) factors: Vec<Factor>,
    pub(super) at: Timestamp,
    pub(super) login: Login,
    pub(super) complete: bool,
}

/// All tickets there are.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Proved>>);

impl Tickets {
    pub(super) fn issue(&self, proved: Proved, entropy: &dyn Entropy) -> Ticket {
        let text = hex::encode(random::<32>(entropy));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text.clone(), proved);
        Ticket(text)
    }

    pub(super) fn get(&self, ticket: &Ticket) -> Option<Proved> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&ticket.0)
            .cloned()
    }

    pub(super) fn complete(&self, ticket: &Ticket, factor: Factor, at: Timestamp) {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proved) = tickets.get_mut(&ticket.0) {
            proved.factors.push(factor);
            proved.at = at;
            proved.complete = true;
        }
    }

    pub(super) fn remove(&self, ticket: &Ticket) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&ticket.0);
    }
}
