//! Due work: assigning what was granted, ending what is over, proving what is gone.
//!
//! One loop finds what is due and works on each grant alone; whatever fails is found again.

mod assigning;
mod removing;

pub(crate) use assigning::account_at;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_flow::grant::{EndCause, Grant, GrantStatus};
use portcullis_flow::request::Request;
use portcullis_model::{GrantId, Resource, ResourceId};
use portcullis_ports::{Assignment, Connector};
use tokio::sync::{Notify, watch};

use crate::Engine;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::overlap::Account;
use crate::reevaluation::AT_ONCE;
use crate::supervision::{contained, each};
use crate::turns::Turns;

/// How long the loop waits when nothing wakes it: the grain of expiry.
const TICK: Duration = Duration::from_millis(250);

/// How long a removal that left something waits before it is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// What the loop and its callers share.
#[derive(Default)]
pub(crate) struct Duties {
    wake: Notify,
    under_way: Mutex<BTreeSet<GrantId>>,
    /// Held while something is given to or taken from an account.
    turns: Turns<Account>,
}

impl Duties {
    /// Something became due.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn begin(self: &Arc<Self>, grant: GrantId) -> Option<UnderWay> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.insert(grant).then(|| UnderWay {
            duties: Arc::clone(self),
            grant,
        })
    }
}

/// Marks a grant as being worked on while it lives.
struct UnderWay {
    duties: Arc<Duties>,
    grant: GrantId,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.duties
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.grant);
    }
}

impl Engine {
    /// Runs until shut down.
    pub(crate) async fn run_duties(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            if let Err(failure) = self.clone().do_what_is_due().await {
                tracing::warn!(%failure, "what is due could not all be done: trying again");
            }
            tokio::select! {
                () = self.duties.wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    async fn do_what_is_due(self: Arc<Self>) -> Result<(), Failure> {
        for status in ["assigning", "active", "revoking"] {
            for (stream, grant) in self.journal.find::<Grant>(&[("status", status)]).await? {
                let Ok(id) = stream.parse::<GrantId>() else {
                    continue;
                };
                let now = self.journal.now();
                let due = match grant.status {
                    GrantStatus::Active => now >= grant.issue.ends_at,
                    GrantStatus::Assigning => grant.issue.has_begun(now),
                    GrantStatus::Revoking { .. } | GrantStatus::Revoked { .. } => true,
                };
                if !due {
                    continue;
                }
                let Some(mark) = self.duties.begin(id) else {
                    continue;
                };
                let engine = Arc::clone(&self);
                tokio::spawn(async move {
                    if let Err(failure) = contained(engine.attend(id)).await {
                        tracing::warn!(grant = %id, %failure, "due work failed and will be tried again");
                        tokio::time::sleep(RETRY).await;
                    }
                    drop(mark);
                });
            }
        }
        self.expire_requests().await
    }

    /// Whatever becomes of one, every other is looked at; it is found again with the next tick.
    async fn expire_requests(&self) -> Result<(), Failure> {
        let now = self.journal.now();
        let waiting = [("status", "pending")];
        let waiting = self.journal.find::<Request>(&waiting).await?;
        let over = waiting.into_iter();
        let over = over.filter(|(_, request)| request.expires_at <= now);
        each(over, AT_ONCE, |(stream, _)| async move {
            let expire = |request: &Request, now| Ok(request.expire(now)?);
            self.journal.amend(stream, None, expire).await
        })
        .await
    }

    /// Does the next step of one grant.
    async fn attend(&self, id: GrantId) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Grant>(id).await?;
        let grant = loaded.get()?.clone();
        let over = self.journal.now() >= grant.issue.ends_at;
        match &grant.status {
            GrantStatus::Assigning | GrantStatus::Active if over => {
                self.end_grant(&mut loaded, EndCause::Expired).await?;
            }
            GrantStatus::Assigning => {
                self.journal.custody.sound()?;
                self.assign(&mut loaded).await?;
            }
            GrantStatus::Active | GrantStatus::Revoked { .. } => return Ok(()),
            GrantStatus::Revoking { .. } => {}
        }
        if matches!(loaded.get()?.status, GrantStatus::Revoking { .. }) {
            self.remove(id, &mut loaded).await?;
        }
        Ok(())
    }

    pub(crate) async fn end_grant(
        &self,
        loaded: &mut Loaded<Grant>,
        cause: EndCause,
    ) -> Result<(), Failure> {
        let mut command = self.journal.command(None);
        let event = loaded.get()?.end(cause)?;
        command.push(loaded, &event)?;
        command.commit().await?;
        self.duties.wake();
        Ok(())
    }

    fn connector_of(&self, resource: &Resource) -> Result<Arc<dyn Connector>, Failure> {
        let found = self.ports.connector(&resource.kind);
        found
            .cloned()
            .ok_or_else(|| Failure::missing("connector for kind", &resource.kind))
    }

    pub(crate) async fn resource_even_if_removed(
        &self,
        id: ResourceId,
    ) -> Result<Resource, Failure> {
        let loaded = self
            .journal
            .load::<portcullis_flow::records::ResourceState>(id)
            .await?;
        Ok(loaded.get()?.resource.clone())
    }
}

/// Why nothing at this system says anything of a grant: it was given at another.
fn elsewhere(grant: &Grant, system: &str) -> Option<String> {
    let given = grant.system.as_str();
    (!given.is_empty() && given != system).then(|| {
        format!("it was given at {given}, and the resource names {system} now: only there can it be taken away")
    })
}

/// What there is to take away: what was assigned, or what may have been when the server stopped in between.
pub(crate) fn assignment_of(grant: &Grant) -> Result<Option<Assignment>, Failure> {
    match (&grant.assignment, &grant.account) {
        (Some(value), _) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|error| Failure::Damaged(error.to_string())),
        (None, Some(account)) => Ok(Some(Assignment {
            action: grant.issue.intent.action.clone(),
            account: account.clone(),
            held_before: grant.held_before,
        })),
        (None, None) => Ok(None),
    }
}
