//! A change as people see it before they sign: named, and beside what it replaces.

use std::collections::BTreeMap;

use portcullis_flow::change::{Change, ChangeBody, ChangeStatus, Finding, Holders, Needed};
use portcullis_flow::identity::IdentityState;
use portcullis_flow::installation::FreezeCause;
use portcullis_flow::records::{GroupState, ResourceState};
use portcullis_model::{ChangeId, Group, GroupId, Identity, IdentityId, Resource, ResourceId};
use serde::Serialize;
use serde_json::Value;

use crate::Engine;
use crate::evidence::Word;
use crate::failure::Failure;
use crate::whereabouts::without_whereabouts;

/// A change for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeView {
    /// Which.
    pub id: ChangeId,
    /// What it does to what, in words.
    pub title: String,
    /// Whoever may enroll once it is applied, by name: with a token from `identities enroll`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolls: Option<String>,
    /// What would be different, field by field; empty where nothing is replaced, and once it has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Where it stands, and everything about it.
    #[serde(flatten)]
    pub change: Change,
    /// Who proposed it, by name.
    pub proposer_name: String,
    /// Who signed, by name.
    pub signed_by: Vec<String>,
    /// What they said, each who said anything; told of one change, not in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<Word>,
    /// Whose signatures it needs in all, in words; empty once it waits for none.
    pub needs: String,
    /// Which of them are missing, and who could give them: `pam (pia or paul)`; empty when none are.
    pub missing: String,
    /// Who refused it and why; told of one change, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Word>,
    /// A one-time token that came of it, shown to the one who proposed it and whose signature completed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment_token: Option<String>,
}

/// A field of a record that a change sets anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which, by its path: `settings.host`.
    pub field: String,
    /// What it is now; absent where it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it would be; absent where it would not be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Difference {
    /// What was found where a restored installation looked, for who lets it open again.
    fn found(finding: &Finding) -> Self {
        Self {
            field: format!("{}: {}", finding.resource, finding.what),
            before: None,
            after: Some(finding.stands.as_str().into()),
        }
    }

    /// What a change is about that its record does not tell to everybody.
    pub(super) fn about(what: &str, told: String) -> Self {
        Self {
            field: what.to_owned(),
            before: None,
            after: Some(told.into()),
        }
    }

    /// That there were more findings than are told.
    fn left_out(more: u64) -> Self {
        Self {
            field: "and more".to_owned(),
            before: None,
            after: Some(more.into()),
        }
    }
}

impl ChangeView {
    /// The same; where resources are is hidden from who may not know.
    pub(super) fn hiding(mut self, hidden: bool) -> Self {
        if hidden {
            without_whereabouts(&mut self.change, &mut self.differences);
        }
        self
    }
}

/// All records that changes are about, removed ones included.
pub(super) struct Known {
    identities: BTreeMap<IdentityId, Identity>,
    holders: Holders,
    resources: BTreeMap<ResourceId, ResourceState>,
    groups: BTreeMap<GroupId, GroupState>,
}

impl Engine {
    /// Reads them: three questions to the store.
    pub(super) async fn known(&self) -> Result<Known, Failure> {
        let identities = self.journal.find::<IdentityState>(&[]).await?;
        let resources = self.journal.find::<ResourceState>(&[]).await?;
        let groups = self.journal.find::<GroupState>(&[]).await?;
        let now = self.journal.now();
        let holders = identities
            .iter()
            .filter(|(_, state)| state.alive(now).is_ok());
        let holders = holders
            .map(|(_, state)| (state.identity.id, state.identity.roles.clone()))
            .collect();
        let identities = identities.into_iter().map(|(_, state)| state.identity);
        let resources = resources.into_iter().map(|(_, state)| state);
        let groups = groups.into_iter().map(|(_, state)| state);
        Ok(Known {
            identities: identities.map(|known| (known.id, known)).collect(),
            holders,
            resources: resources.map(|known| (known.resource.id, known)).collect(),
            groups: groups.map(|known| (known.group.id, known)).collect(),
        })
    }

    pub(super) async fn change_view(
        &self,
        id: ChangeId,
        change: Change,
        enrolment_token: Option<String>,
    ) -> Result<ChangeView, Failure> {
        self.known().await?.view(id, change, enrolment_token)
    }
}

