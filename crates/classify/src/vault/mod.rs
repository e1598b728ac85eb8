//! What Portcullis itself can be asked for: its secrets, its tapes, and changes to itself.

use portcullis_model::{Action, Amount, Classified, Disclosure, Impact, Scope};

/// Classifies `reveal`, `checkout`, `mint`, `replay` and `administer`; `None` for other languages.
pub fn classify(action: &Action) -> Option<Classified> {
    let (impact, reason) = match action.name.as_str() {
        "reveal" => (release(), "a secret is shown to a person"),
        "checkout" => (release(), "a secret is handed out for a while"),
        "mint" => (release(), "a fresh credential opens the target as a secret"),
        "replay" => (
            replay(),
            "a tape is replayed: it holds whatever was on the screen, secrets included",
        ),
        "administer" => (
            administer(),
            "portcullis itself is changed: who may do what, or what is recorded of it",
        ),
        _ => return None,
    };
    Some(Classified {
        impact,
        reason: reason.to_owned(),
    })
}

/// One secret leaves; it cannot be unseen.
const fn release() -> Impact {
    Impact {
        discloses: Disclosure::Secret,
        amount: Amount::Bounded,
        reversible: false,
        scope: Scope::Resource,
        ..Impact::nothing()
    }
}

/// A tape may hold anything, as much as was shown.
const fn replay() -> Impact {
    Impact {
        amount: Amount::Unbounded,
        ..release()
    }
}

/// What was done under a changed rule stays done when the rule is changed back.
const fn administer() -> Impact {
    Impact {
        changes_state: true,
        alters_security: true,
        reversible: false,
        scope: Scope::Estate,
        ..Impact::nothing()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn impact(name: &str) -> Impact {
        classify(&Action::named(name)).unwrap().impact
    }

    #[test]
    fn every_release_of_a_secret_discloses_one_and_cannot_be_undone() {
        for name in ["reveal", "checkout", "mint", "replay"] {
            let impact = impact(name);
            assert_eq!(impact.discloses, Disclosure::Secret, "{name}");
            assert!(!impact.reversible, "{name}");
        }
    }

    #[test]
    fn a_replay_shows_without_bound_what_a_release_shows_once() {
        assert_eq!(impact("replay").amount, Amount::Unbounded);
        assert_eq!(impact("reveal").amount, Amount::Bounded);
    }

    #[test]
    fn changing_portcullis_alters_security_everywhere() {
        let change = impact("administer");
        assert!(change.alters_security && !change.reversible);
        assert_eq!(change.scope, Scope::Estate);
    }

    #[test]
    fn actions_of_other_languages_are_left_to_them() {
        assert_eq!(classify(&Action::named("shell")), None);
    }
}
