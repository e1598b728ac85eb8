//! What became of the vaulted secrets that a story's sessions were given.

use portcullis_model::event::Payload;
use portcullis_model::{Event, SessionId, StreamId};

use super::checks::named;
use super::{Story, StoryError, Told};
use crate::Machine;
use crate::secret::{SecretEvent, SecretState};
use crate::session::{Ending, Session, SessionStatus};

pub(super) const NOUN: &str = SecretState::NOUN;

/// A session that reached its target with a vaulted secret has the release, and the secret was rotated since,
/// or is said to stay.
pub(super) fn check(told: &Told<'_>, story: &mut Story) -> Result<(), StoryError> {
    for (stream, events) in &told.secrets {
        told_of(told, stream, events, story)?;
    }
    for (stream, (session, _)) in &told.sessions {
        let released = stream.parse().is_ok_and(|id| is_released(told, id));
        if let Some(secret) = &session.opening.secret
            && !released
            && reached_target(session)
        {
            return Err(StoryError::Missing {
                by: stream.clone(),
                missing: format!("the secret {secret} that opened its target"),
            });
        }
    }
    Ok(())
}

/// What was released went to a session of this story, and what was begun or left afterwards has an end.
fn told_of(
    told: &Told<'_>,
    stream: &StreamId,
    events: &[&Event],
    story: &mut Story,
) -> Result<(), StoryError> {
    let mut owed = false;
    let mut begun = None;
    for event in events {
        match SecretEvent::from_event(event)? {
            SecretEvent::Released { session, .. } => {
                ours(told, stream, session)?;
                owed = true;
            }
            SecretEvent::RotationBegun { rotation } => {
                owed = false;
                begun = Some(rotation.version);
            }
            SecretEvent::RotationFailed { version, .. } => follows(stream, begun, version)?,
            SecretEvent::RotationAbandoned { version, .. }
            | SecretEvent::Rotated { version, .. } => {
                follows(stream, begun.take(), version)?;
            }
            SecretEvent::LeftInForce { .. } => owed = false,
            SecretEvent::Added { .. } | SecretEvent::VersionStored { .. } => {}
        }
    }
    if begun.is_some() {
        story.goes_on(stream, "is being rotated");
    } else if owed {
        story.goes_on(stream, "opened a target and is not rotated since");
    }
    Ok(())
}

/// A release that is told of here went to a session that is told of here.
fn ours(told: &Told<'_>, stream: &StreamId, to: Option<SessionId>) -> Result<(), StoryError> {
    match to {
        Some(session) => named(&told.sessions, stream, session).map(drop),
        None => Err(StoryError::Stranger {
            stream: stream.clone(),
            noun: NOUN.to_owned(),
        }),
    }
}

fn follows(stream: &StreamId, begun: Option<u64>, version: u64) -> Result<(), StoryError> {
    if begun == Some(version) {
        return Ok(());
    }
    Err(StoryError::Unfounded {
        stream: stream.clone(),
        lacks: "a secret.rotation_begun".to_owned(),
        rests: format!("what became of the rotation to version {version}"),
    })
}

fn is_released(told: &Told<'_>, to: SessionId) -> bool {
    let events = told.secrets.values().flatten();
    let mut payloads = events.filter_map(|event| SecretEvent::from_event(event).ok());
    payloads.any(|event| {
        matches!(event, SecretEvent::Released { session: Some(session), .. } if session == to)
    })
}

/// Whether something came from the target, for which it had to be opened.
fn reached_target(session: &Session) -> bool {
    match &session.status {
        SessionStatus::Ended {
            ending:
                Ending {
                    completed,
                    exit,
                    bytes_out,
                    ..
                },
            ..
        } => *completed || exit.is_some() || *bytes_out > 0,
        SessionStatus::Live | SessionStatus::Ending { .. } => false,
    }
}
