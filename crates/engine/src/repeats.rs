//! Calls that may be made again. A caller names a call by a key; the first event that the call commits uses the
//! key up in the same instant, whichever use case it is. So nothing happens twice, however the answer was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_model::{Claim, Digest, Event, IdentityId};

use crate::Engine;
use crate::failure::Failure;

/// Says that a key was used.
const KEY: &str = "idempotency";

/// Says what for.
const CALL: &str = "idempotency-call";

tokio::task_local! {
    static UNDER_WAY: Call;
}

/// A call with its caller's key.
#[derive(Debug, Clone)]
pub struct Call {
    by: IdentityId,
    claims: [Claim; 2],
    made: Arc<AtomicBool>,
}

/// What a call's key was used for before.
#[derive(Debug)]
pub enum Precedent {
    /// Nothing.
    Nothing,
    /// This very call, whose first event this is.
    Same(Box<Event>),
    /// Another call.
    Another,
}

impl Call {
    /// Runs what the call does. Its key is used up with the first event that it commits in the caller's name.
    pub async fn make<T>(&self, work: impl Future<Output = T>) -> T {
        UNDER_WAY.scope(self.clone(), work).await
    }
}

/// What a command in somebody's name uses up besides: the key of the call it is part of, once.
pub(crate) fn claims(actor: Option<IdentityId>) -> Vec<Claim> {
    let claims = UNDER_WAY.try_with(|call| {
        let due = actor == Some(call.by) && !call.made.load(Ordering::SeqCst);
        due.then(|| call.claims.to_vec())
    });
    claims.ok().flatten().unwrap_or_default()
}

/// A command of the call is committed.
pub(crate) fn committed(actor: Option<IdentityId>) {
    let _outside_of_calls = UNDER_WAY.try_with(|call| {
        if actor == Some(call.by) {
            call.made.store(true, Ordering::SeqCst);
        }
    });
}

impl Engine {
    /// A caller's call under a key: `what` is everything that makes it this call and no other.
    pub fn call(&self, by: IdentityId, key: &str, what: &[u8]) -> Call {
        let key = Digest::of_bytes(format!("{by}\n{key}").as_bytes());
        // Under a secret: what a call says may be a password, and the claim is there for all to see.
        let what = Digest::of_bytes(what);
        let keyed = [
            self.own.calls.expose().as_slice(),
            key.as_bytes(),
            what.as_bytes(),
        ];
        let call = Digest::of_bytes(&keyed.concat());
        Call {
            by,
            claims: [
                Claim::take(KEY, key.to_string()),
                Claim::take(CALL, call.to_string()),
            ],
            made: Arc::default(),
        }
    }

    /// What the call's key was used for before.
    pub async fn precedent(&self, call: &Call) -> Result<Precedent, Failure> {
        let [key, what] = &call.claims;
        let store = &self.journal.store;
        let Some(position) = store.claimed_at(&key.scope, &key.key).await? else {
            return Ok(Precedent::Nothing);
        };
        if store.claimed_at(&what.scope, &what.key).await? != Some(position) {
            return Ok(Precedent::Another);
        }
        Ok(Precedent::Same(Box::new(self.event_at(position).await?)))
    }
}
