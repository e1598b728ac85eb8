//! Everything the engine is given from outside, and how it finds a plug-in by the name in a record.

use std::sync::Arc;

use portcullis_model::{KindDescriptor, TenantId};
use portcullis_ports::{
    Authenticator, Blobs, Broker, Clock, Connector, Entropy, Reserve, Rotator, Sealer, Store,
    Tiles, Witness,
};

use crate::failure::Failure;
use crate::journal::Journal;

/// The outside world.
#[derive(Clone)]
pub struct Ports {
    /// Events and read models.
    pub store: Arc<dyn Store>,
    /// The ledger's files.
    pub tiles: Arc<dyn Tiles>,
    /// Tapes and policy bundles.
    pub blobs: Arc<dyn Blobs>,
    /// Who keeps elsewhere what they saw of the ledger.
    pub witnesses: Vec<Arc<dyn Witness>>,
    /// Room on the disk for the day it is full.
    pub reserve: Arc<dyn Reserve>,
    /// Seals keys to people and slots.
    pub sealer: Arc<dyn Sealer>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The doors.
    pub brokers: Vec<Arc<dyn Broker>>,
    /// The kinds of entitlements.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// The ways of rotating secrets.
    pub rotators: Vec<Arc<dyn Rotator>>,
    /// The sign-in methods.
    pub authenticators: Vec<Arc<dyn Authenticator>>,
}

impl Ports {
    pub(crate) fn journal(&self, tenant: TenantId) -> Journal {
        Journal {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            tenant,
            custody: Arc::default(),
        }
    }

    /// The broker of a resource's kind, if it has one.
    pub(crate) fn broker(&self, kind: &str) -> Option<&Arc<dyn Broker>> {
        self.brokers
            .iter()
            .find(|broker| broker.descriptor().name == kind)
    }

    /// The connector of a resource's kind, if it has one.
    pub(crate) fn connector(&self, kind: &str) -> Option<&Arc<dyn Connector>> {
        self.connectors
            .iter()
            .find(|connector| connector.descriptor().name == kind)
    }

    /// What rotates a kind of secret at a kind of resource, if anything does.
    pub(crate) fn rotator(&self, resource: &str, secret: &str) -> Option<&Arc<dyn Rotator>> {
        self.rotators.iter().find(|rotator| {
            let known = rotator.descriptor();
            known.resource_kind == resource && known.secret_kind == secret
        })
    }

    /// The sign-in method of a name.
    pub(crate) fn authenticator(&self, name: &str) -> Result<&Arc<dyn Authenticator>, Failure> {
        let found = self
            .authenticators
            .iter()
            .find(|method| method.descriptor().name == name);
        found.ok_or_else(|| Failure::missing("sign-in method", name))
    }

    /// The descriptors of a resource's kind: a kind may be brokered, hold entitlements, or both.
    pub(crate) fn kind(&self, kind: &str) -> Vec<KindDescriptor> {
        let brokered = self.broker(kind).map(|broker| broker.descriptor());
        let connected = self.connector(kind).map(|connector| connector.descriptor());
        brokered.into_iter().chain(connected).collect()
    }

    /// All kinds of resources, each once for its broker and once for its connector.
    pub fn kinds(&self) -> Vec<KindDescriptor> {
        let brokered = self.brokers.iter().map(|broker| broker.descriptor());
        brokered
            .chain(
                self.connectors
                    .iter()
                    .map(|connector| connector.descriptor()),
            )
            .collect()
    }
}
