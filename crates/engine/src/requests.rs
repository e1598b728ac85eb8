//! Asking for access, and deciding on what was asked.

use std::collections::BTreeSet;

use portcullis_flow::grant::Grant;
use portcullis_flow::request::{ApproveFacts, Request, RequestEvent, RequestStatus, Submission};
use portcullis_model::{
    Authentication, Digest, GrantId, IdentityId, RequestId, StreamId, Subject, Timestamp,
};
use portcullis_policy::Decision;
use serde::Serialize;

use crate::Engine;
use crate::assessment::Assessment;
use crate::census::Census;
use crate::evidence::Word;
use crate::failure::Failure;
use crate::journal::{Command, Loaded};
use crate::lists::{Order, Page, Part};
use crate::standing::Standing;
use crate::terms::Window;

/// The most requests of one person that wait for an answer.
const MOST_WAITING: usize = 100;

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The resource's name.
    pub resource: String,
    /// The action's words.
    pub words: Vec<String>,
    /// Why, for people; kept erasable beside the ledger.
    pub reason: String,
    /// When and how often.
    pub window: Window,
}

/// A request for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct RequestView {
    /// Which.
    pub id: RequestId,
    /// Where it stands, and everything about it.
    #[serde(flatten)]
    pub request: Request,
    /// The requester's name.
    pub requester: String,
    /// The resource's name.
    pub resource_name: String,
    /// Why, unless it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose approval it waits for now, by name.
    pub waits_for: Vec<String>,
    /// Who approved it so far, by name.
    pub approved: Vec<Approved>,
    /// Where the grant stands that came of it: an entitlement is assigned only after the answer. Told of one request,
    /// not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_status: Option<&'static str>,
    /// Who said no and why; told of one request, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<Word>,
}

