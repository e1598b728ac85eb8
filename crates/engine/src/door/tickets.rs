//! What connections have proved so far, in memory and no longer than they last: a gate says when a
//! connection is over, and what a gate never says ends by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_model::{Factor, IdentityId, Timestamp};
use portcullis_ports::Entropy;
use portcullis_ports::clock::random;
use portcullis_ports::control::{Login, Ticket};

/// How long a ticket waits for what is still to be proved; gates give people less.
const TO_COMPLETE: Duration = Duration::from_mins(5);

/// How long a complete ticket opens channels: twice as long as the longest privileged grant. Who is connected
/// for longer signs in again.
const COMPLETE: Duration = Duration::from_hours(24);

/// The most tickets of one identity; beyond it its oldest is void.
const MOST_OF_ONE: usize = 256;

/// The most tickets in all; beyond it the oldest that still lacks something is void, or else the oldest.
const MOST: usize = 10_000;

/// What one connection has proved.
#[derive(Debug, Clone)]
pub(super) struct Proved {
    pub(super) identity: IdentityId,
    pub(super) factors: Vec<Factor>,
    pub(super) at: Timestamp,
    pub(super) login: Login,
    pub(super) complete: bool,
}

/// A ticket that was issued.
struct Issued {
    proved: Proved,
    /// When it was issued or completed, by the monotonic clock.
    since: Duration,
}

impl Issued {
    fn is_void(&self, now: Duration) -> bool {
        let lasts = if self.proved.complete {
            COMPLETE
        } else {
            TO_COMPLETE
        };
        now.saturating_sub(self.since) >= lasts
    }
}

/// All tickets there are. Moments are of the monotonic clock.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Issued>>);

impl Tickets {
    pub(super) fn issue(&self, proved: Proved, now: Duration, entropy: &dyn Entropy) -> Ticket {
        let text = hex::encode(random::<32>(entropy));
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|_, issued| !issued.is_void(now));
        make_room(&mut tickets, proved.identity);
        let issued = Issued { proved, since: now };
        tickets.insert(text.clone(), issued);
        Ticket(text)
    }

    pub(super) fn get(&self, ticket: &Ticket, now: Duration) -> Option<Proved> {
        let tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = tickets.get(&ticket.0);
        let issued = issued.filter(|issued| !issued.is_void(now));
        issued.map(|issued| issued.proved.clone())
    }

    /// A further factor was proved, `at` by the calendar; a ticket that is void stays so.
    pub(super) fn complete(&self, ticket: &Ticket, factor: Factor, at: Timestamp, now: Duration) {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = tickets.get_mut(&ticket.0);
        if let Some(issued) = issued.filter(|issued| !issued.is_void(now)) {
            issued.proved.factors.push(factor);
            issued.proved.at = at;
            issued.proved.complete = true;
            issued.since = now;
        }
    }

    pub(super) fn remove(&self, ticket: &Ticket) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&ticket.0);
    }
}

/// Voids what is too much before one more of an identity is issued.
fn make_room(tickets: &mut HashMap<String, Issued>, identity: IdentityId) {
    let own = |issued: &Issued| issued.proved.identity == identity;
    let of_one = tickets.values().filter(|issued| own(issued)).count();
    let first = if of_one >= MOST_OF_ONE {
        let own = tickets.iter().filter(|(_, issued)| own(issued));
        own.min_by_key(|(_, issued)| issued.since)
    } else if tickets.len() >= MOST {
        let all = tickets.iter();
        all.min_by_key(|(_, issued)| (issued.proved.complete, issued.since))
    } else {
        None
    };
    if let Some(first) = first.map(|(text, _)| text.clone()) {
        tickets.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use portcullis_model::id::TypedId;

    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    /// Counts, so that no two tickets are alike.
    #[derive(Default)]
    struct Counter(AtomicU64);

    impl Entropy for Counter {
        fn fill(&self, buffer: &mut [u8]) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            for (place, byte) in buffer.iter_mut().zip(number) {
                *place = byte;
            }
        }
    }

    fn proved(number: u8) -> Proved {
        Proved {
            identity: IdentityId::from_parts(Timestamp::from_millis(1), [number; 10]),
            factors: vec![Factor::Password],
            at: Timestamp::from_millis(1),
            login: Login {
                account: "root".to_owned(),
                target: "web-1".to_owned(),
            },
            complete: false,
        }
    }

    fn after(time: Duration) -> Duration {
        NOW.saturating_add(time)
    }

    fn completed(tickets: &Tickets, ticket: &Ticket, now: Duration) -> bool {
        let at = Timestamp::from_millis(2);
        tickets.complete(ticket, Factor::Totp { step: 1 }, at, now);
        tickets
            .get(ticket, now)
            .is_some_and(|proved| proved.complete)
    }

    #[test]
    fn a_ticket_nobody_gives_back_ends_by_itself() {
        let (tickets, entropy) = (Tickets::default(), Counter::default());
        let waiting = tickets.issue(proved(1), NOW, &entropy);
        let complete = tickets.issue(proved(1), NOW, &entropy);
        assert!(completed(&tickets, &complete, NOW));
        assert!(tickets.get(&waiting, NOW).is_some());

        assert!(tickets.get(&waiting, after(TO_COMPLETE)).is_none());
        assert!(
            !completed(&tickets, &waiting, after(TO_COMPLETE)),
            "it is too late"
        );
        assert!(tickets.get(&complete, after(TO_COMPLETE)).is_some());
        assert!(tickets.get(&complete, after(COMPLETE)).is_none());

        tickets.issue(proved(2), after(COMPLETE), &entropy);
        let kept = tickets.0.lock().map_or(0, |kept| kept.len());
        assert_eq!(kept, 1, "what is void is not kept");
    }

    #[test]
    fn one_identity_has_a_bounded_number_and_costs_nobody_elses() {
        let (tickets, entropy) = (Tickets::default(), Counter::default());
        let other = tickets.issue(proved(1), NOW, &entropy);
        let first = tickets.issue(proved(2), NOW, &entropy);
        for _ in 0..MOST_OF_ONE {
            tickets.issue(proved(2), after(Duration::from_secs(1)), &entropy);
        }
        assert!(tickets.get(&first, after(Duration::from_secs(1))).is_none());
        assert!(tickets.get(&other, after(Duration::from_secs(1))).is_some());
        let kept = tickets.0.lock().map_or(0, |kept| kept.len());
        assert_eq!(kept, MOST_OF_ONE + 1);
    }

    #[test]
    fn there_is_a_bounded_number_in_all_and_what_is_complete_goes_last() {
        let (tickets, entropy) = (Tickets::default(), Counter::default());
        let complete = tickets.issue(proved(0), NOW, &entropy);
        assert!(completed(&tickets, &complete, NOW));
        let waiting = tickets.issue(proved(0), NOW, &entropy);
        let later = after(Duration::from_secs(1));
        for number in 0..MOST {
            let identity = u8::try_from(number % 200 + 1).unwrap_or(u8::MAX);
            tickets.issue(proved(identity), later, &entropy);
        }
        assert!(tickets.get(&waiting, later).is_none());
        assert!(tickets.get(&complete, later).is_some());
        let kept = tickets.0.lock().map_or(0, |kept| kept.len());
        assert_eq!(kept, MOST);
    }
}
