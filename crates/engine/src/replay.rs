//! Replaying a tape through the product: a privileged request of its own.

use portcullis_flow::grant::Grant;
use portcullis_flow::session::{KeepingRefusal, Session, SessionEvent};
use portcullis_model::{
    Action, Authentication, Controls, GrantId, IdentityId, Path, SessionId, Subject,
};
use portcullis_policy::{Privileged, ReplayTape};
use portcullis_tape::TapeKey;

use crate::Engine;
use crate::assessment::REPLAY;
use crate::failure::Failure;
use crate::journal::patiently;
use crate::tapes::OpenTape;

/// The parameter that names the session.
const SESSION: &str = "session";

/// Reads `replay session=ses_…`.
pub(crate) fn parse(words: &[String]) -> Result<Action, Failure> {
    let usage = || Failure::Invalid("say which tape: replay session=ses_…".to_owned());
    match words {
        [_, word] => {
            let session = word.strip_prefix("session=").ok_or_else(usage)?;
            let session = session
                .parse::<SessionId>()
                .map_err(|error| Failure::Invalid(error.to_string()))?;
            Ok(Action::named(REPLAY).with(SESSION, session.to_string()))
        }
        _ => Err(usage()),
    }
}

impl Engine {
    /// Opens a tape for somebody who holds a grant to replay it: decided, used and recorded first.
    pub async fn replay(&self, who: &Authentication, id: SessionId) -> Result<OpenTape, Failure> {
        self.journal.custody.sound()?;
        let session = self.journal.load::<Session>(id).await?;
        if let Some(at) = session.get()?.erased_at() {
            return Err(KeepingRefusal::Erased(at).into());
        }
        let resource = self.resource(session.get()?.opening.resource).await?;
        let action = Action::named(REPLAY).with(SESSION, id.to_string());
        let name = resource.name.clone();
        let assessment = self
            .assess(Subject::oneself(who.identity), resource, action)
            .await?;
        let holder = who.identity.to_string();
        let held = self
            .journal
            .find::<Grant>(&[("holder", holder.as_str())])
            .await?;
        let now = self.journal.now();
        let usable = held.into_iter().filter(|(_, grant)| {
            grant.issue.digest == assessment.digest && grant.usable(Path::Privileged, now).is_ok()
        });
        let no_grant = |why: String| {
            let next = format!("portcullis request {name} replay session={id} --reason TEXT");
            Failure::denied("no_grant", why, next)
        };
        let (stream, grant) = self.first_that_holds(usable).await?.map_err(|lapsed| {
            let alone = "replaying a tape through the product is a privileged action of its own";
            no_grant(lapsed.unwrap_or_else(|| alone.to_owned()))
        })?;
        let met = Controls {
            mfa: who.has_second_factor(),
            ..grant.issue.controls
        };
        let asked = self.asked(&assessment, met).await?;
        let permit = self
            .bundle()
            .authorize::<Privileged, ReplayTape>(&asked.query())?;
        let grant = stream
            .parse::<GrantId>()
            .map_err(|_| Failure::missing("grant", &stream))?;
        self.record_replay(id, who.identity, grant).await?;
        let key = self.vault.release_tape_key(permit, id).await?;
        self.open_tape(id, key.expose()).await
    }

    /// Who replays is held up by nothing that is recorded of the session at the same moment.
    async fn record_replay(
        &self,
        session: SessionId,
        by: IdentityId,
        grant: GrantId,
    ) -> Result<(), Failure> {
        patiently(|| self.try_record_replay(session, by, grant)).await
    }

    async fn try_record_replay(
        &self,
        session: SessionId,
        by: IdentityId,
        grant: GrantId,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Session>(session).await?;
        let mut command = self.journal.command(Some(by));
        command.push(&mut loaded, &SessionEvent::Replayed { by, grant })?;
        command.commit().await
    }

    /// Opens a tape that was read through once, so that what is damaged is told before anything is shown.
    async fn open_tape(&self, id: SessionId, key: &[u8]) -> Result<OpenTape, Failure> {
        let key = key
            .try_into()
            .map_err(|_| Failure::Damaged("the tape's key has another length".to_owned()))?;
        let key = TapeKey::new(key);
        self.read_through(id, &[], Some(key.clone())).await?;
        OpenTape::begin(self.tape(id).await?, key).await
    }
}
