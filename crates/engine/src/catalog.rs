//! What somebody may ask for, with the path and the approvers told ahead.

use portcullis_model::{Action, Argument, Environment, IdentityId, Sensitivity, Task};
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

impl Engine {
    /// What there is to ask for, the oldest resource first. Each is read at its target: pages are small.
    pub async fn catalog(
        &self,
        who: IdentityId,
        page: &Page,
    ) -> Result<Part<CatalogEntry>, Failure> {
        let part = self.list_resources(page).await?;
        let mut items = Vec::with_capacity(part.items.len());
        for resource in part.items {
            let mut offers = Vec::new();
            for action in self.offers(&resource) {
                offers.push(self.offer(who, &resource.name, &action).await);
            }
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

    /// A task with words to fill in is listed with stand-ins for them; what it comes to depends on them.
    async fn offer_task(&self, who: IdentityId, resource: &str, task: &Task) -> Offer {
        let usage = portcullis_classify::task::usage(task);
        if task.arguments.iter().any(Argument::is_typed) {
            return Offer {
                words: format!("task {usage}"),
                preview: None,
                problem: Some("preview it with its words filled in".to_owned()),
            };
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

/// The words that ask for an action: an entitlement by its own name, anything else by the action's.
fn words_of(action: &Action) -> Vec<String> {
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
