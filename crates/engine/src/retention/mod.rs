//! How long tapes are kept. One whose time is over is erased unless somebody holds it, and its key with it; its heads, and
//! all that is recorded of its session, stay.

mod calm;
mod holding;
mod room;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis_flow::installation::Installation;
use portcullis_flow::retention::Retention;
use portcullis_flow::session::Session;
use portcullis_model::SessionId;
use portcullis_ports::Blobs;
use tokio::sync::watch;

use crate::Engine;
use crate::failure::Failure;
use crate::journal::{Span, patiently};
use crate::secrets::tape_secret;
use crate::supervision::{contained, each};
use crate::tapes::{self, TAPES};

use calm::Calm;
pub use holding::RetentionView;
pub(crate) use room::{Room, near};

/// How often it is looked whether anything is to be done.
const TICK: Duration = Duration::from_millis(500);

/// How often all tapes are looked through; and for how long time must have gone on quietly before any is erased by its age.
const HOURLY: Duration = Duration::from_hours(1);

/// How often their room is measured.
const MEASURED_EVERY: Duration = Duration::from_mins(1);

/// How many sessions are read at once.
const PAGE: usize = 256;

impl Engine {
    /// Runs until shut down.
    pub(crate) async fn run_retention(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut calm = Calm::new(self.journal.now(), self.elapsed());
        let (mut looked, mut measured, mut failed) = (None, self.elapsed(), false);
        // What was begun before the server was stopped.
        self.room.signed();
        while !*shutdown.borrow() {
            let elapsed = self.elapsed();
            if elapsed.saturating_sub(measured) >= MEASURED_EVERY {
                measured = elapsed;
                warn(contained(self.measure_tapes()).await);
                if std::mem::take(&mut failed) {
                    self.room.signed();
                    looked = None;
                }
            }
            if !self.may_erase() {
                calm = Calm::new(self.journal.now(), elapsed);
            }
            let by_age = calm.lasts(self.journal.now(), elapsed, HOURLY)
                && looked.is_none_or(|last| elapsed.saturating_sub(last) >= HOURLY);
            if self.may_erase() && (self.room.take_signed() || by_age) {
                looked = by_age.then_some(elapsed).or(looked);
                let erased = contained(self.erase_what_is_over(by_age)).await;
                failed = erased.is_err();
                warn(erased);
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    /// Nothing is erased while what decides about it might be made up, could not be recorded, or waits for owners to look
    /// at it.
    fn may_erase(&self) -> bool {
        let custody = &self.journal.custody;
        custody.is_inspected() && custody.sound().is_ok()
    }

    /// For how long tapes are kept.
    pub(crate) async fn retention(&self) -> Result<Retention, Failure> {
        let loaded = self.journal.load::<Installation>(self.installation).await?;
        Ok(loaded.get()?.retention.clone())
    }

    /// Looks through all sessions: for those whose tape is to go, and, `by_age`, for those whose time is over.
    async fn erase_what_is_over(&self, by_age: bool) -> Result<(), Failure> {
        let retention = if by_age {
            self.retention().await?
        } else {
            Retention::default()
        };
        let there = tapes_there(self.ports.blobs.as_ref()).await?;
        let mut after = None;
        loop {
            let span = Span {
                after,
                limit: PAGE,
                newest_first: false,
            };
            let page = self.journal.span::<Session>(&span).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(last.to_string());
            let ids = page.into_iter();
            let ids = ids.filter_map(|(stream, session)| Some((stream.parse().ok()?, session)));
            let (retention, there) = (&retention, &there);
            warn(
                each(ids, 1, |(id, session)| async move {
                    self.attend_tape(id, &session, retention, there).await
                })
                .await,
            );
        }
    }

    async fn attend_tape(
        &self,
        id: SessionId,
        session: &Session,
        retention: &Retention,
        there: &BTreeSet<String>,
    ) -> Result<(), Failure> {
        if session.erased_at().is_some() {
            // Whoever erased it may have been stopped before it was gone.
            let key = tape_secret(id)?.to_string();
            let sealed = self.journal.store.sealed(&key, None).await?;
            if sealed.is_none() && !there.contains(&tapes::name(id)) {
                return Ok(());
            }
        } else {
            let over = session.outlived(retention, self.journal.now()).is_some();
            if !over || !patiently(|| self.record_erasure(id)).await? {
                return Ok(());
            }
        }
        self.remove_tape(id).await
    }

    /// By its age, as that is counted at this moment; whether it is erased.
    async fn record_erasure(&self, id: SessionId) -> Result<bool, Failure> {
        let retention = self.retention().await?;
        let mut loaded = self.journal.load::<Session>(id).await?;
        let mut command = self.journal.command(None);
        let Some(cause) = loaded.get()?.outlived(&retention, command.at()) else {
            return Ok(false);
        };
        let event = loaded.get()?.erase(cause)?;
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        Ok(true)
    }

    /// The key first: while the tape is there, all of this is done again.
    async fn remove_tape(&self, id: SessionId) -> Result<(), Failure> {
        let key = tape_secret(id)?.to_string();
        self.journal.store.erase_sealed(&key).await?;
        Ok(self.ports.blobs.remove(&tapes::name(id)).await?)
    }
}

fn warn(done: Result<(), Failure>) {
    if let Err(failure) = done {
        tracing::warn!(%failure, "what becomes of tapes could not all be seen to: trying again");
    }
}

async fn tapes_there(blobs: &dyn Blobs) -> Result<BTreeSet<String>, Failure> {
    Ok(blobs.list(TAPES).await?.into_iter().collect())
}
