//! What somebody may ask for, with the path and the approvers told ahead.

use portcullis_classify::task::TASK;
use portcullis_model::{
    Action, ActionDescriptor, Argument, Environment, IdentityId, Resource, Sensitivity, Task,
};
use serde::Serialize;

use crate::Engine;
use crate::failure::Failure;
use crate::lists::{Page, Part};
use crate::preview::Preview;

/// One resource and what it offers.
#[derive(Debug, Clone, Serialize)]
pub struct CatalogEntry {
    /// The resource's name.
    pub resource: String,
    /// Its kind.
    pub kind: String,
    /// What depends on it.
    pub environment: Environment,
    /// What it holds.
    pub sensitivity: Sensitivity,
    /// What it offers.
    pub offers: Vec<Offer>,
}

/// One thing to ask for.
#[derive(Debug, Clone, Serialize)]
pub struct Offer {
    /// The words to ask with.
    pub words: String,
    /// What a request would come to; absent when the target cannot be read now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Why there is no preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Offer {
    /// What has words to fill in: what it comes to depends on them.
    fn unfilled(words: String) -> Self {
        Self {
            words,
            preview: None,
            problem: Some("preview it with its words filled in".to_owned()),
        }
    }
}

impl Engine {
    /// What there is to ask for, the oldest resource first. Each is read at its target: pages are small.
    pub async fn catalog(
        &self,
        who: IdentityId,
        page: &Page,
    ) -> Result<Part<CatalogEntry>, Failure> {
        let part = self.resources(page).await?;
        let mut items = Vec::with_capacity(part.items.len());
        for resource in part.items {
            let mut offers = Vec::new();
            let known = self.offers(&resource);
            for action in &known {
                offers.push(self.offer(who, &resource.name, action).await);
            }
            offers.extend(self.commands_of(&resource, &known));
            for task in self.tasks_of(&resource).await? {
                offers.push(self.offer_task(who, &resource.name, &task).await);
            }
            items.push(CatalogEntry {
                resource: resource.name,
                kind: resource.kind,
                environment: resource.environment,
                sensitivity: resource.sensitivity,
                offers,
            });
        }
        Ok(Part {
            items,
            next: part.next,
        })
    }

    /// Sessions that a command line has to be named for, which nobody can list ahead. Tasks are listed by their names.
    fn commands_of(&self, resource: &Resource, known: &[Action]) -> Vec<Offer> {
        let broker = self.ports.broker(&resource.kind);
        let actions = broker.map_or_else(Vec::new, |broker| broker.descriptor().actions);
        let named = |action: &ActionDescriptor| {
            action.name == TASK || known.iter().any(|known| known.name == action.name)
        };
        let open = actions.iter().filter(|action| !named(action));
        open.filter_map(to_fill_in).collect()
    }

    /// A task with words to fill in is listed with stand-ins for them; what it comes to depends on them.
    async fn offer_task(&self, who: IdentityId, resource: &str, task: &Task) -> Offer {
        let usage = portcullis_classify::task::usage(task);
        if task.arguments.iter().any(Argument::is_typed) {
            return Offer::unfilled(format!("task {usage}"));
        }
        self.offer_words(who, resource, &["task".to_owned(), task.name.clone()])
            .await
    }

    async fn offer(&self, who: IdentityId, resource: &str, action: &Action) -> Offer {
        self.offer_words(who, resource, &words_of(action)).await
    }

    async fn offer_words(&self, who: IdentityId, resource: &str, words: &[String]) -> Offer {
        match self.preview(who, resource, words).await {
            Ok(preview) => Offer {
                words: words.join(" "),
                preview: Some(preview),
                problem: None,
            },
            Err(failure) => Offer {
                words: words.join(" "),
                preview: None,
                problem: Some(failure.to_string()),
            },
        }
    }
}

/// How to ask for an action that takes a command line.
fn to_fill_in(action: &ActionDescriptor) -> Option<Offer> {
    let command = action.params.iter().find(|param| param.rest)?;
    let stand_in = command.name.to_uppercase();
    Some(Offer::unfilled(format!("{} -- {stand_in}", action.name)))
}

/// The words that ask for an action: an entitlement by its own name, anything else by the action's.
pub(crate) fn words_of(action: &Action) -> Vec<String> {
    match action.param("entitlement") {
        Some(name) => vec![name.to_owned()],
        None => std::iter::once(action.name.clone())
            .chain(
                action
                    .params
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use portcullis_model::ParamDescriptor;

    use super::*;

    #[test]
    fn an_action_with_a_command_line_is_offered_with_a_stand_in_and_no_other_is() {
        let param = |name, rest| ParamDescriptor {
            name,
            help: "",
            default_from: None,
            rest,
        };
        let action = |params| ActionDescriptor {
            name: "exec",
            title: "Run one command",
            brokered: true,
            one_use: true,
            params,
        };
        let words = |params| to_fill_in(&action(params)).map(|offer| offer.words);
        let offered = words(vec![param("account", false), param("command", true)]);
        assert_eq!(offered.as_deref(), Some("exec -- COMMAND"));
        assert_eq!(words(vec![param("account", false)]), None);
    }
}
