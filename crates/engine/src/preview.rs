//! From an intent to what it would take: impact, path, decision, approvers. Changes nothing.

use std::time::Duration;

use portcullis_classify::task::TASK;
use portcullis_flow::request::{EffectiveView, RequestRefusal, Uses};
use portcullis_model::{Action, Controls, Digest, IdentityId, Impact, Path, Resource, Subject};
use portcullis_policy::{Bundle, Decision, PolicyRef};
use serde::Serialize;

use crate::Engine;
use crate::assessment::{Assessment, REPLAY};
use crate::census::Census;
use crate::failure::Failure;

/// How long access lasts when nobody says.
pub const DEFAULT_SPAN: Duration = Duration::from_hours(1);

/// What somebody may expect of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// The resource's name.
    pub resource: String,
    /// The action, complete.
    pub action: Action,
    /// The path the line draws.
    pub path: Path,
    /// What the action can do.
    pub impact: Impact,
    /// Why that is so.
    pub reason: String,
    /// What it is worth at the target, for entitlements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveView>,
    /// Whether it could be granted at all.
    pub allowed: bool,
    /// Why not, and what to ask for instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
    /// The policies that say so.
    pub policies: Vec<PolicyRef>,
    /// The controls it would be under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controls: Option<Controls>,
    /// The stages of approval, each with who could approve.
    pub stages: Vec<StageView>,
    /// How often one approval counts.
    pub uses: Uses,
    /// What an approval would bind.
    pub digest: Digest,
    /// How to connect once it is granted.
    pub connect: String,
}

/// One stage of approval.
#[derive(Debug, Clone, Serialize)]
pub struct StageView {
    /// Its name.
    pub name: String,
    /// How many different people must approve.
    pub quorum: u8,
    /// Who could.
    pub eligible: Vec<String>,
}

impl Engine {
    /// What a request would come to.
    pub async fn preview(
        &self,
        who: IdentityId,
        resource: &str,
        words: &[String],
    ) -> Result<Preview, Failure> {
        let resource = self.resource_named(resource).await?;
        let action = self.parse_action(&resource, words).await?;
        let assessment = self.assess(Subject::oneself(who), resource, action).await?;
        let bundle = self.bundle();
        let decision = self.decide(&bundle, &assessment).await?;
        let census = self.census().await?;
        self.view(&bundle, assessment, decision, &census)
    }

    fn view(
        &self,
        bundle: &Bundle,
        assessment: Assessment,
        decision: Decision,
        census: &Census,
    ) -> Result<Preview, Failure> {
        let (path, controls, policies, denial) = match decision {
            Decision::Allowed {
                path,
                profile,
                determining,
            } => (path, Some(profile), determining, None),
            Decision::Denied(denial) => {
                let told = denial.to_string();
                (denial.path, None, denial.reasons, Some(told))
            }
        };
        let (stages, unfillable) = match controls {
            Some(profile) => stage_views(bundle, path, profile, &assessment, census),
            None => (Vec::new(), None),
        };
        let denial = denial.or(unfillable);
        Ok(Preview {
            resource: assessment.resource.name.clone(),
            path,
            impact: assessment.classified.impact.clone(),
            reason: assessment.classified.reason.clone(),
            effective: assessment.effective_view()?,
            allowed: denial.is_none(),
            denial,
            policies,
            controls,
            stages,
            uses: assessment.uses,
            digest: assessment.digest,
            connect: self.connect_hint(&assessment),
            action: assessment.intent.action,
        })
    }

    fn connect_hint(&self, assessment: &Assessment) -> String {
        let kinds = self.ports.kind(&assessment.resource.kind);
        let of_action = kinds
            .iter()
            .find(|kind| kind.action(&assessment.intent.action.name).is_some());
        of_action.map_or_else(String::new, |kind| {
            let hint = kind
                .connect_hint
                .replace("{name}", &assessment.resource.name);
            let action = &assessment.intent.action;
            if let Some(command) = action.param("command") {
                return format!("{hint} {}", quoted_for_a_shell(command));
            }
            // A task is called by its name and words.
            let words = crate::tasks::asking(action).unwrap_or_default();
            words
                .iter()
                .skip(1)
                .fold(hint, |hint, word| format!("{hint} {word}"))
        })
    }

    /// Reads a request's words as an action of the resource's kind.
    pub(crate) async fn parse_action(
        &self,
        resource: &Resource,
        words: &[String],
    ) -> Result<Action, Failure> {
        if words.first().is_some_and(|word| word == REPLAY) {
            return crate::replay::parse(words);
        }
        let broker = self.ports.broker(&resource.kind);
        let runs_tasks = broker.is_some_and(|broker| broker.descriptor().action(TASK).is_some());
        if runs_tasks && words.first().is_some_and(|word| word == TASK) {
            return self.parse_task(resource, words).await;
        }
        let brokered = broker.map(|broker| broker.parse(resource, words));
        if let Some(Ok(action)) = brokered {
            return Ok(action);
        }
        let connector = self.ports.connector(&resource.kind);
        match (connector, brokered) {
            (Some(connector), _) => Ok(connector.parse(resource, words)?),
            (None, Some(Err(error))) if runs_tasks => {
                Err(self.perhaps_a_task(resource, words, error.into()).await?)
            }
            (None, Some(Err(error))) => Err(error.into()),
            (None, _) => Err(Failure::missing(
                "broker or connector for kind",
                &resource.kind,
            )),
        }
    }

    /// The actions a resource offers.
    pub(crate) fn offers(&self, resource: &Resource) -> Vec<Action> {
        let brokered = self
            .ports
            .broker(&resource.kind)
            .map(|broker| broker.offers(resource));
        let connected = self
            .ports
            .connector(&resource.kind)
            .map(|connector| connector.offers(resource));
        let brokered = brokered.and_then(Result::ok).unwrap_or_default();
        brokered
            .into_iter()
            .chain(connected.and_then(Result::ok).unwrap_or_default())
            .collect()
    }
}

/// The stages with who could approve, and why a request would be refused where that is not enough people.
fn stage_views(
    bundle: &Bundle,
    path: Path,
    profile: Controls,
    assessment: &Assessment,
    census: &Census,
) -> (Vec<StageView>, Option<String>) {
    let Some(flow) = bundle.flow_for(path, profile.approvals) else {
        return (Vec::new(), None);
    };
    let subject = &assessment.intent.subject;
    let electorate = census.electorate(flow, path, subject, &assessment.resource);
    let stages = flow.stages.iter().enumerate();
    let views = stages.map(|(place, stage)| StageView {
        name: stage.name.clone(),
        quorum: stage.quorum,
        eligible: electorate.at(place).map(|id| census.name(id)).collect(),
    });
    let unfillable = RequestRefusal::unfillable(flow, &electorate);
    let views = views.collect();
    (views, unfillable.map(|refusal| refusal.to_string()))
}

/// One word for a shell, as it has to be typed there.
fn quoted_for_a_shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=, @%+".contains(c);
    let words: Vec<_> = text.split(' ').collect();
    let as_typed = words
        .iter()
        .all(|word| !word.is_empty() && !word.starts_with('='));
    if as_typed && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
