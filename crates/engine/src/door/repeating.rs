//! What a client asks to run again under the key it gave before: its outcome is told, and nothing runs.

use portcullis_flow::grant::GrantEvent;
use portcullis_flow::identity::IdentityState;
use portcullis_flow::session::{RUN_KEY, Session, SessionStatus};
use portcullis_model::event::Payload as _;
use portcullis_model::{Authentication, Digest, IdentityId, SessionId, StreamId};
use portcullis_ports::control::{OpenWish, Refusal};

use crate::Engine;
use crate::failure::Failure;

/// How what was run came out, as far as is known.
pub(super) struct Outcome {
    pub(super) told: String,
    /// The status it ended with, where it came to its end.
    pub(super) exit: Option<u32>,
}

impl Engine {
    /// What to answer where the wish names a key under which something ran: another thing is refused, and of the same
    /// thing the outcome is told, whatever became of the grant.
    pub(super) async fn ran_before(&self, wish: &OpenWish) -> Result<Option<Refusal>, Failure> {
        let Some(key) = &wish.key else {
            return Ok(None);
        };
        let who = self.caller(wish).await?;
        let identity = self.journal.load::<IdentityState>(who.identity).await?;
        identity.get()?.alive(self.journal.now())?;
        let spent = run_key(who.identity, key).to_string();
        let Some(position) = self.journal.store.claimed_at(RUN_KEY, &spent).await? else {
            return Ok(None);
        };
        let stream = self.event_at(position).await?.stream;
        let id = stream.parse::<SessionId>();
        let id = id.map_err(|_| Failure::missing("session", &stream))?;
        let loaded = self.journal.load::<Session>(id).await?;
        let session = loaded.get()?;
        if !self.is_of(session, wish).await? {
            return Err(Failure::denied(
                "idempotency_key_reused",
                format!("this key was used for something else, in session {id}"),
                "use a key of its own for each run",
            ));
        }
        let Outcome { told, exit } = outcome(session);
        Ok(Some(Refusal {
            code: "ran_before".to_owned(),
            message: format!(
                "this ran under the same key before, in session {id}, and is not run again: {told}"
            ),
            exit,
        }))
    }

    /// Whoever proved who they are on this connection, by what they can still prove it with.
    pub(super) async fn caller(&self, wish: &OpenWish) -> Result<Authentication, Failure> {
        let who = self.proved(&wish.ticket, &wish.login)?;
        let identity = self.journal.load::<IdentityState>(who.identity).await?;
        identity.get()?.upholds(&who.factors)?;
        Ok(who)
    }

    /// Whether a session did what is wished for.
    async fn is_of(&self, session: &Session, wish: &OpenWish) -> Result<bool, Failure> {
        let resource = self.resource_named(&wish.login.target).await?;
        let action = self.called(&resource, wish).await?;
        let opening = &session.opening;
        Ok(opening.resource == resource.id
            && opening.account == wish.login.account
            && opening.action == action)
    }

    /// A grant's last use, and its outcome.
    pub(super) async fn last_use(&self, grant: &StreamId) -> Result<Option<String>, Failure> {
        let mut last = None;
        for event in self.events_of(grant).await? {
            if let GrantEvent::Used { session, .. } = GrantEvent::from_event(&event)? {
                last = Some(session);
            }
        }
        let Some(session) = last else {
            return Ok(None);
        };
        let loaded = self.journal.load::<Session>(session).await?;
        Ok(Some(format!("{session}: {}", outcome(loaded.get()?).told)))
    }
}

/// What stands for a key: everybody has their own.
pub(super) fn run_key(by: IdentityId, key: &str) -> Digest {
    Digest::of_bytes(format!("{by}\n{key}").as_bytes())
}

/// What was seen to end by itself has an outcome. Of everything else nobody knows how far it came.
pub(super) fn outcome(session: &Session) -> Outcome {
    let (ending, at) = match &session.status {
        SessionStatus::Live => return Outcome::unknown("it is still running".to_owned()),
        SessionStatus::Ending { reason } => {
            return Outcome::unknown(format!("it is being ended: {reason}"));
        }
        SessionStatus::Ended { ending, at } => (ending, at),
    };
    match ending.exit {
        Some(status) if ending.completed => Outcome {
            told: format!("it ended with status {status} at {at}"),
            exit: Some(status),
        },
        _ if ending.completed => Outcome::unknown(format!("it {} at {at}", ending.cause)),
        _ => Outcome::unknown(format!(
            "how far it came is not known ({}, {at}): look at the target before it is run again",
            ending.cause
        )),
    }
}

impl Outcome {
    const fn unknown(told: String) -> Self {
        Self { told, exit: None }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_model::Timestamp;
    use portcullis_model::id::TypedId as _;

    use super::*;

    #[test]
    fn a_name_stands_for_another_run_with_another_person() {
        let person = |number| IdentityId::from_parts(Timestamp::from_millis(1), [number; 10]);
        let deploy = run_key(person(1), "deploy-7");
        assert_eq!(deploy, run_key(person(1), "deploy-7"));
        assert_ne!(deploy, run_key(person(2), "deploy-7"));
        assert_ne!(deploy, run_key(person(1), "deploy-8"));
    }
}
