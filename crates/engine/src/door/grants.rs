//! The grant that a session is opened under; otherwise what to do to have one.

use portcullis_classify::task::{NAME, TASK};
use portcullis_flow::grant::{Grant, GrantRefusal};
use portcullis_model::{Action, Authentication, KindDescriptor, Resource, StreamId};

use crate::Engine;
use crate::assessment::Assessment;
use crate::failure::Failure;
use crate::journal::Loaded;
use crate::requests::RequestView;

impl Engine {
    /// The grant that covers exactly this action, usable now; otherwise the request that would.
    pub(super) async fn grant_for(
        &self,
        who: &Authentication,
        assessment: &Assessment,
    ) -> Result<Loaded<Grant>, Failure> {
        let holder = who.identity.to_string();
        let resource = assessment.resource.id.to_string();
        let keys = [("holder", holder.as_str()), ("resource", resource.as_str())];
        let (mut why, mut usable) = (None, Vec::new());
        for (stream, grant) in self.journal.find::<Grant>(&keys).await?.into_iter().rev() {
            if grant.issue.digest != assessment.digest {
                continue;
            }
            match grant.usable(assessment.policy_action.path(), self.journal.now()) {
                Ok(()) => usable.push((stream, grant)),
                Err(refusal) if why.is_none() => {
                    why = Some(self.refused_use(&stream, &refusal).await?);
                }
                Err(_) => {}
            }
        }
        match self.first_that_holds(usable).await? {
            Ok((stream, _)) => return self.journal.load(stream).await,
            Err(lapsed) => why = lapsed.or(why),
        }
        if let Some(asked) = self.pending_like(who.identity, assessment).await? {
            return Err(still_waiting(&asked));
        }
        let action = &assessment.intent.action;
        let message = why.map_or_else(
            || {
                format!(
                    "no grant of yours covers {} on {}; this takes the {} path",
                    named(action),
                    assessment.resource.name,
                    assessment.policy_action.path()
                )
            },
            |refusal| {
                format!(
                    "{} on {}: {refusal}",
                    named(action),
                    assessment.resource.name
                )
            },
        );
        Err(Failure::denied(
            "no_grant",
            message,
            narrowest(&assessment.resource, action, &self.ports.kinds()),
        ))
    }

    /// Why a grant cannot be used; where its uses were made, what became of the last one.
    async fn refused_use(
        &self,
        grant: &StreamId,
        refusal: &GrantRefusal,
    ) -> Result<String, Failure> {
        let last = match refusal {
            GrantRefusal::Spent { .. } => self.last_use(grant).await?,
            _ => None,
        };
        let last = last.map(|told| format!(", in {told}")).unwrap_or_default();
        Ok(format!("{refusal}{last}"))
    }
}

/// It was asked for already.
fn still_waiting(asked: &RequestView) -> Failure {
    let RequestView { id, waits_for, .. } = asked;
    Failure::denied(
        "no_grant",
        format!(
            "you asked for this in {id}, which waits for {}",
            waits_for.join(" or ")
        ),
        format!("portcullis requests show {id}"),
    )
}

/// An action in a few words for the person at the door.
fn named(action: &Action) -> String {
    match action.param(NAME).filter(|_| action.name == TASK) {
        Some(name) => format!("the task {name}"),
        None => action.to_string(),
    }
}

/// The narrowest request that would allow what was refused. What the resource says by itself is left out.
pub(super) fn narrowest(resource: &Resource, action: &Action, kinds: &[KindDescriptor]) -> String {
    if let Some(words) = crate::tasks::asking(action) {
        return format!(
            "portcullis request {} {} --reason TEXT",
            resource.name,
            words.join(" ")
        );
    }
    let kind = kinds.iter().find(|kind| kind.name == resource.kind);
    let known = kind.and_then(|kind| kind.actions.iter().find(|known| known.name == action.name));
    let by_itself = |name: &str, value: &str| {
        let param = known.and_then(|known| known.params.iter().find(|param| param.name == name));
        let setting = param.and_then(|param| param.default_from);
        setting.and_then(|setting| resource.settings.get(setting)?.as_str()) == Some(value)
    };
    let params = action.params.iter();
    let params = params.filter(|(name, value)| *name != "command" && !by_itself(name, value));
    let params = params.fold(String::new(), |words, (name, value)| {
        words + " " + name + "=" + value
    });
    let command = action
        .param("command")
        .map(|command| format!(" -- {command}"))
        .unwrap_or_default();
    format!(
        "portcullis request {} {}{params} --reason TEXT{command}",
        resource.name, action.name
    )
}
