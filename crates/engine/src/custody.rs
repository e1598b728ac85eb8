//! No evidence, no action: what happens when store, ledger or tape cannot be written.
//!
//! Whoever fails to write says so here. Then every live session is told to end, the reserve is given up so
//! that the failure and those ends can still be recorded, and nothing privileged begins until evidence was
//! written again and the reserve is whole.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_flow::session::Ending;
use portcullis_model::SessionId;
use portcullis_ports::control::Order;
use tokio::sync::{Notify, watch};

use crate::Engine;
use crate::failure::Failure;
use crate::supervision::contained;

/// How long between two looks at whether evidence can be written again.
const LOOK: Duration = Duration::from_millis(500);

/// A blob that is written to see whether blobs can be written, and emptied again.
const PROBE: &str = "tapes/probe";

/// How much is written for that.
const PROBE_BYTES: usize = 64 << 10;

/// Whether evidence can be written, and what was written is still there.
pub(crate) struct Custody {
    trouble: watch::Sender<Option<String>>,
    /// Why nothing privileged begins until somebody put it right and starts the server anew.
    distrusted: OnceLock<String>,
    /// Whether owners have yet to let it open.
    frozen: AtomicBool,
    inspected: watch::Sender<bool>,
}

impl Default for Custody {
    fn default() -> Self {
        Self {
            trouble: watch::Sender::new(None),
            distrusted: OnceLock::new(),
            frozen: AtomicBool::new(false),
            inspected: watch::Sender::new(false),
        }
    }
}

impl Custody {
    /// Something that is evidence could not be written. The first to say so is remembered.
    pub(crate) fn failed(&self, what: impl Display) {
        self.trouble.send_if_modified(|trouble| {
            let first = trouble.is_none();
            if first {
                tracing::error!(%what, "evidence cannot be written: sessions end");
                *trouble = Some(what.to_string());
            }
            first
        });
    }

    /// The store was found not to hold what was recorded.
    pub(crate) fn distrust(&self, what: impl Display) {
        // The first finding is what is told.
        drop(self.distrusted.set(format!(
            "the store is not what was recorded ({what}), so nothing privileged begins: stop the server, see portcullis doctor, and restore the store from a backup"
        )));
    }

    /// A witness saw another ledger.
    pub(crate) fn contradicted(&self, what: impl Display) {
        drop(self.distrusted.set(format!(
            "{what}. Nothing begins on it: stop the server, put the newest data folder back, or have whoever runs the witness told, and start it anew"
        )));
    }

    /// A part of the server is gone that sees to what begins.
    pub(crate) fn broke(&self, what: impl Display) {
        drop(self.distrusted.set(format!(
            "{what}, so nothing privileged begins: start the server anew, and see its log for why"
        )));
    }

    /// The store was compared with the ledger.
    pub(crate) fn inspected(&self) {
        self.inspected.send_replace(true);
    }

    /// Whether that is so.
    pub(crate) fn is_inspected(&self) -> bool {
        *self.inspected.borrow()
    }

    /// Waits for that, for a while: a large store is gone through beside what the server does.
    pub(crate) async fn until_inspected(&self, at_most: Duration) {
        let mut inspected = self.inspected.subscribe();
        let waited = inspected.wait_for(|inspected| *inspected);
        drop(tokio::time::timeout(at_most, waited).await);
    }

    /// Refuses once the store was found changed, or a part of the server is gone: what decides might be made up, and
    /// might not be decided again.
    pub(crate) fn trusted(&self) -> Result<(), Failure> {
        match self.distrusted.get() {
            None => Ok(()),
            Some(what) => Err(Failure::Unavailable(what.clone())),
        }
    }

    /// Whether nothing opens until owners thaw it.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::Relaxed);
    }

    /// Refuses what leads to access, of either path, while that is so. And once the store was found changed.
    pub(crate) fn opens(&self) -> Result<(), Failure> {
        self.trusted()?;
        if self.frozen.load(Ordering::Relaxed) {
            return Err(Failure::Unavailable(FROZEN.to_owned()));
        }
        Ok(())
    }

    /// Refuses while evidence cannot be written: whatever is about to begin would leave none. And whatever does not open.
    pub(crate) fn sound(&self) -> Result<(), Failure> {
        self.opens()?;
        match &*self.trouble.borrow() {
            None => Ok(()),
            Some(what) => Err(Failure::Unavailable(refusal(what))),
        }
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    fn over(&self) {
        self.trouble.send_replace(None);
    }
}

/// What is said while nothing opens.
const FROZEN: &str = "this installation was restored from a backup, or got an owner by its offline slot, and is frozen until three owners let it open: \
     an owner of identities or of privileged sessions proposes that with portcullis thaw, and the others sign";

fn refusal(what: &str) -> String {
    format!(
        "what happens could not be recorded ({what}), so nothing privileged begins; it goes on by itself once there is room on the disk: see portcullis doctor"
    )
}

/// The end of a session, to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Over {
    pub(crate) session: SessionId,
    pub(crate) ending: Ending,
    /// Whether the tape lacks its end.
    pub(crate) torn: bool,
}

/// Sessions that are over and whose end is not recorded yet.
#[derive(Default)]
pub(crate) struct Unrecorded {
    ends: Mutex<Vec<Over>>,
    added: Notify,
}

impl Unrecorded {
    pub(crate) fn add(&self, over: Over) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.push(over);
        drop(ends);
        self.added.notify_one();
    }

    /// It is tried again at the next look.
    fn put_back(&self, over: Over) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.push(over);
    }

    fn take(&self) -> Vec<Over> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *ends)
    }

    fn is_empty(&self) -> bool {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.is_empty()
    }
}

