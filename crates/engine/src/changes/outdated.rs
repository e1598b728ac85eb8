//! Whether a change is still what was signed when it would take effect.

use portcullis_flow::change::{Change, ChangeBody};
use portcullis_flow::records::{GroupState, ResourceState, TaskState};
use portcullis_model::{Authentication, Digest, GroupId, ResourceId, TaskId};

use crate::Engine;
use crate::failure::Failure;

impl Engine {
    /// Why a change is not what was signed any more: the record it is compared with is another by now, which it would
    /// set back, or do more to; or who signed it could not now.
    pub(super) async fn outdated(
        &self,
        who: &Authentication,
        change: &Change,
    ) -> Result<Option<String>, Failure> {
        if let Some(name) = self.another_record(&change.body).await? {
            return Ok(Some(format!(
                "the record of {name} was changed since this was proposed: propose it again"
            )));
        }
        let needed = self.needed(who, &change.body).await?;
        if needed.exceeds(&change.needed) {
            return Ok(Some(format!(
                "what it is about was changed since it was proposed, and it needs {needed} now: propose it again"
            )));
        }
        self.unsigned_by_policy(change).await
    }

    /// What a change would put in the place of another record than the one it is compared with, by name.
    async fn another_record<'a>(&self, body: &'a ChangeBody) -> Result<Option<&'a str>, Failure> {
        let (name, now, replaces) = match body {
            ChangeBody::PutResource { resource, replaces } => {
                let now = self.record_digest(resource.id).await?;
                (&resource.name, now, replaces)
            }
            ChangeBody::PutIdentity { identity, replaces } => {
                let now = self.identity_digest(identity.id).await?;
                (&identity.name, now, replaces)
            }
            ChangeBody::PutGroup { group, replaces } => {
                let now = self.group_digest(group.id).await?;
                (&group.name, now, replaces)
            }
            ChangeBody::PutTask { task, replaces } => {
                let now = self.task_digest(task.id).await?;
                (&task.name, now, replaces)
            }
            _ => return Ok(None),
        };
        Ok((now != *replaces).then_some(name.as_str()))
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
