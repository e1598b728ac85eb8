//! Which sealed rows belong to which events: what is sealed is in no leaf, and a copy of the first events is to have theirs and
//! no others.

use portcullis_flow::Machine as _;
use portcullis_flow::change::{Change, ChangeBody, ChangeEvent};
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_flow::secret::{SecretEvent, SecretState};
use portcullis_flow::session::{Session, SessionEvent};
use portcullis_model::event::{EventError, Payload as _};
use portcullis_model::{Event, SessionId};

use super::tape_secret;
use crate::failure::Failure;
use crate::founding::{KEYRING, SLOTS};

/// The sealed rows that were written with an event, or may have been: identifier and version of each; no version where it is
/// the next one by then.
pub fn sealed_with(event: &Event) -> Result<Vec<(String, Option<u64>)>, String> {
    let one = |id: &str, version| vec![(id.to_owned(), version)];
    let stream = event.stream.as_str();
    let unread = |error: EventError| error.to_string();
    Ok(match event.noun() {
        Installation::NOUN => match InstallationEvent::from_event(event).map_err(unread)? {
            InstallationEvent::Founded { .. } => {
                [SLOTS, KEYRING].map(|id| (id.to_owned(), Some(1))).to_vec()
            }
            InstallationEvent::Restored { .. } => one(SLOTS, None),
            _ => Vec::new(),
        },
        SecretState::NOUN => match SecretEvent::from_event(event).map_err(unread)? {
            SecretEvent::Added { .. } => one(stream, Some(1)),
            SecretEvent::VersionStored { version, .. } => one(stream, Some(version)),
            SecretEvent::RotationBegun { rotation } => one(stream, Some(rotation.version)),
            _ => Vec::new(),
        },
        Change::NOUN => match ChangeEvent::from_event(event).map_err(unread)? {
            ChangeEvent::Proposed { body, .. } => match *body {
                ChangeBody::AddSecret { secret, .. } => one(&secret.to_string(), Some(1)),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        Session::NOUN => match SessionEvent::from_event(event).map_err(unread)? {
            SessionEvent::Opened { .. } => one(&tape_key(stream)?, Some(1)),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    })
}

fn tape_key(stream: &str) -> Result<String, String> {
    let session = stream.parse::<SessionId>();
    let session = session.map_err(|_| format!("{stream} is no session"))?;
    let secret = tape_secret(session).map_err(|failure: Failure| failure.to_string())?;
    Ok(secret.to_string())
}
