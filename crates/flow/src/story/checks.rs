//! What requests, grants, sessions and changes say of each other.

use std::collections::BTreeSet;

use portcullis_model::event::Payload;
use portcullis_model::{Event, IdentityId, SessionId, StreamId};

use super::{Story, StoryError, Streams, Told};
use crate::change::{Change, ChangeBody, ChangeStatus};
use crate::grant::{Grant, GrantEvent, GrantStatus};
use crate::request::{Request, RequestEvent, RequestStatus};
use crate::retention::Erasure;
use crate::session::{Session, SessionEvent, SessionStatus};

/// A granted request has the approvals its flow asks for, each of what was asked, and its grant.
pub(super) fn requests(told: &Told<'_>, story: &mut Story) -> Result<(), StoryError> {
    for (stream, (request, events)) in &told.requests {
        approvals_bind(stream, request, events)?;
        match &request.status {
            RequestStatus::Pending => story.goes_on(stream, "waits for an answer"),
            RequestStatus::Granted { grant } => {
                quorums(stream, request)?;
                named(&told.grants, stream, *grant)?;
            }
            RequestStatus::Denied { .. }
            | RequestStatus::Cancelled
            | RequestStatus::Expired
            | RequestStatus::Voided { .. } => {}
        }
    }
    Ok(())
}

/// Every approval is of exactly what was asked for.
fn approvals_bind(
    stream: &StreamId,
    request: &Request,
    events: &[&Event],
) -> Result<(), StoryError> {
    for event in events {
        if let RequestEvent::Approved { digest, .. } = RequestEvent::from_event(event)? {
            agree(
                digest == request.terms.digest,
                stream,
                stream,
                "what was approved",
            )?;
        }
    }
    Ok(())
}

/// Every stage has as many different people as it asks for.
fn quorums(stream: &StreamId, request: &Request) -> Result<(), StoryError> {
    for (place, stage) in request.terms.flow.stages.iter().enumerate() {
        let given = request.approvals.iter().filter(|one| one.stage == place);
        let people: BTreeSet<IdentityId> = given.map(|approval| approval.by).collect();
        let (found, asked) = (people.len(), usize::from(stage.quorum));
        if found < asked {
            return Err(StoryError::Unfounded {
                stream: stream.clone(),
                lacks: format!(
                    "approvals: stage {} ({}) asks for {asked} and has {found}",
                    place + 1,
                    stage.name
                ),
                rests: "its request.granted".to_owned(),
            });
        }
    }
    Ok(())
}

/// A grant is what its request became, on the same terms, and its uses are told.
pub(super) fn grants(told: &Told<'_>, story: &mut Story) -> Result<(), StoryError> {
    for (stream, (grant, events)) in &told.grants {
        let (request, (from, _)) = named(&told.requests, stream, grant.issue.request)?;
        issued_as_asked(stream, grant, request, from)?;
        for event in events {
            if let GrantEvent::Used { session, number } = GrantEvent::from_event(event)? {
                named(&told.sessions, stream, session)?;
                let issue = &grant.issue;
                let counted = issue.uses.most().is_none_or(|most| number <= most);
                let in_time = issue.has_begun(event.at) && event.at < issue.ends_at;
                agree(counted, stream, stream, "how often it was used")?;
                agree(in_time, stream, stream, "when it was used")?;
            }
        }
        if !matches!(grant.status, GrantStatus::Revoked { .. }) {
            story.goes_on(stream, format!("is {}", grant.status.as_str()));
        }
    }
    Ok(())
}

fn issued_as_asked(
    stream: &StreamId,
    grant: &Grant,
    request: &StreamId,
    from: &Request,
) -> Result<(), StoryError> {
    let became = matches!(&from.status, RequestStatus::Granted { grant } if StreamId::from(*grant) == *stream);
    founded(became, request, "its request.granted", stream)?;
    let (issue, terms) = (&grant.issue, &from.terms);
    let approvers: BTreeSet<IdentityId> =
        from.approvals.iter().map(|approval| approval.by).collect();
    for (same, what) in [
        (issue.digest == terms.digest, "what was approved"),
        (issue.intent == terms.intent, "who may do what"),
        (issue.path == terms.path, "the path"),
        (issue.bundle == terms.bundle, "the policy bundle"),
        (issue.uses == terms.uses, "how often"),
        (
            issue.starts_at == terms.starts_at.filter(|starts| *starts > grant.issued_at),
            "from when",
        ),
        (
            issue.ends_at == terms.lasts(grant.issued_at).1,
            "until when",
        ),
        // Whoever was suspended in between has approved, and does not count.
        (issue.approvers.is_subset(&approvers), "who approved"),
    ] {
        agree(same, stream, request, what)?;
    }
    Ok(())
}

