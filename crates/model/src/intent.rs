//! The first of the six steps: who wants to do what, to what, why and for how long.

use serde::{Deserialize, Serialize};

use crate::digest::CanonicalError;
use crate::{Action, Digest, ResourceId, Subject};

/// Who wants to do which action to which resource. The reason and the duration are asked for
/// beside it: they inform people and bound time, and never change what the action can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Who.
    pub subject: Subject,
    /// On what.
    pub resource: ResourceId,
    /// Doing which action.
    pub action: Action,
}

impl Intent {
    /// What an approval binds: the digest of exactly this subject, resource and action, together with
    /// the digest of what the action is worth at the target (effective privileges), when it has any.
    pub fn digest(&self, effective: Option<&Digest>) -> Result<Digest, CanonicalError> {
        Digest::of(&Bound {
            v: 1,
            intent: self,
            effective,
        })
    }
}

#[derive(Serialize)]
struct Bound<'a> {
    v: u8,
    intent: &'a Intent,
    effective: Option<&'a Digest>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::id::TypedId;
    use crate::{IdentityId, Timestamp};

    fn intent(command: &str) -> Intent {
        let at = Timestamp::from_millis(1);
        Intent {
            subject: Subject::oneself(IdentityId::from_parts(at, [1; 10])),
            resource: ResourceId::from_parts(at, [2; 10]),
            action: Action::named("exec").with("command", command),
        }
    }

    #[test]
    fn the_same_intent_has_the_same_digest() {
        assert_eq!(
            intent("id").digest(None).unwrap(),
            intent("id").digest(None).unwrap()
        );
    }

    #[test]
    fn another_command_or_other_effective_privileges_have_another_digest() {
        let read = Digest::of_bytes(b"select");
        let bound = intent("id").digest(Some(&read)).unwrap();
        assert_ne!(bound, intent("id ").digest(Some(&read)).unwrap());
        assert_ne!(bound, intent("id").digest(None).unwrap());
        assert_ne!(
            bound,
            intent("id")
                .digest(Some(&Digest::of_bytes(b"insert")))
                .unwrap()
        );
    }
}
