//! Orders to gates: a list that nothing falls out of while somebody may still need it.

use std::sync::{Mutex, PoisonError};

use portcullis_model::SessionId;
use portcullis_ports::control::{Order, Orders, PULSE};
use tokio::sync::Notify;

/// Orders given since the server started. Those of ended sessions are dropped; cursors go on counting.
#[derive(Default)]
pub(crate) struct OrderBook {
    entries: Mutex<Entries>,
    given: Notify,
}

#[derive(Default)]
struct Entries {
    next: u64,
    kept: Vec<(u64, Order)>,
}

/// Whether both end one session.
fn ends_the_same(given: &Order, order: &Order) -> bool {
    match (given, order) {
        (Order::Kill { session: given, .. }, Order::Kill { session, .. }) => given == session,
        _ => false,
    }
}

impl OrderBook {
    /// Gives an order. To end what was told to end already is no further order.
    pub(crate) fn give(&self, order: Order) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries
            .kept
            .iter()
            .any(|(_, given)| ends_the_same(given, &order))
        {
            return;
        }
        entries.next += 1;
        let cursor = entries.next;
        entries.kept.push((cursor, order));
        drop(entries);
        self.given.notify_waiters();
    }

    /// A session is over: its orders are done with.
    pub(crate) fn forget(&self, session: SessionId) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.kept.retain(|(_, order)| match order {
            Order::Kill { session: meant, .. } | Order::Message { session: meant, .. } => {
                *meant != session
            }
        });
    }

    /// Waits for orders after a cursor, at most one pulse. Cursor 0 asks from now on.
    pub(crate) async fn after(&self, cursor: u64) -> Orders {
        let given = self.given.notified();
        tokio::pin!(given);
        // Registered before looking, so that an order given in between wakes us.
        given.as_mut().enable();
        let now = self.read(cursor);
        if cursor == 0 || !now.orders.is_empty() {
            return now;
        }
        let _ = tokio::time::timeout(PULSE, given).await;
        self.read(cursor)
    }

    fn read(&self, cursor: u64) -> Orders {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = entries
            .kept
            .iter()
            .filter(|(at, _)| cursor > 0 && *at >= cursor);
        Orders {
            cursor: entries.next + 1,
            orders: newer.map(|(_, order)| order.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_model::Timestamp;
    use portcullis_model::id::TypedId;

    use super::*;

    fn session(byte: u8) -> SessionId {
        SessionId::from_parts(Timestamp::from_millis(0), [byte; 10])
    }

    fn kill(byte: u8, reason: &str) -> Order {
        Order::Kill {
            session: session(byte),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn who_is_told_to_end_twice_hears_it_once_and_another_hears_its_own() {
        let book = OrderBook::default();
        let from = book.read(0).cursor;
        for order in [kill(1, "first"), kill(1, "second"), kill(2, "third")] {
            book.give(order);
        }
        let orders = book.read(from).orders;
        assert_eq!(orders, [kill(1, "first"), kill(2, "third")]);
    }
}
