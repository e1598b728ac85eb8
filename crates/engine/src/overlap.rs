//! Grants that meet at one account: what one of them gave is not foreign to another, and stays until the
//! last one that covers it is over.

use std::collections::BTreeSet;

use portcullis_flow::grant::{Grant, GrantStatus};
use portcullis_model::StreamId;
use portcullis_ports::Right;

use crate::Engine;
use crate::duties::assignment_of;
use crate::failure::Failure;

/// An account in a system.
pub(crate) type Account = (String, String);

/// A grant that gave an account something, or may have when the server stopped in between.
pub(crate) struct Given {
    pub(crate) grant: StreamId,
    /// The name of the right.
    pub(crate) right: String,
    /// Whether the grant still stands: not over, and not about to be.
    pub(crate) stands: bool,
}

/// The names of rights.
pub(crate) fn rights<'a>(given: impl IntoIterator<Item = &'a Given>) -> BTreeSet<String> {
    given.into_iter().map(|given| given.right.clone()).collect()
}

impl Engine {
    /// Everything that grants of ours gave an account and that is not proved gone. What the account held
    /// before a grant is not that grant's.
    pub(crate) async fn given_to(
        &self,
        system: &str,
        account: &str,
    ) -> Result<Vec<Given>, Failure> {
        let mut given = Vec::new();
        for status in ["assigning", "active", "revoking"] {
            for (stream, grant) in self.journal.find::<Grant>(&[("status", status)]).await? {
                if let Some(right) = self.right_given(&grant, account).await?
                    && right.system == system
                {
                    given.push(Given {
                        grant: stream,
                        right: right.name,
                        stands: self.stands(&grant),
                    });
                }
            }
        }
        Ok(given)
    }

    async fn right_given(&self, grant: &Grant, account: &str) -> Result<Option<Right>, Failure> {
        if !grant.issue.is_entitlement() {
            return Ok(None);
        }
        let assignment = assignment_of(grant)?;
        let Some(assignment) = assignment.filter(|one| one.account == account && !one.held_before)
        else {
            return Ok(None);
        };
        let resource = self
            .resource_even_if_removed(grant.issue.intent.resource)
            .await?;
        let connector = self.ports.connector(&resource.kind);
        let right = connector.map(|connector| connector.right(&resource, &assignment.action));
        Ok(right.map(|right| match grant.system.as_str() {
            "" => right,
            given => Right {
                system: given.to_owned(),
                ..right
            },
        }))
    }

    fn stands(&self, grant: &Grant) -> bool {
        matches!(grant.status, GrantStatus::Assigning | GrantStatus::Active)
            && self.journal.now() < grant.issue.ends_at
    }
}
