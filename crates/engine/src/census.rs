//! Who and what there is at one moment, read once however much is asked of it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_flow::Machine as _;
use portcullis_flow::approval::Electorate;
use portcullis_flow::grant::Grant;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::records::{GroupState, ResourceState};
use portcullis_flow::request::Request;
use portcullis_flow::session::Session;
use portcullis_model::{
    ApprovalFlow, Eligible, Group, Identity, IdentityId, OwnerRole, Path, Resource, ResourceId,
    Subject, Timestamp,
};

use crate::Engine;
use crate::failure::Failure;

/// Everybody, all groups and all resources, at one moment.
pub(crate) struct Census {
    now: Timestamp,
    everything: Arc<Everything>,
}

/// What a census is taken of.
struct Everything {
    people: BTreeMap<IdentityId, IdentityState>,
    groups: Vec<Group>,
    resources: BTreeMap<ResourceId, Resource>,
}

/// The census taken last. It is the present one as long as the store's rows are the same.
#[derive(Default)]
pub(crate) struct LastCensus(Mutex<Option<(Revisions, Arc<Everything>)>>);

/// Of identities, groups and resources.
type Revisions = [u64; 3];

impl LastCensus {
    fn of(&self, revisions: Revisions) -> Option<Arc<Everything>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, everything) = last.as_ref()?;
        (*of == revisions).then(|| Arc::clone(everything))
    }

    fn keep(&self, revisions: Revisions, everything: &Arc<Everything>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((revisions, Arc::clone(everything)));
    }
}

impl Engine {
    /// Takes it, or finds that nothing changed since it was taken last.
    pub(crate) async fn census(&self) -> Result<Census, Failure> {
        let before = self.revisions();
        let known = before.and_then(|revisions| self.last_census.of(revisions));
        let everything = if let Some(known) = known {
            known
        } else {
            let read = Arc::new(self.everything().await?);
            // Three questions are three moments, unless nothing changed meanwhile.
            if let Some(revisions) = before.filter(|_| self.revisions() == before) {
                self.last_census.keep(revisions, &read);
            }
            read
        };
        Ok(Census {
            now: self.journal.now(),
            everything,
        })
    }

    fn revisions(&self) -> Option<Revisions> {
        let of = |noun| self.journal.store.revision(noun);
        Some([
            of(IdentityState::NOUN)?,
            of(GroupState::NOUN)?,
            of(ResourceState::NOUN)?,
        ])
    }

    /// Three questions to the store, at once.
    async fn everything(&self) -> Result<Everything, Failure> {
        let (people, groups, resources) = tokio::try_join!(
            self.journal.find::<IdentityState>(&[]),
            self.journal.find::<GroupState>(&[]),
            self.journal.find::<ResourceState>(&[]),
        )?;
        Ok(Everything {
            people: people
                .into_iter()
                .map(|(_, state)| (state.identity.id, state))
                .collect(),
            groups: groups
                .into_iter()
                .filter(|(_, state)| !state.removed)
                .map(|(_, state)| state.group)
                .collect(),
            resources: resources
                .into_iter()
                .filter(|(_, state)| !state.removed)
                .map(|(_, state)| (state.resource.id, state.resource))
                .collect(),
        })
    }
}

impl Census {
    /// Somebody's name; the identifier of who is not there.
    pub(crate) fn name(&self, id: IdentityId) -> String {
        let known = self.everything.people.get(&id);
        known.map_or_else(|| id.to_string(), |state| state.identity.name.clone())
    }

    /// Somebody.
    pub(crate) fn identity(&self, id: IdentityId) -> Result<&Identity, Failure> {
        let known = self.everything.people.get(&id);
        let known = known.ok_or_else(|| Failure::missing("identity", id))?;
        Ok(&known.identity)
    }

