//! What was granted: giving it back, taking it back, looking at it.

use std::collections::BTreeSet;

use portcullis_flow::grant::{EndCause, Grant};
use portcullis_flow::request::Request;
use portcullis_model::{Authentication, GrantId, IdentityId, OwnerRole, RequestId, StreamId};
use serde::Serialize;

use crate::Engine;
use crate::census::Census;
use crate::evidence::Word;
use crate::failure::Failure;
use crate::journal::{Loaded, patiently};
use crate::lists::{Order, Page, Part};

/// A grant for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct GrantView {
    /// Which.
    pub id: GrantId,
    /// Where it stands, and everything about it.
    #[serde(flatten)]
    pub grant: Grant,
    /// The holder's name.
    pub holder: String,
    /// The resource's name.
    pub resource_name: String,
    /// Who took it back and why; told of one grant, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<Word>,
}

impl Engine {
    /// The holder gives a grant back; `id` names the grant or its request. Nobody who writes to the grant at the
    /// same moment keeps that from happening.
    pub async fn release(&self, who: &Authentication, id: &str) -> Result<GrantView, Failure> {
        patiently(|| self.try_release(who, id)).await
    }

    async fn try_release(&self, who: &Authentication, id: &str) -> Result<GrantView, Failure> {
        let mut loaded = match self.grant_of(id).await {
            Err(missing @ Failure::NotFound(_)) => {
                let waits = self.waits_still(who.identity, id).await?;
                return Err(waits.unwrap_or(missing));
            }
            found => found?,
        };
        let mut command = self.journal.command(Some(who.identity));
        let event = loaded.get()?.release(who.identity)?;
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        self.duties.wake();
        self.grant_view(who.identity, &loaded).await
    }

    /// Why there is nothing to give back yet, to whoever asked for it.
    async fn waits_still(&self, who: IdentityId, id: &str) -> Result<Option<Failure>, Failure> {
        let Ok(request) = id.parse::<RequestId>() else {
            return Ok(None);
        };
        let loaded = self.journal.load::<Request>(request).await?;
        let waits = loaded.state.is_some_and(|request| {
            request.is_pending() && request.terms.intent.subject.involves(who)
        });
        Ok(waits.then(|| {
            Failure::Conflict(format!(
                "{id} waits for an answer and has given you nothing yet: to take it back, portcullis requests cancel {id}"
            ))
        }))
    }

    /// An owner, or an approver who withdraws, takes a grant back. Nobody who writes to the grant at the same moment
    /// keeps that from happening.
    pub async fn revoke(
        &self,
        who: &Authentication,
        id: &str,
        reason: &str,
    ) -> Result<GrantView, Failure> {
        patiently(|| self.try_revoke(who, id, reason)).await
    }

    async fn try_revoke(
        &self,
        who: &Authentication,
        id: &str,
        reason: &str,
    ) -> Result<GrantView, Failure> {
        let mut loaded = self.grant_of(id).await?;
        let owners = self.revokers(loaded.get()?).await?;
        let mut command = self.journal.command(Some(who.identity));
        let event = loaded.get()?.revoke(who.identity, &owners)?;
        let bodies = vec![self.journal.body("reason", reason)];
        command.push_with(&mut loaded, &event, bodies)?;
        command.commit().await?;
        self.duties.wake();
        self.grant_view(who.identity, &loaded).await
    }

    /// A grant, to its holder, its approvers and the owners.
    pub async fn show_grant(&self, who: IdentityId, id: &str) -> Result<GrantView, Failure> {
        let loaded = self.grant_of(id).await?;
        if !self.may_see_grant(who, loaded.get()?).await? {
            return Err(Failure::missing("grant", id));
        }
        self.grant_view(who, &loaded).await
    }

    /// The grants somebody may see, newest first.
    pub async fn list_grants(
        &self,
        who: IdentityId,
        page: &Page,
    ) -> Result<Part<GrantView>, Failure> {
        let census = self.census().await?;
        let shown = |grant: &Grant| census.may_see_grant(who, grant);
        let part = self.part(page, Order::NewestFirst, shown).await?;
        part.try_map(|(stream, grant)| seen(who, &stream, grant, &census))
    }

    pub(crate) async fn may_see_grant(
        &self,
        who: IdentityId,
        grant: &Grant,
    ) -> Result<bool, Failure> {
        Ok(self.census().await?.may_see_grant(who, grant))
    }

    /// Who may take it back beside its approvers.
    async fn revokers(&self, grant: &Grant) -> Result<BTreeSet<IdentityId>, Failure> {
        let mut owners = self.holders(OwnerRole::Pam).await?;
        match self.resource(grant.issue.intent.resource).await {
            Ok(resource) => owners.extend(resource.owners),
            Err(Failure::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
        Ok(owners)
    }

    /// A grant by its own identifier or its request's.
    pub(crate) async fn grant_of(&self, id: &str) -> Result<Loaded<Grant>, Failure> {
        if let Ok(grant) = id.parse::<GrantId>() {
            let loaded = self.journal.load::<Grant>(grant).await?;
            loaded.get()?;
            return Ok(loaded);
        }
        let request = id
            .parse::<RequestId>()
            .map_err(|_| Failure::missing("grant", id))?;
        let found = self
            .journal
            .find_one::<Grant>("request", &request.to_string())
            .await?;
        found.ok_or_else(|| Failure::missing("grant for", id))
    }

    async fn grant_view(
        &self,
        who: IdentityId,
        loaded: &Loaded<Grant>,
    ) -> Result<GrantView, Failure> {
        let grant = loaded.get()?.clone();
        let census = self.census().await?;
        let taken_back = match grant.status.end_cause() {
            Some(EndCause::Revoked { by }) => {
                let name = census.name(*by);
                Some(self.word_of(&loaded.stream, "grant.ending", name).await?)
            }
            _ => None,
        };
        let view = seen(who, &loaded.stream, grant, &census)?;
        Ok(GrantView { taken_back, ..view })
    }
}

/// A grant as people see it: the system it holds something in is told to who answers for the resource.
fn seen(
    who: IdentityId,
    stream: &StreamId,
    mut grant: Grant,
    census: &Census,
) -> Result<GrantView, Failure> {
    if !census.may_find(who, grant.issue.intent.resource) {
        grant.system = String::new();
        grant.assignment = None;
    }
    let intent = &grant.issue.intent;
    Ok(GrantView {
        id: stream
            .parse()
            .map_err(|_| Failure::missing("grant", stream))?,
        holder: census.name(intent.subject.identity),
        resource_name: census.resource_name(intent.resource),
        taken_back: None,
        grant,
    })
}
