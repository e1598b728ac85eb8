//! Ending whatever is open, when nothing of it can be relied on any more.

use portcullis_flow::change::Change;
use portcullis_flow::grant::{EndCause, Grant};
use portcullis_flow::identity::{IdentityEvent, IdentityState};
use portcullis_flow::request::Request;

use crate::Engine;
use crate::failure::Failure;
use crate::journal::Loaded;

impl Engine {
    /// Ends every grant, request and change that is open, and says of everybody that what they proved counts for
    /// nothing. When it fails half way it is to be done again.
    pub(crate) async fn clear_slate(
        &self,
        why: &str,
        forget: &IdentityEvent,
    ) -> Result<(), Failure> {
        for status in ["assigning", "active"] {
            for (stream, _) in self.journal.find::<Grant>(&[("status", status)]).await? {
                let mut loaded: Loaded<Grant> = self.journal.load(stream).await?;
                let cause = why.to_owned();
                self.end_grant(&mut loaded, EndCause::NoLongerAllowed { cause })
                    .await?;
            }
        }
        let pending = [("status", "pending")];
        for (stream, _) in self.journal.find::<Request>(&pending).await? {
            let void = |request: &Request, _| Ok(request.void(why.to_owned())?);
            self.journal.amend(stream, None, void).await?;
        }
        for (stream, _) in self.journal.find::<Change>(&pending).await? {
            let lapse = |change: &Change, _| Ok(change.lapse(why.to_owned())?);
            self.journal.amend(stream, None, lapse).await?;
        }
        for (stream, _) in self.journal.find::<IdentityState>(&[]).await? {
            let forget = |_: &IdentityState, _| Ok(forget.clone());
            self.journal.amend(stream, None, forget).await?;
        }
        Ok(())
    }
}
