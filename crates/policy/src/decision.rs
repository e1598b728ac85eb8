//! What a path says of an action: allowed under the weakest profile of controls that is allowed at all,
//! or denied, with the reasons and the narrowest request that would do.

use std::fmt;

use cedar_policy::{Effect, PolicyId};
use portcullis_model::{Controls, Path};
use serde::Serialize;

use crate::bundle::Bundle;
use crate::line::{LineQuery, respects};
use crate::query::{Object, PolicyAction, Query};
use crate::question::{Question, Verdict};

/// A policy that decided, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyRef {
    /// Its file and its name there: `guardrails/identities.cedar#inactive`.
    pub id: String,
    /// Its `@title`.
    pub title: Option<String>,
    /// Its `@reason`.
    pub reason: Option<String>,
    /// Its `@instead`: what to ask for instead of what it forbids.
    pub instead: Option<String>,
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.title {
            Some(title) => write!(f, "“{title}” ({})", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// A decision on the one path that the action takes; the other path was not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Allowed, as soon as the controls are met.
    Allowed {
        /// The path.
        path: Path,
        /// The weakest profile that is allowed: no allowed profile asks for less of one control and no
        /// more of another. It is the obligation.
        profile: Controls,
        /// The policies that permit it under that profile.
        determining: Vec<PolicyRef>,
    },
    /// Denied under every profile.
    Denied(Denial),
}

/// A denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// What was asked.
    pub action: PolicyAction,
    /// The path that denied it.
    pub path: Path,
    /// What kind of denial it is.
    pub cause: DenialCause,
    /// The policies that forbid it under the strongest profile; empty when nothing permits it.
    pub reasons: Vec<PolicyRef>,
    /// What to ask for instead, as far as policies say: lower case, no full stop.
    pub narrowest: String,
}

/// Why something is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialCause {
    /// Policies forbid it.
    Forbidden,
    /// No policy permits it to somebody involved.
    NothingPermits,
    /// It takes a path on which it is never done, since it does what is listed.
    NotOnThisPath(Vec<String>),
    /// It is not done to such an object.
    NotToThis,
    /// A policy, or the question, could not be evaluated; the text says why.
    Failed(String),
}

impl Denial {
    /// What is denied and why, without what to ask for instead.
    pub fn told(&self) -> String {
        let (action, path) = (self.action.as_str(), self.path);
        let why = match &self.cause {
            DenialCause::Forbidden => {
                let told: Vec<String> = self.reasons.iter().map(explained).collect();
                told.join("; ")
            }
            DenialCause::NothingPermits => "no policy permits it".to_owned(),
            DenialCause::NotOnThisPath(does) => {
                format!(
                    "that is done on the ordinary path alone, and this {}",
                    listed(does)
                )
            }
            DenialCause::NotToThis => "it is not done to such an object".to_owned(),
            DenialCause::Failed(told) => format!("it could not be decided: {told}"),
        };
        format!("{action} is denied on the {path} path: {why}")
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; next: {}", self.told(), self.narrowest)
    }
}

fn explained(policy: &PolicyRef) -> String {
    let reason = policy
        .reason
        .as_deref()
        .map(|reason| reason.trim_end_matches('.'));
    reason.map_or_else(
        || policy.to_string(),
        |reason| format!("{policy}: {reason}"),
    )
}

/// What an action does, as one phrase.
pub(crate) fn listed(does: &[String]) -> String {
    if does.is_empty() {
        return "is not known to be harmless".to_owned();
    }
    does.join(", ")
}

impl Bundle {
    /// The path that an action takes. Only an entitlement or a task can be ordinary, and only where the line permits
    /// its impact; whatever opens an account, or looks into or behind a session, is privileged.
    pub fn path_of(&self, action: PolicyAction, query: &Query<'_>) -> Path {
        match (action, query.object) {
            (
                PolicyAction::AssignEntitlement | PolicyAction::RunTask,
                Object::Resource(resource),
            ) => self.line(&LineQuery::new(query.impact, false, resource)),
            _ => Path::Privileged,
        }
    }

    /// Decides on the action's own path. `query.met` plays no part: the answer says what has to be met.
    pub fn decide(&self, action: PolicyAction, query: &Query<'_>) -> Decision {
        self.decide_with(action, &[], query)
    }

    /// Decides on an action that others are part of: allowed under one profile under which each of them is, and by
    /// the policies of all; denied as the first of them that is allowed under none.
    pub fn decide_with(
        &self,
        action: PolicyAction,
        parts: &[PolicyAction],
        query: &Query<'_>,
    ) -> Decision {
        let all = [&[action], parts].concat();
        let asked = all.into_iter().map(|action| {
            let question = self.question(action, query)?;
            Ok((action, question))
        });
        let asked: Vec<_> = match asked.collect() {
            Ok(asked) => asked,
            Err(denial) => return Decision::Denied(denial),
        };
        let allowed = |profile| {
            let permits = asked.iter().map(|(action, question)| {
                let permits = allowed_under(question, profile)?;
                Some(self.refs(action.path(), &permits))
            });
            permits.collect::<Option<Vec<_>>>()
        };
        let mut profiles = Controls::lattice().into_iter();
        match profiles.find_map(|profile| Some((profile, allowed(profile)?))) {
            Some((profile, permits)) => Decision::Allowed {
                path: action.path(),
                profile,
                determining: permits.concat(),
            },
            None => Decision::Denied(self.first_denial(action, &asked)),
        }
    }

