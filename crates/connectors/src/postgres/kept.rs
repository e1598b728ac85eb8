//! A connection kept for the next reading: a new one costs the server a process whose caches are cold, many
//! times what the reading itself does.
//!
//! Only what is looked at before anything is given reads this way. What gives, what takes away and what
//! proves that something is gone open a connection of their own.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_model::ResourceId;
use portcullis_ports::{ConnectorError, Target};
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::answer::Budget;
use super::catalog::Reading;
use super::client;
use super::questions::Questions;
use super::settings::Settings;

/// How long an unused connection is kept: long enough for who asks and who approves at a program's pace, too
/// short to stand in an administrator's way.
const UNUSED: Duration = Duration::from_secs(20);

/// How old a connection may become, however much it is used: its memory at the server grows, and what the
/// host's name means may change.
const AGE: Duration = Duration::from_mins(5);

/// At most one connection for each target.
#[derive(Debug, Default)]
pub(super) struct Kept {
    unused: Arc<Mutex<HashMap<ResourceId, Lent>>>,
    /// Random in each process.
    random: RandomState,
}

/// A connection, and what it was opened with.
#[derive(Debug)]
pub(super) struct Lent {
    pub client: Client,
    /// What the server may still send.
    pub budget: Budget,
    /// What was asked over it before, prepared.
    pub questions: OnceCell<Questions>,
    /// What was read over it last.
    pub last: Option<LastRead>,
    /// Whether it was used before: then it may have died since without a sign.
    pub used: bool,
    settings: Settings,
    opened_by: u64,
    opened: Instant,
    returned: Instant,
}

/// What was read of a role, and of which moment.
#[derive(Debug)]
pub(super) struct LastRead {
    pub snapshot: String,
    pub role: String,
    pub read: Reading,
}

impl Kept {
    /// The connection kept for a target, if it was opened with the same settings, credential and trusted
    /// certificates; a new one otherwise.
    pub async fn lend(
        &self,
        target: &Target<'_>,
        settings: &Settings,
    ) -> Result<Lent, ConnectorError> {
        let opened_by = self.opens(target, settings).await;
        let kept = self.lock().remove(&target.resource.id);
        match kept {
            Some(kept) if kept.is_for(settings, opened_by) => {
                kept.budget.renew();
                Ok(Lent { used: true, ..kept })
            }
            _ => self.open(target, settings).await,
        }
    }

    /// A connection of its own for a target, which can be kept.
    pub async fn open(
        &self,
        target: &Target<'_>,
        settings: &Settings,
    ) -> Result<Lent, ConnectorError> {
        let now = Instant::now();
        let (client, budget) = client::connect(target, settings).await?;
        Ok(Lent {
            client,
            budget,
            questions: OnceCell::new(),
            last: None,
            used: false,
            settings: settings.clone(),
            opened_by: self.opens(target, settings).await,
            opened: now,
            returned: now,
        })
    }

    /// Keeps a connection until it is asked for, or nobody did for a while.
    pub fn give_back(&self, resource: ResourceId, lent: Lent) {
        let returned = Instant::now();
        self.lock().insert(resource, Lent { returned, ..lent });
        let unused = Arc::clone(&self.unused);
        tokio::spawn(async move {
            tokio::time::sleep(UNUSED).await;
            let mut unused = unused.lock().unwrap_or_else(PoisonError::into_inner);
            if unused
                .get(&resource)
                .is_some_and(|kept| kept.returned == returned)
            {
                unused.remove(&resource);
            }
        });
    }

    /// Tells the credential and the certificates trusted now from others, without keeping them. A file that
    /// cannot be read is left to the one who opens.
    async fn opens(&self, target: &Target<'_>, settings: &Settings) -> u64 {
        let trusted = match &settings.ca_file {
            Some(ca_file) => tokio::fs::read(ca_file).await.ok(),
            None => None,
        };
        self.random.hash_one((target.credential.expose(), trusted))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ResourceId, Lent>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    fn is_for(&self, settings: &Settings, opened_by: u64) -> bool {
        self.settings == *settings
            && self.opened_by == opened_by
            && !self.client.is_closed()
            && self.opened.elapsed() < AGE
    }
}
