//! Whether a request that waits still stands, under the present policy and facts.

use portcullis_flow::approval::Electorate;
use portcullis_flow::request::Request;
use portcullis_policy::Decision;

use crate::Engine;
use crate::assessment::Assessment;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::reevaluation::another_by_now;

/// Whether a pending request still stands.
pub(crate) enum Standing {
    /// It does.
    Holds(Box<Assessment>, Electorate),
    /// It does not, and why.
    Void(String),
}

impl Standing {
    /// Nothing can be granted on what is not there.
    pub(crate) fn removed() -> Self {
        Self::Void("the resource was removed".to_owned())
    }
}

impl Engine {
    pub(crate) async fn electorate_now(&self, request: &Request) -> Result<Electorate, Failure> {
        Ok(self.census().await?.electorate_of(request))
    }

    /// Whether a pending request would still be granted as it stands, under the present policy and facts.
    pub(crate) async fn reassess(&self, request: &Request) -> Result<Standing, Failure> {
        let terms = &request.terms;
        let resource = match self.resource(terms.intent.resource).await {
            Ok(resource) => resource,
            Err(Failure::NotFound(_)) => return Ok(Standing::removed()),
            Err(other) => return Err(other),
        };
        let assessment = match self.assess_as_granted(&terms.intent, resource).await? {
            Ok(assessment) => assessment,
            Err(why) => return Ok(Standing::Void(why)),
        };
        if let Some(why) = another_by_now(&assessment, &terms.digest) {
            return Ok(Standing::Void(why));
        }
        self.standing(request, assessment).await
    }

    /// The same, by what was read already.
    pub(crate) async fn standing(
        &self,
        request: &Request,
        assessment: Assessment,
    ) -> Result<Standing, Failure> {
        let terms = &request.terms;
        match self.decide(&self.bundle(), &assessment).await? {
            Decision::Denied(denial) => Ok(Standing::Void(denial.to_string())),
            Decision::Allowed { path, .. } if path != terms.path => Ok(Standing::Void(format!(
                "this takes the {path} path now: ask again"
            ))),
            Decision::Allowed { profile, .. } if profile.approvals > terms.flow.level => Ok(
                Standing::Void("policy asks for more approvals now: ask again".to_owned()),
            ),
            Decision::Allowed { .. } => {
                let electorate = self.electorate_now(request).await?;
                Ok(Standing::Holds(Box::new(assessment), electorate))
            }
        }
    }

    pub(crate) async fn void(
        &self,
        loaded: &mut Loaded<Request>,
        why: String,
    ) -> Result<(), Failure> {
        let mut command = self.journal.command(None);
        let event = loaded.get()?.void(why)?;
        command.push(loaded, &event)?;
        command.commit().await
    }
}
