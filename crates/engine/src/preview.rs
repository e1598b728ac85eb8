//! From an intent to what it would take: impact, path, decision, approvers. Changes nothing.

use std::time::Duration;

use portcullis_classify::task::TASK;
use portcullis_flow::request::{EffectiveView, RequestRefusal, Terms, Uses};
use portcullis_model::{
    Action, Classified, Controls, Digest, Identity, IdentityId, Impact, Intent, Path, Resource,
    Subject,
};
use portcullis_policy::{Bundle, Decision, PolicyAction, PolicyRef, Query};
use portcullis_ports::{Effective, Target};
use portcullis_vault::SecretKind;
use serde::Serialize;

use crate::Engine;
use crate::directory::Names;
use crate::failure::Failure;
use crate::secrets::Warrant;

/// The most privileges listed in a request; the digest covers all.
const MOST_LISTED: usize = 200;

/// How long access lasts when nobody says.
pub const DEFAULT_SPAN: Duration = Duration::from_hours(1);

/// The longest a privileged grant lasts.
const LONGEST_PRIVILEGED: Duration = Duration::from_hours(12);

/// The longest an ordinary grant lasts.
const LONGEST_ORDINARY: Duration = Duration::from_hours(90 * 24);

/// The name of the action that looks into the tape of an ended session.
pub(crate) const REPLAY: &str = "replay";

/// What an intent comes to, before anybody is asked.
pub(crate) struct Assessment {
    pub(crate) resource: Resource,
    pub(crate) intent: Intent,
    pub(crate) policy_action: PolicyAction,
    pub(crate) classified: Classified,
    pub(crate) effective: Option<Effective>,
    pub(crate) digest: Digest,
    pub(crate) uses: Uses,
}

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
        let names = self.names().await?;
        self.view(&bundle, assessment, decision, &names).await
    }

    async fn view(
        &self,
        bundle: &Bundle,
        assessment: Assessment,
        decision: Decision,
        names: &Names,
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
            Some(profile) => {
                self.stage_views(bundle, path, profile, &assessment, names)
                    .await?
            }
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

    /// The stages with who could approve, and why a request would be refused where that is not enough people.
    async fn stage_views(
        &self,
        bundle: &Bundle,
        path: Path,
        profile: Controls,
        assessment: &Assessment,
        names: &Names,
    ) -> Result<(Vec<StageView>, Option<String>), Failure> {
        let Some(flow) = bundle.flow_for(path, profile.approvals) else {
            return Ok((Vec::new(), None));
        };
        let subject = &assessment.intent.subject;
        let electorate = self
            .electorate(flow, path, subject, &assessment.resource)
            .await?;
        let named = |id| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
        let stages = flow.stages.iter().enumerate();
        let views = stages.map(|(place, stage)| StageView {
            name: stage.name.clone(),
            quorum: stage.quorum,
            eligible: electorate.at(place).map(named).collect(),
        });
        let unfillable = RequestRefusal::unfillable(flow, &electorate);
        Ok((
            views.collect(),
            unfillable.map(|refusal| refusal.to_string()),
        ))
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
            // A task is called by its name and words.
            let words = crate::tasks::asking(&assessment.intent.action).unwrap_or_default();
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

    /// Computes what an action can do, reading facts at the target where there are any.
    pub(crate) async fn assess(
        &self,
        subject: Subject,
        resource: Resource,
        action: Action,
    ) -> Result<Assessment, Failure> {
        let intent = Intent {
            subject,
            resource: resource.id,
            action,
        };
        if intent.action.name == REPLAY {
            let classified = portcullis_classify::classify(&intent.action);
            return Assessment::of(
                resource,
                intent,
                PolicyAction::ReplayTape,
                classified,
                None,
                Uses::Window,
            );
        }
        if intent.action.name == TASK {
            return self.assess_task(resource, intent).await;
        }
        let brokered = self
            .ports
            .broker(&resource.kind)
            .filter(|broker| broker.descriptor().action(&intent.action.name).is_some());
        if let Some(broker) = brokered {
            let descriptor = broker.descriptor();
            let one_use = descriptor
                .action(&intent.action.name)
                .is_some_and(|action| action.one_use);
            let uses = if one_use { Uses::One } else { Uses::Window };
            let classified = broker.classify(&resource, &intent.action);
            return Assessment::of(
                resource,
                intent,
                PolicyAction::OpenSession,
                classified,
                None,
                uses,
            );
        }
        let effective = self.effective(&resource, &intent.action).await?;
        let classified = effective.classified.clone();
        let kind = PolicyAction::AssignEntitlement;
        Assessment::of(
            resource,
            intent,
            kind,
            classified,
            Some(effective),
            Uses::Window,
        )
    }

    /// What an entitlement is worth at the target now.
    async fn effective(&self, resource: &Resource, action: &Action) -> Result<Effective, Failure> {
        let connector = self.ports.connector(&resource.kind);
        let connector =
            connector.ok_or_else(|| Failure::missing("connector for kind", &resource.kind))?;
        let (_, credential): (SecretKind, _) = self
            .vault
            .release(Warrant::Facts(&self.fact_reads), resource)
            .await?;
        Ok(connector
            .effective(
                &Target {
                    resource,
                    credential,
                },
                action,
            )
            .await?)
    }

    /// Asks the active bundle.
    pub(crate) async fn decide(
        &self,
        bundle: &Bundle,
        assessment: &Assessment,
    ) -> Result<Decision, Failure> {
        let asked = self.asked(assessment, Controls::NONE).await?;
        Ok(bundle.decide(assessment.policy_action, &asked.query()))
    }

    /// Gathers what a question to the bundle needs.
    pub(crate) async fn asked<'a>(
        &self,
        assessment: &'a Assessment,
        met: Controls,
    ) -> Result<Asked<'a>, Failure> {
        let subject = &assessment.intent.subject;
        let mut behind = Vec::new();
        for id in &subject.on_behalf_of {
            behind.push(self.identity(*id).await?);
        }
        let mut groups = self.groups(Path::Ordinary).await?;
        groups.extend(self.groups(Path::Privileged).await?);
        Ok(Asked {
            subject: self.identity(subject.identity).await?,
            behind,
            groups,
            assessment,
            met,
            now: self.journal.now(),
        })
    }
}

