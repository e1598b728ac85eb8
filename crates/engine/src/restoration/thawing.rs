//! Letting a restored installation open again.

use portcullis_flow::change::ChangeBody;
use portcullis_flow::installation::{Frozen, Installation, InstallationEvent};
use portcullis_model::{Authentication, ChangeId, Timestamp};

use crate::Engine;
use crate::changes::ChangeView;
use crate::failure::Failure;
use crate::journal::Command;

impl Engine {
    /// Looks at every target, and proposes that the installation opens again as that was found.
    pub async fn propose_thaw(&self, who: &Authentication) -> Result<ChangeView, Failure> {
        Self::need_second_factor(who)?;
        if self.roles(who).await?.is_empty() && !self.is_founder(who).await? {
            return Err(Failure::Denied {
                code: "not_eligible",
                message: "only an owner can propose this".to_owned(),
                next: None,
            });
        }
        let Frozen { restored_at, .. } = self.frozen(None).await?;
        let found = self.look_at_targets().await?;
        let body = ChangeBody::Thaw { restored_at, found };
        self.propose(who, body).await
    }

    /// From what the installation was restored and is frozen still: by that restoration, if one is named.
    pub(crate) async fn frozen(&self, restored_at: Option<Timestamp>) -> Result<Frozen, Failure> {
        let loaded = self.journal.load::<Installation>(self.installation).await?;
        let frozen = loaded.get()?.frozen;
        frozen
            .filter(|frozen| restored_at.is_none_or(|wanted| frozen.restored_at == wanted))
            .ok_or_else(|| Failure::Conflict("the installation is not frozen by that".to_owned()))
    }

    /// Writes that it opens again.
    pub(crate) async fn record_thaw(
        &self,
        command: &mut Command<'_>,
        change: ChangeId,
        restored_at: Timestamp,
    ) -> Result<(), Failure> {
        self.frozen(Some(restored_at)).await?;
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        command.push(&mut loaded, &InstallationEvent::Thawed { change })
    }
}
