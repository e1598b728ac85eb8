//! From an allowed question to a permit, or to a refusal that says what is missing.

use portcullis_model::{Controls, Path, Subject};

use crate::bundle::Bundle;
use crate::decision::{Denial, DenialCause, bare, listed, weakest};
use crate::line::respects;
use crate::permit::{Act, PathKind, Permit, Terms};
use crate::query::Query;
use crate::question::Verdict;

/// Why there is no permit. Prints what happened, why, and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The action takes the other path.
    #[error("{action} was asked on the {asked} path, but this takes the {needed} path, since it {}; next: ask for it there", listed(.because))]
    WrongPath {
        /// What was asked.
        action: &'static str,
        /// The path it was asked on.
        asked: Path,
        /// The path it takes.
        needed: Path,
        /// What it does that puts it there.
        because: Vec<String>,
    },
    /// It is allowed once more controls are met.
    #[error("{action} is allowed once more is met; next: get {}", .lacking.join(", "))]
    Missing {
        /// What was asked.
        action: &'static str,
        /// The weakest allowed profile that includes what is met.
        needed: Controls,
        /// What of it is not met, in words.
        lacking: Vec<String>,
    },
    /// It is not allowed, whatever is met beside what is met already.
    #[error("{0}")]
    Denied(Denial),
}

impl Bundle {
    /// Makes the permit for an act, when the path it takes is `P` and the path's policies allow it under
    /// exactly the controls that are met. This is the only way to a permit, beside a signed lease.
    pub fn authorize<P: PathKind, A: Act<P>>(
        &self,
        query: &Query<'_>,
    ) -> Result<Permit<P, A>, Refusal> {
        let action = A::ACTION;
        let needed = self.path_of(action, query);
        if needed != P::PATH {
            return Err(Refusal::WrongPath {
                action: action.as_str(),
                asked: P::PATH,
                needed,
                because: respects(query.impact)
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
            });
        }
        let Some(object) = A::object(query.object) else {
            let narrowest = format!("name the resource to {} at", action.as_str());
            return Err(Refusal::Denied(bare(
                action,
                needed,
                DenialCause::NotToThis,
                narrowest,
            )));
        };
        let question = self.question(action, query).map_err(Refusal::Denied)?;
        if !matches!(question.under(query.met), Verdict::Allowed(_)) {
            return Err(match weakest(&question, query.met) {
                Some((profile, _)) => Refusal::Missing {
                    action: action.as_str(),
                    needed: profile,
                    lacking: query.met.lacking(&profile),
                },
                None => Refusal::Denied(self.denial(action, &question, query.met)),
            });
        }
        Ok(Permit::new(
            Terms {
                bundle: self.digest(),
                intent: query.intent,
                subject: Subject {
                    identity: query.subject.id,
                    on_behalf_of: query.on_behalf_of.iter().map(|behind| behind.id).collect(),
                },
                profile: query.met,
                not_after: query.now.plus(Permit::<P, A>::LIFETIME),
            },
            object,
        ))
    }
}
