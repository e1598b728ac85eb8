//! A connector whose target is in memory: what each account has of each right, and who calls at once.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_model::{
    Action, ActionDescriptor, Classified, Digest, Disclosure, Impact, KindDescriptor,
    ParamDescriptor, Resource, Scope,
};
use portcullis_policy::{AssignEntitlement, DutyPermit, Ordinary, Permit};
use portcullis_ports::{
    Assignment, Connector, ConnectorError, Effective, Held, Removal, Right, Target,
};
use schemars::json_schema;
use serde_json::Value;
use tokio::sync::watch;

/// How long a call lingers for another one to come in beside it, where calls linger.
const LINGER: Duration = Duration::from_millis(300);

/// A kind with entitlements of any name; each is a right of the same name.
#[derive(Default)]
pub struct Shelf {
    holdings: Mutex<BTreeSet<(String, String)>>,
    inside: watch::Sender<usize>,
    /// How many calls about accounts have come in so far.
    entered: watch::Sender<usize>,
    most_inside: Mutex<usize>,
    lingering: bool,
    /// The next assignment gives what it is asked for and then never answers.
    stuck: Mutex<bool>,
    /// Whoever asks what something is worth waits until it hears again.
    deaf: watch::Sender<bool>,
    /// It cannot be reached to ask what anything is worth.
    gone: Mutex<bool>,
    /// Nothing of what accounts have can be read or taken away.
    locked: Mutex<bool>,
}

impl Shelf {
    /// One whose calls wait a while for company.
    pub fn lingering() -> Self {
        Self {
            lingering: true,
            ..Self::default()
        }
    }

    /// Gives an account something by another hand than ours.
    pub fn place(&self, account: &str, right: &str) {
        self.put(account, right);
    }

    pub fn has(&self, account: &str, right: &str) -> bool {
        let holdings = self.holdings.lock().unwrap();
        holdings.contains(&(account.to_owned(), right.to_owned()))
    }

    /// How many calls about accounts were inside at once, at most.
    pub fn most_inside(&self) -> usize {
        *self.most_inside.lock().unwrap()
    }

    /// From now on nobody is told what anything is worth.
    pub fn go_deaf(&self) {
        self.deaf.send_replace(true);
    }

    /// From now on it cannot be reached to ask what anything is worth.
    pub fn go_away(&self) {
        *self.gone.lock().unwrap() = true;
    }

    /// From now on nothing of what accounts have can be read or taken away.
    pub fn lock_up(&self) {
        *self.locked.lock().unwrap() = true;
    }

    /// Waits until a call has come in; it may be gone again.
    pub async fn entered(&self) {
        let mut entered = self.entered.subscribe();
        entered.wait_for(|calls| *calls > 0).await.unwrap();
    }

    pub fn get_stuck(&self) {
        *self.stuck.lock().unwrap() = true;
    }

    fn put(&self, account: &str, right: &str) {
        let mut holdings = self.holdings.lock().unwrap();
        holdings.insert((account.to_owned(), right.to_owned()));
    }

    fn held_by(&self, account: &str, right: &str) -> Held {
        let effective = self.has(account, right);
        Held {
            effective,
            through: effective.then(|| right.to_owned()).into_iter().collect(),
            sessions: Vec::new(),
        }
    }

    async fn enter(&self) -> Inside<'_> {
        self.inside.send_modify(|inside| *inside += 1);
        self.entered.send_modify(|calls| *calls += 1);
        let inside = Inside(self);
        let now = *self.inside.borrow();
        {
            let mut most = self.most_inside.lock().unwrap();
            *most = now.max(*most);
        }
        if self.lingering {
            let mut watched = self.inside.subscribe();
            let company = watched.wait_for(|inside| *inside > 1);
            drop(tokio::time::timeout(LINGER, company).await);
        }
        inside
    }
}

/// A call about an account, while it lives.
struct Inside<'a>(&'a Shelf);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.send_modify(|inside| *inside -= 1);
    }
}

