//! Places for connections: how many there are in all, from one network, and for those of whom nobody knows yet whose
//! they are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::auth::network;

/// The most connections at once; more wait to be accepted.
const MOST_CONNECTIONS: usize = 1024;

/// The most connections from one network; more are closed at once.
const MOST_PER_NETWORK: usize = 256;

/// The most connections on which no call was signed in yet. For another one, the network that has the most of them
/// loses its oldest: whoever fills the places this way empties their own.
const MOST_STRANGERS: usize = 256;

/// All places.
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    by_network: HashMap<String, usize>,
    /// Oldest first.
    strangers: Vec<Stranger>,
    next: u64,
}

/// A connection on which no call was signed in yet.
struct Stranger {
    seat: u64,
    network: String,
    leave: oneshot::Sender<()>,
}

/// One connection's place; given back when dropped.
pub(crate) struct Seat {
    _free: OwnedSemaphorePermit,
    standing: Standing,
    network: String,
    leave: oneshot::Receiver<()>,
}

/// What a call that is signed in does for the connection it came on.
#[derive(Clone)]
pub(crate) struct Standing {
    taken: Arc<Mutex<Taken>>,
    seat: u64,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            taken: Arc::default(),
        }
    }
}

impl Seats {
    /// A place for a connection that is not there yet.
    pub(crate) async fn free(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(free) => free,
            // Nobody closes it.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// Gives a place to a connection, unless its network has too many.
    pub(crate) fn take(&self, free: OwnedSemaphorePermit, address: IpAddr) -> Option<Seat> {
        let network = network(address);
        let (leave, told) = oneshot::channel();
        let mut taken = locked(&self.taken);
        let held = taken.by_network.entry(network.clone()).or_insert(0);
        if *held >= MOST_PER_NETWORK {
            return None;
        }
        *held += 1;
        taken.next += 1;
        let seat = taken.next;
        taken.strangers.push(Stranger {
            seat,
            network: network.clone(),
            leave,
        });
        if taken.strangers.len() > MOST_STRANGERS {
            taken.send_one_away();
        }
        drop(taken);
        Some(Seat {
            _free: free,
            standing: Standing {
                taken: Arc::clone(&self.taken),
                seat,
            },
            network,
            leave: told,
        })
    }
}

impl Taken {
    fn send_one_away(&mut self) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for stranger in &self.strangers {
            *counts.entry(&stranger.network).or_default() += 1;
        }
        let most = counts.values().max().copied();
        let oldest = self
            .strangers
            .iter()
            .position(|stranger| counts.get(stranger.network.as_str()).copied() == most);
        if let Some(oldest) = oldest {
            // It may be gone already.
            let _ = self.strangers.remove(oldest).leave.send(());
        }
    }
}

impl Standing {
    /// Somebody is signed in on the connection: it is nobody's to send away.
    pub(crate) fn known(&self) {
        locked(&self.taken)
            .strangers
            .retain(|stranger| stranger.seat != self.seat);
    }
}

impl Seat {
    pub(crate) fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Returns when the connection has to leave its place to another.
    pub(crate) async fn sent_away(&mut self) {
        if (&mut self.leave).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.standing.known();
        let mut taken = locked(&self.standing.taken);
        if let Some(held) = taken.by_network.get_mut(&self.network) {
            *held -= 1;
            if *held == 0 {
                taken.by_network.remove(&self.network);
            }
        }
    }
}

fn locked(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::Ipv6Addr;

    use futures::FutureExt as _;

    use super::*;

    fn take(seats: &Seats, address: IpAddr) -> Option<Seat> {
        let free = Arc::clone(&seats.free).try_acquire_owned().unwrap();
        seats.take(free, address)
    }

    /// A host of a network of IPv6, by their numbers.
    fn host(network: u16, host: u16) -> IpAddr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host).into()
    }

    fn is_sent_away(seat: &mut Seat) -> bool {
        seat.sent_away().now_or_never().is_some()
    }

    #[test]
    fn one_network_cannot_take_the_places_of_others_and_gets_its_own_back() {
        let seats = Seats::default();
        let held: Vec<_> = (0..MOST_PER_NETWORK)
            .map(|number| take(&seats, host(1, u16::try_from(number).unwrap())).unwrap())
            .collect();
        assert!(take(&seats, host(1, 9_999)).is_none());
        assert!(take(&seats, host(2, 1)).is_some());
        drop(held);
        assert!(take(&seats, host(1, 9_999)).is_some());
        assert_eq!(seats.free.available_permits(), MOST_CONNECTIONS);
    }

    #[test]
    fn who_never_signs_in_makes_room_for_others_from_many_addresses_of_one_network_first() {
        let seats = Seats::default();
        let mut guest = take(&seats, host(2, 1)).unwrap();
        let mut flood: Vec<_> = (1..MOST_STRANGERS)
            .map(|number| take(&seats, host(1, u16::try_from(number).unwrap())).unwrap())
            .collect();
        assert!(!flood.iter_mut().any(is_sent_away), "there was room");
        let mut another = take(&seats, host(3, 1)).unwrap();
        let sent: Vec<_> = flood.iter_mut().map(is_sent_away).collect();
        assert!(sent.iter().skip(1).all(|sent| !sent) && sent.first() == Some(&true));
        assert!(!is_sent_away(&mut guest) && !is_sent_away(&mut another));
    }

    #[test]
    fn who_is_signed_in_keeps_their_place() {
        let seats = Seats::default();
        let mut known: Vec<_> = (0..MOST_STRANGERS)
            .map(|number| take(&seats, host(1, u16::try_from(number).unwrap())).unwrap())
            .collect();
        for seat in &known {
            seat.standing().known();
        }
        let flood = (0..2 * MOST_STRANGERS)
            .map(|number| take(&seats, host(2 + u16::try_from(number / 200).unwrap(), 1)).unwrap());
        let flood: Vec<_> = flood.collect();
        assert!(!known.iter_mut().any(is_sent_away));
        drop(flood);
        assert!(locked(&seats.taken).strangers.is_empty());
    }
}
