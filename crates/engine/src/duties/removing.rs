//! Taking away what a grant gave: sessions told to end, entitlements removed, and both proved.

use portcullis_flow::grant::{EndCause, Grant, GrantStatus};
use portcullis_flow::session::Session;
use portcullis_model::{GrantId, SessionId, StreamId};
use portcullis_policy::{Duty, RecordedGrant, duty};
use portcullis_ports::Target;

use super::{assignment_of, elsewhere};
use crate::Engine;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::overlap::rights;
use crate::reevaluation::AT_ONCE;
use crate::secrets::Warrant;
use crate::supervision::each;

/// What a removal came to.
enum Found {
    /// Nothing is left, and what was read back.
    Gone(serde_json::Value),
    /// What is left was told to end: its end wakes the loop.
    Ending(String),
    /// Something is left.
    Left(String),
}

impl Engine {
    /// Takes away what a grant gave and proves it.
    pub(super) async fn remove(
        &self,
        id: GrantId,
        loaded: &mut Loaded<Grant>,
    ) -> Result<(), Failure> {
        let found = if loaded.get()?.issue.is_entitlement() {
            self.remove_entitlement(id, loaded.get()?).await?
        } else {
            self.remove_sessions(id, loaded.get()?).await?
        };
        let mut command = self.journal.command(None);
        let event = match &found {
            Found::Gone(evidence) => Some(loaded.get()?.removed(evidence.clone())?),
            Found::Ending(what) | Found::Left(what) => {
                loaded.get()?.removal_incomplete(what.clone())?
            }
        };
        if let Some(event) = event {
            command.push(loaded, &event)?;
            command.commit().await?;
        }
        match found {
            Found::Gone(_) | Found::Ending(_) => Ok(()),
            Found::Left(what) => Err(Failure::Unavailable(what)),
        }
    }

    async fn remove_sessions(&self, id: GrantId, grant: &Grant) -> Result<Found, Failure> {
        let why = match &grant.status {
            GrantStatus::Revoking { cause, .. } => cause.told(),
            _ => "the grant is over".to_owned(),
        };
        let keys = [("grant", id.to_string()), ("status", "live".to_owned())];
        let keys: Vec<_> = keys
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let live = self.journal.find::<Session>(&keys).await?;
        let sessions: Vec<SessionId> = live.iter().filter_map(|(id, _)| id.parse().ok()).collect();
        each(sessions, AT_ONCE, |session| {
            self.order_kill(session, None, &why)
        })
        .await?;
        if live.is_empty() {
            return Ok(Found::Gone(serde_json::json!({ "live_sessions": 0 })));
        }
        let names: Vec<_> = live.iter().map(|(stream, _)| stream.to_string()).collect();
        Ok(Found::Ending(format!(
            "live sessions: {}",
            names.join(", ")
        )))
    }

    async fn remove_entitlement(&self, id: GrantId, grant: &Grant) -> Result<Found, Failure> {
        let Some(assignment) = assignment_of(grant)? else {
            return Ok(Found::Gone(serde_json::json!({ "assigned": false })));
        };
        let resource_id = grant.issue.intent.resource;
        let resource = self.resource_even_if_removed(resource_id).await?;
        let connector = self.connector_of(&resource)?;
        let right = connector.right(&resource, &assignment.action);
        if let Some(why) = elsewhere(grant, &right.system) {
            return Ok(Found::Left(why));
        }
        let at = (right.system.clone(), assignment.account.clone());
        let _turn = self.duties.turns.take(at).await;
        let mut others = self.given_to(&right.system, &assignment.account).await?;
        let own = StreamId::from(id);
        others.retain(|other| other.stands && other.grant != own);
        let covering = others.iter().filter(|other| other.right == right.name);
        let covering: Vec<_> = covering.map(|other| other.grant.to_string()).collect();
        if !assignment.held_before && !covering.is_empty() {
            // Theirs now: it goes when the last of them does.
            return Ok(Found::Gone(serde_json::json!({ "kept_for": covering })));
        }
        let permit = duty(&RecordedGrant {
            grant: id,
            resource: resource_id,
            reason: reason_of(grant),
        });
        let (_, credential) = self
            .vault
            .release(Warrant::Duty(&permit), &resource)
            .await?;
        let target = Target {
            resource: &resource,
            credential,
        };
        match connector.remove(permit, &target, &assignment).await {
            Ok(removal)
                if removal.held.is_gone_beside(&rights(&others)) || assignment.held_before =>
            {
                let evidence = serde_json::to_value(&removal);
                Ok(Found::Gone(
                    evidence.map_err(|error| Failure::Damaged(error.to_string()))?,
                ))
            }
            Ok(removal) => Ok(Found::Left(format!(
                "{} still has it: effective {}, sessions {:?}",
                assignment.account, removal.held.effective, removal.held.sessions
            ))),
            Err(error) => Ok(Found::Left(error.to_string())),
        }
    }
}

fn reason_of(grant: &Grant) -> Duty {
    match &grant.status {
        GrantStatus::Revoking {
            cause: EndCause::Expired,
            ..
        } => Duty::Expired,
        GrantStatus::Revoking {
            cause: EndCause::Released,
            ..
        } => Duty::Released,
        GrantStatus::Revoking {
            cause: EndCause::Completed,
            ..
        } => Duty::SessionEnd,
        GrantStatus::Revoking {
            cause: EndCause::Failed { .. },
            ..
        } => Duty::Reconcile,
        _ => Duty::Revoked,
    }
}