impl Known {
    /// A change as people see it.
    pub(super) fn view(
        &self,
        id: ChangeId,
        change: Change,
        enrolment_token: Option<String>,
    ) -> Result<ChangeView, Failure> {
        let pending = change.status == ChangeStatus::Pending;
        let waits = pending && !change.is_signed(&self.holders);
        let (needs, missing) = if waits {
            (change.needed.to_string(), self.missing(&change))
        } else {
            Default::default()
        };
        let server = || "the server".to_owned();
        Ok(ChangeView {
            id,
            title: self.title(&change.body, pending),
            enrolls: self.enrolls(&change.body),
            differences: if pending {
                self.differences(&change.body)?
            } else {
                Vec::new()
            },
            proposer_name: change.proposer.map_or_else(server, |who| self.name(who)),
            signed_by: change
                .signatures
                .iter()
                .map(|signature| self.name(signature.by))
                .collect(),
            said: Vec::new(),
            refused: None,
            needs,
            missing,
            change,
            enrolment_token,
        })
    }

    /// Which signatures are missing, and whose they could be.
    fn missing(&self, change: &Change) -> String {
        if change.needed == Needed::AnyOwner {
            return change.needed.to_string();
        }
        let signed = |who: &IdentityId| change.signatures.iter().any(|given| given.by == *who);
        let missing = change.missing(&self.holders).into_iter().map(|role| {
            let holders = self.holders.iter();
            let able = holders.filter(|(who, roles)| roles.contains(&role) && !signed(who));
            let names: Vec<_> = able.map(|(who, _)| self.name(*who)).collect();
            match names.as_slice() {
                [] => format!("{} (nobody else holds it)", role.as_str()),
                names => format!("{} ({})", role.as_str(), names.join(" or ")),
            }
        });
        missing.collect::<Vec<_>>().join(", ")
    }

    fn name(&self, id: IdentityId) -> String {
        let known = self.identities.get(&id);
        known.map_or_else(|| id.to_string(), |identity| identity.name.clone())
    }

    /// What a change does. Once it has ended nobody can tell an addition from a replacement by what there is.
    fn title(&self, body: &ChangeBody, pending: bool) -> String {
        let put = |there: bool| match (pending, there) {
            (false, _) => "put",
            (true, true) => "replace",
            (true, false) => "add",
        };
        match body {
            ChangeBody::ActivateBundle { bundle, .. } => format!("activate bundle {bundle}"),
            ChangeBody::PutResource { resource, .. } => {
                let there = self.resource(resource.id).is_some();
                format!("{} resource {}", put(there), resource.name)
            }
            ChangeBody::RemoveResource { resource } => {
                let known = self.resources.get(resource);
                let name = known.map(|known| known.resource.name.as_str());
                format!("remove resource {}", name.unwrap_or_default())
            }
            ChangeBody::PutIdentity { identity, .. } => {
                let known = self.identities.get(&identity.id);
                let does = match known {
                    _ if !identity.active => "suspend",
                    Some(known) if pending && !known.active => "activate",
                    known => put(known.is_some()),
                };
                format!("{does} identity {}", identity.name)
            }
            ChangeBody::ReopenEnrolment { identity } => {
                format!("let {} enroll again", self.name(*identity))
            }
            ChangeBody::PutGroup { group, .. } => {
                let there = self.group(group.id).is_some();
                format!("{} group {}", put(there), group.name)
            }
            ChangeBody::RemoveGroup { group } => {
                let known = self.groups.get(group);
                let name = known.map(|known| known.group.name.as_str());
                format!("remove group {}", name.unwrap_or_default())
            }
            ChangeBody::AddSecret { name, .. } => format!("add secret {name}"),
            ChangeBody::PutTask { task, .. } => format!(
                "declare task {} on {}",
                task.name,
                self.resource_name(task.resource)
            ),
            ChangeBody::RemoveTask { name, .. } => format!("remove task {name}"),
            ChangeBody::SetRetention {
                retention,
                replaces,
            } => format!("keep tapes so: {retention} (before: {replaces})"),
            ChangeBody::LetGo { session } => format!("let go of the tape of {session}"),
            ChangeBody::EraseTape { session } => format!("erase the tape of {session}"),
            ChangeBody::Thaw { frozen, .. } => {
                let causes = frozen.causes.iter().map(|cause| self.frozen_by(cause));
                format!("thaw ({})", causes.collect::<Vec<_>>().join("; "))
            }
        }
    }