/// An approval for people.
#[derive(Debug, Clone, Serialize)]
pub struct Approved {
    /// At which stage.
    pub stage: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they said, if anything and not erased; told of one request, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Engine {
    /// Asks for access.
    pub async fn request(&self, who: &Authentication, ask: Ask) -> Result<RequestView, Failure> {
        self.journal.custody.opens()?;
        if ask.reason.trim().is_empty() {
            return Err(Failure::Invalid("say why: --reason TEXT".to_owned()));
        }
        self.spare_approvers(who.identity).await?;
        let resource = self.resource_named(&ask.resource).await?;
        let action = self.parse_action(&resource, &ask.words).await?;
        let subject = Subject::oneself(who.identity);
        let assessment = self.assess(subject, resource, action).await?;
        let submission = self.submission(&assessment, &ask.window).await?;
        // Counted again where it is written: many may have been assessed at one moment.
        let _turn = self.asking.take(who.identity).await;
        self.spare_approvers(who.identity).await?;
        let id = self.journal.fresh_id::<RequestId>();
        let grant = self.journal.fresh_id::<GrantId>();
        let mut loaded = Loaded::<Request>::fresh(id);
        let mut command = self.journal.command(Some(who.identity));
        for event in Request::submit(submission, grant, command.at())? {
            let bodies = match event {
                RequestEvent::Submitted { .. } => vec![self.journal.body("reason", &ask.reason)],
                _ => Vec::new(),
            };
            command.push_with(&mut loaded, &event, bodies)?;
        }
        issue_if_granted(&mut command, id, &loaded, BTreeSet::new())?;
        command.commit().await?;
        self.duties.wake();
        let request = loaded.get()?.clone();
        let grant_status = self.grant_status(&request).await?;
        let census = self.census().await?;
        let view = seen(&loaded.stream, request, Some(ask.reason), &census)?;
        Ok(RequestView {
            grant_status,
            ..view
        })
    }

    /// Each request that waits is read by people, and decided again whenever something changes.
    async fn spare_approvers(&self, who: IdentityId) -> Result<(), Failure> {
        let requester = who.to_string();
        let keys = [("requester", requester.as_str()), ("status", "pending")];
        let waiting = self.journal.find::<Request>(&keys).await?.len();
        if waiting < MOST_WAITING {
            return Ok(());
        }
        Err(Failure::denied(
            "too_many",
            format!(
                "{waiting} requests of yours wait for an answer, which is the most there can be"
            ),
            "take back what you no longer need: portcullis requests cancel req_…",
        ))
    }

    async fn submission(
        &self,
        assessment: &Assessment,
        window: &Window,
    ) -> Result<Submission, Failure> {
        let bundle = self.bundle();
        match self.decide(&bundle, assessment).await? {
            Decision::Denied(denial) => Err(Failure::Denied {
                code: "policy",
                message: denial.told(),
                next: Some(denial.narrowest),
            }),
            Decision::Allowed { path, profile, .. } => {
                let terms = assessment.terms(&bundle, path, profile, window, self.journal.now())?;
                let subject = &assessment.intent.subject;
                let electorate = self
                    .electorate(&terms.flow, path, subject, &assessment.resource)
                    .await?;
                Ok(Submission { terms, electorate })
            }
        }
    }

    /// Approves exactly what `seen` is the digest of.
    pub async fn approve(
        &self,
        who: &Authentication,
        id: RequestId,
        seen: Digest,
        reason: Option<&str>,
    ) -> Result<RequestView, Failure> {
        self.journal.custody.opens()?;
        let mut loaded = self.journal.load::<Request>(id).await?;
        let request = loaded.get()?.clone();
        let assessment = match self.reassess(&request).await? {
            Standing::Holds(assessment, electorate) => (assessment, electorate),
            Standing::Void(why) => {
                self.void(&mut loaded, why.clone()).await?;
                return Err(Failure::Conflict(why));
            }
        };
        let (assessment, electorate) = assessment;
        let facts = ApproveFacts {
            electorate: electorate.clone(),
            digest_now: assessment.digest,
            grant: self.journal.fresh_id(),
        };
        let mut command = self.journal.command(Some(who.identity));
        let approved = request.approve(who, seen, &facts, command.at());
        for event in approved.map_err(|refusal| Failure::of_request(&refusal, id))? {
            let given = matches!(event, RequestEvent::Approved { .. });
            let bodies = reason.filter(|_| given);
            let bodies = bodies.map(|text| self.journal.body("reason", text));
            command.push_with(&mut loaded, &event, bodies.into_iter().collect())?;
        }
        let counting = loaded.get()?.counting(&electorate).into_iter();
        let approvers = counting.map(|approval| approval.by).collect();
        issue_if_granted(&mut command, id, &loaded, approvers)?;
        command.commit().await?;
        // Assigning takes its time; the answer does not wait for it, nor beside it.
        let view = self.view_of(&loaded).await;
        self.duties.wake();
        view
    }

    /// Says no.
    pub async fn deny(
        &self,
        who: &Authentication,
        id: RequestId,
        reason: Option<&str>,
    ) -> Result<RequestView, Failure> {
        let mut loaded = self.journal.load::<Request>(id).await?;
        let electorate = self.electorate_now(loaded.get()?).await?;
        let mut command = self.journal.command(Some(who.identity));
        let denied = loaded.get()?.deny(who.identity, &electorate, command.at());
        let event = denied.map_err(|refusal| Failure::of_request(&refusal, id))?;
        let bodies = reason
            .map(|text| self.journal.body("reason", text))
            .into_iter()
            .collect();
        command.push_with(&mut loaded, &event, bodies)?;
        command.commit().await?;
        self.view_of(&loaded).await
    }

    /// Takes a request back.
    pub async fn cancel(
        &self,
        who: &Authentication,
        id: RequestId,
    ) -> Result<RequestView, Failure> {
        let mut loaded = self.journal.load::<Request>(id).await?;
        let mut command = self.journal.command(Some(who.identity));
        let event = loaded.get()?.cancel(who.identity, command.at())?;
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        self.view_of(&loaded).await
    }

    /// A request, to whoever may see it: the requester, who could approve, and the owners.
    pub async fn show_request(
        &self,
        who: IdentityId,
        id: RequestId,
    ) -> Result<RequestView, Failure> {
        let loaded = self.journal.load::<Request>(id).await?;
        if !self.may_see(who, loaded.get()?).await? {
            return Err(Failure::missing("request", id));
        }
        self.request_view(id).await
    }

    /// The requests that somebody may see, newest first.
    pub async fn list_requests(
        &self,
        who: IdentityId,
        page: &Page,
    ) -> Result<Part<RequestView>, Failure> {
        let census = self.census().await?;
        let shown = |request: &Request| census.may_see_request(who, request);
        let part = self.part(page, Order::NewestFirst, shown).await?;
        let mut items = Vec::with_capacity(part.items.len());
        for (stream, request) in part.items {
            let reason = self.body_of(stream.clone(), "reason").await?;
            items.push(seen(&stream, request, reason, &census)?);
        }
        Ok(Part {
            items,
            next: part.next,
        })
    }

    pub(crate) async fn may_see(
        &self,
        who: IdentityId,
        request: &Request,
    ) -> Result<bool, Failure> {
        Ok(request.terms.intent.subject.involves(who)
            || self.census().await?.may_see_request(who, request))
    }

    pub(crate) async fn request_view(&self, id: RequestId) -> Result<RequestView, Failure> {
        self.view_of(&self.journal.load::<Request>(id).await?).await
    }

    async fn view_of(&self, loaded: &Loaded<Request>) -> Result<RequestView, Failure> {
        let request = loaded.get()?.clone();
        let reason = self.body_of(loaded.stream.clone(), "reason").await?;
        let census = self.census().await?;
        let denied = match &request.status {
            RequestStatus::Denied { by } => {
                let name = census.name(*by);
                Some(self.word_of(&loaded.stream, "request.denied", name).await?)
            }
            _ => None,
        };
        let grant_status = self.grant_status(&request).await?;
        let mut view = seen(&loaded.stream, request, reason, &census)?;
        let said = self.reasons_of(&loaded.stream, "request.approved").await?;
        for (approval, reason) in view.approved.iter_mut().zip(said) {
            approval.reason = reason;
        }
        Ok(RequestView {
            grant_status,
            denied,
            ..view
        })
    }

    async fn grant_status(&self, request: &Request) -> Result<Option<&'static str>, Failure> {
        let RequestStatus::Granted { grant } = request.status else {
            return Ok(None);
        };
        let loaded = self.journal.load::<Grant>(grant).await?;
        Ok(Some(loaded.get()?.status.as_str()))
    }

