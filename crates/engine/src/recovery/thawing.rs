//! Letting a frozen installation open again.

use portcullis_flow::change::ChangeBody;
use portcullis_flow::installation::{Frozen, Installation, InstallationEvent};
use portcullis_model::{Authentication, ChangeId};

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
        let frozen = self.frozen().await?;
        let (found, more) = self.look_at_targets().await?;
        let body = ChangeBody::Thaw {
            frozen,
            found,
            more,
        };
        self.propose(who, body).await
    }

    async fn frozen(&self) -> Result<Frozen, Failure> {
        let loaded = self.journal.load::<Installation>(self.installation).await?;
        let frozen = loaded.get()?.frozen.clone();
        frozen.ok_or_else(|| Failure::Conflict("the installation is not frozen".to_owned()))
    }

    /// Refuses a thaw that is for another freeze than the one there is.
    pub(crate) async fn frozen_so(&self, meant: &Frozen) -> Result<(), Failure> {
        if self.frozen().await? == *meant {
            return Ok(());
        }
        Err(Failure::Conflict(
            "the installation was frozen anew since this was proposed: propose it again".to_owned(),
        ))
    }

    /// Writes that it opens again.
    pub(crate) async fn record_thaw(
        &self,
        command: &mut Command<'_>,
        change: ChangeId,
        frozen: &Frozen,
    ) -> Result<(), Failure> {
        self.frozen_so(frozen).await?;
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        command.push(&mut loaded, &InstallationEvent::Thawed { change })
    }
}