fn gone(target: &Target<'_>) -> ConnectorError {
    ConnectorError::Unreachable {
        target: target.resource.name.clone(),
        cause: "it is gone".to_owned(),
    }
}

#[async_trait]
impl Connector for Shelf {
    fn descriptor(&self) -> KindDescriptor {
        KindDescriptor {
            name: "shelf",
            title: "Shelf",
            settings: json_schema!({ "type": "object" }),
            actions: vec![ActionDescriptor {
                name: "entitlement",
                title: "Read a shelf",
                brokered: false,
                one_use: false,
                params: vec![ParamDescriptor {
                    name: "entitlement",
                    help: "which",
                    default_from: None,
                    rest: false,
                }],
            }],
            connect_hint: "look at {name}",
        }
    }

    fn parse(&self, _: &Resource, words: &[String]) -> Result<Action, ConnectorError> {
        match words {
            [name] => Ok(Action::named("entitlement").with("entitlement", name)),
            _ => Err(ConnectorError::Invalid("name one shelf".to_owned())),
        }
    }

    fn offers(&self, resource: &Resource) -> Result<Vec<Action>, ConnectorError> {
        let offered = resource.settings.get("offers").and_then(Value::as_array);
        let offered = offered.into_iter().flatten().filter_map(Value::as_str);
        let offered = offered.map(|name| Action::named("entitlement").with("entitlement", name));
        Ok(offered.collect())
    }

    fn right(&self, resource: &Resource, action: &Action) -> Right {
        let place = resource.settings.get("place");
        Right {
            system: place.map_or_else(|| "shelf".to_owned(), ToString::to_string),
            name: action.param("entitlement").unwrap_or_default().to_owned(),
        }
    }

    async fn effective(
        &self,
        target: &Target<'_>,
        _: &Action,
    ) -> Result<Effective, ConnectorError> {
        let mut deaf = self.deaf.subscribe();
        deaf.wait_for(|deaf| !deaf).await.unwrap();
        if *self.gone.lock().unwrap() {
            return Err(gone(target));
        }
        Ok(Effective {
            privileges: BTreeSet::new(),
            classified: Classified {
                impact: Impact {
                    discloses: Disclosure::Internal,
                    scope: Scope::Object,
                    ..Impact::nothing()
                },
                reason: "it reads".to_owned(),
            },
        })
    }

    async fn held(
        &self,
        target: &Target<'_>,
        action: &Action,
        account: &str,
    ) -> Result<Held, ConnectorError> {
        let _inside = self.enter().await;
        if *self.locked.lock().unwrap() {
            return Err(gone(target));
        }
        let right = self.right(target.resource, action);
        Ok(self.held_by(account, &right.name))
    }

    async fn assign(
        &self,
        _: Permit<Ordinary, AssignEntitlement>,
        target: &Target<'_>,
        action: &Action,
        account: &str,
        _: Digest,
        ours: &BTreeSet<String>,
    ) -> Result<Assignment, ConnectorError> {
        let _inside = self.enter().await;
        let right = self.right(target.resource, action);
        let held_before = self.held_by(account, &right.name).by_other_than(ours);
        self.put(account, &right.name);
        let stuck = std::mem::take(&mut *self.stuck.lock().unwrap());
        if stuck {
            std::future::pending::<()>().await;
        }
        Ok(Assignment {
            action: action.clone(),
            account: account.to_owned(),
            held_before,
        })
    }

    async fn remove(
        &self,
        _: DutyPermit,
        target: &Target<'_>,
        assignment: &Assignment,
    ) -> Result<Removal, ConnectorError> {
        let _inside = self.enter().await;
        if *self.locked.lock().unwrap() {
            return Err(gone(target));
        }
        let right = self.right(target.resource, &assignment.action).name;
        if !assignment.held_before {
            let holding = (assignment.account.clone(), right.clone());
            self.holdings.lock().unwrap().remove(&holding);
        }
        Ok(Removal {
            ended: Vec::new(),
            held: self.held_by(&assignment.account, &right),
        })
    }
}
