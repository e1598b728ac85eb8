//! The end of a session: recorded with its grant's, its tape mended where it lacks its own.

use std::sync::Arc;

use portcullis_flow::grant::{EndCause, Grant, GrantStatus};
use portcullis_flow::request::Uses;
use portcullis_flow::session::{Ending, Session, TapeHead};
use portcullis_model::{GrantId, SessionId};
use portcullis_ports::control::{CloseCause, Closing};

use crate::Engine;
use crate::custody::Over;
use crate::failure::Failure;
use crate::journal::patiently;
use crate::turns::Turn;

/// A session on its way to its gate. When that fails, or nobody waits for it any more, it is over.
pub(super) struct Handing {
    engine: Arc<Engine>,
    over: Option<Over>,
}

impl Handing {
    pub(super) const fn begin(engine: Arc<Engine>, session: SessionId, tape: TapeHead) -> Self {
        let ending = Ending {
            cause: String::new(),
            completed: false,
            exit: None,
            bytes_in: 0,
            bytes_out: 0,
            tape,
        };
        let over = Some(Over {
            session,
            ending,
            torn: true,
        });
        Self { engine, over }
    }

    pub(super) fn done(mut self) {
        self.over = None;
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        if let Some(mut over) = self.over.take() {
            self.engine.live.remove(over.session);
            self.engine.orders.forget(over.session);
            "it could not be handed to its gate".clone_into(&mut over.ending.cause);
            self.engine.unrecorded.add(over);
        }
    }
}

impl Engine {
    /// A session is over: its end, and the grant's where the task is complete, in one go.
    pub(super) async fn close_session(
        &self,
        session: SessionId,
        closing: Closing,
    ) -> Result<(), Failure> {
        let live = self.live.remove(session);
        let live = live.ok_or_else(|| Failure::missing("live session", session))?;
        let (tape, torn) = (live.head().await, !live.is_finished().await);
        // Its writer goes with it: a tape without an end is mended below.
        drop(live);
        self.orders.forget(session);
        let ending = Ending {
            cause: cause_in_words(&closing),
            completed: closing.cause == CloseCause::Completed,
            exit: closing.exit,
            bytes_in: closing.bytes_in,
            bytes_out: closing.bytes_out,
            tape,
        };
        let over = Over {
            session,
            ending,
            torn,
        };
        let recorded = self.record_end(&over).await;
        if recorded.is_err() {
            self.unrecorded.add(over);
        }
        recorded
    }

    /// Records the end of a session; whoever changed it at the same moment is let through first.
    pub(crate) async fn record_end(&self, over: &Over) -> Result<(), Failure> {
        let _turn = self.ending.take(over.session).await;
        let _last = self.turn_at_counted_uses(over.session).await?;
        patiently(|| self.try_record_end(over.clone())).await
    }

    async fn try_record_end(&self, over: Over) -> Result<(), Failure> {
        let Over {
            session,
            mut ending,
            torn,
        } = over;
        let mut loaded = self.journal.load::<Session>(session).await?;
        // Ended already, or never recorded as opened.
        let Some(state) = loaded.state.as_ref().filter(|state| state.is_live()) else {
            return Ok(());
        };
        if torn {
            match self.mend(session, state).await {
                Ok(head) => ending.tape = head,
                Err(failure) => {
                    tracing::error!(%session, %failure, "the tape of a session could not be mended");
                }
            }
        }
        let (grant, completed) = (loaded.get()?.opening.grant, ending.completed);
        let mut command = self.journal.command(None);
        let event = loaded.get()?.end(ending)?;
        command.push(&mut loaded, &event)?;
        self.end_completed(&mut command, grant, completed).await?;
        command.commit().await?;
        self.duties.wake();
        Ok(())
    }

    /// Where the uses of a grant are counted, its sessions end one after another, so that one of them is the last.
    async fn turn_at_counted_uses(&self, session: SessionId) -> Result<Option<Turn>, Failure> {
        let loaded = self.journal.load::<Session>(session).await?;
        let Some(state) = loaded.state.as_ref().filter(|state| state.is_live()) else {
            return Ok(None);
        };
        let grant = state.opening.grant;
        match self.journal.load::<Grant>(grant).await?.get()?.issue.uses {
            Uses::UpTo(_) => Ok(Some(self.last_uses.take(grant).await)),
            Uses::One | Uses::Window | Uses::Any => Ok(None),
        }
    }

    /// The grant ends with its session where that was its last, or its holder logged out.
    async fn end_completed(
        &self,
        command: &mut crate::journal::Command<'_>,
        grant: GrantId,
        completed: bool,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Grant>(grant).await?;
        let state = loaded.get()?;
        if state.status != GrantStatus::Active {
            return Ok(());
        }
        let id = grant.to_string();
        let live = [("grant", id.as_str()), ("status", "live")];
        // This one is among them still.
        let others_live = self.journal.find::<Session>(&live).await?.len() > 1;
        if state.ends_with_session(completed, others_live) {
            let event = state.end(EndCause::Completed)?;
            command.push(&mut loaded, &event)?;
        }
        Ok(())
    }
}

fn cause_in_words(closing: &Closing) -> String {
    let cause = match &closing.cause {
        CloseCause::Completed => {
            return match &closing.signal {
                Some(signal) => format!("completed by signal {signal}"),
                None => "completed".to_owned(),
            };
        }
        CloseCause::TargetLost { detail } => return format!("the target was lost: {detail}"),
        CloseCause::ClientLost => "the client's connection was lost".to_owned(),
        CloseCause::Idle => "nothing moved for too long".to_owned(),
        CloseCause::TimeOver => "its time was over".to_owned(),
        CloseCause::Killed { reason } => format!("killed: {reason}"),
        CloseCause::EvidenceFailed { detail } => format!("the tape could not be written: {detail}"),
        CloseCause::ControlLost => "control fell silent".to_owned(),
    };
    // Ours to end: whether that was seen at the target belongs to the record.
    if closing.exit.is_some() || closing.signal.is_some() {
        format!("{cause}; the program at the target ended")
    } else {
        format!("{cause}; the program at the target was not seen to end")
    }
}
