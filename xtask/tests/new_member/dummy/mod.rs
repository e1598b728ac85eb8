//! A connector to be added: its system is a folder, and who holds an entitlement has a file there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use async_trait::async_trait;
use portcullis_model::{
    Action, ActionDescriptor, Classified, Digest, Impact, Intent, KindDescriptor, ParamDescriptor,
    Resource,
};
use portcullis_policy::{AssignEntitlement, DutyPermit, Ordinary, Permit};
use portcullis_ports::{
    Assignment, Connector, ConnectorError, Effective, Held, Privilege, Removal, Right, Target,
};
use schemars::JsonSchema;
use serde::Deserialize;

const ENTITLEMENT: &str = "entitlement";

/// The file that holds what opens the folder.
const PASSWORD: &str = "password";

/// A folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where it is.
    folder: PathBuf,
    /// What can be asked for.
    entitlements: BTreeSet<String>,
}

impl Settings {
    fn of(resource: &Resource) -> Result<Self, ConnectorError> {
        Self::deserialize(&resource.settings)
            .map_err(|error| ConnectorError::Invalid(error.to_string()))
    }

    fn action(&self, name: &str) -> Result<Action, ConnectorError> {
        if self.entitlements.contains(name) {
            return Ok(Action::named(ENTITLEMENT).with(ENTITLEMENT, name));
        }
        Err(ConnectorError::Invalid(format!(
            "there is no entitlement {name:?}"
        )))
    }
}

/// An open folder, and the entitlement an action means in it.
struct Opened {
    settings: Settings,
    entitlement: String,
}

impl Opened {
    fn at(target: &Target<'_>, action: &Action) -> Result<Self, ConnectorError> {
        let settings = Settings::of(target.resource)?;
        let entitlement = action.param(ENTITLEMENT).unwrap_or_default();
        if settings.action(entitlement)? != *action {
            return Err(ConnectorError::Invalid(format!(
                "{action} is no entitlement"
            )));
        }
        let password = std::fs::read(settings.folder.join(PASSWORD)).map_err(|error| {
            ConnectorError::Unreachable {
                target: target.resource.name.clone(),
                cause: error.to_string(),
            }
        })?;
        if password != *target.credential.expose() {
            return Err(refused(target, "open it", "the password is wrong"));
        }
        Ok(Self {
            entitlement: entitlement.to_owned(),
            settings,
        })
    }

    fn file(&self, account: &str) -> PathBuf {
        let name = format!("{account} holds {}", self.entitlement);
        self.settings.folder.join(name)
    }

    fn held(&self, account: &str) -> Held {
        let effective = self.file(account).exists();
        Held {
            effective,
            through: effective
                .then(|| self.entitlement.clone())
                .into_iter()
                .collect(),
            sessions: Vec::new(),
        }
    }

    fn effective(&self) -> Effective {
        let privilege = Privilege {
            right: self.entitlement.clone(),
            on: self.settings.folder.display().to_string(),
            via: Vec::new(),
        };
        Effective {
            privileges: [privilege].into(),
            classified: Classified {
                impact: Impact::nothing(),
                reason: "a file in a folder can do nothing".to_owned(),
            },
        }
    }
}

fn refused(target: &Target<'_>, what: &str, cause: impl ToString) -> ConnectorError {
    ConnectorError::Refused {
        target: target.resource.name.clone(),
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}

fn not_covered(what: &str) -> ConnectorError {
    ConnectorError::Permit(what.to_owned())
}

#[async_trait]
impl Connector for System {
    fn descriptor(&self) -> KindDescriptor {
        KindDescriptor {
            name: "dummy",
            title: "A folder that stands for a system",
            settings: schemars::schema_for!(Settings),
            actions: vec![ActionDescriptor {
                name: ENTITLEMENT,
                title: "Get a file with your name on it",
                brokered: false,
                one_use: false,
                params: vec![ParamDescriptor {
                    name: ENTITLEMENT,
                    help: "which of the folder's entitlements",
                    default_from: None,
                    rest: false,
                }],
            }],
            connect_hint: "look into the folder",
        }
    }

    fn parse(&self, resource: &Resource, words: &[String]) -> Result<Action, ConnectorError> {
        let settings = Settings::of(resource)?;
        match words {
            [name] => settings.action(name),
            _ => Err(ConnectorError::Invalid("name one entitlement".to_owned())),
        }
    }

    fn offers(&self, resource: &Resource) -> Result<Vec<Action>, ConnectorError> {
        let settings = Settings::of(resource)?;
        let names = settings.entitlements.iter();
        names.map(|name| settings.action(name)).collect()
    }

    fn right(&self, resource: &Resource, action: &Action) -> Right {
        let folder = Settings::of(resource).map(|settings| settings.folder.display().to_string());
        Right {
            system: folder.unwrap_or_else(|_| resource.id.to_string()),
            name: action.param(ENTITLEMENT).unwrap_or_default().to_owned(),
        }
    }

    async fn effective(
        &self,
        target: &Target<'_>,
        action: &Action,
    ) -> Result<Effective, ConnectorError> {
        Ok(Opened::at(target, action)?.effective())
    }

    async fn held(
        &self,
        target: &Target<'_>,
        action: &Action,
        account: &str,
    ) -> Result<Held, ConnectorError> {
        Ok(Opened::at(target, action)?.held(account))
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
        let intent = Intent {
            subject: permit.subject().clone(),
            resource: target.resource.id,
            action: action.clone(),
        };
        let asked = intent.digest(Some(&approved));
        let asked = asked.map_err(|error| not_covered(&error.to_string()))?;
        if permit.intent() != asked {
            return Err(not_covered("it is for something else"));
        }
        let opened = Opened::at(target, action)?;
        let worth = opened.effective().digest();
        if worth.map_err(|error| not_covered(&error.to_string()))? != approved {
            return Err(ConnectorError::Changed(target.resource.name.clone()));
        }
        let held_before = opened.held(account).by_other_than(ours);
        std::fs::write(opened.file(account), "")
            .map_err(|error| refused(target, "assign", error))?;
        Ok(Assignment {
            action: action.clone(),
            account: account.to_owned(),
            held_before,
        })
    }

    async fn remove(
        &self,
        duty: DutyPermit,
        target: &Target<'_>,
        assignment: &Assignment,
    ) -> Result<Removal, ConnectorError> {
        if duty.resource() != target.resource.id {
            return Err(not_covered("it is for another resource"));
        }
        let opened = Opened::at(target, &assignment.action)?;
        let file = opened.file(&assignment.account);
        if !assignment.held_before && file.exists() {
            std::fs::remove_file(file).map_err(|error| refused(target, "remove", error))?;
        }
        Ok(Removal {
            ended: Vec::new(),
            held: opened.held(&assignment.account),
        })
    }
}
