//! What the targets of a restored installation hold: which secrets they accept, who has what no grant gave.

use futures::StreamExt as _;
use futures::stream;
use portcullis_flow::change::{Finding, Standing};
use portcullis_flow::grant::Grant;
use portcullis_model::{Identity, Resource};
use portcullis_ports::{Connector, ConnectorError, Target};

use crate::Engine;
use crate::catalog::words_of;
use crate::duties::account_at;
use crate::failure::Failure;
use crate::secrets::Warrant;

/// How many targets are asked at the same time.
const AT_ONCE: usize = 8;

impl Engine {
    /// Asks every target. Those that do not answer are told of, and hold nobody up.
    pub(super) async fn look_at_targets(&self) -> Result<Vec<Finding>, Failure> {
        let census = self.census().await?;
        let people: Vec<_> = census.everybody().cloned().collect();
        let looked = stream::iter(census.resources().cloned().collect::<Vec<_>>())
            .map(|resource| self.look_at(resource, &people))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        let mut found = self.not_proved_gone().await?;
        for of_one in looked.await {
            found.extend(of_one?);
        }
        found.sort_unstable();
        Ok(found)
    }

    async fn look_at(
        &self,
        resource: Resource,
        people: &[Identity],
    ) -> Result<Vec<Finding>, Failure> {
        let Some(secret) = &resource.credential else {
            return Ok(Vec::new());
        };
        let found = |what: String, stands| Finding {
            resource: resource.name.clone(),
            what,
            stands,
        };
        let named = format!("secret {secret}");
        let Some(connector) = self.ports.connector(&resource.kind) else {
            let stands = self.is_accepted_still(secret).await?;
            return Ok(vec![found(named, stands)]);
        };
        match self.held_at(&resource, connector.as_ref(), people).await {
            Ok(None) => Ok(vec![found(named, Standing::NotAsked)]),
            Ok(Some(held)) => {
                let held = held.into_iter();
                let held = held.map(|what| found(what, Standing::HeldWithoutGrant));
                Ok(held.chain([found(named, Standing::Accepted)]).collect())
            }
            Err(Looking::Target(error)) => {
                tracing::warn!(resource = resource.name, %error, "a target could not be looked at");
                Ok(vec![found(named, standing(&error))])
            }
            Err(Looking::Here(failure)) => Err(failure),
        }
    }

    /// What people hold of what a resource offers; nothing is asked where it offers nothing. What grants gave is over
    /// and being taken away by now.
    async fn held_at(
        &self,
        resource: &Resource,
        connector: &dyn Connector,
        people: &[Identity],
    ) -> Result<Option<Vec<String>>, Looking> {
        let offers = connector.offers(resource)?;
        if offers.is_empty() {
            return Ok(None);
        }
        let warrant = Warrant::Facts(&self.fact_reads);
        let (_, credential) = self.vault.release(warrant, resource).await?;
        let target = Target {
            resource,
            credential,
        };
        let mut held = Vec::new();
        for action in offers {
            for person in people {
                let account = account_at(resource, &person.name);
                if connector.held(&target, &action, &account).await?.effective {
                    held.push(format!("{}: {}", person.name, words_of(&action).join(" ")));
                }
            }
        }
        Ok(Some(held))
    }

    /// Whether a brokered target accepts the secret that opens it.
    async fn is_accepted_still(&self, secret: &str) -> Result<Standing, Failure> {
        let loaded = self.vault.record(secret).await?;
        match self.is_accepted(&loaded, None).await {
            Ok(true) => Ok(Standing::Accepted),
            Ok(false) => Ok(Standing::Refused),
            Err(Failure::Invalid(_)) => Ok(Standing::NotAsked),
            Err(Failure::Unavailable(why)) => {
                tracing::warn!(secret, why, "a target could not be looked at");
                Ok(Standing::Unreachable)
            }
            Err(other) => Err(other),
        }
    }

    /// What grants of the backup gave and what is not read back as gone.
    async fn not_proved_gone(&self) -> Result<Vec<Finding>, Failure> {
        let census = self.census().await?;
        let revoking = self
            .journal
            .find::<Grant>(&[("status", "revoking")])
            .await?;
        let revoking = revoking.into_iter().map(|(_, grant)| {
            let intent = &grant.issue.intent;
            let who = census.name(intent.subject.identity);
            Finding {
                resource: census.resource_name(intent.resource),
                what: format!("{who}: {}", words_of(&intent.action).join(" ")),
                stands: Standing::NotProvedGone,
            }
        });
        Ok(revoking.collect())
    }
}

/// Why a target was not looked at to the end.
enum Looking {
    Target(ConnectorError),
    Here(Failure),
}

impl From<ConnectorError> for Looking {
    fn from(error: ConnectorError) -> Self {
        Self::Target(error)
    }
}

impl From<Failure> for Looking {
    fn from(failure: Failure) -> Self {
        Self::Here(failure)
    }
}

fn standing(error: &ConnectorError) -> Standing {
    match error {
        ConnectorError::Refused { .. } => Standing::Refused,
        ConnectorError::Unreachable { .. } => Standing::Unreachable,
        ConnectorError::Invalid(_) | ConnectorError::Changed(_) | ConnectorError::Permit(_) => {
            Standing::NotAsked
        }
    }
}
