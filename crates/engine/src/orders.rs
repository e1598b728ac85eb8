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

impl OrderBook {
    /// Gives an order.
    pub(crate) fn give(&self, order: Order) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
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
