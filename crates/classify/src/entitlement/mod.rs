//! PostgreSQL entitlements: what holding a role is worth, from every right it leads to.
//!
//! The worth of a set of rights is the join of the worth of each, so one more right never makes an
//! impact smaller. What `initdb` itself gives PUBLIC on built-in objects is not part of the facts:
//! every account of a cluster has it before any entitlement. Whatever was granted on built-in objects
//! beyond that is, and so is everything PUBLIC may do to the users' own objects.

mod right;
#[cfg(test)]
mod tests;
mod worth;

use std::collections::BTreeSet;

pub use right::{Kind, Object, Right, Runs};

use portcullis_model::{Classified, Impact, Sensitivity};

use worth::{Worth, worth};

/// What was read about an entitlement at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// Everything that holding it leads to.
    Read {
        /// Every right, direct or through roles, memberships it can switch to included.
        rights: BTreeSet<Right>,
        /// What the resource holds, as its owner says.
        sensitivity: Sensitivity,
    },
    /// The rights cannot be read, for this reason.
    Unreadable(String),
}

/// Classifies an entitlement. What cannot be read, and words nobody listed, are worst.
pub fn classify(facts: &Facts) -> Classified {
    match facts {
        Facts::Read {
            rights,
            sensitivity,
        } => sum(rights, *sensitivity),
        Facts::Unreadable(cause) => {
            Classified::worst(format!("its effective privileges cannot be read: {cause}"))
        }
    }
}

fn sum(rights: &BTreeSet<Right>, sensitivity: Sensitivity) -> Classified {
    let worths: Vec<(&Right, Worth)> = rights
        .iter()
        .map(|right| (right, worth(right, sensitivity)))
        .collect();
    let impact = worths
        .iter()
        .fold(Impact::nothing(), |sum, (_, worth)| sum.join(&worth.impact));
    Classified {
        reason: reason(&worths),
        impact,
    }
}

/// Names the first of the gravest rights, and counts the others that do anything.
fn reason(worths: &[(&Right, Worth)]) -> String {
    let gravest = worths.iter().rev().max_by_key(|(_, worth)| gravity(worth));
    let Some((right, worth)) = gravest else {
        return "it holds no right at all".to_owned();
    };
    let others = worths
        .iter()
        .filter(|(other, worth)| other != right && worth.impact != Impact::nothing())
        .count();
    match others {
        0 => format!("{right}: {}", worth.why),
        others => format!("{right}: {} (and {others} more of its rights)", worth.why),
    }
}

/// An order in which to pick what a reason names; it decides nothing else.
fn gravity(worth: &Worth) -> impl Ord + use<> {
    let impact = &worth.impact;
    (
        *impact == Impact::worst(),
        impact.alters_security,
        impact.changes_state,
        impact.discloses,
        impact.degrades_service,
        impact.scope,
        impact.amount,
    )
}
