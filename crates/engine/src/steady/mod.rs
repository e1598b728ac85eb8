//! Time that never goes back. What was given for an hour is over after an hour, also when somebody, or the machine's
//! battery, sets the clock back in between.

mod correction;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_model::{Event, Timestamp};
use portcullis_ports::{Clock, Store};

use crate::failure::Failure;

/// How far a clock may be behind before anybody is told: every machine's is corrected by less now and then.
const UNREMARKABLE: Duration = Duration::from_secs(2);

/// The machine's clock, and how much time has passed where that clock says less.
///
/// When the clock is ahead of what has passed, it is right: the machine slept. What it says then counts from there on.
pub(crate) struct Steady {
    clock: Arc<dyn Clock>,
    anchor: Mutex<Anchor>,
}

/// A moment that was, and when it was by the clock that measures.
struct Anchor {
    moment: Timestamp,
    measured: Duration,
    /// Whether it was said that the clock is behind.
    told: bool,
}

impl Steady {
    /// Goes on from the last moment that is on record, or from the clock's when that is later.
    pub(crate) async fn resume(clock: Arc<dyn Clock>, store: &dyn Store) -> Result<Self, Failure> {
        let recorded = last_recorded(store).await?.unwrap_or_default();
        let anchor = Anchor {
            moment: recorded,
            measured: clock.monotonic(),
            told: false,
        };
        Ok(Self {
            clock,
            anchor: Mutex::new(anchor),
        })
    }

    /// How far the machine's clock is behind, when that is worth a word.
    pub(crate) fn behind(&self) -> Option<Duration> {
        remarkable(self.now().since(self.clock.now()))
    }

    /// Takes the machine's clock for right though it is behind.
    fn follow(&self) {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        *anchor = Anchor {
            moment: self.clock.now(),
            measured: self.clock.monotonic(),
            told: false,
        };
    }
}

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, measured) = (self.clock.now(), self.clock.monotonic());
        let passed = anchor.moment.plus(measured.saturating_sub(anchor.measured));
        if said >= passed {
            *anchor = Anchor {
                moment: said,
                measured,
                told: false,
            };
            return said;
        }
        if let Some(behind) = remarkable(passed.since(said))
            && !std::mem::replace(&mut anchor.told, true)
        {
            tracing::warn!(?behind, "{SET_BACK}");
        }
        passed
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// What is said of a clock that is behind.
pub(crate) const SET_BACK: &str = "the machine's clock was set back, and what was given would last longer by it: the server goes on from the time it had \
     reached. Set the clock; if it is right, and was ahead before, start the server once with --trust-clock";

fn remarkable(behind: Duration) -> Option<Duration> {
    (behind > UNREMARKABLE).then_some(behind)
}

/// How far a clock is behind the last moment on record, when that is worth a word.
pub(crate) async fn behind_record(
    clock: &dyn Clock,
    store: &dyn Store,
) -> Result<Option<Duration>, Failure> {
    let recorded = last_recorded(store).await?.unwrap_or_default();
    Ok(remarkable(recorded.since(clock.now())))
}

/// When the last event was, by the clock that counts since.
async fn last_recorded(store: &dyn Store) -> Result<Option<Timestamp>, Failure> {
    let size = *store.committed().borrow();
    let last = store.events(size.saturating_sub(1), 1).await?;
    let Some(last) = last.first() else {
        return Ok(None);
    };
    let event = Event::from_leaf(&last.leaf)?;
    Ok(Some(event.at.minus(correction::made_by(&event))))
}
