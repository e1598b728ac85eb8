//! Starting an installation: vault open, ledger resumed, what was left behind put in order, loops running.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use portcullis_model::Secret;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::attempts::Attempts;
use crate::custody::Dealt;
use crate::failure::Failure;
use crate::founding::origin;
use crate::ports::Ports;
use crate::sequencer::Sequencer;
use crate::tapes::HEAD_EVERY;
use crate::unlock::{self, Unlock};
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
}

/// A started installation: the engine, and the loops that run until it is stopped.
pub struct Running {
    /// The engine.
    pub engine: Arc<Engine>,
    stop: watch::Sender<bool>,
    loops: Vec<JoinHandle<()>>,
}

impl Running {
    /// Opens an installation and starts it.
    pub async fn start(ports: Ports, options: Options, unlock: Unlock) -> Result<Self, Failure> {
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
        let bundle = bundles::load(&ports, installation.bundle).await?;
        let engine = Arc::new(Engine {
            integrated: sequencer.integrated(),
            installation: installation.installation,
            ssh_authority: installation.ssh_authority,
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
            tickets: crate::door::Tickets::default(),
            live: crate::live::Live::default(),
            occasions: crate::reevaluation::Occasions::default(),
            orders: crate::orders::OrderBook::default(),
            unrecorded: crate::custody::Unrecorded::default(),
            duties: Arc::default(),
            fact_reads: crate::secrets::FactReads::default(),
            changing: tokio::sync::Mutex::default(),
        });
        engine.end_orphans().await?;
        if let Err(failure) = engine.set_reserve_aside().await {
            engine.journal.custody.failed(failure);
        }
        let dealt = engine.resume_trouble(installation.failing);
        let running = Self::with_loops(engine, sequencer, dealt);
        let custody = &running.engine.journal.custody;
        custody.until_inspected(INSPECTION).await;
        Ok(running)
    }

    fn with_loops(engine: Arc<Engine>, sequencer: Sequencer, dealt: Dealt) -> Self {
        let (stop, stopped) = watch::channel(false);
        let loops = vec![
            tokio::spawn(sequencer.run(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_duties(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_rotations(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_occasions(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_sessions(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_grants(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_targets(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_heads(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_inspection(stopped.clone())),
            tokio::spawn(Arc::clone(&engine).run_custody(dealt, stopped)),
        ];
        Self {
            engine,
            stop,
            loops,
        }
    }

    /// Stops the loops; the ledger takes up what is left.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for running in self.loops {
            if let Err(error) = running.await {
                tracing::error!(%error, "a loop of the engine did not end cleanly");
            }
        }
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

    /// The private key of the HTTPS door, for the listener and nobody else.
    pub fn tls_key(&self) -> &Secret<Vec<u8>> {
        &self.own.tls
    }

    /// A door's own private key, for its listener and nobody else.
    pub async fn door_key(&self, door: &str) -> Result<Secret<String>, Failure> {
        self.vault.door_key(door).await
    }
}