/// How far one time of trouble has been dealt with.
#[derive(Default)]
pub(crate) struct Dealt {
    told: BTreeSet<SessionId>,
    given_up: bool,
    recorded: bool,
    /// How many events the ledger has to have before it counts as written.
    to_integrate: Option<u64>,
    /// What was last said of why it is not over: logs may lie on the same disk.
    said: String,
}

impl Dealt {
    /// Goes on with trouble that an earlier run of the server recorded. It is over when that is recorded too.
    fn recorded_before() -> Self {
        Self {
            given_up: true,
            recorded: true,
            ..Self::default()
        }
    }
}

impl Engine {
    /// Takes up the trouble that the server was in when it was last stopped, if it was in any.
    pub(crate) fn resume_trouble(&self, failing: Option<String>) -> Dealt {
        let Some(what) = failing else {
            return Dealt::default();
        };
        self.journal
            .custody
            .failed(format!("{what}, before the server was started again"));
        Dealt::recorded_before()
    }

    /// Sees to it until shut down.
    pub(crate) async fn run_custody(
        self: Arc<Self>,
        mut dealt: Dealt,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut trouble = self.journal.custody.trouble.subscribe();
        while !*shutdown.borrow() {
            if let Some(what) = self.journal.custody.trouble() {
                self.deal_with(&what, &mut dealt).await;
            } else {
                dealt = Dealt::default();
                self.record_ends().await;
            }
            let idle = self.journal.custody.trouble().is_none() && self.unrecorded.is_empty();
            tokio::select! {
                () = tokio::time::sleep(LOOK), if !idle => {}
                _ = trouble.changed(), if idle => {}
                () = self.unrecorded.added.notified() => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    async fn deal_with(&self, what: &str, dealt: &mut Dealt) {
        // First of all, and without a write: whoever is told to end ends, whatever the disk does.
        for session in self.live.all() {
            if dealt.told.insert(session) {
                self.orders.give(Order::Kill {
                    session,
                    reason: format!("what happens here could not be recorded: {what}"),
                });
            }
        }
        if !dealt.given_up {
            dealt.given_up = self.give_up_reserve().await;
        }
        if !dealt.recorded {
            dealt.recorded = self.record_trouble(what).await;
        }
        self.record_ends().await;
        if dealt.recorded && self.live.all().is_empty() && self.unrecorded.is_empty() {
            match self.recover(dealt).await {
                Ok(()) => self.journal.custody.over(),
                Err(failure) => {
                    let why = failure.to_string();
                    if dealt.said != why {
                        tracing::warn!(%failure, "evidence cannot be written yet");
                        dealt.said = why;
                    }
                    // If it was set aside, it may have taken the last room.
                    dealt.given_up = false;
                }
            }
        }
    }

    async fn give_up_reserve(&self) -> bool {
        let reserve = Arc::clone(&self.ports.reserve);
        let given_up = tokio::task::spawn_blocking(move || reserve.give_up()).await;
        let given_up = given_up.map_err(std::io::Error::other).flatten();
        if let Err(error) = &given_up {
            tracing::error!(%error, "the reserve cannot be given up");
        }
        given_up.is_ok()
    }

    async fn record_trouble(&self, what: &str) -> bool {
        let event = InstallationEvent::EvidenceFailed {
            what: what.to_owned(),
        };
        let recorded = self.record_on_installation(&event).await;
        if let Err(failure) = &recorded {
            tracing::error!(%failure, "not even the failure can be recorded");
        }
        recorded.is_ok()
    }

    async fn record_on_installation(&self, event: &InstallationEvent) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        let mut command = self.journal.command(None);
        command.push(&mut loaded, event)?;
        command.commit().await
    }

    async fn record_ends(&self) {
        for over in self.unrecorded.take() {
            if let Err(failure) = contained(self.record_end(&over)).await {
                tracing::warn!(session = %over.session, %failure, "the end of a session is still not recorded");
                self.unrecorded.put_back(over);
            }
        }
    }

    /// The reserve first, then every sort of evidence; the event that says so is the store's trial.
    async fn recover(&self, dealt: &mut Dealt) -> Result<(), Failure> {
        self.set_reserve_aside().await?;
        self.try_blobs().await?;
        let committed = *self.journal.store.committed().borrow();
        let wanted = *dealt.to_integrate.get_or_insert(committed);
        if *self.integrated.borrow() < wanted {
            return Err(Failure::Unavailable("the ledger lags behind".to_owned()));
        }
        self.record_on_installation(&InstallationEvent::EvidenceRestored {})
            .await
    }

    pub(crate) async fn set_reserve_aside(&self) -> Result<(), Failure> {
        let reserve = Arc::clone(&self.ports.reserve);
        tokio::task::spawn_blocking(move || reserve.set_aside())
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))?
            .map_err(|error| {
                Failure::Unavailable(format!("the reserve cannot be set aside: {error}"))
            })
    }

    async fn try_blobs(&self) -> Result<(), Failure> {
        let blobs = &self.ports.blobs;
        let mut writer = match blobs.read(PROBE).await? {
            Some(_) => blobs.reopen(PROBE).await?,
            None => blobs.create(PROBE).await?,
        };
        writer.append(&vec![0; PROBE_BYTES]).await?;
        writer.sync().await?;
        drop(writer);
        Ok(blobs.truncate(PROBE, 0).await?)
    }
}