/// A session is a use of its grant, of what was approved.
pub(super) fn sessions(told: &Told<'_>, story: &mut Story) -> Result<(), StoryError> {
    for (stream, (session, events)) in &told.sessions {
        let (under, (grant, uses)) = named(&told.grants, stream, session.opening.grant)?;
        let used = uses.iter().any(|event| {
            matches!(
                GrantEvent::from_event(event),
                Ok(GrantEvent::Used { session, .. }) if StreamId::from(session) == *stream
            )
        });
        founded(used, under, "a grant.used", stream)?;
        opened_as_granted(stream, session, under, grant)?;
        keeping_was_signed(told, stream, events)?;
        if !matches!(session.status, SessionStatus::Ended { .. }) {
            story.goes_on(stream, format!("is {}", session.status.as_str()));
        }
    }
    Ok(())
}

/// Owners signed that a tape was let go of, or erased before its time.
fn keeping_was_signed(
    told: &Told<'_>,
    stream: &StreamId,
    events: &[&Event],
) -> Result<(), StoryError> {
    for event in events {
        let (change, wanted): (_, fn(SessionId) -> ChangeBody) =
            match SessionEvent::from_event(event)? {
                SessionEvent::HoldLifted { change } => {
                    (change, |session| ChangeBody::LetGo { session })
                }
                SessionEvent::Erased {
                    cause: Erasure::Signed { change },
                } => (change, |session| ChangeBody::EraseTape { session }),
                _ => continue,
            };
        let (signed, (change, _)) = named(&told.changes, stream, change)?;
        let session = stream.parse::<SessionId>();
        let same = session.is_ok_and(|session| change.body == wanted(session));
        agree(same, stream, signed, "what was signed of its tape")?;
        let applied = change.status == ChangeStatus::Applied;
        agree(applied, stream, signed, "that it was signed")?;
    }
    Ok(())
}

fn opened_as_granted(
    stream: &StreamId,
    session: &Session,
    under: &StreamId,
    grant: &Grant,
) -> Result<(), StoryError> {
    let (opening, issue) = (&session.opening, &grant.issue);
    for (same, what) in [
        (opening.request == issue.request, "the request"),
        (opening.digest == issue.digest, "what was approved"),
        (opening.resource == issue.intent.resource, "the resource"),
        (
            issue.intent.subject.involves(opening.identity),
            "whose grant it is",
        ),
    ] {
        agree(same, stream, under, what)?;
    }
    Ok(())
}

/// A change that took effect has its signatures.
pub(super) fn changes(told: &Told<'_>, story: &mut Story) -> Result<(), StoryError> {
    for (stream, (change, _)) in &told.changes {
        match change.status {
            ChangeStatus::Pending => story.goes_on(stream, "waits for signatures"),
            ChangeStatus::Applied => signed(stream, change)?,
            ChangeStatus::Refused { .. } | ChangeStatus::Lapsed { .. } => {}
        }
    }
    Ok(())
}

fn signed(stream: &StreamId, change: &Change) -> Result<(), StoryError> {
    // What each held when signing is on record; whether they held it still was for the server to see.
    let signatures = change.signatures.iter();
    let held = signatures.map(|signature| (signature.by, signature.roles.clone()));
    if change.is_signed(&held.collect()) {
        return Ok(());
    }
    Err(StoryError::Unfounded {
        stream: stream.clone(),
        lacks: change.needed.to_string(),
        rests: "its change.applied".to_owned(),
    })
}

/// Finds what somebody names.
pub(super) fn named<'a, M>(
    streams: &'a Streams<'_, M>,
    by: &StreamId,
    id: impl Into<StreamId>,
) -> Result<(&'a StreamId, &'a (M, Vec<&'a Event>)), StoryError> {
    let id = id.into();
    streams
        .get_key_value(&id)
        .ok_or_else(|| StoryError::Missing {
            by: by.clone(),
            missing: id.to_string(),
        })
}

fn founded(
    holds: bool,
    stream: &StreamId,
    lacks: &str,
    rests: &StreamId,
) -> Result<(), StoryError> {
    if holds {
        return Ok(());
    }
    Err(StoryError::Unfounded {
        stream: stream.clone(),
        lacks: lacks.to_owned(),
        rests: rests.to_string(),
    })
}

fn agree(
    same: bool,
    one: &StreamId,
    other: &StreamId,
    what: &'static str,
) -> Result<(), StoryError> {
    if same {
        return Ok(());
    }
    Err(StoryError::Contradiction {
        one: one.clone(),
        other: other.clone(),
        what,
    })
}
