//! The use cases: the only code that changes state, and the only one that activates a policy bundle.
//!
//! Every use case is the same six steps: intent, impact, decision, permit, effect, evidence. Floor 3:
//! it knows ports and pure machines, and no plug-in, no protocol and no database by name.

mod administration;
mod assessment;
mod attempts;
mod bundles;
mod catalog;
mod census;
mod certificates;
mod changes;
mod clean_slate;
mod custody;
mod diagnosis;
mod directory;
mod door;
mod duties;
mod evidence;
mod failure;
mod founding;
mod grants;
mod identities;
mod inspection;
mod journal;
mod judging;
mod lists;
mod live;
mod news;
mod orders;
mod overlap;
mod place;
mod ports;
mod preview;
mod recovery;
mod reevaluation;
mod repeats;
mod replay;
mod requests;
mod retention;
mod rotation;
mod secrets;
mod sequencer;
mod sessions;
mod side_doors;
mod sign_in;
mod standing;
mod start;
mod steady;
mod supervision;
mod tapes;
mod tasks;
mod terms;
mod tokens;
mod turns;
mod unlock;
mod whereabouts;
mod witnessing;

use std::sync::{Arc, PoisonError, RwLock, Weak};

use portcullis_model::{IdentityId, InstallationId};
use portcullis_policy::Bundle;
use tokio::sync::watch;

pub use administration::{
    ActiveBundle, BundleCheck, BundleProposal, IdentityView, Reopened, ResourcePut, SecretView,
};
pub use bundles::read_bundle;
pub use catalog::{CatalogEntry, Offer};
pub use changes::{ChangeView, Difference};
pub use diagnosis::{Beside, Diagnosis, Health, diagnose};
pub use failure::Failure;
pub use founding::{Beginning, Founded, Founding, found};
pub use grants::GrantView;
pub use identities::IdentityEdit;
pub use journal::{MOST_TEXT_BYTES, project};
pub use lists::{MOST_PER_PAGE, PAGE, Page, Part};
pub use news::{Changed, News};
pub use ports::Ports;
pub use preview::{DEFAULT_SPAN, Preview, StageView};
pub use recovery::{Restored, Successor, Vouched, restore, succeed, vouched};
pub use repeats::{Call, Precedent};
pub use requests::{Approved, Ask, RequestView};
pub use retention::RetentionView;
pub use secrets::sealed_with;
pub use sessions::{SessionView, TapeReport, Watch};
pub use side_doors::{SideDoorView, SideDoorsView};
pub use sign_in::{Enrolment, EnrolmentDone, SignIn, WhoAmI};
pub use start::{Options, Running, try_opening};
pub use tapes::{OpenTape, SealedTape};
pub use tasks::{Declaration, TaskView};
pub use terms::{Start, Window};
pub use unlock::Unlock;
pub use whereabouts::{ResourceView, Whereabouts};

// What doors hand in or tell, so that they need not know the floors below.
pub use portcullis_flow::identity::{SIGN_IN_LASTS, STEP_UP_LASTS, StepUpTarget};
pub use portcullis_flow::request::Uses;
pub use portcullis_vault::SecretKind;

/// A running installation.
pub struct Engine {
    /// For what has to be done to its end.
    itself: Weak<Self>,
    ports: Ports,
    options: Options,
    journal: journal::Journal,
    installation: InstallationId,
    ssh_authority: String,
    door_keys: secrets::DoorKeys,
    vault: secrets::Vault,
    own: secrets::OwnKeys,
    bundle: RwLock<Arc<Bundle>>,
    bundle_reader: bundles::Reader,
    attempts: attempts::Attempts,
    judging: judging::Judging,
    last_census: census::LastCensus,
    tickets: door::Tickets,
    live: live::Live,
    occasions: reevaluation::Occasions,
    orders: orders::OrderBook,
    unrecorded: custody::Unrecorded,
    duties: Arc<duties::Duties>,
    fact_reads: secrets::FactReads,
    /// Taken by whoever asks for access.
    asking: turns::Turns<IdentityId>,
    /// Taken by whoever has a session opened.
    opening: turns::Turns<IdentityId>,
    /// Taken by whoever records that a session is to end, or has ended.
    ending: turns::Turns<portcullis_model::SessionId>,
    last_uses: turns::Turns<portcullis_model::GrantId>,
    /// Taken by whoever gives a vaulted secret to a session, or rotates it.
    at_secret: turns::Turns<String>,
    /// Held while a change takes effect.
    changing: tokio::sync::Mutex<()>,
    room: retention::Room,
    integrated: watch::Receiver<u64>,
    witnesses: witnessing::Witnesses,
}

impl Engine {
    /// The active policy bundle.
    pub(crate) fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.bundle.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a bundle whose activation is committed the active one.
    pub(crate) fn switch_bundle(&self, bundle: Arc<Bundle>) {
        *self.bundle.write().unwrap_or_else(PoisonError::into_inner) = bundle;
        self.occasions.everything_changed();
    }

    /// What target hosts are to trust.
    pub fn ssh_authority(&self) -> &str {
        &self.ssh_authority
    }

    /// What the doors show to whoever comes, by the door's name, as its protocol writes it.
    pub fn door_keys(&self) -> &std::collections::BTreeMap<String, String> {
        &self.door_keys
    }

    /// What verifies the ledger's checkpoints.
    pub fn ledger_key(&self) -> String {
        self.own.ledger.verifier().to_string()
    }

    /// How many events are committed, now and whenever it changes.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.journal.store.committed()
    }

    /// The kinds of resources there are.
    pub fn kinds(&self) -> Vec<portcullis_model::KindDescriptor> {
        self.ports.kinds()
    }
}