    /// All groups, of either path.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.everything.groups
    }

    /// Everybody, whether or not they may act.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = &Identity> {
        self.everything.people.values().map(|state| &state.identity)
    }

    /// All resources.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.everything.resources.values()
    }

    /// A resource, unless it was removed.
    pub(crate) fn resource(&self, id: ResourceId) -> Option<&Resource> {
        self.everything.resources.get(&id)
    }

    /// A resource's name for people.
    pub(crate) fn resource_name(&self, id: ResourceId) -> String {
        let known = self.resource(id);
        known.map_or_else(|| "(removed)".to_owned(), |resource| resource.name.clone())
    }

    /// Whether somebody is there and may act.
    fn counts(&self, id: IdentityId) -> bool {
        let known = self.everything.people.get(&id);
        known.is_some_and(|state| state.alive(self.now).is_ok())
    }

    /// Everybody by role. Only who is active counts.
    fn holders(&self, role: OwnerRole) -> BTreeSet<IdentityId> {
        let all = self.everything.people.values().map(|state| &state.identity);
        all.filter(|identity| identity.roles.contains(&role) && self.counts(identity.id))
            .map(|identity| identity.id)
            .collect()
    }

    fn holds(&self, who: IdentityId, role: OwnerRole) -> bool {
        let known = self.everything.people.get(&who);
        known.is_some_and(|state| state.identity.roles.contains(&role)) && self.counts(who)
    }

    /// Whether somebody answers for a resource, or for the installation: they may know where it is.
    pub(crate) fn may_find(&self, who: IdentityId, resource: ResourceId) -> bool {
        self.owns(who, resource) || self.is_owner(who)
    }

    /// Whether somebody is an owner of the installation.
    pub(crate) fn is_owner(&self, who: IdentityId) -> bool {
        let roles = [OwnerRole::Iam, OwnerRole::Pam, OwnerRole::Resource];
        roles.into_iter().any(|role| self.holds(who, role))
    }

    fn owns(&self, who: IdentityId, resource: ResourceId) -> bool {
        let known = self.resource(resource);
        known.is_some_and(|resource| resource.owners.contains(&who))
    }

    /// Who may approve, stage by stage: nobody with a stake in it.
    pub(crate) fn electorate(
        &self,
        flow: &ApprovalFlow,
        path: Path,
        subject: &Subject,
        resource: &Resource,
    ) -> Electorate {
        let stages = flow.stages.iter().map(|stage| {
            let whom = stage.eligible.iter();
            whom.flat_map(|whom| self.eligible(whom, path, resource))
                .filter(|id| self.counts(*id))
                .collect()
        });
        Electorate::new(stages.collect(), subject, &self.related(subject))
    }

    /// Who may approve a request now; nobody once its resource was removed.
    pub(crate) fn electorate_of(&self, request: &Request) -> Electorate {
        let terms = &request.terms;
        let resource = self.resource(terms.intent.resource);
        resource.map_or_else(Electorate::default, |resource| {
            self.electorate(&terms.flow, terms.path, &terms.intent.subject, resource)
        })
    }

    fn eligible(&self, whom: &Eligible, path: Path, resource: &Resource) -> BTreeSet<IdentityId> {
        match whom {
            Eligible::ResourceOwners => resource.owners.clone(),
            Eligible::IamOwners => self.holders(OwnerRole::Iam),
            Eligible::PamOwners => self.holders(OwnerRole::Pam),
            Eligible::Group(name) => {
                let mut groups = self.everything.groups.iter();
                let group = groups.find(|group| group.path == path && group.name == *name);
                group.map_or_else(BTreeSet::new, |group| group.members.clone())
            }
        }
    }

    /// Whoever answers for somebody of the subject, or is answered for by them.
    fn related(&self, subject: &Subject) -> BTreeSet<IdentityId> {
        let of = |identity: &Identity| -> Vec<IdentityId> {
            let Some(owner) = identity.owner else {
                return Vec::new();
            };
            let answers = subject.involves(identity.id).then_some(owner);
            let answered_for = subject.involves(owner).then_some(identity.id);
            answers.into_iter().chain(answered_for).collect()
        };
        let all = self.everything.people.values();
        all.flat_map(|state| of(&state.identity)).collect()
    }

    /// The requester, who could approve, and the owners.
    pub(crate) fn may_see_request(&self, who: IdentityId, request: &Request) -> bool {
        request.terms.intent.subject.involves(who)
            || request.electorate.everybody().contains(&who)
            || self.holds(who, OwnerRole::Iam)
            || self.holds(who, OwnerRole::Pam)
            || self.electorate_of(request).everybody().contains(&who)
    }

    /// The holder, the approvers, and the owners.
    pub(crate) fn may_see_grant(&self, who: IdentityId, grant: &Grant) -> bool {
        grant.issue.intent.subject.involves(who)
            || grant.issue.approvers.contains(&who)
            || self.may_revoke(who, grant)
            || self.holds(who, OwnerRole::Iam)
    }

    fn may_revoke(&self, who: IdentityId, grant: &Grant) -> bool {
        self.holds(who, OwnerRole::Pam) || self.owns(who, grant.issue.intent.resource)
    }

    /// Whose it is, and the owners.
    pub(crate) fn may_see_session(&self, who: IdentityId, session: &Session) -> bool {
        self.may_end_session(who, session) || self.holds(who, OwnerRole::Iam)
    }

    /// Whose it is, the resource's owners, the owners of privileged sessions.
    pub(crate) fn may_end_session(&self, who: IdentityId, session: &Session) -> bool {
        session.opening.identity == who
            || self.holds(who, OwnerRole::Pam)
            || self.owns(who, session.opening.resource)
    }
}
