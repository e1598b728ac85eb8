//! Giving a role to an account, if it is still worth what was approved.

use std::collections::BTreeSet;

use portcullis_model::{Action, Digest, Intent};
use portcullis_policy::{AssignEntitlement, Ordinary, Permit};
use portcullis_ports::{Assignment, ConnectorError, Target};
use tokio::sync::OnceCell;
use tokio_postgres::{IsolationLevel, Transaction};

use super::answer::Unread;
use super::catalog::{self, Worth};
use super::client::{connect, failed, refused};
use super::held::Pair;
use super::settings::Settings;
use super::{Entitlement, quote};

/// What is about to be done, checked.
pub(super) struct Order<'a> {
    pub target: &'a Target<'a>,
    pub settings: &'a Settings,
    pub entitlement: &'a Entitlement<'a>,
    pub account: &'a str,
    pub approved: Digest,
    pub ours: &'a BTreeSet<String>,
}

/// Whether a permit is for exactly this: the resource, the action, and its worth as approved.
pub(super) fn covered(
    permit: &Permit<Ordinary, AssignEntitlement>,
    target: &Target<'_>,
    action: &Action,
    approved: Digest,
) -> Result<(), ConnectorError> {
    let not = |what: &str| ConnectorError::Permit(what.to_owned());
    if permit.resource() != target.resource.id {
        return Err(not("it is for another resource"));
    }
    let intent = Intent {
        subject: permit.subject().clone(),
        resource: target.resource.id,
        action: action.clone(),
    };
    let digest = intent
        .digest(Some(&approved))
        .map_err(|error| not(&error.to_string()))?;
    if permit.intent() != digest {
        return Err(not(
            "it is for another action, or for other effective privileges",
        ));
    }
    Ok(())
}

impl Order<'_> {
    /// Assigns. The worth is read in the transaction that grants.
    pub async fn carry_out(&self, action: &Action) -> Result<Assignment, ConnectorError> {
        let (role, account) = (
            quote::role(self.entitlement.role).map_err(super::invalid)?,
            quote::role(self.account).map_err(super::invalid)?,
        );
        let what = format!("grant {role} to {account}");
        let fail = |error: Unread| failed(self.target, &what, &error);
        let no = |error: tokio_postgres::Error| fail(error.into());
        let (mut client, _budget) = connect(self.target, self.settings).await?;
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(false)
            .start()
            .await
            .map_err(no)?;
        self.unchanged(&transaction).await?;
        let pair = Pair::read(&transaction, self.entitlement.role, self.account)
            .await
            .map_err(fail)?;
        self.personal(&pair, &transaction).await?;
        let direct = pair.through.contains(self.entitlement.role);
        let held_before = pair.told(Vec::new()).by_other_than(self.ours);
        if !held_before && !direct {
            let grant = statement(&transaction, &role, &account).await.map_err(no)?;
            transaction.batch_execute(&grant).await.map_err(no)?;
        }
        transaction.commit().await.map_err(no)?;
        Ok(Assignment {
            action: action.clone(),
            account: self.account.to_owned(),
            held_before,
        })
    }

    async fn unchanged(&self, transaction: &Transaction<'_>) -> Result<(), ConnectorError> {
        let what = super::READ_WORTH;
        let role = self.entitlement.role;
        let read = catalog::read(transaction, &OnceCell::new(), role).await;
        let read = read.map_err(|error| failed(self.target, what, &error))?;
        let now = match read.worth(role, self.target.resource.sensitivity) {
            Worth::Known(effective) => effective,
            Worth::NoRole => return Err(self.entitlement.no_role(self.target)),
            Worth::Unreadable(effective) => {
                return Err(refused(self.target, what, effective.classified.reason));
            }
        };
        let digest = now.digest().map_err(super::invalid)?;
        if digest != self.approved {
            return Err(ConnectorError::Changed(self.target.resource.name.clone()));
        }
        Ok(())
    }

    /// The account has to be one person's own: there, nobody else's to become, and not ours.
    async fn personal(
        &self,
        pair: &Pair,
        transaction: &Transaction<'_>,
    ) -> Result<(), ConnectorError> {
        let what = format!("assign anything to {:?}", self.account);
        let refuse = |cause: &str| refused(self.target, &what, cause);
        if self.account == self.settings.user {
            return Err(refuse("it is Portcullis' own role"));
        }
        if pair.account.is_none() {
            return Err(refuse(
                "there is no such role: create it, or name another in `accounts`",
            ));
        }
        let able = pair
            .able(transaction)
            .await
            .map_err(|error| failed(self.target, &what, &error))?;
        if able.is_empty() {
            return Ok(());
        }
        Err(refuse(&format!(
            "it is not one person's own, others are members of it: {}",
            able.join(", ")
        )))
    }
}

/// From PostgreSQL 16 on the account gets the rights without SET ROLE, so that its sessions lose them with
/// REVOKE; before, a membership gives both.
async fn statement(
    transaction: &Transaction<'_>,
    role: &str,
    account: &str,
) -> Result<String, tokio_postgres::Error> {
    let asked = "SELECT current_setting('server_version_num')::int >= 160000";
    let options = if transaction.query_one(asked, &[]).await?.try_get(0)? {
        " WITH INHERIT TRUE, SET FALSE"
    } else {
        ""
    };
    Ok(format!("GRANT {role} TO {account}{options}"))
}
