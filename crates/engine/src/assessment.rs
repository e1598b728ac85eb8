//! What an intent comes to: impact, path and decision. Every door begins with it; nothing is changed by it.

use portcullis_classify::task::TASK;
use portcullis_flow::request::{EffectiveView, Uses};
use portcullis_model::{
    Action, Classified, Controls, Digest, Identity, Impact, Intent, Path, Resource, Subject,
};
use portcullis_policy::{Bundle, Decision, LineQuery, PolicyAction, Query};
use portcullis_ports::{Broker, Effective, Target};
use portcullis_vault::SecretKind;

use crate::Engine;
use crate::census::Census;
use crate::failure::Failure;
use crate::place;
use crate::secrets::Warrant;

/// The most privileges listed in a request; the digest covers all.
const MOST_LISTED: usize = 200;

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

impl Engine {
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
        if let Some(broker) = self.broker_of(&resource, &intent.action).cloned() {
            return self.assess_session(broker.as_ref(), resource, intent);
        }
        let effective = self.effective(&resource, &intent.action).await?;
        let own = effective.classified.clone();
        let elsewhere = own.impact.clone();
        let classified = explained(&self.bundle(), own, &elsewhere, &resource);
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

    /// A session of an account that the resource offers.
    fn assess_session(
        &self,
        broker: &dyn Broker,
        resource: Resource,
        intent: Intent,
    ) -> Result<Assessment, Failure> {
        let endpoint = match place::account_in(&intent.action) {
            Some(account) => self.way_in(&resource, account)?,
            None => broker.endpoint(&resource)?,
        };
        let descriptor = broker.descriptor();
        let one_use = descriptor
            .action(&intent.action.name)
            .is_some_and(|action| action.one_use);
        let uses = if one_use { Uses::One } else { Uses::Window };
        let classified = broker.classify(&resource, &intent.action);
        let kind = PolicyAction::OpenSession;
        let digest = intent.digest(Some(&place::bound(&endpoint, None)?))?;
        Ok(Assessment {
            digest,
            ..Assessment::of(resource, intent, kind, classified, None, uses)?
        })
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
        let parts = assessment.parts(assessment.resource.credential.is_some());
        Ok(bundle.decide_with(assessment.policy_action, parts, &asked.query()))
    }

    /// Gathers what a question to the bundle needs.
    pub(crate) async fn asked<'a>(
        &self,
        assessment: &'a Assessment,
        met: Controls,
    ) -> Result<Asked<'a>, Failure> {
        let subject = &assessment.intent.subject;
        let census = self.census().await?;
        let behind = subject.on_behalf_of.iter();
        let behind = behind.map(|id| census.identity(*id).cloned());
        Ok(Asked {
            subject: census.identity(subject.identity)?.clone(),
            behind: behind.collect::<Result<_, _>>()?,
            census,
            assessment,
            met,
            now: self.journal.now(),
        })
    }
}

/// What an action that opens no account can do, with the fact about the resource that alone decides its path, if one does.
pub(crate) fn explained(
    bundle: &Bundle,
    classified: Classified,
    elsewhere: &Impact,
    resource: &Resource,
) -> Classified {
    let line = LineQuery::new(&classified.impact, false, resource);
    let Some(by) = bundle.drawn_by(&line, elsewhere) else {
        return classified;
    };
    Classified {
        reason: format!("{}; privileged since {by}", classified.reason),
        ..classified
    }
}

/// A question to the bundle with everything it borrows.
pub(crate) struct Asked<'a> {
    subject: Identity,
    behind: Vec<Identity>,
    census: Census,
    assessment: &'a Assessment,
    met: Controls,
    now: portcullis_model::Timestamp,
}

impl Asked<'_> {
    pub(crate) fn query(&self) -> Query<'_> {
        Query {
            subject: &self.subject,
            on_behalf_of: &self.behind,
            groups: self.census.groups(),
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

    /// A task: its declaration and its place are bound with it, so that changing either voids what was approved. On the
    /// ordinary path it may be run as long as access lasts, on the privileged one once.
    pub(crate) fn task(
        resource: Resource,
        intent: Intent,
        policy_action: PolicyAction,
        classified: Classified,
        bound: &Digest,
    ) -> Result<Self, Failure> {
        let uses = match policy_action.path() {
            Path::Ordinary => Uses::Window,
            Path::Privileged => Uses::One,
        };
        let digest = intent.digest(Some(bound))?;
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

    /// What else is decided with it, and is part of doing it: a credential that the vault holds is released into the
    /// session.
    pub(crate) const fn parts(&self, vaulted: bool) -> &'static [PolicyAction] {
        match self.policy_action {
            PolicyAction::OpenSession if vaulted => &[PolicyAction::ReleaseSecret],
            _ => &[],
        }
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
}
