//! Starting an installation: vault open, ledger resumed, what was left behind put in order, loops running.

use std::sync::{Arc, RwLock, Weak};
use std::time::Duration;

use portcullis_flow::installation::Installation;
use portcullis_model::Secret;
use portcullis_ports::Clock;
use tokio::sync::watch;

use crate::attempts::Attempts;
use crate::custody::Dealt;
use crate::failure::Failure;
use crate::founding::origin;
use crate::ports::Ports;
use crate::sequencer::Sequencer;
use crate::steady::Steady;
use crate::supervision::Loops;
use crate::tapes::HEAD_EVERY;
use crate::unlock::{self, Unlock};
use crate::witnessing::Witnesses;
use crate::{Engine, bundles};

/// How long the start waits for the store to be compared with the ledger; a large one goes on beside.
const INSPECTION: Duration = Duration::from_millis(100);

/// What the configuration says.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The auditors' recipients, in the sealer's notation.
    pub auditors: Vec<String>,
    /// Whether not even the vault can open a tape.
    pub auditors_only: bool,
    /// How many bytes tapes may take; no limit without.
    pub tape_quota: Option<u64>,
    /// Whether the machine's clock is right where the ledger is ahead of it: then all that is open ends first.
    pub trust_clock: bool,
}

/// A started installation: the engine, and the loops that run until it is stopped.
pub struct Running {
    /// The engine.
    pub engine: Arc<Engine>,
    loops: Loops,
}

/// An installation put together, before anything of it runs.
pub(crate) struct Assembled {
    pub(crate) engine: Arc<Engine>,
    /// As it was found.
    pub(crate) installation: Installation,
    sequencer: Sequencer,
    steady: Arc<Steady>,
}

/// Opens an installation and puts it together.
pub(crate) async fn assemble(
    mut ports: Ports,
    options: Options,
    unlock: Unlock,
) -> Result<Assembled, Failure> {
    let steady = Steady::resume(Arc::clone(&ports.clock), ports.store.as_ref()).await?;
    let steady = Arc::new(steady);
    ports.clock = steady.clone();
    let opened = unlock::open(&ports, unlock).await?;
    let installation = opened.installation.get()?.clone();
    let origin = origin(installation.installation);
    let own = opened.vault.own_keys(&origin).await?;
    let door_keys = opened.vault.door_keys(&ports.brokers).await?;
    let signer = opened.vault.ledger_signer(&origin).await?;
    let sequencer = Sequencer::resume(
        Arc::clone(&ports.store),
        Arc::clone(&ports.tiles),
        origin,
        signer,
        Arc::clone(&opened.journal.custody),
    )?;
    let witnesses = Witnesses::of(&ports.witnesses)?;
    let bundle = bundles::load(&ports, installation.bundle).await?;
    let engine = Arc::new_cyclic(|itself| Engine {
        itself: Weak::clone(itself),
        integrated: sequencer.integrated(),
        witnesses,
        installation: installation.installation,
        ssh_authority: installation.ssh_authority.clone(),
        door_keys,
        ports,
        options,
        journal: opened.journal,
        vault: opened.vault,
        own,
        bundle: RwLock::new(Arc::new(bundle)),
        bundle_reader: bundles::Reader::default(),
        attempts: Attempts::default(),
        judging: crate::judging::Judging::default(),
        last_census: crate::census::LastCensus::default(),
        tickets: crate::door::Tickets::default(),
        live: crate::live::Live::default(),
        occasions: crate::reevaluation::Occasions::default(),
        orders: crate::orders::OrderBook::default(),
        unrecorded: crate::custody::Unrecorded::default(),
        duties: Arc::default(),
        fact_reads: crate::secrets::FactReads::default(),
        asking: crate::turns::Turns::default(),
        ending: crate::turns::Turns::default(),
        last_uses: crate::turns::Turns::default(),
        opening: crate::turns::Turns::of(crate::door::OPENED_AT_ONCE),
        at_secret: crate::turns::Turns::default(),
        changing: tokio::sync::Mutex::default(),
        room: crate::retention::Room::default(),
    });
    engine.journal.custody.freeze(installation.frozen.is_some());
    Ok(Assembled {
        engine,
        installation,
        sequencer,
        steady,
    })
}

