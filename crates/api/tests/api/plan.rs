//! What an installation in these tests is made of.

use std::path::Path;
use std::sync::Arc;

use portcullis_engine::{Beginning, Founding, Ports};
use portcullis_model::Secret;
use portcullis_policy::{Preset, shipped};
use portcullis_ports::{Authenticator, Connector, Entropy, Rotator};
use portcullis_store::AgeSealer;
use portcullis_vault::KdfCost;

use crate::dial::Dial;
use crate::disk::{Disk, on_disk};
use crate::lodge::Lodge;
use crate::world::PASSPHRASE;

struct Dice;

impl Entropy for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).unwrap();
    }
}

/// What an installation begins with, beside the lodge.
pub struct Plugins {
    pub beginning: Beginning,
    pub connectors: Vec<Arc<dyn Connector>>,
    pub rotators: Vec<Arc<dyn Rotator>>,
    pub authenticators: Vec<Arc<dyn Authenticator>>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            beginning: Beginning::Evaluation,
            connectors: Vec::new(),
            rotators: Vec::new(),
            authenticators: portcullis_identity::all(),
        }
    }
}

/// An installation that is not founded yet.
pub fn unfounded(folder: &Path) -> (Ports, Founding) {
    let clock = Arc::new(Dial::new());
    planned(folder, (&clock, &Arc::default()), Plugins::default())
}

/// What an installation in a folder is made of.
pub fn planned(
    folder: &Path,
    (clock, disk): (&Arc<Dial>, &Arc<Disk>),
    plugins: Plugins,
) -> (Ports, Founding) {
    let (store, tiles, blobs) = on_disk(disk, folder);
    let ports = Ports {
        store,
        tiles,
        blobs,
        reserve: disk.clone(),
        witnesses: Vec::new(),
        sealer: Arc::new(AgeSealer),
        clock: clock.clone(),
        entropy: Arc::new(Dice),
        brokers: vec![Arc::new(Lodge)],
        connectors: plugins.connectors,
        rotators: plugins.rotators,
        authenticators: plugins.authenticators,
    };
    let founding = Founding {
        beginning: plugins.beginning,
        passphrase: Secret::new(PASSPHRASE.to_owned()),
        cost: KdfCost::new(19 * 1024, 2, 1).unwrap(),
        tls_key: Secret::new(b"not served in these tests".to_vec()),
        bundle: shipped(Preset::Strict).unwrap(),
    };
    (ports, founding)
}
