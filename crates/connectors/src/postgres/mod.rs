//! PostgreSQL: an entitlement is membership in a role. What the role is worth is read from the catalogs,
//! memberships it leads to, ownership, and what PUBLIC may do included.

mod answer;
mod assign;
mod catalog;
mod client;
mod held;
mod kept;
mod questions;
mod quote;
mod remove;
mod roles;
mod settings;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_model::{
    Action, ActionDescriptor, Digest, KindDescriptor, ParamDescriptor, Resource,
};
use portcullis_policy::{AssignEntitlement, DutyPermit, Ordinary, Permit};
use portcullis_ports::{
    Assignment, Connector, ConnectorError, Effective, Held, Removal, Right, Target,
};
use tokio_postgres::IsolationLevel;

use answer::Unread;
use catalog::Worth;
use kept::{Kept, LastRead, Lent};
use settings::Settings;

// Owners write what this takes, and what it returns is SQL: it is open to be fuzzed.
pub use quote::{NameError, role as quoted_role};

/// How long one call may take, reaching the target included.
const CALL: Duration = Duration::from_secs(40);

/// What is attempted when the worth of an entitlement is read, in the words of an error.
const READ_WORTH: &str = "read what the entitlement is worth";

const NAME: &str = "entitlement";
const ENTITLEMENT: &str = "entitlement";
const ROLE: &str = "role";

/// A PostgreSQL database.
#[derive(Debug, Default)]
pub struct System {
    kept: Kept,
}

impl System {
    /// Reads what a role is worth, over the kept connection if there is one. One that died unused is no
    /// news of the target: then a new one tells.
    async fn worth(
        &self,
        target: &Target<'_>,
        settings: &Settings,
        role: &str,
    ) -> Result<Worth, ConnectorError> {
        let mut lent = self.kept.lend(target, settings).await?;
        let mut read = worth(&mut lent, target, role).await;
        if read.is_err() && lent.used && lent.client.is_closed() && !lent.budget.is_spent() {
            lent = self.kept.open(target, settings).await?;
            read = worth(&mut lent, target, role).await;
        }
        if lent.budget.is_spent() {
            read = Err(Unread::TooMuch);
        }
        if read.is_ok() {
            self.kept.give_back(target.resource.id, lent);
        }
        read.map_err(|error| client::failed(target, READ_WORTH, &error))
    }
}

/// Reads what a role is worth in one snapshot. When it is the snapshot of the last reading, so is the answer: nothing
/// was committed at the server meanwhile.
async fn worth(lent: &mut Lent, target: &Target<'_>, role: &str) -> Result<Worth, Unread> {
    if !lent.questions.initialized() {
        questions::plan_once(&lent.client).await?;
    }
    let transaction = lent
        .client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let snapshot = questions::snapshot(&transaction).await?;
    let last = lent.last.take();
    let known = last.filter(|last| Some(&last.snapshot) == snapshot.as_ref() && last.role == role);
    let read = match known {
        Some(last) => last.read,
        None => catalog::read(&transaction, &lent.questions, role).await?,
    };
    // It is rolled back when it is dropped, and nobody waits for that.
    drop(transaction);
    let worth = read.worth(role, target.resource.sensitivity);
    let kept = snapshot.filter(|_| read.is_small());
    lent.last = kept.map(|snapshot| LastRead {
        snapshot,
        role: role.to_owned(),
        read,
    });
    Ok(worth)
}

/// An action read back: the name people ask for and the role it means.
#[derive(Debug)]
struct Entitlement<'a> {
    name: &'a str,
    role: &'a str,
}

impl<'a> Entitlement<'a> {
    /// Exactly what [`System::parse`] makes.
    fn of(action: &'a Action) -> Result<Self, ConnectorError> {
        match (action.param(ENTITLEMENT), action.param(ROLE)) {
            (Some(name), Some(role)) if action.name == NAME && action.params.len() == 2 => {
                Ok(Self { name, role })
            }
            _ => Err(invalid(format!(
                "{action} is not an entitlement of a database"
            ))),
        }
    }

    /// Before anything is given: the settings still mean the same role by the name.
    fn offered_by(&self, settings: &Settings) -> Result<(), ConnectorError> {
        if settings.role(self.name)? == self.role {
            return Ok(());
        }
        Err(invalid(format!(
            "the entitlement {:?} does not mean the role {:?} any more: ask again",
            self.name, self.role
        )))
    }

    fn no_role(&self, target: &Target<'_>) -> ConnectorError {
        let what = format!("assign {:?}", self.name);
        client::refused(target, &what, format!("there is no role {:?}", self.role))
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "made to be handed to `map_err`"
)]
fn invalid(cause: impl ToString) -> ConnectorError {
    ConnectorError::Invalid(cause.to_string())
}

