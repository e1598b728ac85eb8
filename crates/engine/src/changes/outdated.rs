//! Whether a change is still what was signed when it would take effect.

use portcullis_flow::change::{Change, ChangeBody, Holders};
use portcullis_flow::records::{GroupState, ResourceState, TaskState};
use portcullis_model::{
    Authentication, Digest, Event, GroupId, ResourceId, StreamId, TaskId, Timestamp,
};

use crate::Engine;
use crate::failure::Failure;

impl Engine {
    /// Why a change is not what was signed any more: the record it is compared with is another by now, which it would
    /// set back, or do more to; or who signed it could not now.
    pub(super) async fn outdated(
        &self,
        who: &Authentication,
        change: &Change,
        holders: &Holders,
    ) -> Result<Option<String>, Failure> {
        if let Some(name) = self.another_record(change).await? {
            return Ok(Some(format!(
                "the record of {name} was changed since this was proposed: propose it again"
            )));
        }
        if let Some(why) = self.tapes_changed(change).await? {
            return Ok(Some(format!(
                "{why} since this was proposed: propose it again"
            )));
        }
        let needed = self.needed(who, &change.body).await?;
        if needed.exceeds(&change.needed) {
            return Ok(Some(format!(
                "what it is about was changed since it was proposed, and it needs {needed} now: propose it again"
            )));
        }
        self.unsigned_by_policy(change, holders).await
    }

    /// What a change would put in the place of another record than the one it is compared with, by name. One that was
    /// changed and changed back is another: somebody decided about it since.
    async fn another_record<'a>(&self, change: &'a Change) -> Result<Option<&'a str>, Failure> {
        let (name, stream, now, replaces) = match &change.body {
            ChangeBody::PutResource { resource, replaces } => {
                let now = self.record_digest(resource.id).await?;
                (&resource.name, StreamId::from(resource.id), now, replaces)
            }
            ChangeBody::PutIdentity { identity, replaces } => {
                let now = self.identity_digest(identity.id).await?;
                (&identity.name, identity.id.into(), now, replaces)
            }
            ChangeBody::PutGroup { group, replaces } => {
                let now = self.group_digest(group.id).await?;
                (&group.name, group.id.into(), now, replaces)
            }
            ChangeBody::PutTask { task, replaces } => {
                let now = self.task_digest(task.id).await?;
                (&task.name, task.id.into(), now, replaces)
            }
            _ => return Ok(None),
        };
        let another = now != *replaces || self.changed_since(&stream, change.proposed_at).await?;
        Ok(another.then_some(name.as_str()))
    }

    /// What was decided about tapes since a change about them was proposed.
    async fn tapes_changed(&self, change: &Change) -> Result<Option<&'static str>, Failure> {
        match &change.body {
            ChangeBody::SetRetention { replaces, .. } => {
                let set = |event: &Event| event.kind == "installation.retention_set";
                let stream = self.installation.into();
                let since = self.told_since(&stream, change.proposed_at, set).await?;
                let another = since || self.retention().await? != *replaces;
                Ok(another.then_some("tapes are kept for another time"))
            }
            ChangeBody::LetGo { session } | ChangeBody::EraseTape { session } => {
                let kept = |event: &Event| {
                    ["session.held", "session.hold_lifted", "session.erased"]
                        .contains(&event.kind.as_str())
                };
                let stream = (*session).into();
                let since = self.told_since(&stream, change.proposed_at, kept).await?;
                Ok(since.then_some("the tape was held, let go of or erased"))
            }
            _ => Ok(None),
        }
    }

    /// Whether a change to a record took effect after a moment.
    async fn changed_since(&self, stream: &StreamId, moment: Timestamp) -> Result<bool, Failure> {
        let changes = |event: &Event| event.data.get("change").is_some();
        self.told_since(stream, moment, changes).await
    }

    /// Whether a stream has such an event after a moment.
    async fn told_since(
        &self,
        stream: &StreamId,
        moment: Timestamp,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<bool, Failure> {
        for stored in self.journal.store.stream(stream, 0).await? {
            let event = Event::from_leaf(&stored.leaf)?;
            if event.at > moment && wanted(&event) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The digest of a resource's record, unless there is none.
    pub(crate) async fn record_digest(&self, id: ResourceId) -> Result<Option<Digest>, Failure> {
        let loaded = self.journal.load::<ResourceState>(id).await?;
        let present = loaded.state.filter(|state| !state.removed);
        Ok(present
            .map(|state| Digest::of(&state.resource))
            .transpose()?)
    }

    /// The same of a group.
    pub(crate) async fn group_digest(&self, id: GroupId) -> Result<Option<Digest>, Failure> {
        let loaded = self.journal.load::<GroupState>(id).await?;
        let present = loaded.state.filter(|state| !state.removed);
        Ok(present.map(|state| Digest::of(&state.group)).transpose()?)
    }

    /// The same of a task.
    pub(crate) async fn task_digest(&self, id: TaskId) -> Result<Option<Digest>, Failure> {
        let loaded = self.journal.load::<TaskState>(id).await?;
        let present = loaded.state.filter(|state| !state.removed);
        Ok(present.map(|state| Digest::of(&state.task)).transpose()?)
    }
}
