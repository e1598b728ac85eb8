//! What the targets of a frozen installation hold: which secrets they accept, and who has what no grant gave. It is asked
//! of every target and about everybody that the records know.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use portcullis_flow::change::{Finding, Standing};
use portcullis_flow::grant::Grant;
use portcullis_model::{Action, Identity, Resource};
use portcullis_ports::{Connector, ConnectorError, Target};

use crate::Engine;
use crate::catalog::words_of;
use crate::census::Census;
use crate::duties::account_at;
use crate::failure::Failure;
use crate::secrets::Warrant;

/// How many targets are asked at the same time.
const AT_ONCE: usize = 8;

/// How long one target may take to answer about everybody.
const PATIENCE: Duration = Duration::from_mins(2);

/// The most bytes of findings, as they are written: what a change says is one event, and that has a limit.
const MOST_BYTES: usize = 40_000;

impl Engine {
    /// Asks every target. Those that do not answer are told of, and hold nobody up. What is worst comes first;
    /// how many findings there was no room for comes with it.
    pub(super) async fn look_at_targets(&self) -> Result<(Vec<Finding>, u64), Failure> {
        let census = self.census().await?;
        let people: Vec<_> = census.everybody().cloned().collect();
        let mut found = self.not_proved_gone(&census).await?;
        let mut ours: BTreeSet<_> = found.iter().map(in_words).collect();
        for status in ["assigning", "active"] {
            ours.extend(self.given(&census, status).await?);
        }
        let resources: Vec<_> = census.resources().cloned().collect();
        let looked = stream::iter(resources)
            .map(|resource| self.look_at(resource, &people))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        let looked = looked.await.into_iter().flatten();
        // What a grant gave is told as what it is: there still, or not yet gone.
        found.extend(looked.filter(|finding| {
            finding.stands != Standing::HeldWithoutGrant || !ours.contains(&in_words(finding))
        }));
        worst_first(&mut found);
        cut(found)
    }

    async fn look_at(&self, resource: Resource, people: &[Identity]) -> Vec<Finding> {
        let name = resource.name.clone();
        let found = |what: String, stands| Finding {
            resource: name.clone(),
            what,
            stands,
        };
        let Some(secret) = &resource.credential else {
            return vec![found("our certificates".to_owned(), Standing::NotAsked)];
        };
        let named = format!("secret {secret}");
        let Some(connector) = self.ports.connector(&resource.kind) else {
            return vec![found(named, self.is_accepted_still(secret).await)];
        };
        let mut held = Vec::new();
        let looking = self.held_at(&resource, connector.as_ref(), people, &mut held);
        let stands = match tokio::time::timeout(PATIENCE, looking).await {
            Ok(Ok(())) => Standing::Accepted,
            Ok(Err(Looking::NothingToAsk)) => Standing::NotAsked,
            Ok(Err(Looking::Target(error))) => {
                tracing::warn!(target = name, %error, "a target could not be looked at");
                standing(&error)
            }
            Ok(Err(Looking::Here(failure))) => {
                tracing::warn!(target = name, %failure, "a target could not be looked at");
                Standing::NotAsked
            }
            Err(_late) => Standing::Unreachable,
        };
        // What was found before a target stopped answering is told all the same.
        let held = held.into_iter();
        let held = held.map(|what| found(what, Standing::HeldWithoutGrant));
        held.chain([found(named, stands)]).collect()
    }

    /// What people hold of what a resource offers. What grants gave is over and being taken away by now.
    async fn held_at(
        &self,
        resource: &Resource,
        connector: &dyn Connector,
        people: &[Identity],
        held: &mut Vec<String>,
    ) -> Result<(), Looking> {
        let offers = connector.offers(resource)?;
        if offers.is_empty() {
            return Err(Looking::NothingToAsk);
        }
        let warrant = Warrant::Facts(&self.fact_reads);
        let (_, credential) = self.vault.release(warrant, resource).await?;
        let target = Target {
            resource,
            credential,
        };
        for action in offers {
            for person in people {
                let account = account_at(resource, &person.name);
                if connector.held(&target, &action, &account).await?.effective {
                    held.push(named(&person.name, &action));
                }
            }
        }
        Ok(())
    }

