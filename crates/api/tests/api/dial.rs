//! A machine's clock that the test sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_model::Timestamp;
use portcullis_ports::Clock;

/// The time that passes, and what the clock makes of it.
pub struct Dial {
    passed: AtomicU64,
    set_to: AtomicU64,
}

impl Dial {
    pub fn new() -> Self {
        Self {
            passed: AtomicU64::new(0),
            set_to: AtomicU64::new(1_795_000_000_000),
        }
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.passed.fetch_add(millis(time), Ordering::SeqCst);
    }

    /// Somebody sets it back.
    pub fn set_back(&self, by: Duration) {
        self.set_to.fetch_sub(millis(by), Ordering::SeqCst);
    }

    /// Somebody sets it ahead, or the machine slept.
    pub fn set_ahead(&self, by: Duration) {
        self.set_to.fetch_add(millis(by), Ordering::SeqCst);
    }
}

impl Clock for Dial {
    fn now(&self) -> Timestamp {
        let set_to = self.set_to.load(Ordering::SeqCst);
        Timestamp::from_millis(self.passed.load(Ordering::SeqCst) + set_to)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.passed.load(Ordering::SeqCst))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}