    /// Of questions that no profile allows together. Where each is allowed under one of its own, it is the last that
    /// is not to be had beside the others.
    fn first_denial(&self, action: PolicyAction, asked: &[(PolicyAction, Question<'_>)]) -> Denial {
        let alone =
            |(_, question): &&(_, Question<'_>)| weakest(question, Controls::NONE).is_none();
        match asked.iter().find(alone).or_else(|| asked.last()) {
            Some((action, question)) => self.denial(*action, question, Controls::ALL),
            None => bare(
                action,
                action.path(),
                DenialCause::NothingPermits,
                self.permitted(action),
            ),
        }
    }

    /// The question to the action's path, or the denial when there is nothing to ask.
    pub(crate) fn question<'a>(
        &'a self,
        action: PolicyAction,
        query: &Query<'_>,
    ) -> Result<Question<'a>, Denial> {
        let path = self.path_of(action, query);
        if path != action.path() {
            let does: Vec<String> = respects(query.impact)
                .into_iter()
                .map(str::to_owned)
                .collect();
            let narrowest = "ask for what does less; what does this is done in a session, where the resource has them"
                .to_owned();
            let cause = DenialCause::NotOnThisPath(does);
            return Err(bare(action, path, cause, narrowest));
        }
        let policies = &self.path_set(path).policies;
        Question::new(&self.schema, &self.vocabulary, policies, action, query).map_err(|told| {
            let narrowest =
                "correct the facts about the people and the resource involved".to_owned();
            bare(action, path, DenialCause::Failed(told), narrowest)
        })
    }

    /// The denial of a question that is not allowed under a profile.
    pub(crate) fn denial(
        &self,
        action: PolicyAction,
        question: &Question<'_>,
        controls: Controls,
    ) -> Denial {
        let path = action.path();
        match question.under(controls) {
            Verdict::Denied(forbids) if !forbids.is_empty() => {
                let reasons = self.refs(path, &forbids);
                let instead: Vec<&str> = reasons
                    .iter()
                    .filter_map(|policy| policy.instead.as_deref())
                    .collect();
                let narrowest = if instead.is_empty() {
                    "ask an owner of the policy what they would permit".to_owned()
                } else {
                    instead.join("; ")
                };
                Denial {
                    reasons,
                    ..bare(action, path, DenialCause::Forbidden, narrowest)
                }
            }
            Verdict::Failed { policy, told } => {
                let by =
                    policy.map_or_else(String::new, |policy| format!("policy {policy} fails: "));
                let cause = DenialCause::Failed(format!("{by}{told}"));
                let narrowest = "ask an owner of the policy to mend it".to_owned();
                bare(action, path, cause, narrowest)
            }
            Verdict::Allowed(_) | Verdict::Denied(_) => bare(
                action,
                path,
                DenialCause::NothingPermits,
                self.permitted(action),
            ),
        }
    }

    /// What is permitted for an action on its path, by the titles of its permits.
    fn permitted(&self, action: PolicyAction) -> String {
        let asked = self.vocabulary.action(action);
        let set = &self.path_set(action.path()).policies;
        let mut permits: Vec<PolicyId> = set
            .policies()
            .filter(|policy| policy.effect() == Effect::Permit)
            .filter(|policy| {
                let mut envs = policy.get_valid_request_envs(&self.schema);
                envs.any(|env| *env.action() == asked)
            })
            .map(|policy| policy.id().clone())
            .collect();
        permits.sort();
        let titles: Vec<String> = self
            .refs(action.path(), &permits)
            .iter()
            .map(ToString::to_string)
            .collect();
        if titles.is_empty() {
            format!(
                "no policy permits {} to anybody; its owners would have to add one",
                action.as_str()
            )
        } else {
            format!("what is permitted is {}", titles.join(", "))
        }
    }

    pub(crate) fn refs(&self, path: Path, ids: &[PolicyId]) -> Vec<PolicyRef> {
        let set = &self.path_set(path).policies;
        let said = |id, key| set.annotation(id, key).map(str::to_owned);
        ids.iter()
            .map(|id| PolicyRef {
                id: id.to_string(),
                title: said(id, "title"),
                reason: said(id, "reason"),
                instead: said(id, "instead"),
            })
            .collect()
    }
}

/// A denial that no single policy is the reason of.
pub(crate) const fn bare(
    action: PolicyAction,
    path: Path,
    cause: DenialCause,
    narrowest: String,
) -> Denial {
    Denial {
        action,
        path,
        cause,
        reasons: Vec::new(),
        narrowest,
    }
}

/// The weakest allowed profile among those that include `met`. The lattice lists weaker ones first, so
/// the first that is allowed has no allowed one below it.
pub(crate) fn weakest(question: &Question<'_>, met: Controls) -> Option<(Controls, Vec<PolicyId>)> {
    Controls::lattice()
        .into_iter()
        .filter(|profile| profile.satisfy(&met))
        .find_map(|profile| Some((profile, allowed_under(question, profile)?)))
}

/// What permits it under a profile, if it is allowed.
fn allowed_under(question: &Question<'_>, profile: Controls) -> Option<Vec<PolicyId>> {
    match question.under(profile) {
        Verdict::Allowed(permits) => Some(permits),
        Verdict::Denied(_) | Verdict::Failed { .. } => None,
    }
}
