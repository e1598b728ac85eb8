//! Brokers: doors that speak a protocol to clients in front and to targets behind.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_model::{Action, Classified, KindDescriptor, Resource, Secret, Sighting};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control::TargetCredential;
use crate::{Clock, Control, Entropy};

/// Why a broker cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The settings or the action make no sense to this kind.
    #[error("{0}")]
    Invalid(String),
    /// The target did not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The door's own key cannot be used.
    #[error("the host key cannot be used: {0}")]
    HostKey(String),
    /// The socket failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
}

/// What a door needs beside its socket.
pub struct BrokerSettings {
    /// The door's own private key, as the protocol writes it (OpenSSH text for SSH).
    pub host_key: Secret<String>,
    /// Who decides.
    pub control: Arc<dyn Control>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// Turns true when the door shall close.
    pub shutdown: watch::Receiver<bool>,
}

/// Where a resource listens, and how to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    /// The host keys it may show, as the protocol writes them; never empty.
    pub host_keys: Vec<String>,
    /// The accounts that may be asked for, the default one first; never empty.
    pub accounts: Vec<String>,
}

/// What opens a resource's accounts.
#[derive(Debug, Clone, Copy)]
pub enum Opener<'a> {
    /// Certificates of our authority, by its public key.
    Authority(&'a str),
    /// A vaulted key, by its name and its public half.
    Key {
        /// The secret's name.
        secret: &'a str,
        /// The public half, as the protocol writes it.
        public: &'a str,
    },
    /// A vaulted password, by its name.
    Password {
        /// The secret's name.
        secret: &'a str,
    },
}

/// One protocol.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Its name, the settings of its resources, its actions.
    fn descriptor(&self) -> KindDescriptor;

    /// Reads a request's words as an action of this kind, canonical and complete:
    /// `["shell"]`, `["exec", "--", "uname -a"]`, `["shell", "account=deploy"]`.
    fn parse(&self, resource: &Resource, words: &[String]) -> Result<Action, BrokerError>;

    /// The actions a resource offers, to be listed in the catalog.
    fn offers(&self, resource: &Resource) -> Result<Vec<Action>, BrokerError>;

    /// What an action can do. What is not understood is worst.
    fn classify(&self, resource: &Resource, action: &Action) -> Classified;

    /// The only thing that a certificate for this action lets anybody run, as the protocol writes it; nothing where
    /// it opens the account as such.
    fn forced(&self, _action: &Action) -> Option<String> {
        None
    }

    /// Looks at an account and a program that a task is to run, by a constant command as that account. Only kinds with
    /// the action `task` can.
    async fn sight(
        &self,
        resource: &Resource,
        _account: &str,
        _program: &str,
        _credential: TargetCredential,
    ) -> Result<Sighting, BrokerError> {
        Err(BrokerError::Invalid(format!(
            "a resource of kind {} runs no tasks",
            resource.kind
        )))
    }

    /// Where a session to the resource goes.
    fn endpoint(&self, resource: &Resource) -> Result<Endpoint, BrokerError>;

    /// A new private key for the door, as the protocol writes it, and its public half.
    fn generate_host_key(
        &self,
        entropy: &dyn Entropy,
    ) -> Result<(Secret<String>, String), BrokerError>;

    /// What the owner of a new resource has to place at the target by hand.
    fn target_instructions(&self, resource: &Resource, opener: Opener<'_>) -> String;

    /// Serves until shut down. A client's misbehaviour never ends it.
    async fn serve(
        &self,
        listener: TcpListener,
        settings: BrokerSettings,
    ) -> Result<(), BrokerError>;
}