    /// What somebody asked for already that would allow exactly this, and is not decided.
    pub(crate) async fn pending_like(
        &self,
        who: IdentityId,
        assessment: &Assessment,
    ) -> Result<Option<RequestView>, Failure> {
        let requester = who.to_string();
        let keys = [("requester", requester.as_str()), ("status", "pending")];
        let asked = self.journal.find::<Request>(&keys).await?;
        let like = asked
            .into_iter()
            .find(|(_, request)| request.terms.digest == assessment.digest);
        match like {
            Some((stream, _)) => {
                let id = stream.parse();
                let id = id.map_err(|_| Failure::missing("request", &stream))?;
                Ok(Some(self.request_view(id).await?))
            }
            None => Ok(None),
        }
    }
}

/// A request as people see it.
fn seen(
    stream: &StreamId,
    request: Request,
    reason: Option<String>,
    census: &Census,
) -> Result<RequestView, Failure> {
    let given: BTreeSet<_> = request
        .approvals
        .iter()
        .map(|approval| approval.by)
        .collect();
    let electorate = census.electorate_of(&request);
    let stage = request
        .open_stage(&electorate)
        .filter(|_| request.is_pending());
    let waits_for = stage.into_iter().flat_map(|stage| electorate.at(stage));
    let intent = &request.terms.intent;
    Ok(RequestView {
        id: stream
            .parse()
            .map_err(|_| Failure::missing("request", stream))?,
        requester: census.name(intent.subject.identity),
        resource_name: census.resource_name(intent.resource),
        reason,
        waits_for: waits_for
            .filter(|who| !given.contains(who))
            .map(|who| census.name(who))
            .collect(),
        approved: approved(&request, census),
        denied: None,
        grant_status: None,
        request,
    })
}

fn approved(request: &Request, census: &Census) -> Vec<Approved> {
    let stages = &request.terms.flow.stages;
    let approvals = request.approvals.iter().map(|approval| Approved {
        stage: stages
            .get(approval.stage)
            .map_or_else(String::new, |stage| stage.name.clone()),
        by: census.name(approval.by),
        at: approval.at,
        reason: None,
    });
    approvals.collect()
}

fn issue_if_granted(
    command: &mut Command<'_>,
    id: RequestId,
    loaded: &Loaded<Request>,
    approvers: BTreeSet<IdentityId>,
) -> Result<(), Failure> {
    let request = loaded.get()?;
    let RequestStatus::Granted { grant } = request.status else {
        return Ok(());
    };
    let mut issued = Loaded::<Grant>::fresh(grant);
    let event = Grant::issue(id, request, approvers, command.at());
    command.push(&mut issued, &event)
}