    /// Whether a brokered target accepts the secret that opens it.
    async fn is_accepted_still(&self, secret: &str) -> Standing {
        let asked = async {
            let loaded = self.vault.record(secret).await?;
            self.is_accepted(&loaded, None).await
        };
        match asked.await {
            Ok(true) => Standing::Accepted,
            Ok(false) => Standing::Refused,
            Err(failure) => {
                tracing::warn!(secret, %failure, "a target could not be asked about its secret");
                match failure {
                    Failure::Unavailable(_) => Standing::Unreachable,
                    _ => Standing::NotAsked,
                }
            }
        }
    }

    /// What grants gave and what is not read back as gone.
    async fn not_proved_gone(&self, census: &Census) -> Result<Vec<Finding>, Failure> {
        let revoking = self.given(census, "revoking").await?.into_iter();
        let revoking = revoking.map(|(resource, what)| Finding {
            resource,
            what,
            stands: Standing::NotProvedGone,
        });
        Ok(revoking.collect())
    }

    /// Where grants that stand so gave something, and to whom what.
    async fn given(&self, census: &Census, status: &str) -> Result<Vec<(String, String)>, Failure> {
        let grants = self.journal.find::<Grant>(&[("status", status)]).await?;
        let given = grants.into_iter().map(|(_, grant)| {
            let intent = &grant.issue.intent;
            let who = census.name(intent.subject.identity);
            (
                census.resource_name(intent.resource),
                named(&who, &intent.action),
            )
        });
        Ok(given.collect())
    }
}

/// Whose right it is, and which.
fn named(person: &str, action: &Action) -> String {
    format!("{person}: {}", words_of(action).join(" "))
}

/// What is told, whatever is told of it.
fn in_words(finding: &Finding) -> (String, String) {
    (finding.resource.clone(), finding.what.clone())
}

/// What is cut off is what matters least.
fn worst_first(found: &mut [Finding]) {
    found.sort_by(|one, other| (one.stands, one).cmp(&(other.stands, other)));
}

/// As much as there is room for, and how many more there are.
fn cut(found: Vec<Finding>) -> Result<(Vec<Finding>, u64), Failure> {
    let (mut bytes, mut kept, mut more) = (0, Vec::new(), 0);
    for finding in found {
        let written = serde_json::to_vec(&finding);
        bytes += written
            .map_err(|error| Failure::Damaged(error.to_string()))?
            .len();
        if bytes <= MOST_BYTES {
            kept.push(finding);
        } else {
            more += 1;
        }
    }
    Ok((kept, more))
}

/// Why a target was not looked at to the end.
enum Looking {
    NothingToAsk,
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

const fn standing(error: &ConnectorError) -> Standing {
    match error {
        ConnectorError::Refused { .. } => Standing::Refused,
        ConnectorError::Unreachable { .. } => Standing::Unreachable,
        ConnectorError::Invalid(_) | ConnectorError::Changed(_) | ConnectorError::Permit(_) => {
            Standing::NotAsked
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let one = |number: usize| Finding {
            resource: format!("resource-{number}"),
            what: "x".repeat(100),
            stands: Standing::HeldWithoutGrant,
        };
        let (kept, more) = cut((0..1000).map(one).collect()).unwrap();
        assert_eq!(u64::try_from(kept.len()).unwrap() + more, 1000);
        assert!(more > 0 && serde_json::to_vec(&kept).unwrap().len() < 50_000);
        let (kept, more) = cut((0..10).map(one).collect()).unwrap();
        assert_eq!((kept.len(), more), (10, 0));
    }

    #[test]
    fn what_there_is_no_room_for_is_never_the_worst() {
        let one = |resource: String, stands| Finding {
            resource,
            what: "x".repeat(100),
            stands,
        };
        let unreachable = |number| one(format!("a-{number}"), Standing::Unreachable);
        let mut found: Vec<_> = (0..1000).map(unreachable).collect();
        let worst = [
            ("z", Standing::HeldWithoutGrant),
            ("y", Standing::NotProvedGone),
            ("x", Standing::Refused),
        ];
        let worst = worst.map(|(name, stands)| one(name.to_owned(), stands));
        found.extend(worst.iter().rev().cloned());
        found.push(one("0".to_owned(), Standing::Accepted));
        worst_first(&mut found);
        let (kept, more) = cut(found).unwrap();
        assert!(more > 0 && kept.starts_with(&worst), "{:?}", kept.get(..4));
    }
}
