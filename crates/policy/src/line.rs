//! The line: which of the two paths an action takes. A total function of what it can do and of two facts
//! about the resource; not of who asks, for how long, under which name or label.

mod table;

use std::fmt;

use cedar_policy::{PolicySet, Request, Schema};
use portcullis_model::{Disclosure, Environment, Impact, Path, Resource, Scope, Sensitivity};

use crate::bundle::Bundle;
use crate::question::{Verdict, evaluate};
use crate::vocabulary::Vocabulary;
use crate::{circumstances, entities};

/// One question to the line. There is deliberately no room in it for anything else.
#[derive(Debug, Clone, Copy)]
pub struct LineQuery<'a> {
    /// What the action can do.
    pub impact: &'a Impact,
    /// Whether it opens an account with a credential that the person never holds: then it can do whatever is typed
    /// there. A task does not, since its credential is good for its program and arguments only.
    pub brokered: bool,
    /// What depends on the resource.
    pub environment: Environment,
    /// What the resource holds.
    pub sensitivity: Sensitivity,
}

impl<'a> LineQuery<'a> {
    /// About an action on a resource.
    pub const fn new(impact: &'a Impact, brokered: bool, resource: &Resource) -> Self {
        Self {
            impact,
            brokered,
            environment: resource.environment,
            sensitivity: resource.sensitivity,
        }
    }

    /// About an impact alone, when no resource is known: as if it were met in production, on a resource
    /// that holds no labelled data but what the impact itself says.
    pub const fn impact_alone(impact: &'a Impact) -> Self {
        Self {
            impact,
            brokered: false,
            environment: Environment::Production,
            sensitivity: Sensitivity::Internal,
        }
    }
}

/// What about a resource alone makes an action on it privileged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawnBy {
    /// What it holds.
    Sensitivity(Sensitivity),
    /// What depends on it.
    Environment(Environment),
}

impl fmt::Display for DrawnBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sensitivity(held) => write!(f, "what the resource holds is {}", held.as_str()),
            Self::Environment(of) => write!(f, "the resource is of {}", of.as_str()),
        }
    }
}

impl Bundle {
    /// The one fact about the resource by which an action is privileged that would be ordinary without it; `None` where
    /// the action decides, or both facts together. `elsewhere` is what the action can do where internal data are held.
    pub fn drawn_by(&self, query: &LineQuery<'_>, elsewhere: &Impact) -> Option<DrawnBy> {
        let ordinary = |query: &LineQuery<'_>| self.line(query) == Path::Ordinary;
        let internal = LineQuery {
            impact: elsewhere,
            sensitivity: Sensitivity::Internal,
            ..*query
        };
        let development = LineQuery {
            environment: Environment::Development,
            ..*query
        };
        if ordinary(query) {
            None
        } else if ordinary(&internal) {
            Some(DrawnBy::Sensitivity(query.sensitivity))
        } else {
            ordinary(&development).then_some(DrawnBy::Environment(query.environment))
        }
    }

    /// The path an action takes: ordinary exactly when a policy of `line/` permits it and none forbids it
    /// or fails; privileged in every other case.
    pub fn line(&self, query: &LineQuery<'_>) -> Path {
        match ask(&self.schema, &self.vocabulary, &self.line, query) {
            Ok(Verdict::Allowed(_)) => Path::Ordinary,
            Ok(Verdict::Denied(_) | Verdict::Failed { .. }) | Err(_) => Path::Privileged,
        }
    }

    /// The truth table of this bundle's line, as a Markdown page: every combination of respects and facts
    /// is asked, and rows that do not differ are joined.
    pub fn truth_table(&self) -> String {
        table::page(self)
    }
}

/// Asks a line; the error says why it could not be asked.
pub(crate) fn ask(
    schema: &Schema,
    vocabulary: &Vocabulary,
    line: &PolicySet,
    query: &LineQuery<'_>,
) -> Result<Verdict, String> {
    let request = Request::new(
        vocabulary.anyone.clone(),
        vocabulary.action_named(Vocabulary::LINE),
        vocabulary.facts.clone(),
        circumstances::of_line(query.impact, query.brokered)?,
        Some(schema),
    )
    .map_err(|error| entities::told(&error))?;
    let entities = entities::of_line(vocabulary, schema, query.environment, query.sensitivity)?;
    Ok(evaluate(&request, line, &entities))
}

/// What an action can do, in words for a person: what a privileged impact is privileged for.
pub fn respects(impact: &Impact) -> Vec<&'static str> {
    let shown = match impact.discloses {
        Disclosure::None => None,
        Disclosure::Internal => Some("shows internal data"),
        Disclosure::Sensitive => Some("shows sensitive data"),
        Disclosure::Secret => Some("shows secrets"),
    };
    [
        impact.changes_state.then_some("changes state"),
        shown,
        impact.alters_security.then_some("alters security"),
        impact.degrades_service.then_some("can degrade the service"),
        (!impact.reversible).then_some("cannot be undone"),
        (impact.scope == Scope::Estate).then_some("reaches beyond the resource"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
