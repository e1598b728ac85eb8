//! What a signed change makes of the installation as a whole, and of what it keeps: policy, tapes, a freeze.

use portcullis_flow::change::ChangeBody;
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_flow::retention::Erasure;
use portcullis_model::{ChangeId, Digest};

use super::apply::After;
use crate::Engine;
use crate::failure::Failure;
use crate::journal::Command;

impl Engine {
    /// Applies what is no change of a record.
    pub(super) async fn apply_to_the_whole(
        &self,
        command: &mut Command<'_>,
        change: ChangeId,
        body: ChangeBody,
        after: &mut After,
    ) -> Result<(), Failure> {
        match body {
            ChangeBody::ActivateBundle {
                bundle, replaces, ..
            } => self.activate(command, change, bundle, replaces).await,
            ChangeBody::SetRetention {
                retention,
                replaces,
            } => {
                self.record_retention(command, change, retention, &replaces)
                    .await
            }
            ChangeBody::LetGo { session } => {
                self.change_tape(command, session, |tape| tape.let_go(change))
                    .await
            }
            ChangeBody::EraseTape { session } => {
                after.erased = true;
                let cause = Erasure::Signed { change };
                self.change_tape(command, session, |tape| tape.erase(cause))
                    .await
            }
            ChangeBody::Thaw { frozen, .. } => {
                after.thawed = true;
                self.record_thaw(command, change, &frozen).await
            }
            record => Err(Failure::Damaged(format!(
                "{} changes a record, and nothing else",
                record.kind()
            ))),
        }
    }

    async fn activate(
        &self,
        command: &mut Command<'_>,
        change: ChangeId,
        bundle: Digest,
        replaces: Digest,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        if loaded.get()?.bundle != replaces {
            return Err(Failure::Conflict(
                "another bundle became active since this was proposed: propose it again".to_owned(),
            ));
        }
        let event = InstallationEvent::PolicyActivated {
            bundle,
            replaced: replaces,
            change,
        };
        command.push(&mut loaded, &event)
    }
}