/// A question to the bundle with everything it borrows.
pub(crate) struct Asked<'a> {
    subject: Identity,
    behind: Vec<Identity>,
    groups: Vec<portcullis_model::Group>,
    assessment: &'a Assessment,
    met: Controls,
    now: portcullis_model::Timestamp,
}

impl Asked<'_> {
    pub(crate) fn query(&self) -> Query<'_> {
        Query {
            subject: &self.subject,
            on_behalf_of: &self.behind,
            groups: &self.groups,
            object: (&self.assessment.resource).into(),
            action: &self.assessment.intent.action,
            impact: &self.assessment.classified.impact,
            met: self.met,
            now: self.now,
            intent: self.assessment.digest,
        }
    }
}

impl Assessment {
    fn of(
        resource: Resource,
        intent: Intent,
        policy_action: PolicyAction,
        classified: Classified,
        effective: Option<Effective>,
        uses: Uses,
    ) -> Result<Self, Failure> {
        let worth = effective.as_ref().map(Effective::digest).transpose()?;
        let digest = intent.digest(worth.as_ref())?;
        Ok(Self {
            resource,
            intent,
            policy_action,
            classified,
            effective,
            digest,
            uses,
        })
    }

    /// A task: the declaration is bound with it, so that declaring it anew voids what was approved. On the ordinary
    /// path it may be run as long as access lasts, on the privileged one once.
    pub(crate) fn task(
        resource: Resource,
        intent: Intent,
        policy_action: PolicyAction,
        classified: Classified,
        declaration: &Digest,
    ) -> Result<Self, Failure> {
        let uses = match policy_action.path() {
            Path::Ordinary => Uses::Window,
            Path::Privileged => Uses::One,
        };
        let digest = intent.digest(Some(declaration))?;
        Ok(Self {
            digest,
            ..Self::of(resource, intent, policy_action, classified, None, uses)?
        })
    }

    /// Looking into or behind a session: nobody asks for it beforehand, but it is decided.
    pub(crate) fn looking(
        resource: Resource,
        intent: Intent,
        policy_action: PolicyAction,
        classified: Classified,
    ) -> Result<Self, Failure> {
        Self::of(
            resource,
            intent,
            policy_action,
            classified,
            None,
            Uses::Window,
        )
    }

    /// The same for somebody else: what is read at the target does not depend on who asks.
    pub(crate) fn of_another(&self, subject: &Subject) -> Result<Self, Failure> {
        let intent = Intent {
            subject: subject.clone(),
            ..self.intent.clone()
        };
        Self::of(
            self.resource.clone(),
            intent,
            self.policy_action,
            self.classified.clone(),
            self.effective.clone(),
            self.uses,
        )
    }

    /// The effective privileges for people.
    pub(crate) fn effective_view(&self) -> Result<Option<EffectiveView>, Failure> {
        let Some(effective) = &self.effective else {
            return Ok(None);
        };
        let words = effective.privileges.iter().map(|privilege| {
            let via = if privilege.via.is_empty() {
                String::new()
            } else {
                format!(" (through {})", privilege.via.join(", "))
            };
            format!("{} on {}{via}", privilege.right, privilege.on)
        });
        let more = effective.privileges.len().saturating_sub(MOST_LISTED);
        Ok(Some(EffectiveView {
            digest: effective.digest()?,
            listed: words.take(MOST_LISTED).collect(),
            more: u64::try_from(more).unwrap_or(u64::MAX),
        }))
    }

    /// The terms of a request, once policy allows it under a profile.
    pub(crate) fn terms(
        &self,
        bundle: &Bundle,
        path: Path,
        profile: Controls,
        span: Duration,
    ) -> Result<Terms, Failure> {
        let flow = bundle.flow_for(path, profile.approvals).ok_or_else(|| {
            Failure::Invalid(format!(
                "the bundle has no flow for level {} of the {path} path",
                profile.approvals
            ))
        })?;
        let longest = match path {
            Path::Ordinary => LONGEST_ORDINARY,
            Path::Privileged => LONGEST_PRIVILEGED,
        };
        if span.is_zero() || span > longest {
            let hours = longest.as_secs() / 3600;
            return Err(Failure::Invalid(format!(
                "access on the {path} path lasts up to {hours} hours: ask for less"
            )));
        }
        Ok(Terms {
            intent: self.intent.clone(),
            digest: self.digest,
            path,
            classified: self.classified.clone(),
            effective: self.effective_view()?,
            profile,
            flow: flow.clone(),
            bundle: bundle.digest(),
            span_secs: span.as_secs(),
            uses: self.uses,
        })
    }
}