    fn frozen_by(&self, cause: &FreezeCause) -> String {
        match cause {
            FreezeCause::Restored { taken_at } => format!("restored from a backup of {taken_at}"),
            FreezeCause::Succeeded {
                identity,
                roles,
                again,
            } => {
                let does = if *again { "enrolls again" } else { "is put in" };
                let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
                format!("{} {does} for {}", self.name(*identity), roles.join(", "))
            }
        }
    }

    fn resource_name(&self, id: ResourceId) -> String {
        let known = self.resources.get(&id);
        known.map_or_else(|| id.to_string(), |known| known.resource.name.clone())
    }

    fn enrolls(&self, body: &ChangeBody) -> Option<String> {
        match body {
            ChangeBody::PutIdentity {
                identity,
                replaces: None,
            } if identity.active => Some(identity.name.clone()),
            ChangeBody::ReopenEnrolment { identity } => Some(self.name(*identity)),
            _ => None,
        }
    }

    fn resource(&self, id: ResourceId) -> Option<&Resource> {
        let known = self.resources.get(&id).filter(|known| !known.removed);
        known.map(|known| &known.resource)
    }

    fn group(&self, id: GroupId) -> Option<&Group> {
        let known = self.groups.get(&id).filter(|known| !known.removed);
        known.map(|known| &known.group)
    }

    fn differences(&self, body: &ChangeBody) -> Result<Vec<Difference>, Failure> {
        match body {
            ChangeBody::PutResource { resource, .. } => {
                self.between(self.resource(resource.id), resource)
            }
            ChangeBody::PutIdentity { identity, .. } => {
                self.between(self.identities.get(&identity.id), identity)
            }
            ChangeBody::PutGroup { group, .. } => self.between(self.group(group.id), group),
            ChangeBody::Thaw { found, more, .. } => {
                let left_out = (*more > 0).then(|| Difference::left_out(*more));
                let found = found.iter().map(Difference::found);
                Ok(found.chain(left_out).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn between<T: Serialize>(
        &self,
        before: Option<&T>,
        after: &T,
    ) -> Result<Vec<Difference>, Failure> {
        let Some(before) = before else {
            return Ok(Vec::new());
        };
        let flat = |record: &T| -> Result<BTreeMap<String, Value>, Failure> {
            let record = serde_json::to_value(record)
                .map_err(|error| Failure::Damaged(error.to_string()))?;
            let mut fields = BTreeMap::new();
            flatten("", self.with_names(record), &mut fields);
            Ok(fields)
        };
        Ok(compare(flat(before)?, flat(after)?))
    }

    /// The record with names where identifiers of people stand.
    fn with_names(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(match text.parse::<IdentityId>() {
                Ok(id) => self.name(id),
                Err(_) => text,
            }),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.with_names(item))
                .collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(field, value)| (field, self.with_names(value)))
                .collect(),
            other => other,
        }
    }
}

/// Every field that is no object, by its path.
fn flatten(path: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(inner) => {
            for (name, value) in inner {
                let path = if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                };
                flatten(&path, value, fields);
            }
        }
        value => {
            fields.insert(path.to_owned(), value);
        }
    }
}

fn compare(mut before: BTreeMap<String, Value>, after: BTreeMap<String, Value>) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (field, after) in after {
        let before = before.remove(&field);
        if before.as_ref() != Some(&after) {
            differences.push(Difference {
                field,
                before,
                after: Some(after),
            });
        }
    }
    differences.extend(before.into_iter().map(|(field, before)| Difference {
        field,
        before: Some(before),
        after: None,
    }));
    differences
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn flat(value: Value) -> BTreeMap<String, Value> {
        let mut fields = BTreeMap::new();
        flatten("", value, &mut fields);
        fields
    }

    #[test]
    fn what_is_set_added_and_dropped_is_told_and_what_stays_is_not() {
        let before =
            flat(json!({"kind": "ssh", "settings": {"host": "a", "port": 22, "user": "x"}}));
        let after =
            flat(json!({"kind": "ssh", "settings": {"host": "b", "port": 22, "jump": "j"}}));
        let told: Vec<_> = compare(before, after)
            .into_iter()
            .map(|difference| (difference.field, difference.before, difference.after))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "settings.host".to_owned(),
                    Some(json!("a")),
                    Some(json!("b"))
                ),
                ("settings.jump".to_owned(), None, Some(json!("j"))),
                ("settings.user".to_owned(), Some(json!("x")), None),
            ]
        );
    }
}
