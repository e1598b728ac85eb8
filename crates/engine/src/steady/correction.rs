//! A clock that was ahead and is set right: how long what is open was to last cannot be told any more, so it ends.

use std::time::Duration;

use portcullis_flow::identity::IdentityEvent;
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_model::Event;
use serde_json::Value;

use super::Steady;
use crate::Engine;
use crate::failure::Failure;

/// The kind of the event that says so.
const CORRECTED: &str = "installation.clock_corrected";

/// Why everything that was open ends.
const WHY: &str =
    "the server's clock was ahead, and how long this was to last cannot be told any more";

/// By how much an event set time right: it is dated by the clock that was ahead.
pub(super) fn made_by(event: &Event) -> Duration {
    let made = event.kind == CORRECTED;
    let back = event.data.get("back_ms").and_then(Value::as_u64);
    Duration::from_millis(back.filter(|_| made).unwrap_or(0))
}

impl Engine {
    /// Ends whatever is open, then goes by the machine's clock. When it fails half way it is to be run again: until its
    /// last step time goes on where it was.
    pub(crate) async fn correct_clock(&self, steady: &Steady) -> Result<(), Failure> {
        let Some(behind) = steady.behind() else {
            tracing::info!("the clock is not behind: there is nothing to set right");
            return Ok(());
        };
        self.clear_slate(WHY, &IdentityEvent::ClockCorrected {})
            .await?;
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        let mut command = self.journal.command(None);
        let event = InstallationEvent::ClockCorrected {
            back_ms: u64::try_from(behind.as_millis()).unwrap_or(u64::MAX),
        };
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        steady.follow();
        tracing::warn!(
            ?behind,
            "the clock was set right: everything that was open has ended"
        );
        Ok(())
    }
}
