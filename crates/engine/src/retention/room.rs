//! The room that tapes take, where it is limited: near its end that is said, and at its end nothing more is recorded, so that
//! nothing more begins. No tape is erased for another.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::Engine;
use crate::failure::Failure;
use crate::tapes::TAPES;

/// From how many hundredths of it on there is a warning.
const ALARM: u64 = 80;

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Room {
    bytes: AtomicU64,
    warned: AtomicBool,
    signed: AtomicBool,
}

impl Room {
    /// A tape's erasure was signed.
    pub(crate) fn signed(&self) {
        self.signed.store(true, Ordering::Relaxed);
    }

    pub(super) fn take_signed(&self) -> bool {
        self.signed.swap(false, Ordering::Relaxed)
    }

    /// How many bytes tapes took when that was measured last.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether that is more of the quota than can go unsaid; once until it is less again.
    fn alarms(&self, bytes: u64, quota: u64) -> bool {
        self.bytes.store(bytes, Ordering::Relaxed);
        let near = near(bytes, quota);
        let was = self.warned.swap(near, Ordering::Relaxed);
        near && !was
    }
}

/// Whether so many bytes are near the quota's end.
pub(crate) fn near(bytes: u64, quota: u64) -> bool {
    bytes.saturating_mul(100) >= quota.saturating_mul(ALARM)
}

impl Engine {
    /// Measures the room that tapes take.
    pub(crate) async fn measure_tapes(&self) -> Result<(), Failure> {
        let bytes = self.ports.blobs.bytes(TAPES).await?;
        let quota = self.options.tape_quota.unwrap_or(u64::MAX);
        if self.room.alarms(bytes, quota) {
            tracing::warn!(
                bytes,
                quota,
                "tapes take most of their quota: at its end no session opens"
            );
        }
        Ok(())
    }

    /// Refuses what would be recorded where there is no room for it.
    pub(crate) fn room_for_a_tape(&self) -> Result<(), Failure> {
        let bytes = self.room.bytes();
        match self.options.tape_quota {
            Some(quota) if bytes >= quota => Err(Failure::Unavailable(format!(
                "tapes take {bytes} bytes, and [tape] quota_mib gives them {quota}: no session opens until there is more, or owners have tapes erased"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_that_room_is_scarce_and_again_when_it_was_not_meanwhile() {
        let room = Room::default();
        assert!(!room.alarms(79, 100));
        assert!(room.alarms(80, 100));
        assert!(!room.alarms(99, 100));
        assert!(!room.alarms(10, 100));
        assert!(room.alarms(100, 100));
        assert_eq!(room.bytes(), 100);
    }
}
