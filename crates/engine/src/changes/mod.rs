//! Changing Portcullis itself: proposed by one, signed by different owners, applied in the same instant.

pub(crate) mod apply;
mod asking;
mod founding;
mod outdated;
mod owners;
mod view;
mod whole;

use std::collections::BTreeSet;

use portcullis_flow::change::{Change, ChangeBody, ChangeStatus, Needed};
use portcullis_flow::identity::IdentityState;
use portcullis_model::{Authentication, ChangeId, Digest, IdentityId, OwnerRole};
use portcullis_ports::store::SealedRow;

use crate::Engine;
use crate::evidence::Word;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::lists::{Order, Page, Part};
use crate::whereabouts::tells_too_much;

use asking::Step;

pub use view::{ChangeView, Difference};

impl Engine {
    /// Proposes a change, signing it where the proposer's signature is asked for.
    pub(crate) async fn propose(
        &self,
        who: &Authentication,
        body: ChangeBody,
    ) -> Result<ChangeView, Failure> {
        self.propose_with(who, body, None).await
    }

    /// What only narrows is never refused for want of trust in the store.
    fn trusted_to(&self, needed: &Needed) -> Result<(), Failure> {
        match needed {
            Needed::AnyOwner => Ok(()),
            Needed::Nobody | Needed::Each { .. } => self.journal.custody.trusted(),
        }
    }

    /// The same, keeping a sealed secret that the change is about.
    pub(crate) async fn propose_with(
        &self,
        who: &Authentication,
        body: ChangeBody,
        sealed: Option<SealedRow>,
    ) -> Result<ChangeView, Failure> {
        Self::need_second_factor(who)?;
        let needed = self.needed(who, &body).await?;
        let alone = apply::alone(&needed, Some(who.identity));
        self.check(alone, &body).await?;
        self.trusted_to(&needed)?;
        let roles = self.roles(who).await?;
        if needed != Needed::Nobody && roles.is_empty() {
            return Err(Failure::Denied {
                code: "not_eligible",
                message: "only an owner can propose this".to_owned(),
                next: None,
            });
        }
        self.may_administer(who.identity, Step::Propose, &needed, &body)
            .await?;
        let id = self.journal.fresh_id::<ChangeId>();
        let mut loaded = Loaded::<Change>::fresh(id);
        let mut command = self.journal.command(Some(who.identity));
        let proposed = Change::propose(body, needed, command.at())?;
        command.push(&mut loaded, &proposed)?;
        if let Some(row) = sealed {
            command.seal(&loaded.stream, row);
        }
        if self.signs_too(who, &roles, loaded.get()?).await? {
            let change = loaded.get()?;
            let signed = change.sign(who, roles, change.digest, command.at())?;
            command.push(&mut loaded, &signed)?;
        }
        self.apply_when_signed(who, command, id, loaded).await
    }

    /// Whether whoever proposes a change signs it by that.
    async fn signs_too(
        &self,
        who: &Authentication,
        roles: &BTreeSet<OwnerRole>,
        change: &Change,
    ) -> Result<bool, Failure> {
        if !change.asks_for(roles) {
            return Ok(false);
        }
        let (needed, body) = (&change.needed, &change.body);
        let may = self.may_administer(who.identity, Step::Sign, needed, body);
        match may.await {
            Ok(()) => Ok(true),
            Err(Failure::Denied { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// An owner confirms exactly what `seen` is the digest of.
    pub async fn sign_change(
        &self,
        who: &Authentication,
        id: ChangeId,
        seen: Digest,
        reason: Option<&str>,
    ) -> Result<ChangeView, Failure> {
        let mut loaded = self.journal.load::<Change>(id).await?;
        self.trusted_to(&loaded.get()?.needed)?;
        let roles = self.roles(who).await?;
        let mut command = self.journal.command(Some(who.identity));
        let change = loaded.get()?;
        let signed = change.sign(who, roles, seen, command.at())?;
        self.may_administer(who.identity, Step::Sign, &change.needed, &change.body)
            .await?;
        let bodies = reason.map(|text| self.journal.body("reason", text));
        command.push_with(&mut loaded, &signed, bodies.into_iter().collect())?;
        self.apply_when_signed(who, command, id, loaded).await
    }

    /// An owner, or the proposer, says no.
    pub async fn refuse_change(
        &self,
        who: &Authentication,
        id: ChangeId,
        reason: Option<&str>,
    ) -> Result<ChangeView, Failure> {
        let mut loaded = self.journal.load::<Change>(id).await?;
        let roles = self.roles(who).await?;
        let mut command = self.journal.command(Some(who.identity));
        let refused = loaded.get()?.refuse(who.identity, &roles, command.at())?;
        let bodies = reason.map(|text| self.journal.body("reason", text));
        command.push_with(&mut loaded, &refused, bodies.into_iter().collect())?;
        command.commit().await?;
        self.show_change(who.identity, id).await
    }

    /// One change. Everybody signed in may see what changes, but not where resources are.
    pub async fn show_change(&self, who: IdentityId, id: ChangeId) -> Result<ChangeView, Failure> {
        let loaded = self.journal.load::<Change>(id).await?;
        let change = loaded.get()?.clone();
        let census = self.census().await?;
        let hidden = tells_too_much(&change, who, &census);
        let refused = match &change.status {
            ChangeStatus::Refused { by } => {
                let name = census.name(*by);
                Some(self.word_of(&loaded.stream, "change.refused", name).await?)
            }
            _ => None,
        };
        let about = self.tape_of(who, &change.body).await?;
        let mut view = self.change_view(id, change, None).await?.hiding(hidden);
        let about = about.map(|of| Difference::about("the tape is of", of));
        view.differences.extend(about);
        let reasons = self.reasons_of(&loaded.stream, "change.signed").await?;
        let said = view.signed_by.iter().cloned().zip(reasons);
        let said = said.filter(|(_, reason)| reason.is_some());
        Ok(ChangeView {
            refused,
            said: said.map(|(by, reason)| Word { by, reason }).collect(),
            ..view
        })
    }

    /// The changes, newest first.
    pub async fn list_changes(
        &self,
        who: IdentityId,
        page: &Page,
    ) -> Result<Part<ChangeView>, Failure> {
        let known = self.known().await?;
        let census = self.census().await?;
        let part = self
            .part(page, Order::NewestFirst, |_: &Change| true)
            .await?;
        part.try_map(|(stream, change)| {
            let id = stream
                .parse()
                .map_err(|_| Failure::missing("change", &stream))?;
            let hidden = tells_too_much(&change, who, &census);
            Ok(known.view(id, change, None)?.hiding(hidden))
        })
    }

    pub(crate) async fn roles(&self, who: &Authentication) -> Result<BTreeSet<OwnerRole>, Failure> {
        Ok(self.identity(who.identity).await?.roles)
    }

    /// Whose signatures it needs, by what it would be applied to now.
    async fn needed(&self, who: &Authentication, body: &ChangeBody) -> Result<Needed, Failure> {
        if self.may_as_founder(who, body).await? {
            return Ok(Needed::Nobody);
        }
        let about = match body {
            ChangeBody::PutIdentity { identity, .. } => Some(identity.id),
            ChangeBody::ReopenEnrolment { identity } => Some(*identity),
            _ => None,
        };
        let known = match about {
            Some(id) => self.journal.load::<IdentityState>(id).await?.state,
            None => None,
        };
        Ok(body.needed(known.map(|state| state.identity).as_ref()))
    }
}