fn action(settings: &Settings, name: &str) -> Result<Action, ConnectorError> {
    Ok(Action::named(NAME)
        .with(ENTITLEMENT, name)
        .with(ROLE, settings.role(name)?))
}

/// Gives up on a target that takes too long.
async fn in_time<T>(
    target: &Target<'_>,
    work: impl Future<Output = Result<T, ConnectorError>> + Send,
) -> Result<T, ConnectorError> {
    match tokio::time::timeout(CALL, work).await {
        Ok(outcome) => outcome,
        Err(_late) => Err(ConnectorError::Unreachable {
            target: target.resource.name.clone(),
            cause: format!("it did not answer within {} s", CALL.as_secs()),
        }),
    }
}

#[async_trait]
impl Connector for System {
    fn descriptor(&self) -> KindDescriptor {
        KindDescriptor {
            name: "postgres",
            title: "PostgreSQL database",
            settings: schemars::schema_for!(Settings),
            actions: vec![ActionDescriptor {
                name: NAME,
                title: "Get the rights of a role on your own account",
                brokered: false,
                one_use: false,
                params: vec![ParamDescriptor {
                    name: ENTITLEMENT,
                    help: "which of the resource's entitlements",
                    default_from: None,
                    rest: false,
                }],
            }],
            connect_hint: "psql, with your own account at {name}",
        }
    }

    fn parse(&self, resource: &Resource, words: &[String]) -> Result<Action, ConnectorError> {
        let settings = Settings::of(resource)?;
        match words {
            [name] => action(&settings, name),
            _ => Err(invalid(format!(
                "name one entitlement of {}: {}",
                resource.name,
                settings
                    .entitlements
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            ))),
        }
    }

    fn offers(&self, resource: &Resource) -> Result<Vec<Action>, ConnectorError> {
        let settings = Settings::of(resource)?;
        settings
            .entitlements
            .keys()
            .map(|name| action(&settings, name))
            .collect()
    }

    /// Roles belong to the whole server, not to one of its databases.
    fn right(&self, resource: &Resource, action: &Action) -> Right {
        let system = Settings::of(resource).map_or_else(
            |_| resource.id.to_string(),
            |settings| format!("{}:{}", settings.host, settings.port),
        );
        let name = Entitlement::of(action).map_or_else(
            |_| action.to_string(),
            |entitlement| entitlement.role.to_owned(),
        );
        Right { system, name }
    }

    async fn effective(
        &self,
        target: &Target<'_>,
        action: &Action,
    ) -> Result<Effective, ConnectorError> {
        let settings = Settings::of(target.resource)?;
        let entitlement = Entitlement::of(action)?;
        let worth = self.worth(target, &settings, entitlement.role);
        match in_time(target, worth).await? {
            Worth::Known(effective) | Worth::Unreadable(effective) => Ok(effective),
            Worth::NoRole => Err(entitlement.no_role(target)),
        }
    }

    /// Every live session of the account counts as carrying the role, since it may have run SET ROLE while
    /// it could; only [`Connector::remove`] knows which began after it was taken away.
    async fn held(
        &self,
        target: &Target<'_>,
        action: &Action,
        account: &str,
    ) -> Result<Held, ConnectorError> {
        let settings = Settings::of(target.resource)?;
        let entitlement = Entitlement::of(action)?;
        let what = format!("read what {account:?} holds");
        in_time(target, async {
            let (client, _budget) = client::connect(target, &settings).await?;
            held::read(&client, entitlement.role, account, None)
                .await
                .map_err(|error| client::failed(target, &what, &error))
        })
        .await
    }

    async fn assign(
        &self,
        permit: Permit<Ordinary, AssignEntitlement>,
        target: &Target<'_>,
        action: &Action,
        account: &str,
        approved: Digest,
        ours: &BTreeSet<String>,
    ) -> Result<Assignment, ConnectorError> {
        assign::covered(&permit, target, action, approved)?;
        let settings = Settings::of(target.resource)?;
        let entitlement = Entitlement::of(action)?;
        entitlement.offered_by(&settings)?;
        let order = assign::Order {
            target,
            settings: &settings,
            entitlement: &entitlement,
            account,
            approved,
            ours,
        };
        in_time(target, order.carry_out(action)).await
    }

    async fn remove(
        &self,
        duty: DutyPermit,
        target: &Target<'_>,
        assignment: &Assignment,
    ) -> Result<Removal, ConnectorError> {
        if duty.resource() != target.resource.id {
            return Err(ConnectorError::Permit(
                "it is for another resource".to_owned(),
            ));
        }
        let settings = Settings::of(target.resource)?;
        let entitlement = Entitlement::of(&assignment.action)?;
        in_time(
            target,
            remove::carry_out(target, &settings, &entitlement, assignment),
        )
        .await
    }
}
