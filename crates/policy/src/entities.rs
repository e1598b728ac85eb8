//! Facts about people and things, as the entities that policies see.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityUid, RestrictedExpression, Schema};
use portcullis_model::{Environment, Group, Identity, Path, Resource, Sensitivity};

use crate::query::{Object, Query};
use crate::vocabulary::Vocabulary;

type Attributes = HashMap<String, RestrictedExpression>;

/// A text, a number or a truth value, in Cedar's terms.
pub(crate) fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

/// Numbers past Cedar's range stay at its end.
pub(crate) fn number(value: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(value).unwrap_or(i64::MAX))
}

pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().map(text))
}

fn attributes<const N: usize>(pairs: [(&str, RestrictedExpression); N]) -> Attributes {
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Everybody and everything a question is about; the error says what the schema or Cedar did not take.
pub(crate) fn of_query(
    vocabulary: &Vocabulary,
    schema: &Schema,
    query: &Query<'_>,
    path: Path,
) -> Result<Entities, String> {
    let on_path = query.groups.iter().filter(|group| group.path == path);
    let groups = once(on_path.map(|group| (group.name.as_str(), group)))?;
    let chain = query.on_behalf_of.iter().chain([query.subject]);
    let people = once(chain.map(|identity| (identity.id, identity)))?;
    let mut entities = Vec::new();
    for identity in people.values() {
        entities.push(identity_entity(
            vocabulary,
            identity,
            groups.values().copied(),
        )?);
    }
    for group in groups.values() {
        let attributes = attributes([("name", text(&group.name)), ("path", text(path.as_str()))]);
        entities.push(entity(
            vocabulary.group(&group.name),
            attributes,
            HashSet::new(),
        )?);
    }
    entities.push(match query.object {
        Object::Resource(resource) => resource_entity(vocabulary, resource)?,
        Object::Installation => Entity::with_uid(vocabulary.installation.clone()),
    });
    Entities::from_entities(entities, Some(schema)).map_err(|error| told(&error))
}

/// Each once: the same record may come twice, two different ones under one key are a contradiction.
fn once<'a, K: Ord + std::fmt::Debug, T: PartialEq>(
    pairs: impl Iterator<Item = (K, &'a T)>,
) -> Result<BTreeMap<K, &'a T>, String> {
    let mut all: BTreeMap<K, &'a T> = BTreeMap::new();
    for (key, record) in pairs {
        if all.get(&key).is_some_and(|known| *known != record) {
            return Err(format!("there are two different records of {key:?}"));
        }
        all.insert(key, record);
    }
    Ok(all)
}

/// The nobody who asks the line, and all it may know of a resource.
pub(crate) fn of_line(
    vocabulary: &Vocabulary,
    schema: &Schema,
    environment: Environment,
    sensitivity: Sensitivity,
) -> Result<Entities, String> {
    let facts = attributes([
        ("environment", text(environment.as_str())),
        ("sensitivity", text(sensitivity.as_str())),
    ]);
    let entities = [
        Entity::with_uid(vocabulary.anyone.clone()),
        entity(vocabulary.facts.clone(), facts, HashSet::new())?,
    ];
    Entities::from_entities(entities, Some(schema)).map_err(|error| told(&error))
}

fn identity_entity<'a>(
    vocabulary: &Vocabulary,
    identity: &Identity,
    groups: impl Iterator<Item = &'a Group>,
) -> Result<Entity, String> {
    let mut attributes = attributes([
        ("name", text(&identity.name)),
        ("kind", text(identity.kind.as_str())),
        (
            "roles",
            texts(identity.roles.iter().map(|role| role.as_str())),
        ),
        ("active", RestrictedExpression::new_bool(identity.active)),
        (
            "has_owner",
            RestrictedExpression::new_bool(identity.owner.is_some()),
        ),
    ]);
    if let Some(end) = identity.ends_at {
        attributes.insert("ends_at".to_owned(), number(end.as_secs()));
    }
    let parents = groups
        .filter(|group| group.members.contains(&identity.id))
        .map(|group| vocabulary.group(&group.name))
        .collect();
    entity(vocabulary.identity(identity.id), attributes, parents)
}

fn resource_entity(vocabulary: &Vocabulary, resource: &Resource) -> Result<Entity, String> {
    let owners = resource
        .owners
        .iter()
        .map(|owner| RestrictedExpression::new_entity_uid(vocabulary.identity(*owner)));
    let attributes = attributes([
        ("name", text(&resource.name)),
        ("kind", text(&resource.kind)),
        ("environment", text(resource.environment.as_str())),
        ("sensitivity", text(resource.sensitivity.as_str())),
        ("owners", RestrictedExpression::new_set(owners)),
    ]);
    entity(vocabulary.resource(resource.id), attributes, HashSet::new())
}

fn entity(
    uid: EntityUid,
    attributes: Attributes,
    parents: HashSet<EntityUid>,
) -> Result<Entity, String> {
    Entity::new(uid, attributes, parents).map_err(|error| told(&error))
}

/// An error with its causes, on one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
