//! What changed, for those who may see it: which streams, never what is in them.

use portcullis_flow::Machine;
use portcullis_flow::change::Change;
use portcullis_flow::grant::Grant;
use portcullis_flow::request::Request;
use portcullis_flow::session::Session;
use portcullis_model::{Event, IdentityId, SessionId, StreamId};

use crate::Engine;
use crate::failure::Failure;

/// The most events looked at in one go.
const MOST: usize = 256;

/// Streams that changed between two places in the order of commits.
#[derive(Debug, Clone)]
pub struct News {
    /// Where to go on from.
    pub next: u64,
    /// Each stream once, in the order of its first change.
    pub changed: Vec<Changed>,
}

/// A stream that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its noun: `request`, `grant`, `session` or `change`.
    pub noun: &'static str,
    /// Its identifier.
    pub id: StreamId,
}

impl Engine {
    /// What changed since `from` (a place in the order of commits) that somebody may see.
    pub async fn news(&self, who: IdentityId, from: u64) -> Result<News, Failure> {
        let stored = self.journal.store.events(from, MOST).await?;
        let mut changed = Vec::new();
        for leaf in &stored {
            let event = Event::from_leaf(&leaf.leaf)?;
            let told = [Request::NOUN, Grant::NOUN, Session::NOUN, Change::NOUN];
            let Some(noun) = told.into_iter().find(|noun| *noun == event.noun()) else {
                continue;
            };
            let item = Changed {
                noun,
                id: event.stream,
            };
            if !changed.contains(&item) && self.may_hear(who, &item).await? {
                changed.push(item);
            }
        }
        Ok(News {
            next: stored.last().map_or(from, |last| last.position + 1),
            changed,
        })
    }

    async fn may_hear(&self, who: IdentityId, item: &Changed) -> Result<bool, Failure> {
        match self.concerns(who, item).await {
            Err(Failure::NotFound(_)) => Ok(false),
            other => other,
        }
    }

    async fn concerns(&self, who: IdentityId, item: &Changed) -> Result<bool, Failure> {
        match item.noun {
            Request::NOUN => {
                let loaded = self.journal.load::<Request>(item.id.clone()).await?;
                self.may_see(who, loaded.get()?).await
            }
            Grant::NOUN => {
                let loaded = self.journal.load::<Grant>(item.id.clone()).await?;
                self.may_see_grant(who, loaded.get()?).await
            }
            Session::NOUN => match item.id.parse::<SessionId>() {
                Ok(id) => self.visible(who, id).await.map(|_| true),
                Err(_) => Ok(false),
            },
            // Everybody signed in may see what changes.
            _ => Ok(true),
        }
    }
}
