//! What an action can do, from the action and from facts read at the target. Floor 1: it knows no
//! clock, no socket and nobody who asks.
//!
//! One folder per language of actions. Whatever a language does not understand has the worst impact.

pub mod entitlement;
pub mod shell;
pub mod task;
pub mod vault;

use portcullis_model::{Action, Classified};

/// Classifies an action from its words alone. An entitlement's words say nothing about its worth:
/// without facts it is worst; [`entitlement::classify`] takes what was read at the target.
pub fn classify(action: &Action) -> Classified {
    shell::classify(action)
        .or_else(|| vault::classify(action))
        .unwrap_or_else(|| {
            Classified::worst(format!(
                "no language knows the action {:?} without facts from its target",
                action.name
            ))
        })
}

#[cfg(test)]
mod tests {
    use portcullis_model::Impact;

    use super::*;

    #[test]
    fn an_action_nobody_knows_is_worst_and_named() {
        let unknown = classify(&Action::named("teleport"));
        assert_eq!(unknown.impact, Impact::worst());
        assert!(unknown.reason.contains("\"teleport\""));
    }

    #[test]
    fn an_entitlement_without_facts_is_worst_whatever_its_name_promises() {
        let promised = Action::named("entitlement").with("entitlement", "read-only");
        assert_eq!(classify(&promised).impact, Impact::worst());
    }

    #[test]
    fn actions_of_each_language_get_their_own_reason() {
        assert!(
            classify(&Action::named("shell"))
                .reason
                .contains("interactive shell")
        );
        assert!(classify(&Action::named("reveal")).reason.contains("secret"));
    }
}
