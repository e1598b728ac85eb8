//! What is decided by reading targets: active entitlements, and requests that wait. A target is asked once
//! for each action however many grants and requests name it, and one that does not answer holds up no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_classify::task::TASK;
use portcullis_flow::grant::Grant;
use portcullis_flow::request::Request;
use portcullis_model::{Action, Intent, Path, ResourceId, StreamId};
use tokio::sync::watch;

use crate::Engine;
use crate::failure::Failure;
use crate::standing::Standing;
use crate::supervision::{contained, each};

/// How many targets are read at the same time.
const AT_ONCE: usize = 8;

/// How long to wait before targets that did not answer are asked again.
const RETRY: Duration = Duration::from_secs(15);

/// What is read with one question to a target.
type Question = (ResourceId, Action);

/// Everything that waits for one answer.
#[derive(Default)]
struct Waiting {
    grants: Vec<(StreamId, Grant)>,
    requests: Vec<(StreamId, Request)>,
}

impl Engine {
    /// Reads targets at the start and whenever policy or a resource changes, until shut down.
    pub(crate) async fn run_targets(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut occasions = self.occasions.things();
        while !*shutdown.borrow() {
            occasions.mark_unchanged();
            let decided = tokio::select! {
                decided = contained(self.reread()) => decided,
                _ = shutdown.changed() => return,
            };
            if let Err(failure) = &decided {
                tracing::warn!(%failure, "not every target could be read again: trying later");
            }
            tokio::select! {
                _ = occasions.changed() => {}
                () = tokio::time::sleep(RETRY), if decided.is_err() => {}
                _ = shutdown.changed() => return,
            }
        }
    }

    async fn reread(&self) -> Result<(), Failure> {
        let questions = self.questions().await?;
        each(questions.into_values(), AT_ONCE, |waiting| {
            self.reread_one(waiting)
        })
        .await
    }

    async fn questions(&self) -> Result<BTreeMap<Question, Waiting>, Failure> {
        let mut questions = BTreeMap::<Question, Waiting>::new();
        for (stream, grant) in self.journal.find::<Grant>(&[("status", "active")]).await? {
            // Of a task nothing is read but before it runs.
            if grant.issue.path == Path::Ordinary && grant.issue.intent.action.name != TASK {
                let question = question(&grant.issue.intent);
                questions
                    .entry(question)
                    .or_default()
                    .grants
                    .push((stream, grant));
            }
        }
        for (stream, request) in self
            .journal
            .find::<Request>(&[("status", "pending")])
            .await?
        {
            let question = question(&request.terms.intent);
            questions
                .entry(question)
                .or_default()
                .requests
                .push((stream, request));
        }
        Ok(questions)
    }

    async fn reread_one(&self, waiting: Waiting) -> Result<(), Failure> {
        let intents = waiting.grants.iter().map(|(_, grant)| &grant.issue.intent);
        let asked = waiting
            .requests
            .iter()
            .map(|(_, request)| &request.terms.intent);
        let Some(intent) = intents.chain(asked).next().cloned() else {
            return Ok(());
        };
        let resource = match self.resource(intent.resource).await {
            Ok(resource) => resource,
            // A grant on what was removed is ended without asking any target.
            Err(Failure::NotFound(_)) => return self.reassess_each(waiting.requests).await,
            Err(other) => return Err(other),
        };
        if self.broker_of(&resource, &intent.action).is_some() {
            // What was approved of a session binds what is written here: no target is asked.
            return self.reassess_each(waiting.requests).await;
        }
        let assessed = self.assess(intent.subject, resource, intent.action);
        let assessment = assessed.await?;
        for (stream, grant) in waiting.grants {
            let assessment = assessment.of_another(&grant.issue.intent.subject)?;
            if let Some(cause) = self.entitlement_refused(&grant, &assessment).await? {
                self.end_no_longer_allowed(stream, cause).await?;
            }
        }
        for (stream, request) in waiting.requests {
            let assessment = assessment.of_another(&request.terms.intent.subject)?;
            let standing = self.standing(&request, assessment).await?;
            self.void_unless_it_stands(stream, standing).await?;
        }
        Ok(())
    }

    async fn reassess_each(&self, requests: Vec<(StreamId, Request)>) -> Result<(), Failure> {
        for (stream, request) in requests {
            let standing = self.reassess(&request).await?;
            self.void_unless_it_stands(stream, standing).await?;
        }
        Ok(())
    }

    async fn void_unless_it_stands(
        &self,
        stream: StreamId,
        standing: Standing,
    ) -> Result<(), Failure> {
        let Standing::Void(why) = standing else {
            return Ok(());
        };
        let mut loaded = self.journal.load::<Request>(stream).await?;
        self.void(&mut loaded, why).await
    }
}

fn question(intent: &Intent) -> Question {
    (intent.resource, intent.action.clone())
}
