//! Where a brokered session goes: as which accounts a resource offers, and what an approval binds of its address.

use std::collections::BTreeSet;
use std::sync::Arc;

use portcullis_model::{Action, Digest, Resource};
use portcullis_ports::{Broker, Endpoint};
use serde::Serialize;

use crate::Engine;
use crate::failure::Failure;

/// The parameter of an action that names the account.
const ACCOUNT: &str = "account";

/// What an approval of a session binds beside the intent: a resource that is moved, or shows another key, is another
/// one, and so is what a task's name stands for once it is declared anew.
#[derive(Serialize)]
struct Place<'a> {
    address: &'a str,
    host_keys: BTreeSet<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declaration: Option<Digest>,
}

impl Engine {
    /// What brokers an action, where it is one that is brokered.
    pub(crate) fn broker_of(
        &self,
        resource: &Resource,
        action: &Action,
    ) -> Option<&Arc<dyn Broker>> {
        let broker = self.ports.broker(&resource.kind);
        broker.filter(|broker| broker.descriptor().action(&action.name).is_some())
    }

    /// Where a resource listens; refused unless it offers this account now.
    pub(crate) fn way_in(&self, resource: &Resource, account: &str) -> Result<Endpoint, Failure> {
        let broker = self.ports.broker(&resource.kind);
        let broker = broker.ok_or_else(|| Failure::missing("broker for kind", &resource.kind))?;
        let endpoint = broker.endpoint(resource)?;
        if endpoint.accounts.iter().any(|offered| offered == account) {
            return Ok(endpoint);
        }
        Err(Failure::denied(
            "not_offered",
            format!(
                "{} does not offer the account {account}; there is {}",
                resource.name,
                endpoint.accounts.join(", ")
            ),
            format!("portcullis resources show {}", resource.name),
        ))
    }
}

/// The account that an action names.
pub(crate) fn account_in(action: &Action) -> Option<&str> {
    action.param(ACCOUNT)
}

/// What an approval binds of where a session goes, and of the declaration of the task it runs.
pub(crate) fn bound(endpoint: &Endpoint, declaration: Option<Digest>) -> Result<Digest, Failure> {
    Ok(Digest::of(&Place {
        address: &endpoint.address,
        host_keys: endpoint.host_keys.iter().map(String::as_str).collect(),
        declaration,
    })?)
}
