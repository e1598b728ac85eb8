//! What must surround an action: the control profile that policies condition on.

use serde::{Deserialize, Serialize};

/// A profile of controls. Policies see it as `context.controls`; the weakest profile they allow is
/// the obligation, and its difference from what is already met is what is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controls {
    /// The session runs through a broker; the person never holds the credential.
    pub brokered: bool,
    /// Everything inside the session is written to a tape.
    pub recording: bool,
    /// The person proved a second factor for this very use.
    pub mfa: bool,
    /// The approval level met; the path's `flows.toml` says who meets which. 0 to [`Controls::MOST_APPROVALS`].
    pub approvals: u8,
}

impl Controls {
    /// The highest approval level a policy can ask for.
    pub const MOST_APPROVALS: u8 = 3;

    /// No control at all: the least element.
    pub const NONE: Self = Self {
        brokered: false,
        recording: false,
        mfa: false,
        approvals: 0,
    };

    /// Every control: the greatest element.
    pub const ALL: Self = Self {
        brokered: true,
        recording: true,
        mfa: true,
        approvals: Self::MOST_APPROVALS,
    };

    /// Whether these controls include all that `needed` asks for.
    pub const fn satisfy(&self, needed: &Self) -> bool {
        (self.brokered || !needed.brokered)
            && (self.recording || !needed.recording)
            && (self.mfa || !needed.mfa)
            && self.approvals >= needed.approvals
    }

    /// What of `needed` these controls lack, in words for a person; empty when they satisfy it.
    pub fn lacking(&self, needed: &Self) -> Vec<String> {
        let mut lacks = Vec::new();
        if needed.brokered && !self.brokered {
            lacks.push("a brokered session".to_owned());
        }
        if needed.recording && !self.recording {
            lacks.push("recording".to_owned());
        }
        if needed.mfa && !self.mfa {
            lacks.push("a second factor (step-up)".to_owned());
        }
        if needed.approvals > self.approvals {
            lacks.push(format!(
                "approval level {} (has {})",
                needed.approvals, self.approvals
            ));
        }
        lacks
    }

    /// All profiles, weakest first: a profile comes after every profile it satisfies.
    pub fn lattice() -> Vec<Self> {
        let mut profiles = Vec::new();
        for approvals in 0..=Self::MOST_APPROVALS {
            for bits in 0_u8..8 {
                profiles.push(Self {
                    brokered: bits & 1 != 0,
                    recording: bits & 2 != 0,
                    mfa: bits & 4 != 0,
                    approvals,
                });
            }
        }
        profiles.sort_by_key(|profile| profile.weight());
        profiles
    }

    /// How burdensome a profile is: people's time weighs more than machinery.
    fn weight(self) -> u16 {
        u16::from(self.approvals) * 16
            + u16::from(self.mfa) * 4
            + u16::from(self.recording) * 2
            + u16::from(self.brokered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lattice_lists_every_profile_once_with_weaker_ones_first() {
        let all = Controls::lattice();
        assert_eq!(all.len(), 32);
        for (place, stronger) in all.iter().enumerate() {
            for later in all.iter().skip(place + 1) {
                assert!(!stronger.satisfy(later), "{stronger:?} before {later:?}");
            }
        }
    }

    #[test]
    fn what_is_lacking_is_empty_exactly_when_satisfied() {
        for have in Controls::lattice() {
            for need in Controls::lattice() {
                assert_eq!(have.satisfy(&need), have.lacking(&need).is_empty());
            }
        }
    }
}
