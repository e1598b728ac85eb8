//! Who may approve what: eligibility, separation of duties, and whether a flow can be met at all.

use std::collections::BTreeSet;

use portcullis_model::{ApprovalFlow, IdentityId, Subject, Timestamp};
use serde::{Deserialize, Serialize};

/// One approval that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The stage it counts for, from 0.
    pub stage: usize,
    /// Who gave it.
    pub by: IdentityId,
    /// When.
    pub at: Timestamp,
}

/// Who is eligible at each stage of a flow, as the directory says at one moment. Nobody in here is
/// the requester, acts for the requester, answers for the requester or is answered for by the requester.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Electorate(Vec<BTreeSet<IdentityId>>);

impl Electorate {
    /// Takes everybody eligible by stage and leaves out who has a stake in the request: the subject
    /// with its chain, and `related` (whoever answers for the subject or is answered for by it).
    pub fn new(
        stages: Vec<BTreeSet<IdentityId>>,
        subject: &Subject,
        related: &BTreeSet<IdentityId>,
    ) -> Self {
        let disinterested = |stage: BTreeSet<IdentityId>| {
            stage
                .into_iter()
                .filter(|who| !subject.involves(*who) && !related.contains(who))
                .collect()
        };
        Self(stages.into_iter().map(disinterested).collect())
    }

    /// Whether somebody may approve at a stage.
    pub fn admits(&self, stage: usize, who: IdentityId) -> bool {
        self.0
            .get(stage)
            .is_some_and(|eligible| eligible.contains(&who))
    }

    /// Everybody who may approve at a stage.
    pub fn at(&self, stage: usize) -> impl Iterator<Item = IdentityId> + '_ {
        self.0.get(stage).into_iter().flatten().copied()
    }

    /// Everybody who may approve at any stage.
    pub fn everybody(&self) -> BTreeSet<IdentityId> {
        self.0.iter().flatten().copied().collect()
    }

    /// The first stage that cannot be filled by different people, given the approvals there are.
    pub fn first_unfillable(&self, flow: &ApprovalFlow, given: &[Approval]) -> Option<usize> {
        let mut seats = Seats::default();
        for (stage, declared) in flow.stages.iter().enumerate() {
            let filled = given
                .iter()
                .filter(|approval| approval.stage == stage)
                .count();
            let open = usize::from(declared.quorum).saturating_sub(filled);
            for _ in 0..open {
                let candidates: Vec<_> = self
                    .at(stage)
                    .filter(|who| given.iter().all(|approval| approval.by != *who))
                    .collect();
                if !seats.seat(candidates) {
                    return Some(stage);
                }
            }
        }
        None
    }
}

/// A matching of people to open places, kept maximal by augmenting paths.
#[derive(Default)]
struct Seats {
    candidates: Vec<Vec<IdentityId>>,
    taken: Vec<(IdentityId, usize)>,
}

impl Seats {
    fn seat(&mut self, candidates: Vec<IdentityId>) -> bool {
        self.candidates.push(candidates);
        let place = self.candidates.len() - 1;
        self.augment(place, &mut BTreeSet::new())
    }

    fn augment(&mut self, place: usize, seen: &mut BTreeSet<IdentityId>) -> bool {
        let wanted = self.candidates.get(place).cloned().unwrap_or_default();
        for who in wanted {
            if !seen.insert(who) {
                continue;
            }
            let holder = self.taken.iter().position(|(seated, _)| *seated == who);
            let displaced = holder.and_then(|index| self.taken.get(index).map(|(_, held)| *held));
            if displaced.is_none_or(|held| self.augment(held, seen)) {
                self.taken.retain(|(seated, _)| *seated != who);
                self.taken.push((who, place));
                return true;
            }
        }
        false
    }
}

/// Whether every seat can be taken by a different one of its candidates.
pub fn can_fill(seats: impl IntoIterator<Item = Vec<IdentityId>>) -> bool {
    unfilled(seats).is_empty()
}

/// The seats, by their place, that stay empty when as many as possible are taken, each by a different candidate.
pub(crate) fn unfilled(seats: impl IntoIterator<Item = Vec<IdentityId>>) -> Vec<usize> {
    let mut matching = Seats::default();
    let seats = seats.into_iter().enumerate();
    seats
        .filter_map(|(place, candidates)| (!matching.seat(candidates)).then_some(place))
        .collect()
}

/// The stage that is open now: the first whose quorum is not met. `None` when all are.
pub fn open_stage(flow: &ApprovalFlow, given: &[Approval]) -> Option<usize> {
    flow.stages
        .iter()
        .enumerate()
        .find_map(|(stage, declared)| {
            let filled = given
                .iter()
                .filter(|approval| approval.stage == stage)
                .count();
            (filled < usize::from(declared.quorum)).then_some(stage)
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use portcullis_model::id::TypedId;
    use portcullis_model::{Eligible, Stage};

    fn person(number: u8) -> IdentityId {
        IdentityId::from_parts(Timestamp::from_millis(1), [number; 10])
    }

    fn people(numbers: &[u8]) -> BTreeSet<IdentityId> {
        numbers.iter().map(|number| person(*number)).collect()
    }

    fn flow(quorums: &[u8]) -> ApprovalFlow {
        let stage = |quorum: &u8| Stage {
            name: "stage".to_owned(),
            eligible: vec![Eligible::ResourceOwners],
            quorum: *quorum,
        };
        ApprovalFlow {
            name: "flow".to_owned(),
            level: 2,
            stages: quorums.iter().map(stage).collect(),
        }
    }

    #[test]
    fn one_person_cannot_fill_two_stages() {
        let subject = Subject::oneself(person(1));
        let alone = Electorate::new(vec![people(&[2]), people(&[2])], &subject, &BTreeSet::new());
        assert_eq!(alone.first_unfillable(&flow(&[1, 1]), &[]), Some(1));
        let two = Electorate::new(
            vec![people(&[2, 3]), people(&[2])],
            &subject,
            &BTreeSet::new(),
        );
        assert_eq!(two.first_unfillable(&flow(&[1, 1]), &[]), None);
    }

    #[test]
    fn the_requester_is_nobodys_approver_not_even_through_a_chain_or_an_owner() {
        let subject = Subject {
            identity: person(1),
            on_behalf_of: vec![person(2)],
        };
        let electorate = Electorate::new(vec![people(&[1, 2, 3, 4])], &subject, &people(&[3]));
        assert_eq!(electorate.at(0).collect::<Vec<_>>(), vec![person(4)]);
    }

    #[test]
    fn an_approval_given_is_not_counted_again_for_a_later_stage() {
        let subject = Subject::oneself(person(1));
        let electorate = Electorate::new(
            vec![people(&[2, 3]), people(&[2])],
            &subject,
            &BTreeSet::new(),
        );
        let by_two = Approval {
            stage: 0,
            by: person(2),
            at: Timestamp::from_millis(1),
        };
        assert_eq!(
            electorate.first_unfillable(&flow(&[1, 1]), &[by_two]),
            Some(1)
        );
    }

    #[test]
    fn stages_open_in_order() {
        let first = Approval {
            stage: 0,
            by: person(2),
            at: Timestamp::from_millis(1),
        };
        assert_eq!(open_stage(&flow(&[1, 1]), &[]), Some(0));
        assert_eq!(
            open_stage(&flow(&[1, 1]), std::slice::from_ref(&first)),
            Some(1)
        );
        let second = Approval {
            stage: 1,
            by: person(3),
            ..first.clone()
        };
        assert_eq!(open_stage(&flow(&[1, 1]), &[first, second]), None);
    }
}