/// Whether an installation could be started with this, and nothing more; what it would serve HTTPS with.
pub async fn try_opening(ports: Ports, unlock: Unlock) -> Result<Secret<Vec<u8>>, Failure> {
    let assembled = assemble(ports, Options::default(), unlock).await?;
    Ok(Secret::new(assembled.engine.tls_key().expose().clone()))
}

impl Running {
    /// Opens an installation and starts it.
    pub async fn start(ports: Ports, options: Options, unlock: Unlock) -> Result<Self, Failure> {
        let Assembled {
            engine,
            installation,
            sequencer,
            steady,
        } = assemble(ports, options, unlock).await?;
        if installation.frozen.is_some() {
            tracing::warn!("frozen: nothing opens until its owners sign portcullis thaw");
        }
        engine.end_orphans().await?;
        if engine.options.trust_clock {
            engine.correct_clock(&steady).await?;
        }
        engine.end_founding_when_due().await;
        if let Err(failure) = engine.set_reserve_aside().await {
            engine.journal.custody.failed(failure);
        }
        if let Err(failure) = engine.measure_tapes().await {
            tracing::warn!(%failure, "the room that tapes take could not be measured");
        }
        let dealt = engine.resume_trouble(installation.failing);
        let running = Self::with_loops(engine, sequencer, dealt).await;
        let custody = &running.engine.journal.custody;
        custody.until_inspected(INSPECTION).await;
        Ok(running)
    }

    async fn with_loops(engine: Arc<Engine>, sequencer: Sequencer, dealt: Dealt) -> Self {
        let mut loops = Loops::of(Arc::clone(&engine));
        loops.start("the ledger", |_, stopped| sequencer.run(stopped));
        loops.start("witnesses", Engine::run_witnesses);
        // Before anything else goes on by itself: it might be what was taken back already.
        engine.witnesses.until_asked().await;
        loops.start("due work", Engine::run_duties);
        loops.start("rotation", Engine::run_rotations);
        loops.start("occasions", Engine::run_occasions);
        loops.start("re-evaluation of sessions", Engine::run_sessions);
        loops.start("re-evaluation of grants", Engine::run_grants);
        loops.start("re-evaluation at targets", Engine::run_targets);
        loops.start("tape heads", Engine::run_heads);
        loops.start("inspection", Engine::run_inspection);
        loops.start("retention of tapes", Engine::run_retention);
        loops.start("custody", |engine, stopped| {
            engine.run_custody(dealt, stopped)
        });
        Self { engine, loops }
    }

    /// Waits until a part of it has ended that should go on until it is stopped; says which. Nothing privileged
    /// begins any more then: it is to be stopped and started anew.
    pub async fn broken(&self) -> &'static str {
        self.loops.broken().await
    }

    /// Stops the loops; the ledger takes up what is left.
    pub async fn stop(self) {
        self.loops.stop().await;
    }
}

impl Engine {
    async fn run_heads(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            tokio::select! {
                () = tokio::time::sleep(HEAD_EVERY) => self.record_heads().await,
                _ = shutdown.changed() => {}
            }
        }
    }

    /// Time as the engine goes by it: never back.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.ports.clock)
    }

    /// The private key of the HTTPS door, for the listener and nobody else.
    pub fn tls_key(&self) -> &Secret<Vec<u8>> {
        &self.own.tls
    }

    /// A door's own private key, for its listener and nobody else.
    pub async fn door_key(&self, door: &str) -> Result<Secret<String>, Failure> {
        self.vault.door_key(door).await
    }
}
